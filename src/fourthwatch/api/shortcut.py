"""The short way of an event: from the connection to the corridor and back, with no task and no ASGI message between.

It gives the same bytes as the long way through the application, which is still there for whatever is out of the
ordinary: another method or path, HTTP/1.0, a peer that waits for `100 Continue`.
"""

from asyncio import WriteTransport
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from fourthwatch.api.access import KEY_HEADER
from fourthwatch.api.exchange import FAILED, Outlet
from fourthwatch.api.intake import Admitted, Intake, Sent, is_bulk
from fourthwatch.api.request import IDEMPOTENCY_HEADER, REPLAYED, Pair, refusal_headers
from fourthwatch.api.seam import BLANK_LINE
from fourthwatch.engine.queues import crowded
from fourthwatch.engine.walk import Answer
from fourthwatch.errors import Refused
from fourthwatch.events import Kind
from fourthwatch.limits import HEAD_KNOWN_BYTES_MAX, HEADS_KNOWN_MAX
from fourthwatch.logs import log
from fourthwatch.metrics import EVENTS_ANSWERED, EVENTS_TURNED_AWAY, REPLIES
from fourthwatch.wire.reply import encode, error_body

_CROWDED: Final = crowded()
_JSON_HEAD: Final = b"content-type: application/json\r\ncontent-length: %d\r\n"
_CLOSE: Final = (b"connection", b"close")


class Wire(Protocol):
    """What an exchange needs of its connection."""

    flow: FlowControl
    server_state: ServerState

    def when_clear(self, act: Callable[[], None]) -> None:
        """Do this once more can be written, unless the connection ends before."""

    def on_response_complete(self) -> None:
        """The answer is out."""


class _Unheard:
    """Stands where an exchange of uvicorn's has the event that wakes its task: there is none here."""

    def set(self) -> None:
        """Nobody waits."""


_UNHEARD: Final = _Unheard()


class EventExchange:
    """One event request; what the connection looks at has the names that it has in uvicorn's exchange."""

    def __init__(self, shortcut: "Shortcut", wire: Wire, outlet: Outlet, *, keep_alive: bool) -> None:
        self._shortcut = shortcut
        self._wire = wire
        self._outlet = outlet
        self._admitted: Admitted | None = None
        self.message_event = _UNHEARD
        self.disconnected = False
        self.keep_alive = keep_alive
        self.body: bytearray | bytes = bytearray()
        self.response_started = False
        self.response_complete = False

    @property
    def more_body(self) -> bool:
        """Whether the body is still coming."""
        return True

    @more_body.setter
    def more_body(self, more: bool) -> None:
        if not more and self._admitted is not None:
            self._guarded(self._take)

    def admit(self, kind: Kind, query: bytes, headers: list[Pair], head: bytes, body_bytes: int) -> None:
        """The headers are complete: who calls is looked at before any of the body is.

        `head` are their bytes, to be remembered with what they mean; or empty.
        """
        sent = self._shortcut.intake.sent_of(headers)
        self._shortcut.remember(head, kind, query, sent, body_bytes)
        self._guarded(lambda: self._admit(kind, query, sent))

    def take_known(self, known: "KnownHead", body: bytes) -> None:
        """A whole request with a head that came before."""
        self.body = body
        self._guarded(lambda: self._take_known(known))

    def settled(self, outcome: Answer | Refused) -> None:
        """What became of the event; it is durable, or nothing of it is."""
        if isinstance(outcome, Refused):
            self._refuse(outcome)
        elif outcome.replayed:
            self._answer(200, encode(outcome.receipt), REPLAYED)
            EVENTS_ANSWERED.count += 1
        else:
            self._answer(200, encode(outcome.receipt))
            EVENTS_ANSWERED.count += 1

    def _admit(self, kind: Kind, query: bytes, sent: Sent) -> None:
        self._admitted = self._shortcut.intake.admitted(kind, query, sent)

    def _take_known(self, known: "KnownHead") -> None:
        intake = self._shortcut.intake
        caller = intake.admit(known.sent.get(KEY_HEADER), "ingest")
        if known.admitted is None or known.admitted.caller is not caller:
            known.admitted = intake.admitted_as(caller, known.kind, known.query, known.sent)
        self._admitted = known.admitted
        self._take()

    def _take(self) -> None:
        assert self._admitted is not None
        self._shortcut.intake.take(self._admitted, bytes(self.body), self.settled)

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Refused as refusal:
            self._refuse(refusal)
        except Exception as fault:  # noqa: BLE001 (as behind a task: a fault of ours is this request's alone)
            log.error("request_failed", fault=type(fault).__name__, exc_info=fault)
            self._answer(FAILED.status, FAILED.body(), _CLOSE)

    def _refuse(self, refusal: Refused) -> None:
        REPLIES.labels("event", str(refusal.status)).inc()
        self._answer(refusal.status, error_body(refusal), *refusal_headers(refusal))

    def _answer(self, status: int, body: bytes, *extra: Pair) -> None:
        if self.disconnected:
            return
        if self._wire.flow.write_paused:
            self._wire.when_clear(lambda: self._answer(status, body, *extra))
            return
        self.response_started = self.response_complete = True
        defaults = self._wire.server_state.default_headers
        head = _head_of(self._shortcut.head(defaults, status), body, extra)
        if _CLOSE in extra or _CLOSE in defaults:
            self.keep_alive = False
        elif not self.keep_alive:
            head += b"connection: close\r\n"
        self._outlet.write(head + b"\r\n" + body)
        if not self.keep_alive:
            self._outlet.close()
        self._wire.on_response_complete()


def _head_of(lines: bytes, body: bytes, extra: Iterable[Pair]) -> bytes:
    head = lines + _JSON_HEAD % len(body)
    for name, value in extra:
        head += name + b": " + value + b"\r\n"
    return head


class KnownHead(msgspec.Struct, gc=False):
    """What the parser found in a head; the same bytes have the same meaning wherever a request begins."""

    kind: Kind
    query: bytes
    sent: Sent
    head_bytes: int
    body_bytes: int
    admitted: Admitted | None = None
    """What it was admitted as, while its key is the same caller's."""

    def end(self, start: int) -> int:
        """Where a request with this head ends."""
        return start + self.head_bytes + self.body_bytes


class Shortcut:
    """Which requests take the short way, and what all of them share."""

    def __init__(self, intake: Intake, paths: Mapping[str, Kind]) -> None:
        self.intake = intake
        self._kinds = {path.encode(): kind for path, kind in paths.items()}
        self._known: dict[bytes, KnownHead] = {}
        self._default_headers: Any = None
        self._heads: dict[int, bytes] = {}
        self._refusal = b""

    def kind_of(self, path: bytes) -> Kind | None:
        """The kind of event taken at a path as it was sent; `None` takes the long way."""
        return self._kinds.get(path)

    def known_at(self, data: bytes, start: int) -> KnownHead | None:
        """What is known of the head that stands here."""
        end = data.find(BLANK_LINE, start, start + HEAD_KNOWN_BYTES_MAX)
        return None if end < 0 else self._known.get(data[start:end])

    def turns_away(self, known: KnownHead, transport: WriteTransport, server_state: ServerState) -> bool:
        """Whether an event that nobody looks at, because too many wait already, was answered.

        With the same bytes as of the refusal that `settled` would hear of, made once a second: what overload brings
        most of must cost least.
        """
        if not self.intake.is_crowded(is_bulk=is_bulk(known.sent)):
            return False
        lines = self.head(server_state.default_headers, _CROWDED.status)
        if not self._refusal.startswith(lines):
            body = error_body(_CROWDED)
            self._refusal = _head_of(lines, body, refusal_headers(_CROWDED)) + b"\r\n" + body
        transport.write(self._refusal)
        server_state.total_requests += 1
        EVENTS_TURNED_AWAY.count += 1
        return True

    def remember(self, head: bytes, kind: Kind, query: bytes, sent: Sent, body_bytes: int) -> None:
        """A head that came in one piece, up to its blank line; one that will hardly come again is not kept."""
        if head.endswith(BLANK_LINE) and len(head) < HEAD_KNOWN_BYTES_MAX and IDEMPOTENCY_HEADER not in sent:
            if len(self._known) >= HEADS_KNOWN_MAX:
                self._known.clear()
            self._known[head[: -len(BLANK_LINE)]] = KnownHead(kind, query, sent, len(head), body_bytes)

    def head(self, default_headers: list[Pair], status: int) -> bytes:
        """The lines that all answers of one second have."""
        if default_headers is not self._default_headers:
            self._default_headers = default_headers
            self._heads.clear()
        head = self._heads.get(status)
        if head is None:
            lines = [name + b": " + value + b"\r\n" for name, value in default_headers]
            head = self._heads[status] = b"".join([STATUS_LINE[status], *lines])
        return head
