"""Sofy's words mean what the README's table says."""

import pytest

from relay.events import Category, Status
from relay.sofy.statuses import combinations, interpret

UNSPECIFIED = Category.UNSPECIFIED


@pytest.mark.parametrize(
    ("status", "reason", "expected", "category", "permanent"),
    [
        ("pending", "", Status.PENDING, None, None),
        ("pending", "EXPIRED", Status.PENDING, Category.VALIDITY_EXPIRED, None),
        ("sent", "", Status.SENT, None, None),
        ("sent", "UNDELIV", Status.SENT, Category.UNDELIVERABLE, None),
        ("sent", "invalid_phone_number", Status.SENT, Category.INVALID_DESTINATION, None),
        ("sent", "DELIVRD", Status.SENT, Category.DELIVERED_TO_HANDSET, None),
        ("sent", "buffered", Status.SENT, UNSPECIFIED, None),
        ("delivered", "", Status.DELIVERED, None, None),
        ("delivered", "DELIVRD", Status.DELIVERED, Category.DELIVERED_TO_HANDSET, None),  # the carrier's receipt
        ("delivered", "EXPIRED", Status.DELIVERED, UNSPECIFIED, None),
        ("errored", "EXPIRED", Status.EXPIRED, Category.VALIDITY_EXPIRED, None),  # not reachable in time
        ("errored", "UNDELIV", Status.UNDELIVERED, Category.UNDELIVERABLE, None),
        ("errored", "REJECTD", Status.REJECTED, Category.REJECTED_BY_CARRIER, None),
        ("errored", "DELETED", Status.CANCELLED, Category.CANCELLED, None),
        ("errored", "insufficient_balance", Status.FAILED, Category.ACCOUNT_LIMIT, False),
        ("errored", "invalid_phone_number", Status.FAILED, Category.INVALID_DESTINATION, True),
        ("errored", "UNKNOWN", Status.FAILED, UNSPECIFIED, None),
        ("errored", "ACCEPTD", Status.FAILED, UNSPECIFIED, None),
        ("errored", "ENROUTE", Status.FAILED, UNSPECIFIED, None),
        ("errored", "DELIVRD", Status.FAILED, UNSPECIFIED, None),  # a contradiction is not resolved by guessing
        ("errored", "solar_flare", Status.FAILED, UNSPECIFIED, None),
        ("errored", "", Status.FAILED, None, None),
        ("rejected", "", Status.REJECTED, None, None),  # v2's words
        ("rejected", "spam", Status.REJECTED, UNSPECIFIED, None),
        ("rejected", "EXPIRED", Status.EXPIRED, Category.VALIDITY_EXPIRED, None),
        ("failed", "", Status.FAILED, None, None),
        ("failed", "UNKNOWN", Status.FAILED, UNSPECIFIED, None),
        ("undelivered", "", Status.UNDELIVERED, None, None),
        ("undelivered", "UNKNOWN", Status.UNDELIVERED, UNSPECIFIED, None),
        ("undelivered", "insufficient_balance", Status.FAILED, Category.ACCOUNT_LIMIT, False),
        ("expired", "", Status.EXPIRED, None, None),
        ("expired", "late", Status.EXPIRED, UNSPECIFIED, None),
        ("teleported", "", Status.UNKNOWN, None, None),  # a status that Sofy may add: kept, never dropped
        ("teleported", "EXPIRED", Status.UNKNOWN, Category.VALIDITY_EXPIRED, None),
        ("teleported", "beam", Status.UNKNOWN, UNSPECIFIED, None),
        ("", "", Status.UNKNOWN, None, None),
    ],
)
def test_each_pair_of_words_means_one_status_and_category(
    status: str, reason: str, expected: Status, category: Category | None, permanent: bool | None
) -> None:
    meaning = interpret(status, reason)
    found, why = meaning.status, meaning.reason

    assert found is expected
    assert (None, None) if why is None else (why.category, why.permanent) == (category, permanent)
    assert why is None or why.code == reason


@pytest.mark.parametrize("status", ["DELIVERED", " delivered ", "Delivered\n"])
@pytest.mark.parametrize("reason", ["delivrd", "DELIVRD", " Delivrd\t"])
def test_case_and_outer_blanks_of_words_do_not_matter_and_the_code_stays_verbatim(status: str, reason: str) -> None:
    meaning = interpret(status, reason)
    found, why = meaning.status, meaning.reason

    assert found is Status.DELIVERED
    assert why is not None
    assert why.category is Category.DELIVERED_TO_HANDSET
    assert why.code == reason


@pytest.mark.parametrize(
    ("status", "rank", "is_final"),
    [
        (Status.UNKNOWN, 0, False),
        (Status.PENDING, 10, False),
        (Status.SENT, 20, False),
        (Status.DELIVERED, 100, True),
        (Status.UNDELIVERED, 100, True),
        (Status.EXPIRED, 100, True),
        (Status.REJECTED, 100, True),
        (Status.FAILED, 100, True),
        (Status.CANCELLED, 100, True),
    ],
)
def test_ranks_order_an_sms_life(status: Status, rank: int, is_final: bool) -> None:
    assert (status.rank, status.is_final) == (rank, is_final)


def test_the_metrics_combinations_are_all_that_can_occur() -> None:
    found = combinations()

    assert (Status.DELIVERED, "delivered_to_handset") in found
    assert (Status.UNKNOWN, "") in found
    assert (Status.DELIVERED, "validity_expired") not in found
    assert {status for status, _ in found} == set(Status)
