"""Where a request knocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.http.paths import Place, WebhookPaths


@pytest.mark.parametrize(
    ("raw_path", "place"),
    [
        (b"/webhooks/sofy", Place()),
        (b"/webhooks/sofy/", Place()),
        (b"/webhooks/sofy//", None),  # two trailing slashes are an empty token
        (b"/webhooks/sofy/t0ken", Place(token=b"t0ken")),
        (b"/webhooks/sofy/t0ken/", Place(token=b"t0ken")),
        (b"/webhooks/sofy/t0ken//", None),
        (b"/webhooks/sofy/a%2Fb", Place(token=b"a/b")),  # split first, decoded then
        (b"/webhooks/sofy/%ff%zz%", Place(token=b"\xff%zz%")),  # whatever the bytes, they are compared as bytes
        (b"/webhooks/sofy/t/more", None),
        (b"/webhooks/sofy/accounts", Place(token=b"accounts")),
        (b"/webhooks/sofy/accounts/", Place(token=b"accounts")),
        (b"/webhooks/sofy/accounts//", None),
        (b"/webhooks/sofy/accounts/shop-1", Place(account="shop-1")),
        (b"/webhooks/sofy/accounts/shop-1/", Place(account="shop-1")),
        (b"/webhooks/sofy/accounts/shop-1/more", None),
        (b"/webhooks/sofy/accounts/%ff", Place(account="\ufffd")),
        (b"/%77ebhooks/sofy", Place()),
        (b"/webhooks%2Fsofy", None),
        (b"/Webhooks/sofy", None),
        (b"//webhooks/sofy", None),
        (b"/webhooks/sofy/../sofy", None),  # dots are a segment like any other
        (b"/webhooks", None),
        (b"/metrics", None),
        (b"/", None),
        (b"*", None),
        (b"", None),
    ],
)
def test_a_path_is_a_place_or_unknown(raw_path: bytes, place: Place | None) -> None:
    assert WebhookPaths().find(raw_path) == place


@pytest.mark.parametrize("base_path", ["/relay/eu", "/relay/eu/", "relay/eu"])
def test_the_base_path_stands_before_every_place_and_alone_is_none(base_path: str) -> None:
    paths = WebhookPaths(base_path)

    assert paths.find(b"/relay/eu/webhooks/sofy/t") == Place(token=b"t")
    assert paths.find(b"/webhooks/sofy/t") is None
    assert paths.find(b"/relay/eu") is None


@given(
    st.binary() | st.lists(st.sampled_from([b"/", b"webhooks", b"sofy", b"accounts", b"%", b"%2F", b"a"])).map(b"".join)
)
def test_whatever_bytes_come_nothing_raises_and_nothing_is_named_empty(raw_path: bytes) -> None:
    place = WebhookPaths().find(raw_path)

    assert place is None or place == Place() or bool(place.token) != bool(place.account)


@given(st.binary(min_size=1).filter(lambda token: b"/" not in token and b"%" not in token))
def test_one_trailing_slash_is_the_same_path(token: bytes) -> None:
    paths = WebhookPaths()

    assert paths.find(b"/webhooks/sofy/" + token) == paths.find(b"/webhooks/sofy/" + token + b"/") == Place(token=token)
