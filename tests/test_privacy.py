"""What personal data goes to Kafka is what the modes allow."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from relay import privacy
from relay.events import Status
from relay.events.records import dead_letter_record
from relay.events.schemas import example_event
from relay.events.status_event import StatusEvent, written
from relay.privacy import Numbers, Privacy
from relay.reasons import Reason

KEY = b"a key of the operator's"


def event(**changes: Any) -> StatusEvent:  # noqa: ANN401 - fields of several types
    extra = {"to": 5, "_envelope": {"region": "west"}}
    return StatusEvent.of(example_event(Status.SENT))._replace(**{"extra": extra, **changes})


def test_keeping_everything_changes_nothing() -> None:
    assert privacy.of_event(event(), Privacy()) == event()


@pytest.mark.parametrize(
    "modes", [Privacy(keep_body=False), Privacy(numbers=Numbers.MASK), Privacy(numbers=Numbers.HASH, key=KEY)]
)
def test_in_any_other_mode_extra_holds_names_only_and_the_identity_stays(modes: Privacy) -> None:
    shown = privacy.of_event(event(), modes)

    assert shown.extra == {"to": None, "_envelope": {"region": None}}
    assert shown.event_id == event().event_id


@pytest.mark.parametrize("own", [None, "text", 1, [], {"a": "planted"}, {"_envelope": {"b": "planted"}}])
def test_an_item_with_a_field_of_the_envelopes_name_is_hidden_as_well(own: object) -> None:
    hidden = privacy.of_event(event(extra={"_envelope": own}), Privacy(numbers=Numbers.MASK))

    assert b"planted" not in written(hidden)
    assert list(hidden.extra) == ["_envelope"]


def test_a_dropped_body_is_null_and_the_number_stays() -> None:
    shown = privacy.of_event(event(), Privacy(keep_body=False))

    assert (shown.body, shown.recipient) == (None, "+590690112233")


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+590690112233", "+590*******33"),
        ("+33612345678", "+33*******78"),
        ("+14155550123", "+1********23"),
        ("0612345678", "********78"),
        ("123", "*23"),
        ("12", "**"),
        ("", ""),
    ],
)
def test_a_masked_number_keeps_country_code_and_last_two_digits(number: str, masked: str) -> None:
    assert privacy.of_number(number, Privacy(numbers=Numbers.MASK)) == masked


def test_a_hashed_number_is_the_same_for_the_same_number_and_key() -> None:
    modes = Privacy(numbers=Numbers.HASH, key=KEY)

    one, again = (privacy.of_number("+590690112233", modes) for _ in range(2))

    assert one == again
    assert one.startswith("hmac-sha256:")
    assert one != privacy.of_number("+590690112234", modes)
    assert one != privacy.of_number("+590690112233", Privacy(numbers=Numbers.HASH, key=b"another"))


@pytest.mark.parametrize(
    ("sender", "shown"), [("36789", "36789"), ("APITEST", "APITEST"), ("+33612345678", "+33*******78"), (None, None)]
)
def test_a_sender_is_hidden_only_where_it_is_a_full_number(sender: str | None, shown: str | None) -> None:
    assert privacy.of_event(event(sender=sender), Privacy(numbers=Numbers.MASK)).sender == shown


def test_a_dropped_dead_letter_keeps_its_identity_size_and_hash() -> None:
    letter = dead_letter_record(
        account="default",
        reason=Reason.INVALID_JSON,
        detail="",
        sms_id=None,
        payload=b"+590690112233",
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        is_json=False,
    )

    shown = privacy.of_dead_letter(letter, Privacy(keep_dead_letter_payload=False))

    assert shown.id == letter.id
    assert json.loads(shown.value)["size"] == 13
    assert b"590690112233" not in shown.value
    assert privacy.of_dead_letter(letter, Privacy()) == letter


def test_the_key_does_not_show_itself() -> None:
    assert KEY.decode() not in repr(Privacy(numbers=Numbers.HASH, key=KEY))
