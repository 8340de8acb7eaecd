"""Sofy's REST: send SMS and ask after them, register webhooks, v1 and v2. A Starlette application."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from relay import __version__
from relay.simulator import rest_models as models
from relay.simulator.accounts import Accounts
from relay.simulator.courses import Version
from relay.simulator.lives import PENDING, Change, Life, Sms
from relay.simulator.openapi import OPERATIONS, Operation, document
from relay.simulator.page import page
from relay.simulator.payloads import item, timestamp
from relay.simulator.registrations import Registration
from relay.simulator.sofy import Sofy

MOST_BODY_BYTES: Final = 65_536
MOST_REGISTRATIONS: Final = 1000
_RETRY_AFTER_S: Final = 1
_Model = TypeVar("_Model", bound=BaseModel)


class RefusedError(Exception):
    """A request is refused."""

    def __init__(self, status: HTTPStatus, body: models.Error) -> None:
        super().__init__(body.message)
        self.status = status
        self.body = body


class Rest:
    """The operations. Within one event loop."""

    def __init__(self, sofy: Sofy) -> None:
        """Take the Sofy whose REST this is."""
        self._sofy = sofy
        self._registrations = sofy.registrations
        self._accounts = Accounts()

    def app(self) -> Starlette:
        """Give the ASGI application."""
        answers: Mapping[str, Callable[[Version, str, Request], Awaitable[Response]]] = {
            "sendSms": self._send_sms,
            "getSms": self._get_sms,
            "registerWebhook": self._register,
            "listWebhooks": self._list,
            "deleteWebhook": self._delete,
        }
        routes = [
            Route(each.path, partial(self._answer, each, answers[each.id[:-2]]), methods=[each.method])
            for each in OPERATIONS
        ]
        described = document(__version__)
        shown = page(described)

        async def openapi(_: Request) -> Response:
            return JSONResponse(described)

        async def docs(_: Request) -> Response:
            return HTMLResponse(shown)

        routes += [Route("/openapi.json", openapi), Route("/docs", docs)]
        return Starlette(routes=routes, exception_handlers={RefusedError: _refuse, HTTPException: _refuse_unrouted})

    async def _answer(
        self, operation: Operation, answer: Callable[[Version, str, Request], Awaitable[Response]], request: Request
    ) -> Response:
        account = self._accounts.identify(operation.version, request.headers)
        if account is None:
            message = "Send your API key; see /docs for its form."
            raise _refused(HTTPStatus.UNAUTHORIZED, "unauthorized", message)
        return await answer(operation.version, account, request)

    async def _send_sms(self, version: Version, account: str, request: Request) -> Response:
        wanted = await _read(request, models.SmsRequest)
        if self._sofy.engine.full:
            raise _refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_outstanding",
                "Too many SMS and webhooks are outstanding: come again later.",
            )
        life = self._sofy.send(account, sender=wanted.sender, recipient=wanted.recipient, body=wanted.body)
        return _json(_sms(version, life, life.sms[0], PENDING), HTTPStatus.CREATED)

    async def _get_sms(self, version: Version, account: str, request: Request) -> Response:
        found = self._sofy.find(request.path_params["id"], account)
        if found is None:
            raise _refused(HTTPStatus.NOT_FOUND, "not_found", "This key has sent no SMS of that id.")
        life, sms = found
        return _json(_sms(version, life, sms, life.state(self._sofy.now())))

    async def _register(self, version: Version, account: str, request: Request) -> Response:
        wanted = await _read(request, models.WebhookRequest)
        if len(self._registrations) >= MOST_REGISTRATIONS:
            raise _refused(
                HTTPStatus.TOO_MANY_REQUESTS, "too_many_webhooks", "Too many webhooks are registered: delete some."
            )
        made = Registration(
            id=self._sofy.new_id(),
            account=account,
            version=version,
            url=wanted.url,
            created_at=self._sofy.now(),
            secret=self._sofy.new_secret() if version is Version.V2 else None,
            events=tuple(wanted.events),
        )
        self._registrations.add(made)
        return _json(_webhook(made, with_secret=True), HTTPStatus.CREATED)

    async def _list(self, version: Version, account: str, request: Request) -> Response:
        del version, request
        return JSONResponse([_dump(_webhook(each, with_secret=False)) for each in self._registrations.of(account)])

    async def _delete(self, version: Version, account: str, request: Request) -> Response:
        del version
        found = self._registrations.find(account, request.path_params["id"])
        if found is None:
            raise _refused(HTTPStatus.NOT_FOUND, "not_found", "This key has registered no webhook of that id.")
        self._registrations.remove(found)
        return Response(status_code=HTTPStatus.NO_CONTENT)


async def _read(request: Request, model: type[_Model]) -> _Model:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BODY_BYTES:
                message = f"The body is larger than {MOST_BODY_BYTES} bytes."
                raise _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", message)
        return model.model_validate_json(bytes(body))
    except ClientDisconnect:
        raise _refused(HTTPStatus.BAD_REQUEST, "invalid_json", "The body is not complete.") from None
    except ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> RefusedError:
    # The input is left out: it may hold an SMS, or a URL with a token.
    found = error.errors(include_input=False, include_url=False, include_context=False)
    if found[0]["type"] == "json_invalid":
        return _refused(HTTPStatus.BAD_REQUEST, "invalid_json", "The body is not JSON.")
    fields = [models.Problem(field=".".join(map(str, each["loc"])), problem=each["msg"]) for each in found]
    return _refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", "The request cannot be carried out.", fields)


def _refused(status: HTTPStatus, error: str, message: str, fields: list[models.Problem] | None = None) -> RefusedError:
    return RefusedError(status, models.Error(error=error, message=message, fields=fields or []))


async def _refuse(_: Request, error: Exception) -> Response:
    if not isinstance(error, RefusedError):
        raise error
    headers = {}
    if error.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status is HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    return _json(error.body, error.status, headers)


async def _refuse_unrouted(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    word = status.phrase.lower().replace(" ", "_")
    return _json(models.Error(error=word, message=f"{status.phrase}; see /docs."), status, error.headers)


def _sms(version: Version, life: Life, sms: Sms, state: Change) -> models.Sms:
    shown = item(sms, life.sent_at, state, life.moment(state))
    return (models.SmsV2 if version is Version.V2 else models.Sms).model_validate(shown)


def _webhook(registration: Registration, *, with_secret: bool) -> models.Webhook:
    shown: dict[str, Any] = {
        "id": registration.id,
        "url": registration.url,
        "events": list(registration.events),
        "created_at": timestamp(registration.created_at),
    }
    if with_secret and registration.secret is not None:
        return models.NewWebhook(**shown, secret=registration.secret)
    return models.Webhook(**shown)


def _json(model: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(_dump(model), status, dict(headers or {}))


def _dump(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True)
