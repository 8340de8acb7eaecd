"""The table of causes: what replaces a producer, which cause is told first, and who serves meanwhile."""

import pytest

from relay.publishing.replacement import (
    SILENCE_TO_ASK_S,
    SILENCE_TO_REPLACE_S,
    Cause,
    Symptoms,
    cause_to_replace,
)


@pytest.mark.parametrize(
    ("symptoms", "cause"),
    [
        (Symptoms(), None),
        (Symptoms(stopped=Cause.SENDER_STOPPED), Cause.SENDER_STOPPED),
        (Symptoms(stopped=Cause.METADATA_STOPPED), Cause.METADATA_STOPPED),
        (Symptoms(fatal_error=True), Cause.FATAL_ERROR),
        (Symptoms(topic_missing=True), Cause.TOPIC_MISSING),
        (Symptoms(offsets_went_back=True), Cause.TOPIC_RECREATED),
        (Symptoms(other_topics=True), Cause.TOPIC_RECREATED),
        (Symptoms(credentials_changed=True), Cause.CREDENTIALS_CHANGED),
        (Symptoms(moved=True), Cause.ADDRESSES_CHANGED),
        (Symptoms(silent_s=SILENCE_TO_REPLACE_S), Cause.UNACKNOWLEDGED),
        (Symptoms(silent_s=SILENCE_TO_REPLACE_S - 0.1), None),
        (Symptoms(out_of_touch=True), None),
    ],
)
def test_each_symptom_has_its_cause(symptoms: Symptoms, cause: Cause | None) -> None:
    assert cause_to_replace(symptoms) is cause


def test_of_several_the_gravest_is_told() -> None:
    everything = Symptoms(
        stopped=Cause.SENDER_STOPPED,
        fatal_error=True,
        topic_missing=True,
        offsets_went_back=True,
        credentials_changed=True,
        silent_s=100.0,
        moved=True,
    )

    assert cause_to_replace(everything) is Cause.SENDER_STOPPED


def test_only_a_producer_that_can_publish_nothing_is_given_up_before_its_successor_is_there() -> None:
    assert {cause for cause in Cause if cause.useless} == {
        Cause.SENDER_STOPPED,
        Cause.METADATA_STOPPED,
        Cause.FATAL_ERROR,
        Cause.TOPIC_MISSING,
    }


@pytest.mark.parametrize(
    ("symptoms", "doubtful"),
    [
        (Symptoms(), False),
        (Symptoms(out_of_touch=True), True),
        (Symptoms(silent_s=SILENCE_TO_ASK_S), True),
        (Symptoms(silent_s=SILENCE_TO_ASK_S - 0.1), False),
    ],
)
def test_the_bootstrap_servers_are_asked_only_in_doubt(symptoms: Symptoms, doubtful: bool) -> None:
    assert symptoms.doubtful is doubtful
