"""What Sofy itself says of one SMS: `GET /v2/sms/{id}`."""

from typing import Any, Final
from urllib.parse import quote

from relay.sofy.api.calls import Call, Calls
from relay.sofy.api.errors import ApiError, Trouble
from relay.sofy.api.keys import ApiVersion
from relay.sofy.api.pacing import Pace
from relay.sofy.normalise import compact_json

LONGEST_ID: Final = 256
"""Characters. Sofy's have 21; a longer text in a list of ids is no id but another file."""
_NO_STEPS: Final = frozenset({".", ".."})


class UnknownSmsError(Exception):
    """Sofy knows no SMS of this id, or not by this key."""


class SmsOfSofy:
    """The SMS of one key of v2: v1's documentation does not say how one asks."""

    def __init__(self, calls: Calls, pace: Pace) -> None:
        """Take the calls, made with v2's key, and what keeps them apart."""
        self._calls = calls
        self._pace = pace

    async def ask(self, sms_id: str) -> dict[str, Any]:
        """Give what Sofy answers, whatever its fields are; waits for its turn, each repetition too.

        Args:
            sms_id: One of which `can_be_asked` holds; goes to Sofy to the letter.

        Raises:
            UnknownSmsError: Sofy answers 404.
            ApiError: it does not do what is asked.
        """
        # Nothing is safe: an id with a slash must not become another place of the API.
        call = Call("Asking for an SMS", "GET", f"/{ApiVersion.V2}/sms/{quote(sms_id, safe='')}")

        async def attempt() -> Any:  # noqa: ANN401 - JSON
            await self._pace.turn()
            return await self._calls.once(call)

        try:
            answer = await self._calls.repeatedly(attempt)
        except ApiError as error:
            if error.trouble is Trouble.NOT_FOUND:
                raise UnknownSmsError from None
            raise
        if not isinstance(answer, dict) or not _is_text(answer):
            raise self._calls.unexpected(call)
        return answer


def can_be_asked(sms_id: str) -> bool:
    """Say whether an id can stand in a path: `.` and `..` are steps, however they are written."""
    return 0 < len(sms_id) <= LONGEST_ID and sms_id not in _NO_STEPS


def concerns_all(error: ApiError) -> bool:
    """Say whether the next SMS would fare no better, whoever it is."""
    return error.trouble not in {Trouble.REJECTED, Trouble.UNEXPECTED, Trouble.SERVER_FAULT, Trouble.TIMED_OUT}


def _is_text(answer: dict[str, Any]) -> bool:
    """Whether it can be written again: Python's parser takes lone surrogates, and lists of any depth."""
    try:
        compact_json(answer).encode()
    except (ValueError, RecursionError):
        return False
    return True
