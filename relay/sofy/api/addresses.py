"""What is known of a URL by its text alone: whether two are one, and whether it is this machine. Pure."""

from ipaddress import ip_address

from yarl import URL


def canonical(url: str) -> str:
    """Give the form in which two URLs that lead to the same place with the same secrets are equal.

    Case of scheme and host, the usual port, needless percent-encoding, one trailing slash and the fragment, which is
    never sent, make no difference. A text that is no URL is its own form. Holds secrets, as the URL does.
    """
    url = url.strip()
    try:
        parsed = URL(url)
        path = parsed.raw_path.removesuffix("/")
        return str(parsed.with_fragment(None).with_path(path, encoded=True, keep_query=True).with_port(parsed.port))
    except ValueError:
        return url


def is_loopback(host: str | None) -> bool:
    """Say whether a host is this machine itself, by its name alone: nothing is looked up."""
    if host is None:
        return False
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
