"""Webhook bodies as Sofy writes them, and as it now and then would not: pure, everything drawn from one `Random`.

People, numbers and texts are invented. The numbers are of the ranges that ARCEP, the French regulator,
keeps for films and books.
"""

import json
import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from relay.demo.facts import Fact, letter_fact, status_fact

Item = Mapping[str, Any]
"""One SMS object of a webhook's `data`."""

_FICTION: Final = ("3319900", "3326191", "3335301", "3346571", "3353649")
_TEXTS: Final = (
    "Démo : votre colis imaginaire n°{} arrive demain entre 9h et 12h.",
    "Démo : rendez-vous fictif n°{} confirmé pour mardi à 14h30 ☕",
    "Démo : votre code inventé est {}. Il n'ouvre aucune porte.",
    "Démo : merci ! La commande fictive n°{} est prête, de 10h à 19h, au comptoir 3. Pièce d'identité fictive requise.",
)
_SENDERS: Final = ("36789", "DEMO", "APITEST")
_ONE_PART: Final = 70
_PRICE: Final = 0.08
_ID_LETTERS: Final = string.ascii_letters + string.digits + "_-"
_ID_LENGTH: Final = 21


@dataclass(frozen=True, slots=True)
class Sms:
    """An SMS that somebody sent through Sofy; its statuses are items made from it."""

    id: str
    account: str
    """The relay's name of the Sofy account."""
    sender: str
    recipient: str
    body: str
    created_at: datetime

    def item(self, status: str, reason: str, updated_at: datetime) -> Item:
        """Give the item that says: since `updated_at` (aware) the SMS is in this status, for this reason."""
        parts = 1 + len(self.body) // _ONE_PART
        refused = reason in {"invalid_phone_number", "insufficient_balance"}
        return {
            "body": self.body,
            "from": self.sender,
            "to": self.recipient,
            "createdAt": _time(self.created_at),
            "updatedAt": _time(updated_at),
            "id": self.id,
            "status": status,
            "statusReason": reason,
            "price": 0 if refused else round(_PRICE * parts, 2),
            "parts": parts,
        }


@dataclass(frozen=True, slots=True)
class Broken:
    """Something in `data` that cannot become an event, as `raw` JSON."""

    raw: Any


@dataclass(frozen=True, slots=True)
class Payload:
    """A webhook before it is bytes. `damage` makes the whole body unreadable."""

    account: str
    envelope_id: str
    contents: tuple[Item | Broken, ...]
    damage: Callable[[bytes], bytes] | None = None

    def under(self, envelope_id: str) -> "Payload":
        """Give the same webhook under another envelope id, as a replay may come."""
        return replace(self, envelope_id=envelope_id)

    def body(self) -> bytes:
        """Give the bytes to post."""
        whole = self._around([each.raw if isinstance(each, Broken) else each for each in self.contents])
        return whole if self.damage is None else self.damage(whole)

    def facts(self) -> tuple[Fact, ...]:
        """Give one fact for each item, in order; a damaged body is one."""
        if self.damage is not None:
            return (letter_fact(self.account, self.body()),)
        return tuple(self._fact(each) for each in self.contents)

    def _fact(self, content: Item | Broken) -> Fact:
        if isinstance(content, Broken):
            return letter_fact(self.account, self._around([content.raw]))
        return status_fact(
            account=self.account,
            sms_id=content["id"],
            status=content["status"],
            reason=content["statusReason"],
            time=content["updatedAt"],
        )

    def _around(self, data: Sequence[Any]) -> bytes:
        envelope = {"data": data, "webhookId": f"wh_{self.account}", "id": self.envelope_id, "type": "sms.status"}
        return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


class Inventor:
    """Invents SMS, ids and damages. The same `rng` state gives the same ones."""

    def __init__(self, rng: random.Random) -> None:
        """Take the source of chance."""
        self._rng = rng

    def id(self) -> str:
        """Give an id in the form of Sofy's."""
        return "".join(self._rng.choices(_ID_LETTERS, k=_ID_LENGTH))

    def sms(self, account: str, created_at: datetime, *, valid_number: bool = True) -> Sms:
        """Give an SMS of `account`, created at `created_at` (aware)."""
        number = f"{self._rng.choice(_FICTION)}{self._rng.randrange(10_000):04}"
        return Sms(
            id=self.id(),
            account=account,
            sender=self._rng.choice(_SENDERS),
            recipient=number if valid_number else number[:6],
            body=self._rng.choice(_TEXTS).format(self._rng.randrange(1000, 10_000)),
            created_at=created_at,
        )

    def damage(self) -> Callable[[bytes], bytes]:
        """Give a way in which a whole body becomes unreadable."""
        return self._rng.choice((_cut_off, _in_latin_1, _with_byte_order_mark, _as_web_page, _without_array))

    def broken(self, item: Item) -> Broken:
        """Give `item` as it must not be."""
        without_id = {name: value for name, value in item.items() if name != "id"}
        return Broken(self._rng.choice((without_id, {**item, "status": None}, {**item, "id": ""}, item["id"])))


def _cut_off(body: bytes) -> bytes:
    return body[: -len(body) // 3]


def _in_latin_1(body: bytes) -> bytes:
    return body.decode().encode("latin-1", errors="replace")  # every text of ours has an accent


def _with_byte_order_mark(body: bytes) -> bytes:
    return b"\xef\xbb\xbf" + body


def _as_web_page(body: bytes) -> bytes:
    return b"<!doctype html><title>Oops</title><!-- " + body + b" -->"


def _without_array(body: bytes) -> bytes:
    envelope = json.loads(body)
    return json.dumps({**envelope, "data": f"{len(envelope['data'])} SMS"}).encode()


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
