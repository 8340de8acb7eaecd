import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

import faststream  # noqa: F401 - it gives its logger a handler of its own when imported
import pytest
import structlog
from pydantic import BaseModel, ValidationError

from relay.observability.logs import configure
from tests.observability.test_repeats import Clock

SECRET = "+590690112233"


class Message(BaseModel):
    recipient: int


class Logs:
    """The logs of this process, read back."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.clock = Clock()

    def configure(self, level: str = "info", log_format: Literal["json", "console"] = "json") -> None:
        configure(level, log_format, self.stream, clock=self.clock)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def line(self) -> dict[str, Any]:
        (only,) = self.lines()
        return only


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Logs to configure; afterwards logging is as it was before."""
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in list(logging.Logger.manager.loggerDict))]
    before = [(logger, logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]
    yield Logs()
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    for name in list(logging.Logger.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.NOTSET)
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


def fail_to_read(number: str) -> None:
    Message.model_validate({"recipient": {"number": number}})


def test_a_line_is_one_json_object_with_a_utc_time(logs: Logs) -> None:
    logs.configure()

    structlog.get_logger("relay.app").info("listening", port=8080)

    line = logs.line()
    assert list(line) == ["timestamp", "level", "logger", "event", "port"]
    assert (line["level"], line["logger"], line["event"], line["port"]) == ("info", "relay.app", "listening", 8080)
    assert line["timestamp"].endswith("Z")
    datetime.fromisoformat(line["timestamp"])


def test_the_standard_librarys_loggers_write_the_same_lines(logs: Logs) -> None:
    logs.configure()

    logging.getLogger("relay.publishing.kafka").warning("lost %s", "node 1")

    line = logs.line()
    assert list(line) == ["timestamp", "level", "logger", "event"]
    assert (line["level"], line["logger"], line["event"]) == ("warning", "relay.publishing.kafka", "lost node 1")


@pytest.mark.parametrize("name", ["uvicorn.error", "aiokafka.producer.sender", "faststream", "asyncio"])
def test_other_libraries_write_the_same_lines(logs: Logs, name: str) -> None:
    logs.configure()

    logging.getLogger(name).info("hello")

    assert (logs.line()["logger"], logs.line()["event"]) == (name, "hello")


def test_the_access_log_is_off_because_a_path_may_be_a_secret(logs: Logs) -> None:
    logs.configure("debug")

    logging.getLogger("uvicorn.access").critical("POST /webhooks/sofy/%s", SECRET)

    assert logs.text == ""
    assert not logging.getLogger("uvicorn.access").hasHandlers()


@pytest.mark.parametrize("own_level", [logging.NOTSET, logging.DEBUG])
def test_aiokafkas_debug_lines_which_hold_keys_and_values_are_never_written(logs: Logs, own_level: int) -> None:
    logs.configure("debug")
    sender = logging.getLogger("aiokafka.producer.producer")
    sender.setLevel(own_level)

    sender.debug("Sending (key=%s value=%s) to %s", b"sms-id", SECRET, "topic")
    structlog.get_logger("relay.app").debug("ours")

    assert logs.line()["event"] == "ours"


def test_a_higher_level_holds_for_everybody(logs: Logs) -> None:
    logs.configure("error")

    structlog.get_logger("relay.app").warning("ours")
    logging.getLogger("aiokafka").warning("theirs")

    assert logs.text == ""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_validation_error_is_logged_without_what_it_holds(logs: Logs, log_format: Literal["json", "console"]) -> None:
    logs.configure(log_format=log_format)

    with pytest.raises(ValidationError) as caught:
        fail_to_read(SECRET)
    error = caught.value
    structlog.get_logger("relay.app").error("unexpected", error=error, exc_info=error)
    logging.getLogger("aiokafka").error("unexpected: %s %r", error, error, exc_info=error)
    logging.getLogger("uvicorn.error").error(error, exc_info=error)
    logging.getLogger("relay.streams").error("unexpected", exc_info=error, stack_info=True)

    assert SECRET not in logs.text
    assert logs.text.count("pydantic_core._pydantic_core.ValidationError") >= 4
    assert logs.text.count(":fail_to_read") == 4


def test_an_exception_shows_its_class_and_its_frames(logs: Logs) -> None:
    logs.configure()

    try:
        fail_to_read(SECRET)
    except ValidationError:
        structlog.get_logger("relay.app").exception("unexpected")

    (told,) = logs.line()["exception"]
    assert told["name"] == "pydantic_core._pydantic_core.ValidationError"
    assert any(frame.endswith(":fail_to_read") for frame in told["frames"])


async def test_asyncios_report_of_a_lost_task_holds_neither_result_nor_message(logs: Logs) -> None:
    logs.configure()
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    future.set_result(SECRET)

    loop.call_exception_handler({"message": "lost", "exception": ValueError(SECRET), "future": future})

    line = logs.line()
    assert line["event"] == "lost"
    assert line["exception"] == [{"name": "ValueError", "frames": []}]
    assert SECRET not in logs.text


def test_an_argument_that_does_not_fit_loses_only_the_arguments(logs: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()

    logging.getLogger("aiokafka").warning("%d records", SECRET)

    assert logs.line()["event"] == "%d records (the arguments do not fit this text)"
    assert capsys.readouterr() == ("", "")


def test_a_stream_that_is_gone_brings_nobody_down_and_prints_nothing_elsewhere(
    logs: Logs, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure()
    logs.stream.close()

    logging.getLogger("aiokafka").warning("number %s", SECRET)

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_forged_line_stays_inside_its_own(logs: Logs, log_format: Literal["json", "console"]) -> None:
    logs.configure(log_format=log_format)
    forged = 'x\n{"level":"info","event":"forged"}\x1b[2J\u2028\u202e'

    structlog.get_logger("relay.http").info(forged, path=forged, **{"key\n\x1b": [forged]})
    logging.getLogger("uvicorn.error").warning("%s", forged)

    assert len(logs.text.splitlines()) == 2
    assert "\x1b" not in logs.text
    assert "\u202e" not in logs.text
    # Nor does a reader that decodes the JSON meet an escape.
    if log_format == "json":
        assert "\x1b" not in str([list(line.values()) for line in logs.lines()])


def test_a_megabyte_is_cut(logs: Logs) -> None:
    logs.configure()

    structlog.get_logger("relay.http").info("x" * 1_000_000, path="y" * 1_000_000)
    logging.getLogger("uvicorn.error").warning("z" * 1_000_000)

    assert len(logs.text) < 3 * 2048 + 500


def test_context_is_on_every_line_of_its_request(logs: Logs) -> None:
    logs.configure()

    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger("relay.http").info("ours")
        logging.getLogger("aiokafka").warning("theirs")
    structlog.get_logger("relay.http").info("outside")

    assert [line.get("request_id") for line in logs.lines()] == ["r-1", "r-1", None]


def test_another_library_that_repeats_itself_is_limited_and_the_rest_counted(logs: Logs) -> None:
    logs.configure()
    for number in range(50):
        logging.getLogger("aiokafka").error("Unable connect to node with id %s", number)
    assert len(logs.lines()) == 10

    logs.clock.now += 60
    logging.getLogger("aiokafka").error("Unable connect to node with id %s", 0)

    summary, again = logs.lines()[10:]
    assert summary["event"] == "40 more lines like this one were left out: Unable connect to node with id %s"
    assert (summary["logger"], summary["level"]) == ("aiokafka", "warning")
    assert again["event"] == "Unable connect to node with id 0"


def test_lines_that_differ_in_digits_only_are_alike(logs: Logs) -> None:
    logs.configure()

    for number in range(50):
        logging.getLogger("faststream").error(f"attempt {number}")  # noqa: G004 - as that library does

    assert len(logs.lines()) == 10


def test_our_own_lines_are_limited_by_text_and_reason(logs: Logs) -> None:
    logs.configure()
    log = structlog.get_logger("relay.http.webhook")

    for number in range(500):
        log.info("webhook refused", reason="unknown_token", request_id=number)
    log.info("webhook refused", reason="stale_timestamp", request_id=500)

    assert len(logs.lines()) == 100 + 1
    logs.clock.now += 60
    log.info("ready")
    assert logs.lines()[101]["event"] == ("400 more lines like this one were left out: webhook refused (unknown_token)")


def test_a_line_of_ours_too_many_is_left_out_before_it_is_made(logs: Logs) -> None:
    logs.configure()
    made: list[logging.LogRecord] = []
    logging.getLogger("relay.http.webhook").addFilter(watch := Collect(made))

    for _ in range(500):
        structlog.get_logger("relay.http.webhook").info("webhook deferred", reason="overloaded")
    logs.clock.now += 60
    structlog.get_logger("relay.http.webhook").info("webhook deferred", reason="overloaded")
    logging.getLogger("relay.http.webhook").removeFilter(watch)

    assert len(made) == 100 + 1
    summary, again = logs.lines()[100:]
    assert summary["event"] == "400 more lines like this one were left out: webhook deferred (overloaded)"
    assert again["event"] == "webhook deferred"


class Collect(logging.Filter):
    """Lets every record pass, and keeps it."""

    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self._records = records

    def filter(self, record: logging.LogRecord) -> bool:
        self._records.append(record)
        return True


def test_both_of_our_ways_to_log_are_limited_once_and_another_librarys_structlog_as_that_library(logs: Logs) -> None:
    logs.configure()

    for number in range(150):
        structlog.get_logger("relay.http.webhook").info("by structlog")
        logging.getLogger("relay.http.servers").info("by the standard library")
        structlog.get_logger("faststream").info("by another", number=number)

    written = [line["event"] for line in logs.lines()]
    assert [written.count(said) for said in ("by structlog", "by the standard library", "by another")] == [100, 100, 10]


def test_the_last_configuration_holds_and_writes_once(logs: Logs) -> None:
    logs.configure("debug")
    early = structlog.get_logger("relay.app")
    early.info("first")
    second = io.StringIO()

    configure("warning", "json", second)
    early.info("too low")
    early.warning("second")

    assert [line["event"] for line in logs.lines()] == ["first"]
    assert [json.loads(line)["event"] for line in second.getvalue().splitlines()] == ["second"]


def test_a_level_that_does_not_exist_is_refused_with_the_names_of_those_that_do(logs: Logs) -> None:
    with pytest.raises(ValueError, match="debug, info, warning, error, critical"):
        logs.configure("loud")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_console_is_coloured_on_a_terminal_only(logs: Logs) -> None:
    terminal = Terminal()
    configure("info", "console", terminal)
    structlog.get_logger("relay.app").info("hello", port=1)

    logs.configure(log_format="console")
    structlog.get_logger("relay.app").info("hello", port=1)

    assert "\x1b[" in terminal.getvalue()
    assert "\x1b[" not in logs.text
    assert "hello" in logs.text
    assert "port=1" in logs.text


def test_a_stream_of_a_poor_encoding_still_gets_the_line(logs: Logs) -> None:
    raw = io.BytesIO()
    configure("info", "console", io.TextIOWrapper(raw, encoding="ascii", write_through=True))

    structlog.get_logger("relay.app").info("déjà")

    assert rb"d\xe9j\xe0" in raw.getvalue()
    assert logs.text == ""
