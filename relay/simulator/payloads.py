"""Webhook bodies as Sofy writes them, and as it should not; and the request around one. Pure."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from relay.simulator.lives import Change, Life, Sms
from relay.simulator.registrations import STATUS_EVENT, Registration
from relay.sofy.authenticity import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

Item = Mapping[str, Any]
"""One SMS object of a webhook's `data`."""
Damage = Callable[[bytes], bytes]
"""Makes a whole body unreadable."""

_HEADERS: Final = {"content-type": "application/json", "user-agent": "sofy-simulator"}


@dataclass(frozen=True, slots=True)
class StatusFact:
    """What an item says, in Sofy's own words: a replay says the same, and nothing else does."""

    sms_id: str
    status: str
    reason: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class UnreadableFact:
    """Something unreadable: a whole body, or the envelope around one broken item alone."""

    payload: bytes


Fact = StatusFact | UnreadableFact


@dataclass(frozen=True, slots=True, eq=False)
class Webhook:
    """One webhook; a replay is the same object. Compared by identity: a copy is another webhook."""

    registration: Registration
    body: bytes
    facts: tuple[Fact, ...]
    """One for each item, in order; an unreadable body is one."""


def status_webhook(
    registration: Registration, envelope_id: str, items: Sequence[Item], *, broken: object = None
) -> Webhook:
    """Give the webhook that tells of `items`; `broken`, if any, is an item more that cannot be read."""
    facts: list[Fact] = [
        StatusFact(item["id"], item["status"], item["statusReason"], item["updatedAt"]) for item in items
    ]
    data: list[object] = list(items)
    if broken is not None:
        data.append(broken)
        facts.append(UnreadableFact(_envelope(registration, envelope_id, [broken])))
    return Webhook(registration, _envelope(registration, envelope_id, data), tuple(facts))


def damaged_webhook(registration: Registration, envelope_id: str, items: Sequence[Item], damage: Damage) -> Webhook:
    """Give a webhook whose body nobody can read."""
    body = damage(_envelope(registration, envelope_id, list(items)))
    return Webhook(registration, body, (UnreadableFact(body),))


def items_of(life: Life, change: Change) -> tuple[Item, ...]:
    """Give the items, one for each SMS of the life, that tell of a change."""
    return tuple(item(sms, life.sent_at, change, life.moment(change)) for sms in life.sms)


def item(sms: Sms, created_at: datetime, change: Change, updated_at: datetime) -> Item:
    """Give the SMS object of webhooks and of the REST's answers; both times aware, UTC."""
    return {
        "body": sms.body,
        "from": sms.sender,
        "to": sms.recipient,
        "createdAt": timestamp(created_at),
        "updatedAt": timestamp(updated_at),
        "id": sms.id,
        "status": change.status,
        "statusReason": change.reason,
        "price": sms.price,
        "parts": sms.parts,
    }


def timestamp(moment: datetime) -> str:
    """Give a time (aware, UTC) as Sofy writes it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def headers_of(webhook: Webhook, unix_time: int) -> dict[str, str]:
    """Give the headers of one attempt: signed for this moment if the registration has a secret.

    A replay is signed anew. Whether Sofy does so is not known.
    """
    secret = webhook.registration.secret
    if secret is None:
        return dict(_HEADERS)
    text = str(unix_time)
    signature = sign(secret.encode(), text.encode(), webhook.body).hex()
    return {**_HEADERS, TIMESTAMP_HEADER: text, SIGNATURE_HEADER: signature}


def choose_damage(rng: random.Random) -> Damage:
    """Give a way in which a whole body becomes unreadable."""
    return rng.choice((_cut_off, _in_latin_1, _with_byte_order_mark, _as_web_page, _without_array))


def choose_broken(rng: random.Random, item: Item) -> object:
    """Give `item` as it must not be."""
    without_id = {name: value for name, value in item.items() if name != "id"}
    return rng.choice((without_id, {**item, "status": None}, {**item, "id": ""}, item["id"]))


def _envelope(registration: Registration, envelope_id: str, data: Sequence[object]) -> bytes:
    envelope = {"data": data, "webhookId": registration.id, "id": envelope_id, "type": STATUS_EVENT}
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


def _cut_off(body: bytes) -> bytes:
    return body[: -len(body) // 3]


def _in_latin_1(body: bytes) -> bytes:
    # A text without an accent would survive: one is put where every envelope has room for it.
    return body.replace(b'"type":"', '"é":"é","type":"'.encode()).decode().encode("latin-1", errors="replace")


def _with_byte_order_mark(body: bytes) -> bytes:
    return b"\xef\xbb\xbf" + body


def _as_web_page(body: bytes) -> bytes:
    return b"<!doctype html><title>Oops</title><!-- " + body + b" -->"


def _without_array(body: bytes) -> bytes:
    envelope = json.loads(body)
    return json.dumps({**envelope, "data": f"{len(envelope['data'])} SMS"}).encode()
