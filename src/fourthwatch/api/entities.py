"""`/api/v1/entities`: one thing as it is known: facts, features as of a moment, what it is linked with, its timeline.

The timeline comes from the index, which is waited for when it is but little behind.
"""

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Access
from fourthwatch.api.aside import Aside, Readers
from fourthwatch.api.changes import caller_of, json_reply
from fourthwatch.api.management import EventView, event_view
from fourthwatch.api.paging import Cursors, Page, time_in
from fourthwatch.clock import Clock, iso_ms
from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.portrait import (
    BROAD,
    WHOLE_SHOP,
    Known,
    Trace,
    facts_of,
    features_of,
    how_written,
    no_text,
    text_of,
    value_of,
)
from fourthwatch.errors import NotFound
from fourthwatch.features.things import key_of, mark_of_key
from fourthwatch.limits import LINKS_MAX, NEAR_EVENTS_MAX, PASSING_EVENTS_MAX
from fourthwatch.store.reader import Entry, LedgerReader

_ROWS = 50
"""Of a page when the caller does not say."""
_SLICE = 10
"""Events looked at before the loop looks at its sockets again: about 1 ms."""


class LinkView(msgspec.Struct, frozen=True):
    """Another thing that was in the same events."""

    value: str
    """In its normal form."""
    events: int
    """Of this page of the timeline."""


class EntityView(msgspec.Struct, frozen=True):
    """One thing as it is known."""

    type: str
    value: str
    """In its normal form."""
    first_heard_at: str | None
    """By the sender's clock; null when it only stood in events that nothing is remembered of."""
    last_heard_at: str | None
    """Time of the newest event on this page; null when there is none."""
    as_of: str
    """The moment of the features, which are from all that has been received until now."""
    facts: tuple[Known, ...]
    """What the newest event on this page says of the thing by itself; unknown ones are left out."""
    features: tuple[Known, ...]
    """Those that look at its history; null is unknown."""
    links: dict[str, tuple[LinkView, ...]]
    """By type, what else was in the events of this page, most frequent first; at most 20 of a type."""
    linked: dict[str, int]
    """By type, how many there are in the events of this page."""
    timeline: tuple[EventView, ...]
    """Newest first."""
    next: str | None
    """Send as `cursor` for older events; null when there are none."""


class Entities:
    """Handlers of `/api/v1/entities`."""

    def __init__(
        self, access: Access, corridor: Corridor, reader: LedgerReader, clock: Clock, cursors: Cursors, aside: Aside
    ) -> None:
        self._aside = aside
        self._cursors = cursors
        self._access = access
        self._corridor = corridor
        self._reader = reader
        self._clock = clock

    def routes(self) -> list[Route]:
        """For the router."""
        return [Route("/api/v1/entities/{type}/{value:path}", self.one, methods=["GET"])]

    async def one(self, request: Request) -> Response:
        """One thing; `at` says as of when, `cursor` and `limit` page through its events."""
        caller = caller_of(self._access, request, "read")
        kind, value = request.path_params["type"], request.path_params["value"]
        walk = self._corridor.definitions.walk
        told_ms = time_in(request, "at")
        at_ms = self._clock.now_ms() if told_ms is None else told_ms
        text = text_of(kind, value, broad=True)
        if text is None:
            raise NotFound(no_text(kind, broad=True))
        page = Page(self._cursors, request, caller.tenant, f"entity {kind} {text}", rows=_ROWS)
        before = page.behind(int, walk.ledger.last_seq + 1)
        first_ms = walk.windows.first_ms(caller.tenant, text)
        trace = Trace(walk, kind, text)
        timeline = self._passing if kind in BROAD else self._timeline
        entries, after = await timeline(trace, caller.tenant, text, before, page.limit)
        if first_ms is None and not entries and after is None:
            raise NotFound("nothing was heard of this entity" + how_written(kind))
        book = self._corridor.definitions.book_of(caller.tenant)
        return json_reply(
            EntityView(
                type=kind,
                value=value_of(text) or WHOLE_SHOP,
                first_heard_at=None if first_ms is None else iso_ms(first_ms),
                last_heard_at=iso_ms(max(one.event.occurred_ms for one in entries)) if entries else None,
                as_of=iso_ms(at_ms),
                facts=() if trace.newest is None else tuple(facts_of(kind, trace.newest)),
                features=tuple(features_of(walk, book, caller.tenant, kind, text, at_ms)),
                links={
                    name: tuple(LinkView(*pair) for pair in counted.most_common(LINKS_MAX))
                    for name, counted in trace.links.items()
                },
                linked={name: len(counted) for name, counted in trace.links.items()},
                timeline=tuple(event_view(entry) for entry in entries),
                next=None if after is None else page.next(after),
            )
        )

    async def _timeline(
        self, trace: Trace, tenant: int, text: str, before: int, limit: int
    ) -> tuple[list[Entry], int | None]:
        """Events newest first, and where to go on; an index that is but little behind is waited for."""

        def indexed(readers: Readers) -> list[Entry]:
            seqs = readers.index.events_with([mark_of_key(key_of(tenant, text))], before, limit + 1)
            return readers.ledger.at(tenant, seqs)

        is_near = self._aside.behind() <= NEAR_EVENTS_MAX
        found = await self._aside.ask(indexed, fresh=is_near)
        shown = found[:limit]
        for at in range(0, len(shown), _SLICE):
            trace.found([entry.event for entry in shown[at : at + _SLICE]], _SLICE)
            await asyncio.sleep(0)
        return shown, shown[-1].event.seq if len(found) > limit else None

    async def _passing(
        self, trace: Trace, tenant: int, _text: str, before: int, limit: int
    ) -> tuple[list[Entry], int | None]:
        """The same of a thing that the index does not lead from: found among all events, so many for a page."""
        first, entries = max(1, before - PASSING_EVENTS_MAX), list[Entry]()
        passing = await self._aside.ask(lambda readers: readers.ledger.between(tenant, first, before))
        for at in range(0, len(passing), _SLICE):
            piece = passing[at : at + _SLICE]
            found = {row.seq for row in trace.found([entry.event for entry in piece], limit - len(entries))}
            entries += [entry for entry in piece if entry.event.seq in found]
            if len(entries) == limit:
                return entries, entries[-1].event.seq
            await asyncio.sleep(0)
        return entries, first if first > 1 else None
