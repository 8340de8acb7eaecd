"""One connection: uvicorn's httptools protocol, with the bounds that an ASGI callable comes too late for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Final, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from relay.http.arrival import STATE_KEY, Arrival, Refusals, answer_by
from relay.http.head import fault_of, without_upgrade
from relay.reasons import Reason

_LINGER_S: Final = 1.0
"""How long a closing connection stays half open, so that a sender still busy sending reads its answer."""
_LINGER_BYTES: Final = 64 * 1024
"""How much of what still comes is thrown away meanwhile; the rest stays in the kernel, unread."""

_CLOSE_LINE: Final = b"connection: close\r\n"


@dataclass(frozen=True, slots=True)
class ConnectionBounds:
    """How much, and for how long, a connection is listened to."""

    answer_within_s: float
    keep_alive_s: float
    """How long a connection may be silent, new or between two requests."""
    max_head_bytes: int = 16 * 1024
    """Request line and headers; also what may come of a chunked body without yielding any body."""
    max_headers: int = 100
    """Header fields and trailers together."""
    max_pipelined: int = 100
    """Requests that wait for the answer before theirs; beyond, the connection ends after their answers."""


class _Phase(Enum):
    """What the next byte belongs to."""

    BETWEEN = auto()
    HEAD = auto()
    BODY = auto()


class _RefusedError(Exception):
    """Stops the parser: nothing behind this point may run."""


class _Wire(asyncio.Transport):
    """The transport as uvicorn's cycle sees it: its `close` lets the peer read the answer first."""

    def __init__(self, transport: asyncio.Transport, protocol: "BoundedProtocol") -> None:
        super().__init__()
        self._transport = transport
        self._protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._transport.write(data)

    def is_closing(self) -> bool:
        return self._protocol.leaving or self._transport.is_closing()

    def close(self) -> None:
        self._protocol.leave()


class BoundedProtocol(HttpToolsProtocol):
    """An HTTP/1.1 connection with absolute deadlines, bounded heads, strict framing and a gentle end.

    The request's `Arrival` lies in its scope's state. Costs no task, and at most one timer, while idle.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        loop: asyncio.AbstractEventLoop,
        bounds: ConnectionBounds,
        refusals: Refusals,
    ) -> None:
        super().__init__(config=config, server_state=server_state, app_state={}, _loop=loop)
        self.leaving = False
        self._bounds = bounds
        self._refusals = refusals
        self._socket: asyncio.Transport | None = None
        self._phase = _Phase.BETWEEN
        self._arrival = Arrival(0.0)
        self._began: float | None = None
        self._read_at = 0.0
        self._moved = False
        self._unsettled = 0
        self._fields = 0
        self._upgrade = False
        self._passing_over = False
        self._reason: Reason | None = None
        self._stopped = False
        self._owed: Reason | None = None
        self._discarded = 0
        self._retiring = False
        self._quiet_since = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None
        self._request_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None

    # What the server asks

    @property
    def busy(self) -> bool:
        """Whether a request is arriving, waiting or unanswered."""
        return self._unanswered() or self._phase is not _Phase.BETWEEN or bool(self.pipeline)

    def retire(self) -> None:
        """Let the next answer be the connection's last."""
        self._retiring = True
        if self._unanswered():
            self.cycle.keep_alive = False

    def leave(self) -> None:
        """End the connection: at once where all was read, else half-closed until the peer has read the answer.

        What a peer has not taken after a second is dropped.
        """
        if self.leaving or self._socket is None:
            return
        self.leaving = True
        self._cancel_timers()
        if (self._phase is _Phase.BETWEEN and not self.pipeline and not self._stopped) or self._socket.is_closing():
            self._socket.close()
        else:
            # A close with bytes unread resets the connection, and the reset may overtake the answer.
            self._socket.write_eof()
            self.flow.resume_reading()
        self._linger_timer = self.loop.call_later(_LINGER_S, self._socket.abort)

    def abort(self) -> None:
        """Drop the connection and what it still has to write."""
        if self._socket is not None:
            self._socket.abort()

    # The transport's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, with a bound on the silence before the first byte."""
        stream = cast("asyncio.Transport", transport)
        super().connection_made(stream)
        self._socket = stream
        self.transport = _Wire(stream, self)
        self._quiet_since = self.loop.time()
        self._idle_timer = self.loop.call_at(self._quiet_since + self._bounds.keep_alive_s, self._end_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; an application still at work learns it by `http.disconnect`."""
        self.leaving = True
        self._cancel_timers()
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # uvicorn narrows asyncio's own signature to None
        """Stay open for writing when a peer has sent a whole request and only then its FIN."""
        if self._unanswered() and self._phase is _Phase.BETWEEN and not self.leaving:
            self.cycle.keep_alive = False
            return True
        return None

    def data_received(self, data: bytes) -> None:
        """Parse, bound and refuse; after a refusal nothing is parsed any more."""
        if self.leaving or self._stopped:
            self._discard(data)
            return
        if self._phase is _Phase.BETWEEN:
            if data[0] in b"\r\n" and not data.strip(b"\r\n"):
                return  # an old client's line break after its body (RFC 9112, 2.2); no request begins with it
            self._phase = _Phase.HEAD
        self._read_at = self.loop.time()
        if self._began is None:
            self._began = self._read_at
        self._moved = False
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._stop(self._reason or Reason.BAD_FRAMING)
        else:
            if self._phase is not _Phase.BETWEEN:
                self._bound(len(data))

    def pause_writing(self) -> None:
        """Drop a peer that takes no answers for as long as one may take."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self._bounds.answer_within_s, self.abort)

    def resume_writing(self) -> None:
        """The peer reads again."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    # The parser's callbacks

    def on_message_begin(self) -> None:
        """Begin a request, at the time of the read that held its first byte."""
        super().on_message_begin()
        self._phase = _Phase.HEAD
        self._fields = 0
        self._unsettled = 0
        self._upgrade = False
        if self._began is None:
            self._began = self._read_at

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or count a trailer."""
        self._fields += 1
        if self._fields > self._bounds.max_headers:
            self._reject(Reason.HEADERS_TOO_LARGE)
        if self._phase is _Phase.HEAD:  # else a trailer: it must not join the headers that were judged
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Judge the head, then start the application or queue the request."""
        self._moved = True
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._upgrade = True
            return
        version = self.parser.get_http_version()
        fault = fault_of(version, self.url, self.headers, max_bytes=self._bounds.max_head_bytes)
        if fault is not None:
            self._reject(fault)
        if len(self.pipeline) >= self._bounds.max_pipelined:
            self.cycle.keep_alive = False
            raise _RefusedError
        if not self._refused_by_head(version):
            self._arrival = Arrival(cast("float", self._began), self._answer)
            self.scope["state"][STATE_KEY] = self._arrival
            super().on_headers_complete()
            if self._retiring:
                self.cycle.keep_alive = False
        self._phase = _Phase.BODY
        self._forget_request_timer()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._moved = True
        if not self._passing_over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._upgrade:
            return
        self._moved = True
        if self._passing_over:
            self._passing_over = False
        else:
            super().on_message_complete()
            self._arrival.complete = True
        self._phase = _Phase.BETWEEN
        self._began = None
        self._quiet_since = self._read_at
        self._forget_request_timer()

    def on_response_complete(self) -> None:
        """Go on with the next pipelined request, or with the refusal that had to wait."""
        if self.transport.is_closing():
            return
        if self.pipeline:
            super().on_response_complete()
            return
        # uvicorn would set a timer for the silence that follows, for each answer one.
        self._quiet_since = self.loop.time()
        self.flow.resume_reading()
        if self._owed is not None:
            self._refuse(self._owed)
        elif self._phase is _Phase.BODY:  # answered by an application that had not read the body
            if self._arrival.passes_over:
                self._set_request_timer(self.leave)
            else:
                self.leave()

    # Judging

    def _refused_by_head(self, version: str) -> bool:
        """Refuse a request that need not be heard, before a task and uvicorn's cycle are made for it."""
        may_go_on = version == "1.1" and self.parser.should_keep_alive() and not self._retiring
        at_once = not (self.expect_100_continue or self._unanswered() or self.flow.write_paused)
        if self._refusals.by_head is None or not may_go_on or not at_once or self.parser.get_method() != b"POST":
            return False
        answer = self._refusals.by_head(self.url, self.headers, self.loop.time() - cast("float", self._began))
        if answer is None:
            return False
        self.transport.write(answer)
        self._passing_over = True
        return True

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if not self._upgrade:  # CONNECT: what follows is no HTTP
                    self.cycle.keep_alive = False
                    self._stopped = True
                    return
                # The parser skips the body of a request that asks for an upgrade. None is granted (RFC 9110, 7.8),
                # so the request is parsed again without asking.
                version = self.parser.get_http_version()
                head = without_upgrade(self.parser.get_method(), version, self.url, self.headers)
                data = head + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            else:
                return

    def _bound(self, size: int) -> None:
        """Bound what the parser holds back unseen: an endless head, trailer or chunk extension."""
        in_head = self._phase is _Phase.HEAD
        if self._passing_over and self._request_timer is None:
            self._set_request_timer(self.leave)
        self._unsettled = 0 if self._moved else self._unsettled + size
        if self._unsettled > self._bounds.max_head_bytes:
            self._stop(Reason.HEADERS_TOO_LARGE if in_head else Reason.BAD_FRAMING)
        elif in_head and self._request_timer is None:
            self._set_request_timer(partial(self._stop, Reason.SLOW_REQUEST))

    # Answering

    def _answer(self, arrival: Arrival, head: bytes, body: bytes, *, closes: bool) -> bool:
        """Write a whole answer in one piece; see `Arrival.answer`. It tells uvicorn's cycle what `send` would have."""
        cycle = self.cycle
        if arrival is not self._arrival or cycle.response_started or cycle.disconnected or self.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        closes = closes or not cycle.keep_alive
        self.transport.write(b"%b%b\r\n%b" % (head, _CLOSE_LINE if closes else b"", body))
        if closes:
            self.leave()
        self.on_response_complete()
        return True

    # Time

    def _end_if_idle(self) -> None:
        """End a connection that was silent for too long, else look again when it might be.

        One timer a connection, not one a request: most are told long before that there is another request.
        """
        now = self.loop.time()
        since = now if self.busy else self._quiet_since
        if since + self._bounds.keep_alive_s <= now:
            self._idle_timer = None
            self.leave()
        else:
            self._idle_timer = self.loop.call_at(since + self._bounds.keep_alive_s, self._end_if_idle)

    def _set_request_timer(self, strike: Callable[[], None]) -> None:
        """Have `strike` called when the request that is arriving should have arrived."""
        deadline = answer_by(cast("float", self._began), self._bounds.answer_within_s)
        self._request_timer = self.loop.call_at(deadline, strike)

    def _forget_request_timer(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    # Refusing

    def _unanswered(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request, says uvicorn's code
        return cycle is not None and not cycle.response_complete

    def _reject(self, reason: Reason) -> None:
        self._reason = reason
        raise _RefusedError

    def _stop(self, reason: Reason) -> None:
        """Read no further; refuse once everything before this request has been answered."""
        self._stopped = True
        self._cancel_timers()
        self.flow.pause_reading()
        if not self._unanswered():
            self._refuse(reason)
        elif self._phase is _Phase.BODY:  # the request has its application already: it answers
            self._arrival.refusal = reason
            self.cycle.message_event.set()
        else:
            self._owed = reason

    def _refuse(self, reason: Reason) -> None:
        seconds = self.loop.time() - (self._read_at if self._began is None else self._began)
        self.transport.write(self._refusals.unheard(reason, seconds))
        self.leave()

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > _LINGER_BYTES:
            self.flow.pause_reading()

    def _cancel_timers(self) -> None:
        for timer in (self._idle_timer, self._request_timer, self._write_timer, self._linger_timer):
            if timer is not None:
                timer.cancel()
        self._idle_timer = self._request_timer = self._write_timer = self._linger_timer = None
