"""URLs of registrations: what may be shown of them, what may be registered, and where a token goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.cli.webhooks.urls import UrlError, checked, receiver, shown, with_token, without_secrets
from relay.http.paths import WebhookPaths

PATHS = WebhookPaths()
TOKENS = st.text("ABCDEFGHKLMNPQRSTUVWXYZ0123456789-_", min_size=8, max_size=40)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://relay.example.com/webhooks/sofy/a-token", "https://relay.example.com/webhooks/sofy/********"),
        ("https://relay.example.com/webhooks/sofy/a-token/", "https://relay.example.com/webhooks/sofy/********"),
        ("https://relay.example.com/webhooks/sofy", "https://relay.example.com/webhooks/sofy"),
        (
            "https://relay.example.com:8443/hooks/webhooks/sofy/x",
            "https://relay.example.com:8443/hooks/webhooks/sofy/********",
        ),
        ("https://r.example.com/webhooks/sofy/accounts/paris", "https://r.example.com/webhooks/sofy/accounts/paris"),
        ("https://sofy:a-token@r.example.com/webhooks/sofy", "https://sofy:********@r.example.com/webhooks/sofy"),
        ("https://a-token@r.example.com/webhooks/sofy", "https://********@r.example.com/webhooks/sofy"),
        ("https://r.example.com/webhooks/sofy?key=a-token", "https://r.example.com/webhooks/sofy?********"),
        ("https://r.example.com/webhooks/sofy#a-token", "https://r.example.com/webhooks/sofy"),
        ("https://crm.example.com/hooks/T00/B00/a-token", "https://crm.example.com/hooks/********/********/********"),
        ("https://crm.example.com/webhooks/sofytoken", "https://crm.example.com/webhooks/********"),
        ("https://crm.example.com/", "https://crm.example.com/"),
        ("http://[::1]:8080/webhooks/sofy", "http://[::1]:8080/webhooks/sofy"),
        ("a-token", "********"),
        ("https://[a-token", "********"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, expected: str) -> None:
    assert shown(url) == expected


@given(
    TOKENS, st.sampled_from(["/{}", "/webhooks/sofy/{}", "/x/webhooks/sofy/{}/", "/hooks/{}/x", "/?{}", "/a/b?c={}"])
)
def test_no_token_in_path_or_query_is_ever_shown(token: str, path: str) -> None:
    assert token not in shown(f"https://relay.example.com{path.format(token)}")
    assert token not in shown(f"https://u:{token}@relay.example.com{path.format('x')}")


@pytest.mark.parametrize(
    ("url", "token", "expected"),
    [
        ("https://r.example.com/webhooks/sofy", "a-token", "https://r.example.com/webhooks/sofy/a-token"),
        ("https://r.example.com/webhooks/sofy/", "a/b c?", "https://r.example.com/webhooks/sofy/a%2Fb%20c%3F"),
        ("https://sofy@r.example.com/webhooks/sofy", "a-token", "https://sofy:a-token@r.example.com/webhooks/sofy"),
        ("https://r.example.com/webhooks/sofy?x=1", "a-token", "https://r.example.com/webhooks/sofy/a-token?x=1"),
    ],
)
def test_a_token_goes_where_the_url_leaves_room(url: str, token: str, expected: str) -> None:
    assert with_token(url, token) == expected


@given(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1).filter(str.strip))
def test_the_relay_reads_the_token_that_was_put_in(token: str) -> None:
    in_path = receiver(with_token("https://r.example.com/webhooks/sofy", token), PATHS)
    as_password = receiver(with_token("https://sofy@r.example.com/webhooks/sofy", token), PATHS)

    assert in_path is not None
    assert in_path.place is not None
    assert as_password is not None
    assert {in_path.place.token, as_password.password} == {token.encode()}


def test_a_second_password_is_refused() -> None:
    with pytest.raises(UrlError, match="holds a password already"):
        with_token("https://sofy:one@r.example.com/webhooks/sofy", "two")


@pytest.mark.parametrize(
    "url", ["https://r.example.com/x", "http://localhost:8080/x", "http://127.0.0.1/x", "http://[::1]/x"]
)
def test_https_and_this_machine_may_be_registered(url: str) -> None:
    assert str(checked(url)) == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://r.example.com/webhooks/sofy", "must begin with https://"),
        ("http://0.0.0.0/webhooks/sofy", "must begin with https://"),
        ("r.example.com/webhooks/sofy", "must be an absolute one"),
        ("ftp://r.example.com/x", "must be an absolute one"),
        ("https:///webhooks/sofy", "must be an absolute one"),
        ("https://r.example.com:99999/x", "must be an absolute one"),
        ("https://r.example.com/x#y", "must be an absolute one"),
        ("https://r.example.com/a b", "must be an absolute one"),
        ("https://r.example.com/\x1b[2J", "must be an absolute one"),
        ("https://r.example.com/" + "x" * 2048, "must be an absolute one"),
        ("", "must be an absolute one"),
    ],
)
def test_another_url_is_refused_without_being_repeated(url: str, words: str) -> None:
    with pytest.raises(UrlError, match=words) as raised:
        checked(url)

    assert "r.example.com" not in str(raised.value)


def test_a_receiver_is_named_by_its_url_without_secrets() -> None:
    bare = "https://r.example.com/hooks/webhooks/sofy"

    for url in (f"{bare}/a-token", "https://sofy:a-token@r.example.com/hooks/webhooks/sofy/", f"{bare}?x=a-token"):
        assert without_secrets(url) == bare
