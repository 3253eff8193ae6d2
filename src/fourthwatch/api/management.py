"""The management API, `/api/v1`: what was sent, what became of it, in full and in our own words.

Strict where the old contract is lenient; another tenant's ids answer like ids that never were.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Access
from fourthwatch.api.changes import caller_of, json_reply
from fourthwatch.api.paging import Cursors, Page
from fourthwatch.clock import iso_ms
from fourthwatch.engine.identity import ORDER_KINDS
from fourthwatch.engine.standing import AnalystDecision, analyst_decision
from fourthwatch.errors import NotFound
from fourthwatch.events import KIND_OF_NUMBER
from fourthwatch.events.values import order_state_of
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.store.postbacks import PostbackAddresses
from fourthwatch.store.reader import Entry, LedgerReader
from fourthwatch.wire.decode import read_stored
from fourthwatch.wire.reply import BodyWarning, Reason


class DecisionView(msgspec.Struct, frozen=True):
    """A decision with everything it was made of."""

    event_id: str
    score: int
    flag: str
    verdict: str
    probability: float
    reasons: tuple[Reason, ...]
    features: dict[str, float | None]
    """By name; null is unknown."""
    unknown: int
    versions: dict[str, str | int]
    """Of rule set (0: the starter set, whose own version stands beside), features, windows, normal forms, tables."""
    own_features: dict[str, float | str | bool | None]
    """Your own features by name, as they were known then; empty when you had none."""
    policy: int
    """Version of your policy then; 0 while you had set none."""
    degraded: tuple[str, ...]
    """Stages that were skipped because the order had waited for too long."""


class EventView(msgspec.Struct, frozen=True):
    """An event as it was sent, and what we made of it."""

    event_id: str
    event: str
    """The kind, as in the path it is sent to."""
    name: str | None
    """Of a custom event."""
    occurred_at: str
    """By the sender's clock."""
    received_at: str
    body: msgspec.Raw
    """Exactly what was sent, save for masked card data."""
    warnings: tuple[BodyWarning, ...]
    own: bool
    """Whether it is one of Fourthwatch's own, as a label or a note; else the shop sent it."""
    decision: DecisionView | None


class OrderView(msgspec.Struct, frozen=True):
    """An order as it stands, and its timeline."""

    order_id: str
    user_id: str | None
    status: str | None
    """The newest status that was sent, as sent."""
    state: str | None
    """The same in our words: approved, canceled, held, fulfilled, returned, rto or other."""
    order: msgspec.Raw | None
    """The newest submission; null while only events about the order have come."""
    decision: DecisionView | None
    """The newest one."""
    analyst_decision: AnalystDecision | None
    """The newest one of a person; null when there is none."""
    timeline: tuple[EventView, ...]
    """Oldest first."""
    next: str | None
    """Send as `cursor` for the rest of the timeline; null at its end."""


class PostbacksView(msgspec.Struct, frozen=True):
    """Addresses the shop has registered, by purpose."""

    addresses: dict[str, str]


class Management:
    """Handlers of `/api/v1`; each one names the scope that it needs."""

    def __init__(self, access: Access, reader: LedgerReader, addresses: PostbackAddresses, cursors: Cursors) -> None:
        self._access = access
        self._cursors = cursors
        self._reader = reader
        self._addresses = addresses

    def routes(self) -> list[Route]:
        """For the router; exactly these, every other path is refused."""
        return [
            Route("/api/v1/events/{event_id}", self.event, methods=["GET"]),
            Route("/api/v1/orders/{order_id:path}", self.order, methods=["GET"]),
            Route("/api/v1/postbacks", self.postbacks, methods=["GET"]),
        ]

    async def event(self, request: Request) -> Response:
        """One event, by id."""
        caller = caller_of(self._access, request, "read")
        entry = self._reader.event(caller.tenant, request.path_params["event_id"])
        if entry is None:
            raise NotFound("there is no event with this id")
        return json_reply(event_view(entry))

    async def order(self, request: Request) -> Response:
        """One order with its timeline; `cursor` and `limit` page through long ones."""
        caller = caller_of(self._access, request, "read")
        order_id = request.path_params["order_id"]
        page = Page(self._cursors, request, caller.tenant, f"order {order_id}")
        entries = self._reader.order_events(caller.tenant, order_id, page.behind(int, 0), page.limit + 1)
        shown, behind = page.cut(entries, lambda entry: entry.event.seq)
        decided = self._reader.newest_decision(caller.tenant, order_id)
        newest = self._reader.newest_order(caller.tenant, order_id, ORDER_KINDS)
        if not entries and decided is None and newest is None:
            raise NotFound("there is no order with this id")
        status = self._reader.newest_status(caller.tenant, order_id)
        placed = None if newest is None else read_stored(KIND_OF_NUMBER[newest.event.kind], newest.event.body)
        return json_reply(
            OrderView(
                order_id=order_id,
                user_id=None if placed is None else placed.user_id,
                status=status,
                state=order_state_of(status),
                order=None if newest is None else msgspec.Raw(newest.event.body),
                decision=None if decided is None else _decision_view(decided),
                analyst_decision=analyst_decision(self._reader, caller.tenant, order_id),
                timeline=tuple(event_view(entry) for entry in shown),
                next=behind,
            )
        )

    async def postbacks(self, request: Request) -> Response:
        """Where the shop wants to be called."""
        caller = caller_of(self._access, request, "manage")
        return json_reply(PostbacksView(self._addresses.of(caller.tenant)))


def event_view(entry: Entry) -> EventView:
    """An entry of the ledger as the API shows it."""
    event = entry.event
    return EventView(
        event_id=event.event_id,
        event=KIND_OF_NUMBER[event.kind].name,
        name=event.name,
        occurred_at=iso_ms(event.occurred_ms),
        received_at=iso_ms(event.received_ms),
        body=msgspec.Raw(event.body),
        own=event.is_own,
        warnings=() if event.warnings is None else msgspec.json.decode(event.warnings, type=tuple[BodyWarning, ...]),
        decision=None if entry.decision is None else _decision_view(entry),
    )


def _decision_view(entry: Entry) -> DecisionView:
    made = entry.decision
    assert made is not None
    detail: dict[str, Any] = msgspec.json.decode(made.detail)
    return DecisionView(
        event_id=entry.event.event_id,
        score=made.score,
        flag=made.flag,
        verdict=made.verdict,
        probability=detail["probability"],
        reasons=msgspec.convert(detail["reasons"], tuple[Reason, ...]),
        features=dict(zip(DECIDING, detail["vector"], strict=False)),
        unknown=detail["unknown"],
        versions=detail["versions"],
        own_features=detail.get("own", {}),
        policy=detail.get("policy", 0),
        degraded=tuple(detail.get("degraded", ())),
    )
