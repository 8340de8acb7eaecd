"""What the page says is wrong: a table of all that it can say, and the order in which it says it."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.console.verdict import LATELY_S, Level, Shows, ago, judge, worst
from relay.reasons import MEANING, Kind, Reason

NOW = 1_800_000_000.0
DAY_S = 86400.0
OK, WARNING, FAILED = Level.OK, Level.WARNING, Level.FAILED

# A pod with this is well: it is ready, Kafka is in touch, and a webhook came a moment ago.
WELL = {"now": NOW, "started_at": NOW - 600, "last_webhook_at": NOW - 2}

# what shows beside that | the level | how the first sentence begins
ALL = [
    # Nothing is wrong, and what can be said of that.
    ({}, OK, "All is well: what comes is in Kafka before it is answered."),
    ({"last_webhook_at": NOW - 59}, OK, "All is well: what comes"),
    ({"last_webhook_at": NOW - 60}, OK, "All is well. The last webhook came 60 s ago."),
    ({"last_webhook_at": NOW - 7200}, OK, "All is well. The last webhook came 2 h ago."),
    ({"last_webhook_at": 0.0}, OK, "Ready, and no webhook has come in the 10 min since the start."),
    # Webhooks get 503 now, or the next one would; of all that shows it, the most telling one is said.
    ({"not_ready": Reason.DRAINING}, FAILED, "This pod is shutting down."),
    (
        {"not_ready": Reason.TOPIC_MISSING, "not_ready_says": "Topic t does not exist."},
        FAILED,
        "Not ready: Topic t does not exist.",
    ),
    ({"breaker_open": True}, FAILED, "Kafka acknowledges nothing, so webhooks get 503 in milliseconds."),
    ({"oldest_unacknowledged_s": 1.0}, FAILED, "Kafka has left a record without acknowledgement for 1 s."),
    ({"in_touch": False}, FAILED, "No broker answers: the next webhook would get 503."),
    (
        {"deferred": {"overloaded": 3, "acknowledgement_timeout": 1300}},
        FAILED,
        "1,303 webhooks got 503 in the last 15 s, most often for acknowledgement_timeout.",
    ),
    # The same once webhooks are accepted again: it is over, and still worth a word.
    (
        {"deferred": {"acknowledgement_timeout": 1}, "accepted_since_deferred": True},
        WARNING,
        "1 webhook got 503 in the last 15 s, for acknowledgement_timeout.",
    ),
    # What comes is not as it should be.
    (
        {"refused": {"unknown_token": 2, "unknown_path": 1}, "accepted": 1},
        WARNING,
        "3 webhooks refused in the last minute, most often for unknown_token.",
    ),
    (
        {"refused": {"unknown_token": 1}},
        WARNING,
        "1 webhook refused in the last minute, for unknown_token, and none was accepted.",
    ),
    ({"dead_letters": {"invalid_json": 1}}, WARNING, "1 dead letter in the last 15 minutes, for invalid_"),
    (
        {"dead_letters": {"invalid_json": 2, "missing_status": 3}},
        WARNING,
        "5 dead letters in the last 15 minutes, most",
    ),
    ({"unknown_statuses": 1}, WARNING, "Sofy has used a status that is not known yet, once in the last 15 minutes."),
    # The process and what it leans on.
    ({"late_acknowledgements": 2}, WARNING, "Kafka acknowledged late, 2 times in the last 15 minutes."),
    (
        {"producer_restarts": {"lost": 1}},
        WARNING,
        "The Kafka producer was replaced, once in the last 15 minutes, for lost",
    ),
    ({"window_errors": 1}, WARNING, "The shared duplicate window does not answer"),
    ({"secrets_stale": True}, WARNING, "A changed secret or certificate file is of no use"),
    ({"certificates": {"/tls/crt": NOW}}, WARNING, "/tls/crt has expired."),
    ({"certificates": {"/tls/crt": NOW + 3 * DAY_S}}, WARNING, "/tls/crt expires in 3 days."),
    ({"loop_lag_s": 0.25}, WARNING, "The event loop was held up for 0.2 s."),
    # Just below each threshold nothing is said.
    ({"oldest_unacknowledged_s": 0.99}, OK, "All is well"),
    ({"certificates": {"/tls/crt": NOW + 14 * DAY_S}}, OK, "All is well"),
    ({"loop_lag_s": 0.249}, OK, "All is well"),
    ({"accepted": 100, "accepted_since_deferred": True}, OK, "All is well"),
]

# What shows | all that is said, in its order. A failure stands first, whatever it is that fails.
ORDERS = [
    (
        {"secrets_stale": True, "refused": {"unknown_token": 1}, "breaker_open": True},
        [(FAILED, "Kafka acknowledges nothing"), (WARNING, "1 webhook refused"), (WARNING, "A changed secret")],
    ),
    # Of what only repeats it nothing is said: an open breaker explains the 503s, the old record and the silence.
    (
        {
            "breaker_open": True,
            "oldest_unacknowledged_s": 9.0,
            "in_touch": False,
            "deferred": {"breaker_open": 1},
        },
        [(FAILED, "Kafka acknowledges nothing")],
    ),
    # One that shuts down says this alone of Kafka.
    ({"not_ready": Reason.DRAINING, "in_touch": False, "breaker_open": True}, [(FAILED, "This pod is shutting down.")]),
    # Every certificate has a line of its own.
    (
        {"certificates": {"a": NOW - 1, "b": NOW + DAY_S, "c": NOW + 99 * DAY_S}},
        [(WARNING, "a has expired."), (WARNING, "b expires in 24 h.")],
    ),
]


def shows(**changes: Any) -> Shows:  # noqa: ANN401 - as the table has them
    return Shows(**{**WELL, **changes})


@pytest.mark.parametrize(("beside", "level", "says"), ALL, ids=[row[2] for row in ALL])
def test_a_finding(beside: Mapping[str, Any], level: Level, says: str) -> None:
    [finding] = judge(shows(**beside))

    assert finding.level is level
    assert finding.says.startswith(says)
    assert finding.says.endswith(".")
    assert finding.to_do or level is OK


@pytest.mark.parametrize(("beside", "found"), ORDERS)
def test_the_gravest_is_said_first(beside: Mapping[str, Any], found: list[tuple[Level, str]]) -> None:
    findings = judge(shows(**beside))

    assert [finding.level for finding in findings] == [level for level, _ in found]
    assert all(finding.says.startswith(says) for finding, (_, says) in zip(findings, found, strict=True))
    assert worst(findings) is found[0][0]


@pytest.mark.parametrize("reason", [reason for reason, meaning in MEANING.items() if meaning.kind is Kind.DEFERRED])
def test_for_every_503_there_is_a_word_on_what_to_do(reason: Reason) -> None:
    [finding] = judge(shows(deferred={reason.value: 1}))

    assert finding.to_do == MEANING[reason].says


@pytest.mark.parametrize("reason", [reason for reason, meaning in MEANING.items() if meaning.kind is Kind.REFUSED])
def test_for_every_refusal_there_is_a_word_on_what_to_do(reason: Reason) -> None:
    [finding] = judge(shows(refused={reason.value: 1}, accepted=1))

    assert finding.to_do == MEANING[reason].says


counts = st.dictionaries(st.sampled_from([reason.value for reason in Reason]), st.integers(1, 10**6), max_size=4)


@given(
    st.builds(
        Shows,
        now=st.just(NOW),
        started_at=st.floats(0, NOW),
        last_webhook_at=st.floats(0, NOW),
        not_ready=st.none() | st.sampled_from(Reason),
        in_touch=st.booleans(),
        breaker_open=st.booleans(),
        oldest_unacknowledged_s=st.floats(0, 1e6),
        deferred=counts,
        accepted_since_deferred=st.booleans(),
        refused=counts,
        accepted=st.integers(0, 10**6),
        dead_letters=counts,
        unknown_statuses=st.integers(0, 10**6),
        late_acknowledgements=st.integers(0, 10**6),
        producer_restarts=counts,
        window_errors=st.integers(0, 10**6),
        secrets_stale=st.booleans(),
        certificates=st.dictionaries(st.text(max_size=5), st.floats(0, 2 * NOW), max_size=3),
        loop_lag_s=st.floats(0, 1e6),
    )
)
def test_something_is_said_whatever_shows(whatever: Shows) -> None:
    findings = judge(whatever)

    levels = [finding.level for finding in findings]
    assert worst(findings) is max(levels, key=[OK, WARNING, FAILED].index)
    assert (OK in levels) == (levels == [OK])
    assert all(finding.says for finding in findings)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (LATELY_S, "60 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (2 * DAY_S - 1, "48 h"),
        (2 * DAY_S, "2 days"),
    ],
)
def test_a_span_is_said_in_its_largest_unit(seconds: float, said: str) -> None:
    assert ago(seconds) == said
