"""The URLs of registrations: which of the relay's places they name, and how they may be shown. Pure."""

import base64
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from yarl import URL

from relay.http.paths import Place, WebhookPaths
from relay.sofy.api.addresses import canonical, is_loopback

STARS: Final = "********"
_PLAIN_WORD: Final = re.compile(r"[a-z]{1,12}")
_LONGEST_URL: Final = 2048


class UrlError(Exception):
    """A URL cannot be registered; one sentence without the URL: that may hold a token."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a URL's webhooks arrive, as far as its text says."""

    site: tuple[str, int | None]
    """Host and port."""
    encrypted: bool
    place: Place | None = field(repr=False)
    """The relay's place; None: the path is not one of the relay's."""
    password: bytes | None = field(repr=False)
    """Sent as Basic."""

    @property
    def holds_token(self) -> bool:
        """Whether there is anything that v1's webhooks could prove themselves with."""
        return self.password is not None or (self.place is not None and self.place.token is not None)

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What the URL makes its sender send."""
        if self.password is None:
            return ()
        return ((b"authorization", b"Basic " + base64.b64encode(b"sofy:" + self.password)),)


def receiver(url: str, paths: WebhookPaths) -> Receiver | None:
    """Read a registered URL; None: it is no http or https URL."""
    try:
        parsed = URL(url)
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            return None
        password = None if parsed.password is None else parsed.password.encode(errors="replace")
        return Receiver(
            site=(parsed.host, parsed.port),
            encrypted=parsed.scheme == "https" or is_loopback(parsed.host),
            place=paths.find(parsed.raw_path.encode()),
            password=password,
        )
    except ValueError:
        return None


def checked(url: str) -> URL:
    """Give a URL that may be registered.

    Raises:
        UrlError: it is none, or would send statuses unencrypted over a network.
    """
    try:
        parsed = URL(url)
        parsed.port  # noqa: B018 - raises where it is out of range
    except ValueError:
        parsed = URL()
    odd = any(letter.isspace() or not letter.isprintable() for letter in url) or len(url) > _LONGEST_URL
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.fragment or odd:
        message = "The URL must be an absolute one without a fragment, such as https://relay.example.com/webhooks/sofy."
        raise UrlError(message)
    if parsed.scheme == "http" and not is_loopback(parsed.host):
        message = (
            "The URL must begin with https://: over http:// anybody on the way reads texts, numbers and the token. "
            "Only this machine itself (localhost, 127.0.0.1) may be registered without."
        )
        raise UrlError(message)
    return parsed


def with_token(url: str, token: str) -> str:
    """Put v1's token where a URL leaves room: as the password if it names a user, else as the path's last part.

    Raises:
        UrlError: the URL has a password already.
    """
    parsed = checked(url)
    if parsed.password is not None:
        message = "The URL holds a password already; leave that out, or --token-file."
        raise UrlError(message)
    if parsed.user is not None:
        return str(parsed.with_password(token))
    path = f"{parsed.raw_path.rstrip('/')}/{quote(token, safe='')}"
    return str(parsed.with_path(path, encoded=True, keep_query=True))


def shown(url: str) -> str:
    """Give a URL as anybody may see it: token, password and query as stars, and all that might be one of them."""
    try:
        parsed = URL(url)
        port = "" if parsed.explicit_port is None else f":{parsed.explicit_port}"
        host = f"[{parsed.host}]" if parsed.host and ":" in parsed.host else parsed.host
    except ValueError:
        return STARS
    if not parsed.scheme or not host:
        return STARS
    login = ""
    if parsed.user is not None:
        # A user without a password may well be the secret.
        login = f"{STARS}@" if parsed.password is None else f"{parsed.user}:{STARS}@"
    query = f"?{STARS}" if parsed.query_string else ""
    return f"{parsed.scheme}://{login}{host}{port}{_shown_path(parsed.raw_path)}{query}"


def _shown_path(path: str) -> str:
    """Show the relay's own words; of other paths the first parts that are plain words, never the last."""
    before, root, after = path.partition("/webhooks/sofy")
    parts = before.split("/")[1:]
    if root and (not after or after.startswith("/")):
        rest = after.removeprefix("/")
        if rest.rstrip("/") and not rest.startswith("accounts/"):
            rest = STARS
        return "".join(f"/{_shown_part(part)}" for part in parts) + root + (f"/{rest}" if rest else "")
    if path in {"", "/"}:
        return path
    *first, last = path.removesuffix("/").split("/")[1:]
    del last
    return "".join(f"/{_shown_part(part)}" for part in first) + f"/{STARS}"


def _shown_part(part: str) -> str:
    return part if _PLAIN_WORD.fullmatch(part) else STARS


def without_secrets(url: str) -> str:
    """Give a URL's canonical form without token, login and query: what a person can name without a secret."""
    try:
        parsed = URL(url).with_user(None).with_query(None)
    except ValueError:
        return url
    before, root, after = parsed.raw_path.partition("/webhooks/sofy")
    if root and after.startswith("/") and not after.startswith("/accounts/"):
        parsed = parsed.with_path(before + root, encoded=True)
    return canonical(str(parsed))
