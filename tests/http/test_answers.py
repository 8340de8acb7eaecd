"""The answer table, complete."""

import json
from random import Random

import pytest

from relay.http import answers
from relay.pipeline import Accepted
from relay.reasons import MEANING, Kind, Reason

ANSWERED = [reason for reason, meaning in MEANING.items() if meaning.kind in (Kind.REFUSED, Kind.DEFERRED)]


def rng() -> Random:
    return Random(4)  # noqa: S311 - jitter, no secret


@pytest.mark.parametrize("reason", ANSWERED)
def test_each_reason_answers_with_its_word_and_its_status(reason: Reason) -> None:
    answer = answers.refused(reason, rng())

    headers = dict(answer.headers)
    assert answer.status == MEANING[reason].status
    assert json.loads(answer.body) == {"error": reason.value}
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"content-length"] == str(len(answer.body)).encode()


@pytest.mark.parametrize("reason", ANSWERED)
def test_no_reason_redirects_unregisters_or_blames_itself_on_the_sender(reason: Reason) -> None:
    answer = answers.refused(reason, rng())

    assert 400 <= answer.status < 500 or answer.status == 503
    assert answer.status != 410
    assert (answer.status == 503) == (MEANING[reason].kind is Kind.DEFERRED)


@pytest.mark.parametrize("reason", ANSWERED)
def test_only_503_says_when_to_come_back_only_401_challenges_only_405_allows(reason: Reason) -> None:
    headers = dict(answers.refused(reason, rng()).headers)

    status = MEANING[reason].status
    assert (b"retry-after" in headers) == (status == 503)
    assert headers.get(b"www-authenticate") == (b'Basic realm="sofy-relay"' if status == 401 else None)
    assert headers.get(b"allow") == (b"GET, HEAD, POST" if status == 405 else None)


def test_retry_after_is_whole_seconds_from_one_to_five_and_not_always_the_same() -> None:
    chance = rng()

    waits = {int(dict(answers.refused(Reason.OVERLOADED, chance).headers)[b"retry-after"]) for _ in range(200)}

    assert waits == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in ANSWERED])
def test_a_reason_without_an_answer_is_our_fault(reason: Reason) -> None:
    answer = answers.refused(reason, rng())

    assert (answer.status, answer.body) == (503, b'{"error":"internal_error"}')


def test_the_three_counts_are_compact_json() -> None:
    answer = answers.accepted(Accepted("default", accepted=1, duplicates=20, dead_lettered=300))

    assert answer.status == 200
    assert answer.body == b'{"accepted":1,"duplicates":20,"dead_lettered":300}'


def test_a_raw_answer_is_http_and_closes() -> None:
    wire = answers.raw(answers.refused(Reason.SLOW_REQUEST, rng()), [(b"x-request-id", b"r1")])

    assert wire == (
        b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: 24\r\n"
        b'x-request-id: r1\r\nconnection: close\r\n\r\n{"error":"slow_request"}'
    )
