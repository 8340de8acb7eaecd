"""Ask a relay, as Sofy would, whether it believes a webhook: an authentic one with nothing in it, never published.

The relay answers it 200 with all counts 0. Each question goes over a connection of its own, so that behind a balancer
others may answer.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import aiohttp
from yarl import URL

from relay.cli.webhooks.urls import shown
from relay.reasons import MEANING, Kind, Reason
from relay.sofy.api.addresses import is_loopback
from relay.sofy.api.calls import trouble_with_the_way
from relay.sofy.api.errors import Trouble
from relay.sofy.authenticity import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

ANSWER_WITHIN_S: Final = 5.0
"""Sofy waits 4 s; a little more shows that an answer comes late rather than never."""
_PAUSES_S: Final = (0.5, 1.0, 2.0)
"""Between two rounds, the last one repeats: each 401 counts as a refused webhook at the relay."""
_MOST_ANSWER_BYTES: Final = 4096
_EMPTY: Final = {"accepted": 0, "duplicates": 0, "dead_lettered": 0}

_WAYS: Final = {
    Trouble.TIMED_OUT: "does not answer in time",
    Trouble.REFUSED: "refuses connections",
    Trouble.UNREACHABLE: "cannot be reached from here",
    Trouble.UNKNOWN_HOST: "has a host name that is not known here",
    Trouble.CERTIFICATE: "shows no certificate that this machine trusts (SSL_CERT_FILE names another authority)",
    Trouble.DISCONNECTED: "ends the connection without an answer",
    Trouble.NOT_HTTP: "does not answer in HTTP",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """What a probe proves itself with, as a registration's webhooks do."""

    url: str = field(repr=False)
    """Holds v1's token."""
    webhook_id: str | None
    """The registration's id; None: there is none yet, so a relay that expects certain ids believes it too."""
    secret: str | None = field(default=None, repr=False)
    """Signs it, v2."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one probe."""

    believed: bool
    says: str
    """Follows the relay's name: "answers 401 (invalid_signature): it does not know the new secret yet"."""


def judged(status: int, body: bytes, *, any_id: bool) -> Heard:
    """Read the answer to a probe; `any_id`: being refused for the webhook's id alone is being believed. Pure."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if status == HTTPStatus.OK and answer == _EMPTY:
        return Heard(believed=True, says="believes it")
    reason = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(reason, str) or reason not in set(Reason) or MEANING[Reason(reason)].status != status:
        place = "a redirect" if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST else "something else"
        return Heard(believed=False, says=f"answers {status}, which is not the relay's answer: {place} is in between")
    known = Reason(reason)
    if known is Reason.UNEXPECTED_WEBHOOK_ID and any_id:
        return Heard(believed=True, says="believes it")
    what = MEANING[known]
    if what.kind is Kind.DEFERRED:
        return Heard(believed=False, says=f"cannot publish at present ({status} {reason}): {what.says}")
    return Heard(believed=False, says=f"refuses it ({status} {reason}): {what.says}")


class Prober:
    """Probes a relay from a terminal; for one event loop."""

    def __init__(self, notice: Callable[[str], None], *, wait_s: float, in_a_row: int) -> None:
        """Take who is told in sentences, how long to wait at most, and how many answers in a row count as all."""
        self._notice = notice
        self._wait_s = wait_s
        self._in_a_row = in_a_row

    async def reaches(self, url: str) -> str | None:
        """Ask whether a relay lives at `url`, without any proof (GET, 204); give what is wrong, or None."""
        answer = await _ask("GET", url, {}, b"")
        if isinstance(answer, str):
            return answer
        status, body = answer
        return None if status == HTTPStatus.NO_CONTENT else judged(status, body, any_id=True).says

    async def believed(self, proof: Proof) -> str | None:
        """Probe until enough answers in a row say that webhooks are believed; give what was wrong last, or None.

        Every other answer is told once, when it changes, for as long as the wait lasts.
        """
        until = time.monotonic() + self._wait_s
        told, rounds = "", 0
        while True:
            heard = await self._round(proof)
            if heard.believed:
                return None
            if heard.says != told:
                told = heard.says
                left = until - time.monotonic()
                waiting = f"; waiting up to {left:.0f} s for another answer" if left > 0 else ""
                self._notice(f"{shown(proof.url)} {told.removesuffix('.')}{waiting}.")
            pause_s = _PAUSES_S[min(rounds, len(_PAUSES_S) - 1)]
            if time.monotonic() + pause_s > until:
                return heard.says
            await asyncio.sleep(pause_s)
            rounds += 1

    async def _round(self, proof: Proof) -> Heard:
        """Give the first answer of a row that is not the wished one, or the last."""
        heard = Heard(believed=False, says="was not asked")
        for _ in range(self._in_a_row):
            heard = await _probe(proof)
            if not heard.believed:
                break
        return heard


async def _probe(proof: Proof) -> Heard:
    envelope: dict[str, object] = {
        "type": "sms.status",
        "id": f"probe-{uuid.uuid4()}",
        "webhookId": proof.webhook_id,
        "data": [],
    }
    body = json.dumps(envelope).encode()
    headers = {"Content-Type": "application/json"}
    if proof.secret is not None:
        timestamp = str(int(time.time()))
        headers[TIMESTAMP_HEADER] = timestamp
        headers[SIGNATURE_HEADER] = sign(proof.secret.encode(), timestamp.encode(), body).hex()
    answer = await _ask("POST", proof.url, headers, body)
    if isinstance(answer, str):
        return Heard(believed=False, says=answer)
    return judged(*answer, any_id=proof.webhook_id is None)


async def _ask(method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes] | str:
    """Give status and body of the answer, or what went wrong on the way; over a connection of its own."""
    target = URL(url)
    try:
        async with (
            asyncio.timeout(ANSWER_WITHIN_S),
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=not is_loopback(target.host),
            ) as session,
            session.request(method, target, headers=headers, data=body or None, allow_redirects=False) as response,
        ):
            content = b""
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > _MOST_ANSWER_BYTES:
                    break
            return response.status, content
    except TimeoutError:
        return _WAYS[Trouble.TIMED_OUT]
    except (aiohttp.ClientError, OSError) as error:
        return _WAYS[trouble_with_the_way(error)]
