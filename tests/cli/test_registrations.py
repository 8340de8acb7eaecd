"""What is wrong with registrations: each finding's cause, and that good ones have none."""

import pytest

from relay.cli.webhooks.registrations import Expected, Kind, findings, webhooks
from relay.http.paths import WebhookPaths
from relay.settings.environment import load
from relay.sofy.api.keys import ApiVersion
from relay.sofy.api.webhooks import Registration
from relay.sofy_settings import authenticator, credentials

V1, V2 = ApiVersion
PATHS = WebhookPaths("/hooks")
RELAY = "https://relay.example.com/hooks/webhooks/sofy"
TOKENS = {"RELAY_SOFY__TOKENS": '["token-1","token-2"]'}
SECRETS = {"RELAY_SOFY__SECRETS": '["secret"]'}
PARIS = {"RELAY_SOFY__ACCOUNTS": '{"paris":{"secrets":["s"],"webhook_ids":["paris-1"]}}'}


def expecting(variables: dict[str, str], url: str | None = None) -> Expected:
    settings = load(variables, groups=("sofy",)).settings
    return Expected(PATHS, authenticator(settings), credentials(settings), url)


def registration(
    url: str, version: ApiVersion = V1, webhook_id: str = "1", events: tuple[str, ...] | None = ("sms.status",)
) -> Registration:
    return Registration(version, webhook_id, url, events, None)


def wrong(
    *registrations: Registration, expected: Expected, complete: bool = True
) -> list[tuple[Kind, tuple[str, ...]]]:
    found = findings(webhooks(registrations, PATHS), expected, complete=complete)
    assert not [it.says for it in found if "token-" in it.says or not it.says.endswith(".")]
    return [(it.kind, it.webhooks) for it in found]


@pytest.mark.parametrize(
    ("url", "version", "variables"),
    [
        (f"{RELAY}/token-1", V1, TOKENS),
        (f"{RELAY}/token-2/", V1, TOKENS),
        ("https://sofy:token-1@relay.example.com/hooks/webhooks/sofy", V1, TOKENS),
        (RELAY, V2, SECRETS),
        (RELAY, V2, SECRETS | {"RELAY_SOFY__WEBHOOK_IDS": '["0","1"]'}),
        (f"{RELAY}/token-1", V1, TOKENS | SECRETS | {"RELAY_SOFY__REQUIRE_SIGNATURE": "false"}),
        (RELAY, V1, {"RELAY_SOFY__ALLOW_UNAUTHENTICATED": "true"}),
        ("http://localhost:8080/hooks/webhooks/sofy/token-1", V1, TOKENS),
        (f"{RELAY}/whatever", V1, {}),  # nothing is known of the relay here
        ("https://crm.example.com/sofy", V1, TOKENS),  # somebody else's
    ],
)
def test_a_good_registration_has_no_finding(url: str, version: ApiVersion, variables: dict[str, str]) -> None:
    assert wrong(registration(url, version), expected=expecting(variables)) == []


@pytest.mark.parametrize(
    ("url", "version", "variables", "words"),
    [
        (f"{RELAY}/other", V1, TOKENS, "its token is none of RELAY_SOFY__TOKENS"),
        ("https://sofy:other@relay.example.com/hooks/webhooks/sofy", V1, TOKENS, "its token is none of"),
        (RELAY, V1, TOKENS, "its URL holds no token"),
        (f"{RELAY}/token-1", V1, TOKENS | SECRETS, "takes signed webhooks only"),
        (f"{RELAY}/accounts/lyon", V2, PARIS, "an account that RELAY_SOFY__ACCOUNTS does not have"),
        (RELAY, V2, TOKENS, "account default has no secret"),
    ],
)
def test_what_the_relay_would_refuse_is_found(
    url: str, version: ApiVersion, variables: dict[str, str], words: str
) -> None:
    (found,) = findings(webhooks([registration(url, version)], PATHS), expecting(variables))

    assert (found.kind, found.webhooks) == (Kind.NOT_BELIEVED, ("1",))
    assert words in found.says


@pytest.mark.parametrize(
    ("url", "version", "variables"),
    [
        (f"{RELAY}/token-1", V1, TOKENS | {"RELAY_SOFY__WEBHOOK_IDS": '["2"]'}),
        (RELAY, V2, SECRETS | {"RELAY_SOFY__WEBHOOK_IDS": '["2"]'}),
        (f"{RELAY}/accounts/paris", V2, PARIS),
    ],
)
def test_an_id_that_its_account_does_not_expect_is_found(
    url: str, version: ApiVersion, variables: dict[str, str]
) -> None:
    assert wrong(registration(url, version), expected=expecting(variables)) == [(Kind.UNEXPECTED_ID, ("1",))]


def test_http_over_a_network_is_found() -> None:
    url = f"{RELAY}/token-1".replace("https", "http")

    assert wrong(registration(url), expected=expecting(TOKENS)) == [(Kind.UNENCRYPTED, ("1",))]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"{RELAY}/token-1", f"{RELAY}/token-1"),
        (f"{RELAY}/token-1", f"{RELAY}/token-2"),
        (f"{RELAY}/token-1", "https://sofy:token-1@RELAY.example.com:443/hooks/webhooks/sofy/"),
        ("https://crm.example.com/sofy", "https://crm.example.com/sofy"),
    ],
)
def test_two_that_arrive_at_one_receiver_are_a_duplicate(first: str, second: str) -> None:
    both = [registration(first), registration(second, webhook_id="2")]

    assert wrong(*both, expected=expecting(TOKENS)) == [(Kind.DUPLICATE, ("1", "2"))]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"{RELAY}/token-1", f"{RELAY}/token-1".replace("relay.", "staging.")),
        (f"{RELAY}/token-1", "https://crm.example.com/sofy"),
        ("https://crm.example.com/a", "https://crm.example.com/b"),
    ],
)
def test_two_receivers_are_no_duplicate(first: str, second: str) -> None:
    assert wrong(registration(first), registration(second, webhook_id="2"), expected=expecting(TOKENS)) == []


def test_two_events_to_one_receiver_are_no_duplicate_and_nothing_is_missing() -> None:
    url = f"{RELAY}/token-1"
    both = [registration(url), registration(url, webhook_id="2", events=("sms.reply",))]

    assert wrong(*both, expected=expecting(TOKENS)) == []


def test_a_relay_without_statuses_is_found() -> None:
    only_replies = registration(f"{RELAY}/token-1", events=("sms.reply",))

    assert wrong(only_replies, expected=expecting(TOKENS)) == [(Kind.MISSING_EVENT, ("1",))]
    assert wrong(registration(f"{RELAY}/token-1", events=None), expected=expecting(TOKENS)) == []


@pytest.mark.parametrize("url", [RELAY, f"{RELAY}/token-1", f"{RELAY}/"])
def test_a_wanted_url_may_be_named_without_its_token(url: str) -> None:
    assert wrong(registration(f"{RELAY}/token-1"), expected=expecting(TOKENS, url)) == []


def test_a_wanted_url_that_is_not_registered_is_missing_if_every_list_was_read() -> None:
    expected = expecting(TOKENS, f"{RELAY}/token-2")
    there = registration(f"{RELAY}/token-1")

    assert wrong(there, expected=expected) == [(Kind.MISSING, ())]
    assert wrong(there, expected=expected, complete=False) == []


def test_a_registration_that_both_apis_show_is_one() -> None:
    shown_twice = [registration(f"{RELAY}/token-1", V1), registration(f"{RELAY}/token-1", V2)]

    (found,) = webhooks(shown_twice, PATHS)

    assert found.versions == (V1, V2)
    assert wrong(*shown_twice, expected=expecting(TOKENS)) == []
