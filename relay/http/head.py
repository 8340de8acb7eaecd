"""A request's head, of which httptools lets pass what must not: its fault, and how it is written again. Pure."""

from collections.abc import Sequence

from relay.reasons import Reason

Headers = Sequence[tuple[bytes, bytes]]
"""Header fields in the order in which they came, names in lower case."""


def fault_of(version: str, target: bytes, headers: Headers, *, max_bytes: int) -> Reason | None:
    """Give what the parser lets pass and we don't, or None: its own refusals need no line here.

    Takes the HTTP version (`1.1`), the request's target, and how long both and the headers may be together.
    """
    size = len(target)
    hosts = 0
    for name, value in headers:
        size += len(name) + len(value) + 4  # with ": " and the line break
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding" and (value.lower() != b"chunked" or version != "1.1"):
            return Reason.BAD_FRAMING
    if size > max_bytes:
        return Reason.HEADERS_TOO_LARGE
    if version not in ("1.0", "1.1") or hosts > 1 or (version == "1.1" and not hosts):
        return Reason.BAD_FRAMING
    return None


def without_upgrade(method: bytes, version: str, target: bytes, headers: Headers) -> bytes:
    """Give the head as it would have come from who asks for no upgrade."""
    lines = [b"%b %b HTTP/%b" % (method, target, version.encode())]
    lines += [b"%b: %b" % header for header in headers if header[0] != b"upgrade"]
    return b"\r\n".join([*lines, b"", b""])
