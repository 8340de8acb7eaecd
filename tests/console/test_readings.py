"""What is read of the metrics, against the instruments that the relay counts with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from relay.console.readings import Meter, increase, most_frequent
from relay.observability.instruments import Instruments
from relay.observability.metrics import Catalogue
from tests.observability.relay_words import instruments

AT = 1_800_000_000.0


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def counted(registry: CollectorRegistry) -> Instruments:
    """Six webhooks of two accounts, two of them refused for two reasons."""
    on = instruments(registry)
    on.webhooks["default", "accepted", ""].inc(3)
    on.webhooks["shop-2", "accepted", ""].inc()
    on.webhooks["", "refused", "unknown_token"].inc()
    on.webhooks["", "refused", "unknown_path"].inc()
    return on


@pytest.mark.usefixtures("counted")
def test_counts_are_summed_by_a_label_over_the_series_that_have_others(registry: CollectorRegistry) -> None:
    reading = Meter(registry).read(AT)

    assert reading.at == AT
    assert reading.by(Catalogue.WEBHOOKS, "outcome") == {"accepted": 4, "refused": 2}
    assert reading.by(Catalogue.WEBHOOKS, "account", outcome="accepted") == {"default": 3, "shop-2": 1}
    assert reading.by(Catalogue.WEBHOOKS, "reason", outcome="refused") == {"unknown_token": 1, "unknown_path": 1}


@pytest.mark.usefixtures("counted")
def test_a_total_is_over_all_series_or_over_those_with_a_label(registry: CollectorRegistry) -> None:
    reading = Meter(registry).read(AT)

    assert reading.total(Catalogue.WEBHOOKS) == 6
    assert reading.total(Catalogue.WEBHOOKS, outcome="refused") == 2
    assert reading.total(Catalogue.WEBHOOKS, outcome="refused", reason="unknown_path") == 1
    assert reading.total(Catalogue.WEBHOOKS, outcome="deferred") == 0


@pytest.mark.usefixtures("counted")
def test_what_was_never_counted_is_left_out(registry: CollectorRegistry) -> None:
    reading = Meter(registry).read(AT)

    assert reading.by(Catalogue.DEAD_LETTERS, "reason") == {}
    assert reading.by(Catalogue.WEBHOOKS, "reason", outcome="deferred") == {}


def test_a_reading_stays_as_it_was_when_counting_goes_on(registry: CollectorRegistry, counted: Instruments) -> None:
    meter = Meter(registry)
    before = meter.read(AT)

    counted.webhooks["default", "accepted", ""].inc()

    assert before.total(Catalogue.WEBHOOKS, outcome="accepted") == 4
    assert meter.read(AT + 1).total(Catalogue.WEBHOOKS, outcome="accepted") == 5


def test_gauges_and_what_comes_and_goes_are_read_as_they_are(registry: CollectorRegistry, counted: Instruments) -> None:
    meter = Meter(registry)
    counted.certificate_expiries({"/tls/a": 10.0, "/tls/b": 20.0})
    counted.secrets_stale.set(1)
    before = meter.read(AT)

    counted.certificate_expiries({"/tls/b": 30.0})

    assert before.values[Catalogue.CERTIFICATE_EXPIRY.name] == {("/tls/a",): 10.0, ("/tls/b",): 20.0}
    assert before.total(Catalogue.SECRETS_STALE) == 1
    assert meter.read(AT).values[Catalogue.CERTIFICATE_EXPIRY.name] == {("/tls/b",): 30.0}


names = st.sampled_from(["a", "b", "c", "d"])
counts = st.dictionaries(names, st.integers(0, 1000))


@given(counts, counts)
def test_an_increase_holds_only_what_has_grown(before: dict[str, int], more: dict[str, int]) -> None:
    now = {name: before.get(name, 0) + more.get(name, 0) for name in before.keys() | more.keys()}

    assert increase(now, before) == {name: count for name, count in more.items() if count > 0}


@given(counts)
def test_the_most_frequent_is_one_with_the_largest_count(some: dict[str, int]) -> None:
    found = most_frequent(some)

    assert some.get(found, 0) == max(some.values(), default=0)
    assert (found == "") == (not some)
