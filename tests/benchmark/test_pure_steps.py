"""What the pure steps take, each by itself, by pytest-benchmark: `make bench-micro`. Nothing here asserts a time."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from relay.events.identity import event_id
from relay.events.records import status_record
from relay.fact_records import record_of
from relay.privacy import Privacy
from relay.reasons import Reason
from relay.sofy.authenticity import Authenticator, AuthenticDelivery, Claim, Credentials, sign
from relay.sofy.numbers import PhoneNumbers
from relay.sofy.reading import Reading, StatusFact, read
from tests.sofy.payloads import body, item

pytestmark = pytest.mark.bench

RECEIVED_AT = datetime(2026, 1, 25, 16, 52, tzinfo=UTC)
AUTHENTICATOR = Authenticator({"default": Credentials(tokens=(b"tok-1",)), "signed": Credentials(secrets=(b"sec-1",))})

Benchmark = Callable[..., Any]
"""pytest-benchmark's fixture: calls what it is given again and again, and gives what that gave."""


@pytest.fixture(scope="module")
def e164() -> Callable[[str], str]:
    return PhoneNumbers().e164


def delivery(items: int) -> AuthenticDelivery:
    data = [item(id=f"sms-{number}", to=f"3361{number:07d}") for number in range(items)]
    return AuthenticDelivery("default", body(*data), RECEIVED_AT)


def reading_of(raw: AuthenticDelivery, e164: Callable[[str], str]) -> Reading:
    found = read(raw, expects=AUTHENTICATOR.expects, e164=e164)
    assert isinstance(found, Reading)
    return found


def test_authenticate_by_token(benchmark: Benchmark) -> None:
    claim = Claim(None, b"tok-1", [(b"content-type", b"application/json"), (b"content-length", b"330")])

    found = benchmark(AUTHENTICATOR.authenticate, claim, delivery(1).body, RECEIVED_AT)

    assert not isinstance(found, Reason)


@pytest.mark.parametrize("items", [1, 1_000])
def test_authenticate_by_signature(benchmark: Benchmark, items: int) -> None:
    raw, timestamp = delivery(items).body, str(int(RECEIVED_AT.timestamp())).encode()
    signature = sign(b"sec-1", timestamp, raw).hex().encode()
    claim = Claim("signed", None, [(b"x-sofy-timestamp", timestamp), (b"x-sofy-signature", signature)])

    found = benchmark(AUTHENTICATOR.authenticate, claim, raw, RECEIVED_AT)

    assert not isinstance(found, Reason)


@pytest.mark.parametrize("items", [1, 1_000])
def test_read_and_normalise(benchmark: Benchmark, e164: Callable[[str], str], items: int) -> None:
    found = benchmark(partial(reading_of, delivery(items), e164))

    assert len(found.facts) == items


def test_judge_a_number_that_is_new(benchmark: Benchmark) -> None:
    numbers = PhoneNumbers(remembered=0)

    found = benchmark(numbers.e164, "33612345678")

    assert found == "+33612345678"


def test_identity(benchmark: Benchmark) -> None:
    time = "2026-01-25T16:51:49.253Z"

    found = benchmark(event_id, account="default", sms_id="sms-1", status="delivered", reason="DELIVRD", time=time)

    assert found == event_id(account="default", sms_id="sms-1", status="delivered", reason="DELIVRD", time=time)


def test_build_and_serialise_a_record(benchmark: Benchmark, e164: Callable[[str], str]) -> None:
    (fact,) = reading_of(delivery(1), e164).facts
    assert isinstance(fact, StatusFact)

    record = benchmark(status_record, fact.event)

    assert record.key == b"sms-0"


@pytest.mark.parametrize("items", [1, 1_000])
def test_whole_pure_path(benchmark: Benchmark, e164: Callable[[str], str], items: int) -> None:
    raw, privacy = delivery(items), Privacy()
    claim = Claim(None, b"tok-1", [(b"content-type", b"application/json")])

    def path() -> int:
        authentic = AUTHENTICATOR.authenticate(claim, raw.body, RECEIVED_AT)
        assert isinstance(authentic, AuthenticDelivery)
        return len([record_of(fact, authentic, privacy) for fact in reading_of(authentic, e164).facts])

    assert benchmark(path) == items
