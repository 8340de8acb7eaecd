"""An id as a window keeps it: 16 bytes in place of 36 characters."""


def packed(id: str) -> bytes:  # noqa: A002 - the records' own name
    """Give the bytes of a UUID's canonical text. Pure.

    `UUID(id).bytes` gives the same at five times the cost.
    """
    return bytes.fromhex(id.replace("-", ""))
