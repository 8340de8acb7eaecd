"""Logs: one format for ours and everybody else's, one line an event, nothing personal.

The relay's code logs with `structlog.get_logger(__name__)` and key-value fields (stdlib's
`logging.getLogger(__name__)` works as well). What other libraries log goes through the same
formatter, and never below INFO (aiokafka prints keys and values at DEBUG). Lines that repeat
themselves are limited in number, so that an outage or an attack cannot drown what matters.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

from relay.observability.neutralise import Told, name, plain, told
from relay.observability.repeats import LeftOut, RepeatLimit

LEVELS: Final = MappingProxyType(
    {
        "debug": logging.DEBUG,
        "info": logging.INFO,
        "warning": logging.WARNING,
        "error": logging.ERROR,
        "critical": logging.CRITICAL,
    }
)
"""The levels that RELAY_LOG__LEVEL may name."""

_OURS: Final = "relay"
_SILENT: Final = logging.CRITICAL + 1
_FIRST: Final = ("timestamp", "level", "logger", "event")
_DIGITS: Final = re.compile(r"\d+")
_MAX_TEMPLATE: Final = 200

# Lines a minute. Ours are one per event text and reason, so that a common reason never hides a rare
# one; a hundred are enough to see a pattern in, and at thousands of webhooks a second the rest is cost.
_OUR_REPEATS: Final = 100
_OTHERS_REPEATS: Final = 10


def configure(
    level: str,
    log_format: Literal["json", "console"],
    stream: TextIO,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Send every log of this process to `stream`. The only place here with a global effect.

    May be called again: the last call holds. Call it after the libraries are imported, since
    FastStream gives its loggers handlers of their own when it is; and start uvicorn with
    `log_config=None`, which would otherwise do the same.

    Args:
        level: A name of `LEVELS`, for the relay's own loggers; others never go below INFO.
        log_format: `json`, one object a line; or `console`, coloured when `stream` is a terminal.
        stream: Where to write. Blocks as the stream blocks.
        clock: Seconds that never go back, for the limit on repeated lines.

    Raises:
        ValueError: `level` is none of `LEVELS`.
    """
    own_level = LEVELS.get(level.lower())
    if own_level is None:
        known = ", ".join(LEVELS)
        message = f"No log level of this name; RELAY_LOG__LEVEL is one of {known}."
        raise ValueError(message)
    others_level = max(own_level, logging.INFO)
    output = _Output(stream, others_level, clock)
    output.setFormatter(_formatter(_render_json if log_format == "json" else _console(stream)))
    _take_over(output, own_level, others_level)
    structlog.configure(
        processors=[
            output.drop_if_too_many,
            structlog.contextvars.merge_contextvars,
            *_STAMPS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(own_level),
        cache_logger_on_first_use=False,  # a cached logger would keep an earlier configuration
    )


_STAMPS: Final[tuple[Processor, ...]] = (
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def _formatter(render: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_write_out, structlog.contextvars.merge_contextvars, *_STAMPS],
        processors=[
            _tell_exception,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _make_plain,
            render,
        ],
        # The message is put together here, so that an exception among its arguments is only named.
        use_get_message=False,
        pass_foreign_args=True,
    )


def _take_over(output: logging.Handler, own_level: int, others_level: int) -> None:
    """Make `output` the only handler of the process, and every other logger defer to the root."""
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.NOTSET)
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(others_level)
    logging.getLogger(_OURS).setLevel(own_level)
    # A request's path may be a secret; the relay counts requests and does not list them.
    access = logging.getLogger("uvicorn.access")
    access.propagate = False
    access.setLevel(_SILENT)


class _Output(logging.StreamHandler[TextIO]):
    """Writes the lines that are neither too low (others only) nor too many."""

    def __init__(self, stream: TextIO, others_level: int, clock: Callable[[], float]) -> None:
        super().__init__(stream)
        self._others_level = others_level
        self._ours = RepeatLimit(clock=clock, limit=_OUR_REPEATS)
        self._others = RepeatLimit(clock=clock, limit=_OTHERS_REPEATS)

    def drop_if_too_many(self, logger: logging.Logger, _method: str, event: EventDict) -> EventDict:
        """Let a line of ours pass, or drop it before anything is spent on it: structlog's first processor.

        Under overload thousands of refusals a second are worth a count, and not what a line costs.
        """
        if not _is_ours(logger.name):
            return event  # `emit` limits it
        self.acquire()
        try:
            self._tell_left_out()
            admitted = self._ours.admit(logger.name, _template(event))
        finally:
            self.release()
        if not admitted:
            raise structlog.DropEvent
        return event

    def emit(self, record: logging.LogRecord) -> None:
        self._tell_left_out()
        if self._admits(record):
            super().emit(record)

    def _tell_left_out(self) -> None:
        for left_out in (*self._ours.due(), *self._others.due()):
            super().emit(_summary(left_out))

    def _admits(self, record: logging.LogRecord) -> bool:
        if not _is_ours(record.name):
            # A library may set its own logger's level, so the logger's threshold alone is not enough.
            return record.levelno >= self._others_level and self._others.admit(record.name, _shape(record))
        # What comes from structlog was admitted by `drop_if_too_many`.
        return isinstance(record.msg, dict) or self._ours.admit(record.name, _shape(record))

    def format(self, record: logging.LogRecord) -> str:
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        return super().format(record).encode(encoding, "backslashreplace").decode(encoding)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Lose the line: logging's own report of it would print the arguments, as they are."""


def _summary(left_out: LeftOut) -> logging.LogRecord:
    return logging.makeLogRecord(
        {
            "name": left_out.logger,
            "levelno": logging.WARNING,
            "levelname": "WARNING",
            "msg": "%d more lines like this one were left out: %s",
            "args": (left_out.count, left_out.template),
        }
    )


def _is_ours(logger: str) -> bool:
    return logger == _OURS or logger.startswith(f"{_OURS}.")


def _shape(record: logging.LogRecord) -> str:
    """Give what a record's like have in common: its text before arguments, digits aside."""
    if isinstance(record.msg, dict):  # from structlog
        return _template(record.msg)
    return _DIGITS.sub("#", _text(record)[:_MAX_TEMPLATE])


def _template(event: EventDict) -> str:
    """Give what a structlog line's like have in common: its text, and the reason."""
    reason = event.get("reason")
    said = str(event.get("event", ""))
    return said if reason is None else f"{said} ({reason})"


def _text(record: logging.LogRecord) -> str:
    """Give a record's text before its arguments."""
    if isinstance(record.msg, BaseException):
        return name(record.msg)
    said = str(record.msg)
    # asyncio puts the repr of tasks, results and exceptions on the lines after the first.
    return said.partition("\n")[0] if record.name == "asyncio" else said


def _write_out(_logger: logging.Logger, _method: str, event: EventDict) -> EventDict:
    """Put a foreign record's message together; exceptions and classes among its arguments are named."""
    record: logging.LogRecord = event["_record"]
    arguments = event.pop("positional_args", None)
    said = _text(record)
    # asyncio's own arguments are handles and tasks, whose repr holds results and exceptions.
    if arguments and record.name != "asyncio":
        try:
            said = said % _named(arguments)
        except (TypeError, ValueError, KeyError):
            said = f"{said} (the arguments do not fit this text)"
    event["event"] = said
    return event


def _named(arguments: object) -> object:
    if isinstance(arguments, Mapping):
        return {key: _name(argument) for key, argument in arguments.items()}
    return tuple(_name(argument) for argument in arguments) if isinstance(arguments, tuple) else arguments


def _name(argument: object) -> object:
    if isinstance(argument, BaseException):
        return _Verbatim(name(argument))
    return _Verbatim(str(plain(argument))) if isinstance(argument, type) else argument


class _Verbatim(str):
    """Text that `%r` shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _tell_exception(_logger: logging.Logger, _method: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by what may be told of it; a stack's source lines are left out."""
    event.pop("stack_info", None)
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    exception = info[1] if isinstance(info, tuple) else info
    if isinstance(exception, BaseException):
        event["exception"] = [_as_field(one) for one in told(exception)]
    return event


def _as_field(one: Told) -> dict[str, object]:
    return {"name": one.name, "frames": list(one.frames)}


def _make_plain(_logger: logging.Logger, _method: str, event: EventDict) -> EventDict:
    """Neutralise every field, and put those first that a reader looks for first."""
    exception = event.pop("exception", None)
    ordered: EventDict = {key: plain(event.pop(key)) for key in _FIRST if key in event}
    ordered.update((str(plain(key)), plain(value)) for key, value in event.items())
    if exception is not None:
        ordered["exception"] = exception
    return ordered


def _render_json(_logger: logging.Logger, _method: str, event: EventDict) -> str:
    # ASCII: whatever the stream's encoding, the line can be written.
    return json.dumps(event, ensure_ascii=True, allow_nan=False)


def _console(stream: TextIO) -> Processor:
    renderer = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, sort_keys=False
    )

    def render(logger: logging.Logger, method: str, event: EventDict) -> str:
        exception = event.get("exception")
        if exception is not None:
            event["exception"] = "\n".join(
                line for one in exception for line in (one["name"], *(f"  {frame}" for frame in one["frames"]))
            )
        return str(renderer(logger, method, event))

    return render
