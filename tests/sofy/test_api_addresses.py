"""Which URLs are one, and which hosts are this machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.sofy.api.addresses import canonical, is_loopback

HOOK = "https://relay.example.com/webhooks/sofy/a-token"


@pytest.mark.parametrize(
    "same",
    [
        "https://relay.example.com/webhooks/sofy/a-token/",
        "HTTPS://Relay.Example.COM:443/webhooks/sofy/a-token",
        "https://relay.example.com/webhooks/sofy/%61-token",
        "https://relay.example.com/webhooks/sofy/a-token#top",
        " https://relay.example.com/webhooks/sofy/a-token\n",
    ],
)
def test_two_spellings_are_one_url(same: str) -> None:
    assert canonical(same) == canonical(HOOK)


@pytest.mark.parametrize(
    "other",
    [
        "http://relay.example.com/webhooks/sofy/a-token",
        "https://relay.example.com:8443/webhooks/sofy/a-token",
        "https://relay.example.com/webhooks/sofy/A-token",
        "https://relay.example.com/webhooks/sofy/a-token?x=1",
        "https://relay.example.com/webhooks/sofy/a-token//",
        "https://sofy:a@relay.example.com/webhooks/sofy/a-token",
        "https://relay.example.org/webhooks/sofy/a-token",
        "https://relay.example.com/webhooks/sofy/a%2Ftoken",
    ],
)
def test_what_leads_elsewhere_is_another_url(other: str) -> None:
    assert canonical(other) != canonical(HOOK)


@given(st.text() | st.from_regex(r"https?://[a-z]{1,5}(:[0-9]{1,6})?(/[^/]{0,5}){0,3}", fullmatch=True))
def test_no_text_is_too_odd_to_be_compared(url: str) -> None:
    assert canonical(url) == canonical(url.strip())


def test_an_encoded_slash_belongs_to_its_token() -> None:
    assert canonical(f"{HOOK}%2Fb") != canonical(f"{HOOK}/b")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", [None, "", "localhost.example.com", "10.0.0.1", "0.0.0.0", "127.0.0.1.example.com"])  # noqa: S104 - not bound
def test_any_other_host_may_be_far_away(host: str | None) -> None:
    assert not is_loopback(host)
