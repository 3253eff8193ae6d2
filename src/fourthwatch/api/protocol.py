"""HTTP/1 as strangers may speak it to us: uvicorn's httptools protocol with our limits before the parser.

The parser is fed one request at a time and never past its end: every byte is counted before it is kept, and
no request is ever read out of another one's body. Use: `uvicorn.Config(app, http=BoundedHttpProtocol)`.
"""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, Final, NoReturn
from weakref import WeakKeyDictionary

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from fourthwatch import limits
from fourthwatch.api import exchange
from fourthwatch.api.deadline import Deadline
from fourthwatch.api.exchange import Exchange, Outlet, Phase, Refusal
from fourthwatch.api.seam import Seam
from fourthwatch.api.shortcut import EventExchange, Shortcut
from fourthwatch.errors import Refused

PIECE_BYTES: Final = 16 * 1024
"""How much of a chunked body is fed at once: as far as unseen trailers can overrun their limit."""
FRAMING_HEADERS: Final = frozenset((b"content-length", b"transfer-encoding", b"host", b"expect"))

_turned_away: WeakKeyDictionary[ServerState, int] = WeakKeyDictionary()
"""By server: connections over the limit that are still reading their 503."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. The limits are attributes of the class, so that a subclass may have its own.

    The idle time between two requests is uvicorn's `timeout_keep_alive`; so long may an answer lie unread, too.
    """

    header_bytes_max: int = limits.HEADER_BYTES_MAX
    header_count_max: int = limits.HEADER_COUNT_MAX
    header_deadline_s: float = limits.HEADER_DEADLINE_S
    body_bytes_max: int = limits.BODY_BYTES_MAX
    body_deadline_s: float = limits.BODY_DEADLINE_S
    drain_bytes_max: int = limits.DRAIN_BYTES_MAX
    drain_deadline_s: float = limits.DRAIN_DEADLINE_S
    connections_max: int = limits.CONNECTIONS_MAX
    turned_away_max: int = limits.TURNED_AWAY_MAX

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        # No more, as long as there is no connection: one whose TLS handshake fails is never made and never lost, and
        # the circles below would keep it until the garbage collector comes.
        self._begins_with = config, server_state, app_state, _loop

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().__init__(*self._begins_with)
        self._phase: Phase = "head"
        self._outlet = Outlet(self)
        self._shortcut: Shortcut | None = getattr(self.app, "shortcut", None)
        self._once_clear: Callable[[], None] | None = None
        self._is_turned_away = False
        tick_s = min(self.header_deadline_s, self.body_deadline_s, self.timeout_keep_alive)
        self._deadline = Deadline(self.loop, tick_s, self._expire)
        # Bytes received behind the request that is being answered, and whether we take more of them.
        self._is_paused, self._ahead, self._ahead_from = False, b"", 0
        # The request being read.
        self._seam, self._head = Seam(), b""
        self._requests = self._head_bytes = self._fields = self._hosts = self._length = self._drained_bytes = 0
        self._encoding: bytes | None = None
        self._body_left = self._body_bytes = self._wire_bytes = self._framing_bytes = 0
        self._refusal: Refusal | None = None
        is_crowded = len(self.connections) >= self.connections_max
        super().connection_made(transport)
        self._context = contextvars.copy_context()
        self._deadline.set(self.header_deadline_s)
        if is_crowded:
            self._turn_away()

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = "closed"
        self._deadline.end()
        if self._is_turned_away:
            _turned_away[self.server_state] -= 1
        self._ahead = b""
        super().connection_lost(exc)
        # Cut the circles, or every closed connection would wait for the garbage collector.
        self.cycle = None  # type: ignore[assignment]
        self._once_clear = None
        del self._outlet, self._deadline

    def data_received(self, data: bytes) -> None:
        if self._phase in ("drain", "closed"):
            self._discard(len(data))
        elif self._phase == "answer" or self._ahead:
            self._ahead, self._ahead_from = self._ahead[self._ahead_from :] + data, 0
            self._set_paused(paused=True)
        else:
            self._read(data, 0)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether the connection stays open: a peer that has said all it will still hears its answer."""
        is_heard = self._phase == "answer" and not self._ahead and self.transport.can_write_eof()
        if is_heard:
            self.cycle.keep_alive = False
        return is_heard

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._phase == "answer":
            self._deadline.set(self.timeout_keep_alive)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._phase == "answer":
            self._deadline.clear()
        act, self._once_clear = self._once_clear, None
        if act is not None:
            act()

    # Reading, in front of the parser.

    def _read(self, data: bytes, start: int) -> None:
        """Take `data` from `start` on; what follows the end of a request waits until it is answered."""
        while start < len(data):
            phase = self._phase
            if phase == "head":
                start = self._read_head(data, start)
            elif phase == "body":
                start = self._read_body(data, start)
            elif phase == "chunks":
                start = self._read_chunks(data, start)
            elif phase == "answer":
                self._ahead, self._ahead_from = data, start
                self._set_paused(paused=True)
                return
            else:
                self._discard(len(data) - start)
                return

    def _read_head(self, data: bytes, start: int) -> int:
        if self._head_bytes == 0:
            if (stop := self._read_known(data, start)) > start:
                return stop
            if self._requests:
                self._deadline.set(self.header_deadline_s)
        stop = self._seam.piece_end(data, start, self.header_bytes_max - self._head_bytes)
        piece = data[start:stop]
        self._head = piece if self._head_bytes == 0 else b""
        self._head_bytes += stop - start
        self._feed(exchange.without_offer(piece) if b"h2c" in piece else piece)
        if self._phase == "head" and self._head_bytes >= self.header_bytes_max:
            self._refuse(exchange.HEADERS_TOO_LARGE)
        return stop

    def _read_known(self, data: bytes, start: int) -> int:
        """Take a whole event request whose head the parser has read before, to the byte; else stay at `start`."""
        known = None if (shortcut := self._shortcut) is None else shortcut.known_at(data, start)
        if shortcut is None or known is None or (end := known.end(start)) > len(data):
            return start
        self._requests += 1
        if not self.flow.write_paused and shortcut.turns_away(known, self.transport, self.server_state):
            self._await_request()
            return end
        self._phase = "answer"
        self._deadline.clear()
        self.cycle = event = EventExchange(shortcut, self, self._outlet, keep_alive=True)  # type: ignore[assignment]
        event.take_known(known, data[end - known.body_bytes : end])
        return end

    def _read_body(self, data: bytes, start: int) -> int:
        stop = min(len(data), start + self._body_left)
        self._body_left -= stop - start
        self._feed(data[start:stop])
        if self._body_left == 0 and self._phase == "body":
            self._refuse(exchange.MALFORMED)  # the parser and we disagree about its length: trust nothing now
        return stop

    def _read_chunks(self, data: bytes, start: int) -> int:
        stop = self._seam.piece_end(data, start, PIECE_BYTES)
        before = self._body_bytes
        self._wire_bytes += stop - start
        self._feed(data[start:stop])
        if self._phase == "chunks":
            # A piece without a byte of body is chunk extensions or trailers, which nobody sees pile up.
            self._framing_bytes = 0 if self._body_bytes != before else self._framing_bytes + stop - start
            if self._framing_bytes > self.header_bytes_max:
                self._refuse(exchange.HEADERS_TOO_LARGE)
            elif self._wire_bytes > 2 * self.body_bytes_max:
                self._refuse(exchange.BODY_TOO_LARGE)
        return stop

    def _set_paused(self, *, paused: bool) -> None:  # not by `self.flow`, which each exchange resumes at will
        if paused is not self._is_paused and not self.transport.is_closing():
            self._is_paused = paused
            (self.transport.pause_reading if paused else self.transport.resume_reading)()

    def _feed(self, piece: bytes) -> None:
        try:
            self.parser.feed_data(piece)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._refusal is None and isinstance(error, httptools.HttpParserCallbackError):
                # One of our own callbacks broke: a fault of this server, not of the request.
                self.logger.exception("HTTP callback failed")
                self._refusal = exchange.FAILED
            self._refuse(self._refusal or exchange.MALFORMED)

    def _discard(self, count: int) -> None:
        self._drained_bytes += count
        if self._drained_bytes > self.drain_bytes_max and self._phase == "drain":
            self._close()

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._phase != "head":
            self._stop(exchange.MALFORMED)
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._requests += 1
        self._fields = self._hosts = self._length = 0
        self._encoding = None

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        if self._fields > self.header_count_max:
            self._stop(exchange.HEADERS_TOO_LARGE)
        if self._phase != "head":
            return  # a trailer: it must not join the headers the application has already judged
        name = name.lower()
        if name in FRAMING_HEADERS:
            if name == b"host":
                self._hosts += 1
            elif name == b"content-length":
                self._length = int(value)
            elif name == b"transfer-encoding":
                value = value.strip().lower()
                self._encoding = value if self._encoding is None else self._encoding + b"," + value
            elif value.lower() == b"100-continue":
                self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        method = self.parser.get_method()
        is_large = self._length > self.body_bytes_max
        upgrades = self.parser.should_upgrade()
        refusal = exchange.refusal_of(version, self._hosts, self._encoding, upgrades=upgrades, large=is_large)
        if refusal is not None:
            self._stop(refusal)
        kind = None
        if self._shortcut is not None and method == b"POST" and version == "1.1" and not self.expect_100_continue:
            path, _, query = self.url.partition(b"?")
            kind = self._shortcut.kind_of(path) if b"#" not in query else None
        target = exchange.target_of(self.url) if kind is None else None
        if kind is None and target is None:
            self._stop(exchange.MALFORMED)
        self._head_bytes = self._body_bytes = self._wire_bytes = self._framing_bytes = 0
        self._body_left = self._length
        self._phase = "body" if self._encoding is None else "chunks"
        self._deadline.set(self.body_deadline_s)
        keep_alive = version == "1.1" and self.parser.should_keep_alive()
        if kind is not None:
            assert self._shortcut is not None
            event = EventExchange(self._shortcut, self, self._outlet, keep_alive=keep_alive)
            self.cycle = event  # type: ignore[assignment]
            is_plain = keep_alive and self._encoding is None
            event.admit(kind, query, self.headers, self._head if is_plain else b"", self._length)
            return
        assert target is not None
        headers, expects = self.headers, self.expect_100_continue
        super().on_message_begin()  # makes the scope, and forgets what was read
        self.headers, self.expect_100_continue = headers, expects
        exchange.fill_in(self.scope, target, self.root_path, headers, method, version)
        self.cycle = Exchange.on(self, self._outlet, keep_alive=keep_alive)
        self._start_asgi_task(self.cycle, self.app)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > self.body_bytes_max:
            self._stop(exchange.BODY_TOO_LARGE)
        cycle = self.cycle
        if not cycle.response_complete:
            # Never paused: `body_bytes_max` bounds it, and who is kept from sending cannot be held to a deadline.
            cycle.body += body
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        if self._phase == "drain":
            return  # it was answered at its head, and that was the last answer
        self._deadline.clear()
        cycle = self.cycle
        if cycle.response_complete:
            self._await_request()
        else:
            self._phase = "answer"
            if self.flow.write_paused:  # by the answer before: this one waits until the peer has read of that
                self._deadline.set(self.timeout_keep_alive)
            cycle.more_body = False
            cycle.message_event.set()

    def _stop(self, refusal: Refusal) -> NoReturn:
        """Make the parser give up from inside one of its callbacks; `_feed` then answers."""
        self._refusal = refusal
        raise Refused(refusal.text)

    # Answering.

    def when_clear(self, act: Callable[[], None]) -> None:
        """Do this once more can be written; a peer has so long to read."""
        self._once_clear = act
        self._deadline.set(self.timeout_keep_alive)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self._phase == "answer" and not self.transport.is_closing():
            self._await_request()

    def _await_request(self) -> None:
        self._phase = "head"
        self._seam.forget()
        self._deadline.set(self.timeout_keep_alive)
        if self._ahead:
            # In the connection's own context: what one application call bound, no other may see.
            self.loop.call_soon(self._read_ahead, context=self._context)

    def _read_ahead(self) -> None:
        if self._phase != "head" or self.transport.is_closing():
            return
        data, self._ahead = self._ahead, b""
        self._read(data, self._ahead_from)
        if not self._ahead:
            self._set_paused(paused=False)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer in place of the application, tell it that its peer is gone, and read no further request."""
        is_under_way = self._phase != "head"
        if is_under_way:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not (is_under_way and self.cycle.response_started):
            self.transport.write(refusal.answer(self.server_state.default_headers))
        self._linger()

    def _turn_away(self) -> None:
        self.connections.discard(self)
        self._is_turned_away = True
        waiting = _turned_away.get(self.server_state, 0)
        _turned_away[self.server_state] = waiting + 1
        self.transport.write(exchange.CROWDED.answer(self.server_state.default_headers))
        (self._linger if waiting < self.turned_away_max else self._close)()

    def finish(self) -> None:
        """Close once the answer is out: at once if nothing is under way to us, else after having read it."""
        if self._phase == "answer" and not self._ahead:
            self._close()
        elif self._phase not in ("drain", "closed"):
            self._linger()

    def is_finished(self) -> bool:
        """Whether nothing more can be said on this connection."""
        return self._phase in ("drain", "closed") or self.transport.is_closing()

    def _linger(self) -> None:
        """Read on for a while without keeping anything: closing over unread bytes resets the connection,
        and a reset may overtake the answer on its way."""
        self._phase = "drain"
        self._drained_bytes = 0
        self._ahead = b""
        if self.transport.is_closing():
            return
        self._deadline.set(self.drain_deadline_s)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._set_paused(paused=False)

    def _close(self) -> None:
        self._phase = "closed"
        self._deadline.set(max(self.timeout_keep_alive, self.drain_deadline_s))
        self.transport.close()

    def _expire(self) -> None:
        phase = self._phase
        if phase == "head" and self._head_bytes:
            self._refuse(exchange.HEADERS_TOO_SLOW)
        elif phase in ("body", "chunks"):
            self._refuse(exchange.BODY_TOO_SLOW)
        elif phase in ("answer", "closed"):
            self.transport.abort()  # it does not take the rest of its answer
        else:
            self._close()
