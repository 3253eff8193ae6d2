"""The way in for everything that becomes an event: read, decode, hand to the corridor, wait for the commit, answer."""

import asyncio

from fourthwatch.api.access import Access, Caller
from fourthwatch.api.request import Receive, Scope, Send, decompressed, read_body, send_json
from fourthwatch.api.throttle import Throttle
from fourthwatch.clock import Clock, Millis
from fourthwatch.engine.corridor import Corridor, Settled, Ticket
from fourthwatch.engine.walk import Answer, Submission
from fourthwatch.errors import Malformed, Refused
from fourthwatch.events import Kind
from fourthwatch.wire.decode import Decoded, decode_event
from fourthwatch.wire.reply import encode

_KEY_HEADER = b"x-thirdwatch-api-key"
_REPLAYED = (b"fourthwatch-replayed", b"true")
_IDEMPOTENCY_CHARS_MAX = 255


def settle(settled: Settled) -> None:
    """Wake every request of a batch; for the corridor, on the loop's own thread."""
    for ticket, outcome in settled:
        assert isinstance(ticket, asyncio.Future)
        if not ticket.done():
            ticket.set_result(outcome)


_READ = frozenset({_KEY_HEADER, b"idempotency-key", b"content-encoding", b"user-agent"})


def _headers_of(scope: Scope) -> dict[bytes, str]:
    """The headers that an event may have for us, gathered in one pass; of a repeated one the first counts."""
    return {name: str(value, "latin-1") for name, value in reversed(scope["headers"]) if name in _READ}


class Intake:
    """Takes events for whoever has the right."""

    def __init__(
        self,
        access: Access,
        throttle: Throttle,
        corridor: Corridor,
        clock: Clock,
        *,
        number_fields: frozenset[str] = frozenset(),
    ) -> None:
        self.number_fields = number_fields
        self._access = access
        self._throttle = throttle
        self._corridor = corridor
        self._clock = clock

    async def event(self, scope: Scope, receive: Receive, send: Send, kind: Kind) -> None:
        """`POST /event/v1/<kind>`."""
        sent = _headers_of(scope)
        caller = self.admit(sent.get(_KEY_HEADER), "ingest")
        key = sent.get(b"idempotency-key")
        if key is not None and not 0 < len(key) <= _IDEMPOTENCY_CHARS_MAX:
            raise Malformed(f"Idempotency-Key must have 1 to {_IDEMPOTENCY_CHARS_MAX} characters", code="bad_header")
        raw = decompressed(await read_body(receive), sent.get(b"content-encoding"))
        received_ms = self._clock.now_ms()
        decoded = decode_event(raw, kind, received_ms, sent.get(b"user-agent", ""), keep=self.number_fields)
        query: bytes = scope["query_string"]
        wants_score = query != b"" and b"return_score=true" in query.lower()
        answer = await self.submit(caller, decoded, received_ms, key, wants_score=wants_score)
        if answer.replayed:
            await send_json(send, 200, encode(answer.receipt), _REPLAYED)
        else:
            await send_json(send, 200, encode(answer.receipt))

    def admit(self, presented: str | None, scope: str) -> Caller:
        """Who calls, if they may and not too often."""
        caller = self._access.caller(presented, scope)
        self._throttle.admit(caller.key_id)
        return caller

    async def submit(
        self,
        caller: Caller,
        decoded: Decoded,
        received_ms: Millis,
        idempotency_key: str | None = None,
        *,
        wants_score: bool = False,
    ) -> Answer:
        """Through the corridor; returns when the event is durable. Raises what the batch or the queue says."""
        future: asyncio.Future[Answer | Refused] = asyncio.get_running_loop().create_future()
        submission = Submission(
            tenant=caller.tenant,
            decoded=decoded,
            received_ms=received_ms,
            idempotency_key=idempotency_key,
            wants_score=wants_score,
        )
        self._corridor.submit(submission, Ticket(future))
        outcome = await future
        if isinstance(outcome, Refused):
            raise outcome
        return outcome
