"""The way in for everything that becomes an event: read, decode, hand to the corridor, wait for the commit, answer."""

import asyncio
import hashlib
from collections.abc import Callable
from contextvars import copy_context
from typing import cast

import msgspec

from fourthwatch.api.access import KEY_HEADER, Access, Caller, presented_key
from fourthwatch.api.refusals import Refusals
from fourthwatch.api.request import (
    IDEMPOTENCY_HEADER,
    REPLAYED,
    Pair,
    Receive,
    Scope,
    Send,
    bounded,
    checked_key,
    decompressed,
    idempotency_key_in,
    read_body,
    send_json,
)
from fourthwatch.api.throttle import Throttle
from fourthwatch.clock import Clock, Millis
from fourthwatch.engine.again import OWN_NAMES
from fourthwatch.engine.consequences import BY_HAND
from fourthwatch.engine.corridor import Corridor, Settled, Ticket
from fourthwatch.engine.walk import Answer, Submission
from fourthwatch.errors import Internal, Refused
from fourthwatch.events import KIND_OF_TYPE, RULE_SOURCE, Kind, OrderStatus, Tag, Untag
from fourthwatch.limits import WARNINGS_MAX
from fourthwatch.logs import log
from fourthwatch.wire.decode import Decoded, decode_event
from fourthwatch.wire.reply import BodyWarning, encode

_PRIORITY_HEADER = b"fourthwatch-priority"

Told = Callable[[Answer | Refused], None]
"""Is told once what became of an event; never fails."""


def settle(settled: Settled) -> None:
    """Tell every request of a batch; for the corridor, on the loop's own thread."""
    for ticket, outcome in settled:
        if ticket is not None:
            try:
                cast(Callable[[object], None], ticket)(outcome)
            except Exception as fault:  # noqa: BLE001 (who cannot be told must not keep the others from hearing)
                log.error("answer_failed", fault=type(fault).__name__, exc_info=fault)


_READ = frozenset({KEY_HEADER, IDEMPOTENCY_HEADER, b"content-encoding", b"user-agent", _PRIORITY_HEADER})


Sent = dict[bytes, str]
"""The headers that an event may have for us."""


def is_bulk(sent: Sent) -> bool:
    """Whether the sender says that it may wait."""
    return sent.get(_PRIORITY_HEADER) == "bulk"


class Admitted(msgspec.Struct, frozen=True, gc=False):
    """An event of which the headers are known, and who sends it."""

    kind: Kind
    caller: Caller
    idempotency_key: str | None
    encoding: str | None
    user_agent: str
    wants_score: bool
    is_bulk: bool
    """Whether the sender says that it may wait."""


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
        self.refusals = Refusals()
        self._access = access
        self._throttle = throttle
        self._corridor = corridor
        self._clock = clock
        self._arrived: list[tuple[Admitted, bytes, Millis, Told]] = []
        """Bodies that nobody has read yet."""
        self._ahead = [0, 0]
        """How many these are that may not wait, and that may."""
        self._context = copy_context()
        """Of nobody's request."""

    async def event(self, scope: Scope, receive: Receive, send: Send, kind: Kind) -> None:
        """`POST /event/v1/<kind>`."""
        admitted = self.admitted(kind, scope["query_string"], self.sent_of(scope["headers"]))
        raw = await read_body(receive)
        future: asyncio.Future[Answer | Refused] = asyncio.get_running_loop().create_future()
        self.take(admitted, raw, _waking(future))
        answer = await _answer_of(future)
        if answer.replayed:
            await send_json(send, 200, encode(answer.receipt), REPLAYED)
        else:
            await send_json(send, 200, encode(answer.receipt))

    def sent_of(self, headers: list[Pair]) -> Sent:
        """The headers that count for an event; of a repeated one, other than both keys', the first counts."""
        sent = {name: str(value, "latin-1") for name, value in reversed(headers) if name in _READ}
        if IDEMPOTENCY_HEADER in sent:
            sent[IDEMPOTENCY_HEADER] = idempotency_key_in(headers) or ""
        sent[KEY_HEADER] = presented_key(headers) or ""
        return sent

    def admitted(self, kind: Kind, query: bytes, sent: Sent) -> Admitted:
        """All that can be said before the body is there; raises what is wrong with it."""
        return self.admitted_as(self.admit(sent.get(KEY_HEADER), "ingest"), kind, query, sent)

    def admitted_as(self, caller: Caller, kind: Kind, query: bytes, sent: Sent) -> Admitted:
        """The same of a caller who may send events."""
        key = checked_key(sent.get(IDEMPOTENCY_HEADER))
        wants_score = query != b"" and b"return_score=true" in query.lower().split(b"&")
        agent = sent.get(b"user-agent", "")
        return Admitted(kind, caller, key, sent.get(b"content-encoding"), agent, wants_score, is_bulk(sent))

    def is_crowded(self, *, is_bulk: bool) -> bool:
        """Whether so many wait that one more is refused."""
        return self._corridor.is_crowded(is_bulk=is_bulk, ahead=self._ahead[is_bulk])

    def take(self, admitted: Admitted, body: bytes, told: Told) -> None:
        """Hand a whole event on; raises when no more may wait, and else tells what became of it.

        What comes in by one look at the sockets is read together, behind all of it: so each step finds at hand what it
        needs (ADR 37).
        """
        self._corridor.look(is_bulk=admitted.is_bulk, ahead=self._ahead[admitted.is_bulk])
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._read_all, context=self._context)
        self._arrived.append((admitted, body, self._clock.now_ms(), told))
        self._ahead[admitted.is_bulk] += 1

    def _read_all(self) -> None:
        arrived, self._arrived, self._ahead = self._arrived, [], [0, 0]
        for admitted, body, received_ms, told in arrived:
            try:
                submission = self._read(admitted, body, received_ms)
                self._corridor.submit(submission, Ticket(told))
            except Refused as refusal:
                settle([(Ticket(told), refusal)])
            except Exception as fault:  # noqa: BLE001 (a fault of ours in one event must not keep others from being read)
                log.error("request_failed", fault=type(fault).__name__, exc_info=fault)
                settle([(Ticket(told), Internal("a fault of the server; it was logged, and nothing was kept"))])

    def _read(self, admitted: Admitted, body: bytes, received_ms: Millis) -> Submission:
        """Raises what is wrong with a body."""
        try:
            raw = decompressed(bounded(body), admitted.encoding)
            decoded = decode_event(raw, admitted.kind, received_ms, admitted.user_agent, keep=self.number_fields)
        except Refused as refusal:
            caller, kind = admitted.caller, admitted.kind.name
            self.refusals.note(caller.tenant, caller.key_id, kind, admitted.user_agent, len(body), refusal, received_ms)
            raise
        is_own = False
        if decoded.name in OWN_NAMES or decoded.kind.number in _BY_HAND_KINDS:
            decoded, is_own = _as_spoken(decoded, admitted.caller)
        return Submission(
            tenant=admitted.caller.tenant,
            decoded=decoded,
            received_ms=received_ms,
            idempotency_key=admitted.idempotency_key,
            wants_score=admitted.wants_score,
            is_bulk=admitted.is_bulk,
            is_own=is_own,
            actor=admitted.caller.key_id if is_own else "",
        )

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
        by_analyst: bool = False,
        is_spoken: bool = False,
    ) -> Answer:
        """Through the corridor; returns when the event is durable. Raises what the batch or the queue says.

        `is_spoken` says that somebody says it through the management API, which is for the audit trail.
        """
        decoded, is_own = _as_spoken(decoded, caller)
        future: asyncio.Future[Answer | Refused] = asyncio.get_running_loop().create_future()
        submission = Submission(
            tenant=caller.tenant,
            decoded=decoded,
            received_ms=received_ms,
            idempotency_key=idempotency_key,
            by_analyst=by_analyst,
            is_own=is_own,
            actor=caller.key_id if is_spoken else "",
        )
        self._corridor.submit(submission, Ticket(_waking(future)))
        return await _answer_of(future)


def _as_spoken(decoded: Decoded, caller: Caller) -> tuple[Decoded, bool]:
    """The event, and whether it is one of ours: under a name of ours, or somebody's word by hand, from a key that may
    label orders anyway. From other keys it is kept as the shop's."""
    speaks_for_us = "manage" in caller.scopes
    if decoded.name in OWN_NAMES:
        return (decoded, True) if speaks_for_us else (_not_ours(decoded), False)
    event = decoded.event
    source = getattr(event, "source", None) if decoded.kind.number in _BY_HAND_KINDS else None
    is_a_rules = source == RULE_SOURCE and isinstance(event, Tag)
    if not speaks_for_us or decoded.kind.number not in _BY_HAND_KINDS:
        return _not_ours(decoded) if is_a_rules else decoded, False
    if getattr(event, "analyst", None) is None and source != BY_HAND and not is_a_rules:
        return decoded, False
    # The same content from the shop is another event: it must not be taken for a repeat of this one.
    mark = hashlib.blake2b(decoded.fingerprint, digest_size=len(decoded.fingerprint), person=b"own")
    return msgspec.structs.replace(decoded, fingerprint=mark.digest()), True


_BY_HAND_KINDS = frozenset(KIND_OF_TYPE[kind].number for kind in (Tag, Untag, OrderStatus))


def _not_ours(decoded: Decoded) -> Decoded:
    if len(decoded.warnings) >= WARNINGS_MAX:
        return decoded
    at, name = ("/_source", "_rule") if decoded.name is None else ("/_eventName", decoded.name)
    told = f"{name} is a name of ours, which counts only from a key with the scope manage; kept as your event"
    return msgspec.structs.replace(decoded, warnings=(*decoded.warnings, BodyWarning(at, "own_name", told)))


def _waking(future: "asyncio.Future[Answer | Refused]") -> Told:
    def told(outcome: Answer | Refused) -> None:
        if not future.done():
            future.set_result(outcome)

    return told


async def _answer_of(future: "asyncio.Future[Answer | Refused]") -> Answer:
    outcome = await future
    if isinstance(outcome, Refused):
        raise outcome
    return outcome
