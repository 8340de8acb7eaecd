"""The history keeps what the relay answered, whatever Sofy saw of it, and what the run's end cut off."""

import json
from datetime import UTC, datetime
from pathlib import Path

from relay.simulator.attempts import Attempt
from relay.simulator.courses import Version
from relay.simulator.faults import Fault
from relay.simulator.payloads import StatusFact, Webhook
from relay.simulator.poster import Answer, Trouble
from relay.simulator.registrations import Registration
from tests.chaos.history import UNTOLD, Counts, History, Out

REGISTRATION = Registration("wh", "signed", Version.V2, "http://service/", datetime(2025, 1, 1, tzinfo=UTC))
TAKEN = Answer(200, None, b'{"accepted":1,"duplicates":0,"dead_lettered":0}')


def webhook() -> Webhook:
    return Webhook(REGISTRATION, b"{}", (StatusFact("sms-1", "sent", "", "2025-01-01T00:00:00.000Z"),))


def attempt(of: Webhook, *, status: int | None, fault: Fault | None = None, trouble: Trouble | None = None) -> Attempt:
    return Attempt(of, 0, due=0.9, started=1.0, ended=2.0, status=status, trouble=trouble, fault=fault)


def history(answer: Answer | Trouble) -> History:
    return History(
        clock=lambda: 5.0, place=lambda: "a#1", answer=lambda: answer, own=lambda since, until: until - since
    )


def test_a_2xx_that_a_proxy_hid_from_sofy_is_a_promise_all_the_same() -> None:
    kept, posted = history(TAKEN), webhook()
    kept.made(posted)

    kept.starts(posted, 0)
    kept.attempted(attempt(posted, status=502, fault=Fault.SERVER_ERROR))

    [only] = kept.tried
    assert (only.acknowledged, only.counts, only.disguised) == (True, Counts(1, 0, 0), False)
    assert [(item.sms_id, item.status) for item in only.items] == [("sms-1", "sent")]


def test_what_sofy_gave_up_itself_has_no_answer_and_says_so() -> None:
    kept, posted = history(Trouble.TIMED_OUT), webhook()
    kept.made(posted)

    kept.attempted(attempt(posted, status=None, fault=Fault.TIMEOUT, trouble=Trouble.TIMED_OUT))

    [only] = kept.tried
    assert (only.status, only.trouble, only.disguised) == (None, "timed out", True)


def test_a_refusal_keeps_its_reason_and_its_retry_after() -> None:
    kept, posted = history(Answer(503, "3", b'{"error":"breaker_open"}')), webhook()
    kept.made(posted)

    kept.attempted(attempt(posted, status=503))

    [only] = kept.tried
    assert (only.status, only.reason, only.retry_after, only.counts) == (503, "breaker_open", "3", None)


def test_an_attempt_that_the_end_cut_off_is_kept_without_an_answer() -> None:
    kept, posted = history(TAKEN), webhook()
    kept.made(posted)
    kept.starts(posted, 3)

    kept.close()

    [only] = kept.tried
    assert (only.number, only.replica, only.status) == (3, UNTOLD, None)
    assert kept.unended == 1


def test_the_generators_own_delay_is_taken_out_once_the_run_is_over() -> None:
    kept, posted = history(TAKEN), webhook()
    kept.made(posted)
    kept.attempted(attempt(posted, status=200))

    kept.close()

    assert kept.tried[0].seconds == 0.0


def test_the_dump_is_a_json_object_a_line_without_body_or_secret(tmp_path: Path) -> None:
    kept, posted = history(TAKEN), webhook()
    kept.out.append(Out("a#1", 1.0, float("inf")))
    kept.made(posted)
    kept.attempted(attempt(posted, status=200))

    kept.dump(tmp_path / "history.jsonl")

    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["out", "tried"]
    assert lines[0]["until"] is None
    assert lines[1]["counts"] == {"accepted": 1, "duplicates": 0, "dead_lettered": 0}
