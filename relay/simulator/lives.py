"""SMS and their lives: who sent what, and which status it comes into when. Pure, everything drawn from one `Random`.

People and texts are invented; the numbers are of ranges that ARCEP, the French regulator, keeps for films
and books (those of its ranges that libraries take for valid).
"""

import random
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from relay.simulator.courses import COURSES, DELIVERED, ENDINGS, INVALID_NUMBER, SENT, Course, Version

BATCH_SHARE: Final = 0.01
"""How often several SMS are sent in one go; their statuses come in one webhook. That Sofy does so is an assumption."""
BATCH_SIZES: Final = (3, 10)
PRICE_PER_PART: Final = 0.08

_FICTION: Final = ("3319900", "3326191", "3335301", "3346571", "3353649")
_TEXTS: Final = (
    "Essai : votre colis imaginaire n°{} arrive demain entre 9h et 12h.",
    "Essai : rendez-vous fictif n°{} confirmé pour mardi à 14h30 ☕",
    "Essai : votre code inventé est {}. Il n'ouvre aucune porte.",
    "Essai : merci ! La commande fictive n°{} est prête, de 10h à 19h au comptoir 3. Pièce d'identité fictive requise.",
)
_SENDERS: Final = ("36789", "SIMULATE", "APITEST")
_ID_LETTERS: Final = string.ascii_letters + string.digits + "_-"
_ID_LENGTH: Final = 21
_NUMBER: Final = re.compile(r"[1-9][0-9]{7,14}")
# GSM 03.38: the basic alphabet, and the characters that take two places in it.
_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_DOUBLE: Final = frozenset("\f^{}\\[~]|€")


@dataclass(frozen=True, slots=True)
class Sms:
    """One SMS."""

    id: str
    sender: str
    recipient: str
    """As webhooks show it: country code and number, without `+`."""
    body: str
    parts: int
    price: float


@dataclass(frozen=True, slots=True)
class Change:
    """The SMS comes into a status."""

    after_s: float
    """Seconds after the send."""
    status: str
    reason: str


PENDING: Final = Change(0.0, "pending", "")
"""The state in the answer to a send. No webhook tells of it."""


@dataclass(frozen=True, slots=True)
class Life:
    """One SMS from its send to its end, or several that were sent in one go and share their fate."""

    sms: tuple[Sms, ...]
    sent_at: datetime
    """Aware, UTC."""
    changes: tuple[Change, ...]
    """In their order; the last one, and no other, is final."""

    def moment(self, change: Change) -> datetime:
        """Give when a change happens."""
        return self.sent_at + timedelta(seconds=change.after_s)

    def state(self, now: datetime) -> Change:
        """Give the status that the SMS are in at `now`."""
        happened = [change for change in self.changes if self.moment(change) <= now]
        return happened[-1] if happened else PENDING


class Lives:
    """Begins lives. The same `rng` state and the same calls give the same lives."""

    def __init__(self, rng: random.Random, *, scale: float = 1.0, courses: Sequence[Course] = COURSES) -> None:
        """Take the source of chance, what every delay is multiplied by, and the courses to choose from."""
        self._rng = rng
        self._scale = scale
        self._courses = {version: [course for course in courses if version in course.versions] for version in Version}

    def invent(self, version: Version, now: datetime, *, most: int | None = None) -> Life:
        """Begin the life of an invented SMS, now and then of several (at most `most`, 1 or more), sent at `now`."""
        courses = self._courses[version]
        course = self._rng.choices(courses, [course.weight for course in courses])[0]
        size = self._rng.randint(*BATCH_SIZES) if self._rng.random() < BATCH_SHARE else 1
        sms = tuple(self._invented(course) for _ in range(size if most is None else min(size, most)))
        return self._life(sms, course, now)

    def send(self, *, sender: str, recipient: str, body: str, now: datetime) -> Life:
        """Begin the life of an SMS that somebody sends: delivered, unless its recipient asks for another course.

        A recipient that is no number, or ends in one of `ENDINGS`, does.
        """
        number = recipient.removeprefix("+")
        course = ENDINGS.get(number[-4:], DELIVERED) if _NUMBER.fullmatch(number) else INVALID_NUMBER
        return self._life((self._sms(course, sender, number, body),), course, now)

    def id(self) -> str:
        """Give an id in the form of Sofy's."""
        return "".join(self._rng.choices(_ID_LETTERS, k=_ID_LENGTH))

    def _invented(self, course: Course) -> Sms:
        number = f"{self._rng.choice(_FICTION)}{self._rng.randrange(10_000):04}"
        body = self._rng.choice(_TEXTS).format(self._rng.randrange(1000, 10_000))
        recipient = number[:6] if course is INVALID_NUMBER else number
        return self._sms(course, self._rng.choice(_SENDERS), recipient, body)

    def _sms(self, course: Course, sender: str, recipient: str, body: str) -> Sms:
        parts = count_parts(body)
        price = round(PRICE_PER_PART * parts, 2) if SENT in course.steps else 0
        return Sms(self.id(), sender, recipient, body, parts, price)

    def _life(self, sms: tuple[Sms, ...], course: Course, now: datetime) -> Life:
        after_s, changes = 0.0, []
        for step in course.steps:
            after_s += self._rng.uniform(*step.after_s) * self._scale
            changes.append(Change(after_s, step.status, step.reason))
        return Life(sms, now, tuple(changes))


def count_parts(body: str) -> int:
    """Give the segments that a text takes: 160 or 153 places each in GSM 03.38, else 70 or 67 UTF-16 units."""
    if all(letter in _GSM or letter in _GSM_DOUBLE for letter in body):
        places, alone, joined = len(body) + sum(letter in _GSM_DOUBLE for letter in body), 160, 153
    else:
        places, alone, joined = len(body.encode("utf-16-le", "surrogatepass")) // 2, 70, 67
    return 1 if places <= alone else -(-places // joined)
