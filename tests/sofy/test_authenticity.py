"""Nobody gets in without a token or a signature, and nobody learns why beyond one word."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.reasons import MEANING, Reason
from relay.sofy.authenticity import Authenticator, AuthenticDelivery, Claim, Credentials, sign

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STAMP = str(int(NOW.timestamp())).encode()
BODY = b'{"type":"sms.status"}'
ACCOUNTS = {
    "default": Credentials(tokens=(b"token-1", b"token-2"), webhook_ids=frozenset({"w1"})),
    "signed": Credentials(secrets=(b"new", b"old")),
    "both": Credentials(tokens=(b"both-token",), secrets=(b"both-secret",)),
}


def signature(secret: bytes, timestamp: bytes = STAMP, body: bytes = BODY) -> list[tuple[bytes, bytes]]:
    return [(b"x-sofy-timestamp", timestamp), (b"x-sofy-signature", sign(secret, timestamp, body).hex().encode())]


def basic(password: str, user: str = "user") -> tuple[bytes, bytes]:
    return (b"authorization", b"Basic " + base64.b64encode(f"{user}:{password}".encode()))


def judged(
    headers: list[tuple[bytes, bytes]],
    *,
    token: bytes | None = None,
    account: str | None = None,
    require_signature: bool = True,
    body: bytes = BODY,
) -> str | Reason:
    """Give the proven account, or the reason."""
    authenticator = Authenticator(ACCOUNTS, require_signature=require_signature)
    found = authenticator.authenticate(Claim(account, token, headers), body, NOW)
    return found.account if isinstance(found, AuthenticDelivery) else found


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (b"token-1", "default"),
        (b"token-2", "default"),  # two at once = rotation
        (b"TOKEN-1", Reason.UNKNOWN_TOKEN),
        (b"token-1 ", Reason.UNKNOWN_TOKEN),
        (b"token-", Reason.UNKNOWN_TOKEN),
        (b"", Reason.UNKNOWN_TOKEN),
        (b"\xff\x00", Reason.UNKNOWN_TOKEN),
        (b"both-token", Reason.MISSING_SIGNATURE),  # an account with secrets accepts only signed ones
    ],
)
def test_a_path_token_proves_its_account(token: bytes, expected: str | Reason) -> None:
    assert judged([], token=token) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([basic("token-1")], "default"),
        ([basic("token-2", user="")], "default"),
        ([(b"authorization", b"basic " + base64.b64encode(b"user:token-1"))], "default"),
        ([basic("token-3")], Reason.UNKNOWN_TOKEN),
        ([basic("")], Reason.UNKNOWN_TOKEN),
        ([(b"authorization", b"Basic !!!")], Reason.UNKNOWN_TOKEN),
        ([(b"authorization", b"Basic")], Reason.UNKNOWN_TOKEN),
        ([(b"authorization", b"Bearer token-1")], Reason.UNKNOWN_TOKEN),
        ([(b"authorization", b"\xff\xff")], Reason.UNKNOWN_TOKEN),
        ([basic("token-1"), basic("token-1")], Reason.UNKNOWN_TOKEN),
        ([], Reason.MISSING_CREDENTIALS),
        ([basic("both-token")], Reason.MISSING_SIGNATURE),
        ([basic("both-token"), *signature(b"both-secret")], "both"),
    ],
)
def test_a_basic_password_is_a_token(headers: list[tuple[bytes, bytes]], expected: str | Reason) -> None:
    assert judged(headers) == expected


@pytest.mark.parametrize(
    ("secret", "expected"),
    [(b"new", "signed"), (b"old", "signed"), (b"older", Reason.INVALID_SIGNATURE), (b"", Reason.INVALID_SIGNATURE)],
)
def test_a_signature_by_any_of_the_accounts_secrets_proves_it(secret: bytes, expected: str | Reason) -> None:
    assert judged(signature(secret), account="signed") == expected


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (STAMP, "signed"),
        (str(int(STAMP) - 604_800).encode(), "signed"),
        (str(int(STAMP) - 604_801).encode(), Reason.STALE_TIMESTAMP),
        (str(int(STAMP) + 300).encode(), "signed"),
        (str(int(STAMP) + 301).encode(), Reason.STALE_TIMESTAMP),
        (b"0", Reason.STALE_TIMESTAMP),
        (b"99999999999", Reason.STALE_TIMESTAMP),
        (b"100000000000", Reason.INVALID_SIGNATURE),  # twelve digits
        (b"", Reason.INVALID_SIGNATURE),
        (b"-1", Reason.INVALID_SIGNATURE),
        (b"+1767323045", Reason.INVALID_SIGNATURE),
        (b"1_767_323_045", Reason.INVALID_SIGNATURE),
        (b"1767323045.0", Reason.INVALID_SIGNATURE),
        (b" 1767323045", Reason.INVALID_SIGNATURE),
        ("１７６７３２３０４５".encode(), Reason.INVALID_SIGNATURE),
        (b"\xff", Reason.INVALID_SIGNATURE),
    ],
)
def test_a_timestamp_is_plain_digits_of_an_accepted_age(timestamp: bytes, expected: str | Reason) -> None:
    assert judged(signature(b"new", timestamp), account="signed") == expected


def _altered(change: str) -> list[tuple[bytes, bytes]]:
    timestamp, (name, value) = signature(b"new")
    return {
        "upper case": [timestamp, (name, value.upper())],
        "two signatures": [timestamp, (name, value), (name, value)],
        "two timestamps": [timestamp, timestamp, (name, value)],
        "no timestamp": [(name, value)],
        "no signature": [timestamp],
        "prefixed": [timestamp, (name, b"sha256=" + value)],
        "too short": [timestamp, (name, value[:-1])],
        "too long": [timestamp, (name, value + b"0")],
        "empty": [timestamp, (name, b"")],
        "not hex": [timestamp, (name, b"g" * 64)],
        "not ASCII": [timestamp, (name, "é".encode() * 32)],
        "one bit off": [timestamp, (name, (b"0" if value[:1] != b"0" else b"1") + value[1:])],
        "comma list": [timestamp, (name, value + b"," + value)],
    }[change]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("upper case", "signed"),
        ("two signatures", Reason.INVALID_SIGNATURE),
        ("two timestamps", Reason.INVALID_SIGNATURE),
        ("no timestamp", Reason.INVALID_SIGNATURE),
        ("no signature", Reason.INVALID_SIGNATURE),
        ("prefixed", Reason.INVALID_SIGNATURE),
        ("too short", Reason.INVALID_SIGNATURE),
        ("too long", Reason.INVALID_SIGNATURE),
        ("empty", Reason.INVALID_SIGNATURE),
        ("not hex", Reason.INVALID_SIGNATURE),
        ("not ASCII", Reason.INVALID_SIGNATURE),
        ("one bit off", Reason.INVALID_SIGNATURE),
        ("comma list", Reason.INVALID_SIGNATURE),
    ],
)
def test_a_signature_is_exactly_one_of_each_header(change: str, expected: str | Reason) -> None:
    assert judged(_altered(change), account="signed") == expected


@pytest.mark.parametrize(
    ("headers", "token", "account", "expected"),
    [
        # A request with signature headers is judged by them alone, with the keys of the account that its path names.
        (signature(b"wrong"), b"token-1", None, Reason.INVALID_SIGNATURE),
        (signature(b"both-secret"), b"both-token", None, "both"),
        (signature(b"new"), b"both-token", None, Reason.INVALID_SIGNATURE),
        (signature(b"both-secret"), None, "both", "both"),
        (signature(b"both-secret"), None, "signed", Reason.INVALID_SIGNATURE),
        (signature(b"new"), None, None, Reason.INVALID_SIGNATURE),  # default has no secret
        (signature(b"new"), b"nobody's", None, Reason.UNKNOWN_TOKEN),
        (signature(b"new"), None, "nobody", Reason.UNKNOWN_ACCOUNT),
        ([], None, "nobody", Reason.UNKNOWN_ACCOUNT),
        ([], None, "signed", Reason.MISSING_SIGNATURE),
        ([basic("token-1")], None, "default", Reason.MISSING_CREDENTIALS),  # no password on an account's path
    ],
)
def test_the_path_names_whose_keys_count(
    headers: list[tuple[bytes, bytes]], token: bytes | None, account: str | None, expected: str | Reason
) -> None:
    assert judged(headers, token=token, account=account) == expected


def test_during_a_migration_a_token_is_enough_but_a_wrong_signature_never() -> None:
    assert judged([], token=b"both-token", require_signature=False) == "both"
    assert judged(signature(b"wrong"), token=b"both-token", require_signature=False) is Reason.INVALID_SIGNATURE
    assert judged([], account="signed", require_signature=False) is Reason.MISSING_CREDENTIALS


@pytest.mark.parametrize("token", [None, b"anything"])
@pytest.mark.parametrize("headers", [[], signature(b"anything")])
def test_without_any_credentials_everybody_is_believed_only_if_that_is_asked_for(
    token: bytes | None, headers: list[tuple[bytes, bytes]]
) -> None:
    claim = Claim(None, token, headers)

    opened = Authenticator({}, allow_unauthenticated=True).authenticate(claim, BODY, NOW)
    closed = Authenticator({}).authenticate(claim, BODY, NOW)

    assert opened == AuthenticDelivery("default", BODY, NOW)
    assert isinstance(closed, Reason)


def test_allowing_everybody_does_not_open_an_account_that_has_credentials() -> None:
    authenticator = Authenticator(ACCOUNTS, allow_unauthenticated=True)

    assert authenticator.screen(Claim(None, None, [])) is Reason.MISSING_CREDENTIALS
    assert authenticator.screen(Claim("signed", None, [])) is Reason.MISSING_SIGNATURE


def test_what_shows_before_the_body_is_judged_before_the_body() -> None:
    authenticator = Authenticator(ACCOUNTS)

    assert authenticator.screen(Claim(None, b"token-1", [])) == "default"
    assert authenticator.screen(Claim("signed", None, signature(b"not yet known"))) == "signed"
    assert authenticator.screen(Claim(None, b"wrong", [])) is Reason.UNKNOWN_TOKEN


def test_what_was_screened_before_the_body_counts_for_that_request_and_those_credentials_alone() -> None:
    before, after = Authenticator(ACCOUNTS), Authenticator({"default": Credentials(tokens=(b"token-3",))})
    screened, stranger = Claim(None, b"token-1", []), Claim(None, b"wrong", [])

    assert before.screen(screened) == "default"
    assert before.screen(stranger) is Reason.UNKNOWN_TOKEN
    assert before.authenticate(stranger, BODY, NOW) is Reason.UNKNOWN_TOKEN
    assert isinstance(before.authenticate(screened, BODY, NOW), AuthenticDelivery)
    assert after.authenticate(screened, BODY, NOW) is Reason.UNKNOWN_TOKEN


def test_a_signature_is_judged_with_its_body_though_its_claim_was_screened() -> None:
    authenticator = Authenticator(ACCOUNTS)
    claim = Claim("signed", None, signature(b"new"))

    assert authenticator.screen(claim) == "signed"
    assert authenticator.authenticate(claim, BODY + b" ", NOW) is Reason.INVALID_SIGNATURE
    assert isinstance(authenticator.authenticate(claim, BODY, NOW), AuthenticDelivery)


@pytest.mark.parametrize(
    ("account", "webhook_id", "expected"),
    [("default", "w1", True), ("default", "w2", False), ("default", None, False), ("signed", "any", True)],
)
def test_only_the_expected_registrations_pass(account: str, webhook_id: str | None, expected: bool) -> None:
    assert Authenticator(ACCOUNTS).expects(account, webhook_id) is expected


@given(st.binary(), st.binary(), st.integers(0, 10**11 - 1), st.binary())
def test_a_signature_fits_its_own_bytes_only(body: bytes, other: bytes, timestamp: int, secret: bytes) -> None:
    stamp = str(timestamp).encode()

    same = sign(secret, stamp, body) == sign(secret, stamp, other)

    assert same == (body == other)


HEADER_NAMES = st.sampled_from([b"x-sofy-signature", b"x-sofy-timestamp", b"authorization", b"cookie"])


@given(
    st.lists(st.tuples(HEADER_NAMES, st.binary()), max_size=5),
    st.none() | st.binary(),
    st.none() | st.sampled_from(["default", "signed", "both", "nobody"]),
    st.booleans(),
)
def test_whatever_a_stranger_shows_the_answer_is_a_refusal(
    headers: list[tuple[bytes, bytes]], token: bytes | None, account: str | None, require_signature: bool
) -> None:
    found = judged(headers, token=token, account=account, require_signature=require_signature)

    assert isinstance(found, Reason)
    assert MEANING[found].status == 401


def test_credentials_do_not_show_themselves() -> None:
    assert "both-secret" not in repr(ACCOUNTS["both"])
    assert "both-token" not in repr(ACCOUNTS["both"])
