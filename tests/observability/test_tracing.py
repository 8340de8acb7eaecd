"""The spans of a webhook: which there are, whose children they are, what they say, and what they never say."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from relay.events.record import Destination
from relay.pipeline import CHUNK, Claim, RawDelivery
from relay.reasons import MEANING, Kind, Reason
from relay.traced import MOST_SPANS
from tests.observability.traced_house import TOKEN, TracedHouse, attributes, everything, traceparent_of
from tests.sofy.payloads import body, item

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{CALLER}-01"


def parent_of(span: ReadableSpan) -> str | None:
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def id_of(span: ReadableSpan) -> str:
    return traceparent_of(span).split("-")[2]


def traces(house: TracedHouse) -> set[str]:
    return {traceparent_of(span).split("-")[1] for span in house.spans}


async def test_a_webhook_is_three_spans_of_the_callers_trace() -> None:
    house = TracedHouse()

    assert await house.post(body(), traceparent=GIVEN) == 200

    receive, normalise, publish = house.the("receive"), house.the("normalise"), house.the("publish")
    assert len(house.spans) == 3
    assert traces(house) == {TRACE}
    assert parent_of(receive) == CALLER
    assert parent_of(normalise) == parent_of(publish) == id_of(receive)
    assert (receive.kind, normalise.kind, publish.kind) == (SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.PRODUCER)
    assert {span.status.status_code for span in house.spans} == {StatusCode.UNSET}


async def test_the_record_carries_the_publish_spans_context() -> None:
    house = TracedHouse()

    await house.post(body(), traceparent=GIVEN)

    (record,) = house.records
    assert record.headers["traceparent"] == traceparent_of(house.the("publish"))
    assert record.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert record.headers["traceparent"].endswith("-01")


async def test_what_the_spans_say() -> None:
    house = TracedHouse()
    payload = body(item(), item(id="broken", status=None))

    await house.post(payload)

    assert attributes(house.the("receive")) == {
        "http.request.method": "POST",
        "http.route": "/webhooks/sofy/{token}",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "http.request.body.size": len(payload),
        "sofy_relay.account": "default",
        "sofy_relay.outcome": "accepted",
        "sofy_relay.accepted": 1,
        "sofy_relay.duplicates": 0,
        "sofy_relay.dead_lettered": 1,
    }
    assert attributes(house.the("normalise")) == {"sofy_relay.items": 2, "sofy_relay.unreadable": 1}
    by_topic = {attributes(span)["messaging.destination.name"]: attributes(span) for span in house.named("publish")}
    assert set(by_topic) == {"the.status", "the.dead-letter"}
    status = next(record for record in house.records if record.destination is Destination.STATUS)
    assert by_topic["the.status"] == {
        "messaging.system": "kafka",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": "the.status",
        "messaging.message.id": status.id,
        "messaging.message.body.size": len(status.value),
    }


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"traceparent": GIVEN.upper()},
        {"traceparent": f"ff{GIVEN[2:]}"},
        {"traceparent": f"{GIVEN}-more"},
        {"traceparent": f"00-{'0' * 32}-{CALLER}-01"},
    ],
)
async def test_without_a_valid_traceparent_a_trace_begins(given: dict[str, str]) -> None:
    house = TracedHouse()

    await house.post(body(), **given)

    (trace,) = traces(house)
    assert trace != TRACE
    assert house.the("receive").parent is None
    assert house.records[0].headers["traceparent"] == traceparent_of(house.the("publish"))


async def test_a_callers_decision_not_to_sample_holds_and_goes_on_with_the_record() -> None:
    house = TracedHouse()

    await house.post(body(), traceparent=f"{GIVEN[:-2]}00")

    assert house.spans == ()
    trace, span, flags = house.records[0].headers["traceparent"].split("-")[1:]
    assert (trace, flags) == (TRACE, "00")
    assert span != CALLER


async def test_what_the_sampler_leaves_out_says_so_to_consumers() -> None:
    house = TracedHouse(sampler=ALWAYS_OFF)

    await house.post(body())

    assert house.spans == ()
    flags = int(house.records[0].headers["traceparent"].rsplit("-", 1)[1], 16)
    assert not flags & 1


async def test_a_dead_letter_has_a_span_and_keeps_its_own_headers() -> None:
    house = TracedHouse()

    await house.post(b"{", traceparent=GIVEN)

    assert attributes(house.the("publish"))["messaging.destination.name"] == "the.dead-letter"
    assert "traceparent" not in house.records[0].headers


async def test_another_type_of_webhook_is_traced_to_its_topic() -> None:
    house = TracedHouse()

    await house.post(body(type="sms.reply"), traceparent=GIVEN)

    assert attributes(house.the("publish"))["messaging.destination.name"] == "the.other"
    assert house.records[0].headers["traceparent"] == traceparent_of(house.the("publish"))


async def test_a_duplicate_is_counted_and_has_no_publish_span() -> None:
    house = TracedHouse()
    await house.post(body())
    house.exporter.clear()

    assert await house.post(body()) == 200

    assert house.named("publish") == []
    assert attributes(house.the("receive"))["sofy_relay.duplicates"] == 1
    assert attributes(house.the("receive"))["sofy_relay.accepted"] == 0


async def test_the_publish_span_ends_with_the_acknowledgement_though_the_answer_has_left() -> None:
    house = TracedHouse(answer_within_s=0.1)
    house.publisher.holding = True

    assert await house.post(body()) == 503
    before = len(house.named("publish"))
    house.publisher.release()
    await asyncio.sleep(0)

    receive, publish = house.the("receive"), house.the("publish")
    assert before == 0
    assert receive.end_time is not None
    assert publish.end_time is not None
    assert publish.end_time >= receive.end_time
    assert publish.status.status_code is StatusCode.UNSET
    assert receive.status.status_code is StatusCode.ERROR
    assert attributes(receive)["error.type"] == "acknowledgement_timeout"


@pytest.mark.parametrize("at_hand_over", [False, True])
async def test_a_record_that_kafka_does_not_take_is_an_error_with_its_reason(at_hand_over: bool) -> None:
    house = TracedHouse()
    house.publisher.refusals[b""] = Reason.NOT_ENOUGH_REPLICAS
    house.publisher.refuse_at_hand_over = at_hand_over

    assert await house.post(body()) == 503

    receive, publish = house.the("receive"), house.the("publish")
    for span in (receive, publish):
        assert span.status.status_code is StatusCode.ERROR
        assert attributes(span)["error.type"] == "not_enough_replicas"
        assert span.events == ()
    assert attributes(receive)["sofy_relay.outcome"] == "deferred"
    assert attributes(receive)["sofy_relay.reason"] == "not_enough_replicas"


@pytest.mark.parametrize("reason", [reason for reason in Reason if MEANING[reason].kind is Kind.DEFERRED])
async def test_a_webhook_refused_for_kafka_alone_is_one_span_with_the_reason(reason: Reason) -> None:
    house = TracedHouse()
    house.publisher.unavailable = reason

    assert await house.post(body()) == 503

    (span,) = house.spans
    assert span.status.status_code is StatusCode.ERROR
    assert attributes(span)["error.type"] == attributes(span)["sofy_relay.reason"] == reason.value
    assert attributes(span)["http.response.status_code"] == 503


@pytest.mark.parametrize(
    ("method", "path", "status", "route", "reason"),
    [
        ("POST", "/webhooks/sofy/wrong", 401, "/webhooks/sofy/{token}", "unknown_token"),
        ("POST", "/webhooks/sofy", 401, "/webhooks/sofy", "missing_credentials"),
        ("POST", "/webhooks/sofy/accounts/paris", 401, "/webhooks/sofy/accounts/{account}", "unknown_account"),
        ("POST", f"/webhooks/{TOKEN}", 404, None, "unknown_path"),
        ("BREW", "/webhooks/sofy", 405, "/webhooks/sofy", "method_not_allowed"),
        ("GET", "/webhooks/sofy", 204, "/webhooks/sofy", None),
    ],
)
async def test_a_refusal_for_the_senders_fault_is_no_error_of_ours(
    method: str, path: str, status: int, route: str | None, reason: str | None
) -> None:
    house = TracedHouse()

    assert await house.request(method, path, body()) == status

    (span,) = house.spans
    assert span.status.status_code is StatusCode.UNSET
    assert attributes(span)["http.response.status_code"] == status
    assert attributes(span)["http.request.method"] == (method if method != "BREW" else "_OTHER")
    assert attributes(span).get("http.route") == route
    assert attributes(span).get("sofy_relay.reason") == reason
    assert "error.type" not in attributes(span)
    assert "sofy_relay.account" not in attributes(span)


async def test_the_route_has_the_base_path() -> None:
    house = TracedHouse(base_path="/hooks")

    await house.post(body(), path=f"/hooks/webhooks/sofy/{TOKEN}")

    assert attributes(house.the("receive"))["http.route"] == "/hooks/webhooks/sofy/{token}"


async def test_an_unexpected_registration_is_said_by_the_span_that_found_it() -> None:
    house = TracedHouse()

    assert await house.post(body(webhookId="another")) == 401

    assert attributes(house.the("normalise")) == {"sofy_relay.reason": "unexpected_webhook_id"}
    assert house.named("publish") == []


async def test_the_receive_span_begins_with_the_requests_first_byte() -> None:
    house = TracedHouse()

    await house.request("POST", f"/webhooks/sofy/{TOKEN}", body(), age_s=1.5)

    span = house.the("receive")
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time >= 1.5e9


async def test_a_fault_of_ours_is_named_by_its_reason_alone() -> None:
    house = TracedHouse()
    house.publisher.fault = ValueError("planted text")

    assert await house.post(body()) == 503

    assert attributes(house.the("publish"))["error.type"] == "ValueError"
    assert attributes(house.the("receive"))["error.type"] == "internal_error"
    assert "planted" not in "".join(everything(span) for span in house.spans)


@pytest.mark.parametrize(("items", "spans"), [(MOST_SPANS, MOST_SPANS), (MOST_SPANS + 1, 1), (1_200, 1)])
async def test_a_large_webhook_is_few_spans(items: int, spans: int) -> None:
    house = TracedHouse()

    await house.post(body(*(item(id=f"sms-{number}") for number in range(items))))

    assert len(house.named("publish")) == spans
    assert len(house.records) == items
    assert {record.headers["traceparent"] for record in house.records} == {
        traceparent_of(span) for span in house.named("publish")
    }


async def test_the_one_span_of_many_records_lasts_from_the_first_chunk_to_the_last() -> None:
    house = TracedHouse()

    await house.post(body(*(item(id=f"sms-{number}") for number in range(2 * CHUNK + 1))))

    assert attributes(house.the("publish"))["messaging.batch.message_count"] == 2 * CHUNK + 1


async def test_one_span_for_all_records_of_a_topic_says_how_many_and_ends_with_the_last() -> None:
    house = TracedHouse(answer_within_s=0.1)
    house.publisher.holding = True
    good = [item(id=f"sms-{number}") for number in range(MOST_SPANS)]

    await house.post(body(*good, item(id="broken", status=None)))
    assert house.named("publish") == []
    house.publisher.release(Reason.NO_LEADER)
    await asyncio.sleep(0)

    counts = {
        attributes(span)["messaging.destination.name"]: attributes(span)["messaging.batch.message_count"]
        for span in house.named("publish")
    }
    assert counts == {"the.status": MOST_SPANS, "the.dead-letter": 1}
    assert {span.status.status_code for span in house.named("publish")} == {StatusCode.ERROR}
    assert all("messaging.message.id" not in attributes(span) for span in house.named("publish"))


async def test_requests_at_the_same_time_do_not_take_each_others_spans() -> None:
    house = TracedHouse()
    house.publisher.holding = True
    given = [f"00-{number:032x}-{CALLER}-01" for number in range(1, 21)]

    posts = [asyncio.create_task(house.post(body(item(id=trace)), traceparent=trace)) for trace in given]
    while len(house.records) < len(given):
        await asyncio.sleep(0)
    house.publisher.release()

    assert await asyncio.gather(*posts) == [200] * 20
    assert len(house.spans) == 60
    for record in house.records:
        assert record.key is not None
        assert record.headers["traceparent"][:35] == record.key.decode()[:35]


async def test_what_comes_by_no_request_or_is_refused_before_it_is_one_has_no_span() -> None:
    house = TracedHouse()
    await house.post(body())
    house.exporter.clear()
    deadline = asyncio.get_running_loop().time() + 3
    delivery = RawDelivery(Claim(None, TOKEN.encode(), []), body(item(id="b")), datetime.now(UTC), deadline, GIVEN)

    await house.traced.handler(house.pipeline).process(delivery)
    house.app.refuse_unheard(Reason.HEADERS_TOO_LARGE, 0.1)

    assert house.spans == ()
    assert house.records[-1].headers["traceparent"] == GIVEN
    assert house.observer.ended[-1].reason == "headers_too_large"


async def test_a_traced_relay_refuses_no_webhook_by_its_head_as_each_has_a_span() -> None:
    house = TracedHouse()
    house.publisher.unavailable = Reason.OVERLOADED
    statuses = [await house.post(body(item(id=each))) for each in "ab"]
    headers = [(b"content-length", b"2")]

    assert statuses == [503, 503]
    assert len(house.spans) == 2
    assert house.app.refuse_by_head(b"/webhooks/sofy/" + TOKEN.encode(), headers, 0.0) is None


async def test_an_outcome_that_comes_after_the_answer_changes_no_span(caplog: pytest.LogCaptureFixture) -> None:
    house = TracedHouse()
    span = house.tracing.request(method="POST", route=None, scheme="http", traceparent=None, seconds_ago=0.0)
    span.end(account="", outcome="deferred", reason="acknowledgement_timeout", status=503, body_bytes=None)
    before = attributes(house.the("receive"))

    span.counted(accepted=1, duplicates=0, dead_lettered=0)
    span.end(account="default", outcome="accepted", reason="", status=200, body_bytes=1)

    assert attributes(house.the("receive")) == before
    assert caplog.records == []


async def test_nothing_personal_and_no_token_is_in_any_span() -> None:
    house = TracedHouse()
    personal = item(id="sms-planted", to="590690112233", body="Planted one-time code 271828", **{"from": "33612345678"})
    payloads = [
        body(personal),
        body({**personal, "status": None}),
        body({**personal, "price": "590690112233", "parts": "Planted one-time code 271828"}),
        body(personal, type="590690112233"),
        body(personal)[:-9],
        body(*({**personal, "id": f"sms-planted-{number}"} for number in range(MOST_SPANS + 1))),
    ]

    for payload in payloads:
        await house.post(payload, tracestate="vendor=590690112233", user_agent="271828", host="sms-planted")
    house.publisher.refusals[b"planted"] = Reason.RECORD_REFUSED
    await house.post(body({**personal, "status": "errored"}))
    await house.post(body(personal), path="/webhooks/sofy/590690112233?sms-planted")
    await house.post(body(personal), path="/webhooks/sofy/accounts/sms-planted")
    await house.request("590690112233", "/271828")

    told = "".join(everything(span) for span in house.spans)
    assert len(house.spans) > 20
    assert json.dumps(told)
    for planted in ("sms-planted", "590690112233", "690112233", "271828", "33612345678", TOKEN, "vendor"):
        assert planted not in told
