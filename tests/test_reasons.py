"""One word for one reason, each with a meaning."""

import pytest

from relay.reasons import MEANING, Kind, Reason


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANING) == set(Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_a_reasons_kind_and_answer_agree_and_it_says_one_sentence(reason: Reason) -> None:
    meaning = MEANING[reason]

    statuses = {
        Kind.REFUSED: range(400, 500),
        Kind.DEFERRED: [503],
        Kind.ABANDONED: [None],
        Kind.DEAD_LETTERED: [200],
    }
    assert meaning.status in statuses[meaning.kind]
    assert meaning.status != 410  # Sofy might take it for "never again"
    assert meaning.says.endswith(".")
