"""Where a request knocks: the base path and a raw path in, a place or nothing out."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True, slots=True)
class Place:
    """A path on which a webhook may be posted; both None is `/webhooks/sofy` itself."""

    account: str | None = None
    """The account that the path names; not decodable bytes show as U+FFFD, which no account's name holds."""
    token: bytes | None = None
    """The path's token, percent-decoded."""


_ROOT: Final = Place()


class WebhookPaths:
    """Finds the place of a path below `base_path` (`""`, or `/prefix`, one trailing slash ignored)."""

    def __init__(self, base_path: str = "") -> None:
        base = base_path.strip("/").encode()
        prefix = base.split(b"/") if base else []
        self._start: Final = [b"", *prefix, b"webhooks", b"sofy"]
        self._before_token: Final = b"/".join([*self._start, b""])

    def find(self, raw_path: bytes) -> Place | None:
        """Give the place that `raw_path` (undecoded, without query) names, or None: 404. Never raises.

        The path is split before its segments are decoded: an encoded slash belongs to its segment.
        """
        if raw_path.startswith(self._before_token):
            token = raw_path[len(self._before_token) :]
            if token and b"/" not in token and b"%" not in token:  # nearly all: nothing to split or to decode
                return Place(token=token)
        segments = raw_path.split(b"/")
        if b"%" in raw_path:
            segments = [unquote_to_bytes(segment) for segment in segments]
        if not segments[-1]:
            segments.pop()
        depth = len(self._start)
        if segments[:depth] != self._start:
            return None
        match segments[depth:]:
            case []:
                return _ROOT
            case [token] if token:
                return Place(token=token)
            case [b"accounts", account] if account:
                return Place(account=account.decode(errors="replace"))
        return None
