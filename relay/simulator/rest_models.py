"""What the REST takes and gives, as models: they check the requests and make the OpenAPI document's schemas."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from yarl import URL

MOST_TEXT: Final = 1600


def _web_address(url: str) -> str:
    try:
        parsed = URL(url)
    except ValueError:
        parsed = URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        message = "an absolute http or https URL is needed"
        raise ValueError(message)
    return url


WebAddress = Annotated[str, AfterValidator(_web_address), Field(max_length=2048, json_schema_extra={"format": "uri"})]
Event = Literal["sms.status", "sms.reply", "rcs.reply"]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)


class SmsRequest(_Strict):
    """An SMS to send. Unknown fields are ignored."""

    sender: str = Field(alias="from", min_length=1, max_length=20, description="A number, short code or name.")
    recipient: str = Field(
        alias="to", min_length=1, max_length=32, description="Country code and number; its ending may choose a course."
    )
    body: str = Field(min_length=1, max_length=MOST_TEXT)
    shorten_urls: bool = Field(default=False, alias="shortenUrls", description="Taken, and without effect.")
    is_transactional: bool = Field(default=False, alias="isTransactional", description="Taken, and without effect.")


class WebhookRequest(_Strict):
    """A registration to make."""

    url: WebAddress = Field(description="May hold `user:password@`, sent as Basic authentication.")
    events: list[Event] = Field(min_length=1, description="Only `sms.status` is ever sent.")


class Sms(_Strict):
    """An SMS as it stands now."""

    id: str
    status: str = Field(examples=["pending", "sent", "delivered", "errored"])
    status_reason: str = Field(alias="statusReason", examples=["", "DELIVRD", "EXPIRED", "invalid_phone_number"])
    sender: str = Field(alias="from")
    recipient: str = Field(alias="to")
    body: str
    created_at: str = Field(alias="createdAt", json_schema_extra={"format": "date-time"})
    updated_at: str = Field(alias="updatedAt", json_schema_extra={"format": "date-time"})
    price: float
    parts: int


class SmsV2(Sms):
    """An SMS as it stands now, by v2."""

    is_sms_fallback: bool = Field(default=False, alias="isSmsFallback")


class Webhook(_Strict):
    """A registration."""

    id: str
    url: str
    events: list[Event]
    created_at: str = Field(alias="createdAt", json_schema_extra={"format": "date-time"})


class NewWebhook(Webhook):
    """A registration just made, with the secret that signs its webhooks."""

    secret: str = Field(description="Shown in this answer only.")


class Problem(_Strict):
    """What is wrong with one field of a request."""

    field: str
    problem: str


class Error(_Strict):
    """Why a request was refused."""

    error: str = Field(examples=["unauthorized", "not_found", "invalid_request", "too_many_outstanding"])
    message: str
    fields: list[Problem] = []
