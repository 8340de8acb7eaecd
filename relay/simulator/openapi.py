"""The REST's operations as a table, and the OpenAPI document made of it: routes and document cannot differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from relay.simulator import rest_models as models
from relay.simulator.courses import ENDINGS, Version

KEY_ID_HEADER: Final = "X-API-KEY-ID"
KEY_SECRET_HEADER: Final = "X-API-KEY-SECRET"  # noqa: S105 - the header's name
BEARER_PREFIX: Final = "sofy_live_"

_SECURITY: Final[Mapping[Version, Any]] = MappingProxyType(
    {Version.V1: [{"keyId": [], "keySecret": []}], Version.V2: [{"liveKey": []}]}
)
_REFUSALS: Final = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: "The body is not JSON.",
        HTTPStatus.UNAUTHORIZED: "No key, one of the wrong form, or a wrong secret.",
        HTTPStatus.NOT_FOUND: "This key has none of that id.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than 64 KiB.",
        HTTPStatus.UNPROCESSABLE_ENTITY: "A field is missing or wrong; `fields` names each.",
        HTTPStatus.TOO_MANY_REQUESTS: "Too much is outstanding: come again after `Retry-After` seconds.",
    }
)
_ON_BODIES: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the REST."""

    id: str
    method: str
    path: str
    version: Version
    summary: str
    success: HTTPStatus
    gives: Any = None
    """The model of the answer, or a list of one; None: no body."""
    takes: type[BaseModel] | None = None
    refusals: Sequence[HTTPStatus] = field(default=())
    """Beyond 401, which each may give."""


def _operations(version: Version) -> tuple[Operation, ...]:
    v2 = version is Version.V2
    sms = models.SmsV2 if v2 else models.Sms
    root, mark = f"/{version}", version.upper()
    gone = (HTTPStatus.NOT_FOUND,)
    busy = (*_ON_BODIES, HTTPStatus.TOO_MANY_REQUESTS)
    made = models.NewWebhook if v2 else models.Webhook
    registers = "Register a webhook; its secret is shown this once" if v2 else "Register a webhook"
    created, ok, empty = HTTPStatus.CREATED, HTTPStatus.OK, HTTPStatus.NO_CONTENT
    return (
        Operation(
            f"sendSms{mark}", "POST", f"{root}/sms", version, "Send an SMS", created, sms, models.SmsRequest, busy
        ),
        Operation(
            f"getSms{mark}", "GET", f"{root}/sms/{{id}}", version, "Give an SMS as it stands now", ok, sms, None, gone
        ),
        Operation(
            f"registerWebhook{mark}",
            "POST",
            f"{root}/webhooks",
            version,
            registers,
            created,
            made,
            models.WebhookRequest,
            busy,
        ),
        Operation(
            f"listWebhooks{mark}", "GET", f"{root}/webhooks", version, "List this key's webhooks", ok, [models.Webhook]
        ),
        Operation(
            f"deleteWebhook{mark}",
            "DELETE",
            f"{root}/webhooks/{{id}}",
            version,
            "Unregister a webhook",
            empty,
            None,
            None,
            gone,
        ),
    )


OPERATIONS: Final = (*_operations(Version.V1), *_operations(Version.V2))


def document(version: str) -> dict[str, Any]:
    """Give the OpenAPI 3.1 document, as JSON; `version` is the simulator's own."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.1",
        "info": {"title": "Sofy, simulated", "version": version, "description": _description()},
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": _security_schemes()},
    }


def _description() -> str:
    endings = "; ".join(f"`{ending}` {_fate(ending)}" for ending in ENDINGS)
    return (
        "A Sofy to develop against. It sends no SMS. Any key of the right form is an account of its own: the first "
        f"secret that comes with an {KEY_ID_HEADER} is that key's secret, and any bearer token that begins with "
        f"`{BEARER_PREFIX}` is a key. An SMS is told to the webhooks that its own key has registered. It is delivered, "
        f"unless the recipient ends in: {endings}. What is known of the real Sofy, and what had to be assumed here, "
        "stands in docs/provider.md."
    )


def _fate(ending: str) -> str:
    last = ENDINGS[ending].steps[-1]
    return f"{last.status} {last.reason}"


def _described(operation: Operation) -> dict[str, Any]:
    success: dict[str, Any] = {"description": operation.summary + "."}
    if operation.gives is not None:
        success["content"] = _json(operation.gives)
    responses = {str(operation.success.value): success}
    for status in sorted((HTTPStatus.UNAUTHORIZED, *operation.refusals)):
        responses[str(status.value)] = {"description": _REFUSALS[status], "content": _json(models.Error)}
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [str(operation.version)],
        "security": _SECURITY[operation.version],
        "responses": responses,
    }
    if operation.takes is not None:
        described["requestBody"] = {"required": True, "content": _json(operation.takes)}
    if "{id}" in operation.path:
        described["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    return described


def _json(model: Any) -> dict[str, Any]:  # noqa: ANN401 - a model, or a list of one
    if isinstance(model, list):
        schema: dict[str, Any] = {"type": "array", "items": _reference(model[0])}
    else:
        schema = _reference(model)
    return {"application/json": {"schema": schema}}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _schemas() -> Mapping[str, Any]:
    _, schemas = models_json_schema(
        [
            (models.SmsRequest, "validation"),
            (models.WebhookRequest, "validation"),
            (models.Sms, "serialization"),
            (models.SmsV2, "serialization"),
            (models.Webhook, "serialization"),
            (models.NewWebhook, "serialization"),
            (models.Error, "serialization"),
        ],
        ref_template="#/components/schemas/{model}",
    )
    found: Mapping[str, Any] = schemas["$defs"]
    return found


def _security_schemes() -> dict[str, Any]:
    return {
        "keyId": {"type": "apiKey", "in": "header", "name": KEY_ID_HEADER},
        "keySecret": {"type": "apiKey", "in": "header", "name": KEY_SECRET_HEADER},
        "liveKey": {"type": "http", "scheme": "bearer", "description": f"Begins with {BEARER_PREFIX}."},
    }
