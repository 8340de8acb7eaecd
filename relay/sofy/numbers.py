"""Phone numbers, as Sofy writes them and as E.164 has them."""

import re
from functools import lru_cache
from typing import Final

import phonenumbers

_LONGEST: Final = 16
_DIGITS: Final = re.compile(r"\+?([1-9][0-9]{5,14})")


class PhoneNumbers:
    """Turns provider numbers into E.164, remembering the most recent ones.

    Judging a number costs some 20 µs, and an SMS brings its number two or three times.
    """

    def __init__(self, remembered: int = 65_536) -> None:
        # Else a country is read from its file by its first number: in the middle of a request, and, were there no
        # file descriptor left, with phonenumbers' lock held for good.
        phonenumbers.PhoneMetadata.load_all()
        self._remembered = lru_cache(maxsize=remembered)(_e164)

    def __len__(self) -> int:
        """Give how many numbers are remembered."""
        return self._remembered.cache_info().currsize

    def e164(self, number: str) -> str:
        """Give a provider number in E.164 where it is a valid one as it stands, else verbatim."""
        # What is too long to be one is not remembered: texts of any length may stand in a number's place.
        return number if len(number) > _LONGEST else self._remembered(number)


def _e164(number: str) -> str:
    """Give `+` and the digits where they are a valid number as they stand, else `number` verbatim.

    Sofy leaves the `+` away. Nothing is guessed: no national format, no blanks, no leading zero.
    """
    match = _DIGITS.fullmatch(number)
    if match is None:
        return number
    international = f"+{match.group(1)}"
    try:
        parsed = phonenumbers.parse(international)
    except phonenumbers.NumberParseException:
        return number
    return international if phonenumbers.is_valid_number(parsed) else number
