"""The same fact has the same id, for ever; different facts never share one."""

import json
from collections.abc import Callable
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from relay.events.identity import EVENT_NAMESPACE, event_id, payload_id

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
FACTS = st.fixed_dictionaries(
    {"account": TEXTS, "sms_id": TEXTS, "status": TEXTS, "reason": TEXTS, "time": TEXTS},
)


@pytest.mark.parametrize(
    ("fact", "golden"),
    [
        (("default", "zzzzz", "sent", "", "2022-12-29T18:24:44.938Z"), "9780972d-6350-5b69-8625-6fe97ec6f8e6"),
        (
            ("default", "zzzzz", "delivered", "DELIVRD", "2022-12-29T18:24:44.938Z"),
            "941f33fe-68c1-5540-aedf-516057aef180",
        ),
        (
            ("default", "zzzzz", "errored", "EXPIRED", "2022-12-29T18:24:44.938Z"),
            "bf7ba53e-ccfd-5b95-b086-bba06a6e022d",
        ),
        (("shop-2", "8_zyfMv7Q_o7ovXviPUu3", "pending", "", ""), "a7fa92ff-b194-5b0a-8a96-4b496557ba9f"),
        (("default", "é😀", "errored", "Raison\tétrange", "hier"), "f8bcfd6c-cf9b-523d-806c-8ca6913bb711"),
    ],
)
def test_golden_values_never_change(fact: tuple[str, str, str, str, str], golden: str) -> None:
    account, sms_id, status, reason, time = fact

    assert event_id(account=account, sms_id=sms_id, status=status, reason=reason, time=time) == golden


def test_the_namespace_is_the_one_that_the_contract_names() -> None:
    assert str(EVENT_NAMESPACE) == "e32d62b6-45cf-56a5-b870-3bfccc6c093b"


@given(FACTS)
def test_an_id_is_a_version_5_uuid_and_the_same_each_time(fact: dict[str, str]) -> None:
    found = event_id(**fact)

    assert UUID(found).version == 5
    assert found == event_id(**fact)


@given(FACTS, st.sampled_from(["", " ", "\t", " \n"]), st.sampled_from([str.lower, str.upper, str.title]))
def test_case_and_outer_blanks_of_an_ascii_status_make_no_other_fact(
    fact: dict[str, str], blanks: str, change: Callable[[str], str]
) -> None:
    plain = event_id(**{**fact, "status": "delivered"})

    assert event_id(**{**fact, "status": f"{blanks}{change('delivered')}{blanks}"}) == plain


@given(FACTS, FACTS)
def test_different_facts_have_different_ids(one: dict[str, str], other: dict[str, str]) -> None:
    def compared(fact: dict[str, str]) -> dict[str, str]:
        return {**fact, "status": fact["status"].strip().lower()}

    assert (event_id(**one) == event_id(**other)) == (compared(one) == compared(other))


@given(st.lists(TEXTS, min_size=5, max_size=5))
def test_moving_a_character_from_one_field_to_the_next_is_another_fact(parts: list[str]) -> None:
    account, sms_id, status, reason, time = parts

    one = event_id(account=account, sms_id=sms_id + "x", status="s" + status, reason=reason, time=time)
    other = event_id(account=account, sms_id=sms_id, status="xs" + status, reason=reason, time=time)

    assert one != other


@given(FACTS)
def test_an_id_is_pythons_own_uuid5_of_the_json_that_the_contract_names(fact: dict[str, str]) -> None:
    parts = ["sofy", fact["account"], fact["sms_id"], fact["status"].strip().lower(), fact["reason"], fact["time"]]

    name = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))

    assert event_id(**fact) == str(uuid5(EVENT_NAMESPACE, name))


def test_every_letter_is_written_as_pythons_json_writes_it() -> None:
    letters = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]

    assert to_json(letters) == json.dumps(letters, ensure_ascii=False, separators=(",", ":")).encode()


@given(st.binary(), st.binary(), st.sampled_from(["default", "shop-2"]), st.sampled_from(["default", "shop-2"]))
def test_a_payloads_id_is_that_of_its_bytes_and_account(one: bytes, other: bytes, left: str, right: str) -> None:
    assert (payload_id(left, one) == payload_id(right, other)) == ((left, one) == (right, other))


def test_the_fact_is_hashed_as_compact_json_in_utf_8() -> None:
    # Whoever re-implements the identity in another language starts from this line.
    text = json.dumps(["sofy", "default", "é", "sent", "", ""], ensure_ascii=False, separators=(",", ":"))

    assert text == '["sofy","default","é","sent","",""]'
