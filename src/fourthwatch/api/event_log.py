"""`GET /api/v1/events`, newest first, with what was answered; and everything about one person, to be handed out.

Both come from the index and the ledger; an event is shown as it was sent, card data masked.
"""

from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from fourthwatch.api.access import Access
from fourthwatch.api.aside import Aside, Readers
from fourthwatch.api.changes import caller_of, json_reply
from fourthwatch.api.management import event_view
from fourthwatch.api.paging import Cursors, Page, time_in, truth_in
from fourthwatch.clock import Clock, iso_ms
from fourthwatch.engine.portrait import text_of
from fourthwatch.engine.receipts import receipt_again
from fourthwatch.errors import Malformed, NotFound
from fourthwatch.events import KIND_OF_NAME, KIND_OF_NUMBER
from fourthwatch.features.things import key_of, mark_of_key
from fourthwatch.limits import TEXT_ID_MAX
from fourthwatch.store.changes import Change, Configuration
from fourthwatch.store.reader import Entry
from fourthwatch.wire.reply import Receipt, encode

_NO_END = 1 << 60
_EXPORT_ROWS = 200
_ROWS = 50


class LoggedView(msgspec.Struct, frozen=True):
    """One event as it was sent, and the reply that it got."""

    event_id: str
    event: str
    """The kind, as in the path it is sent to."""
    name: str | None
    """Of a custom event."""
    own: bool
    """Whether it is one of Fourthwatch's own, as a label or a note; else the shop sent it."""
    occurred_at: str
    """By the sender's clock."""
    received_at: str
    body: msgspec.Raw
    """Exactly what was sent, save for masked card data."""
    reply: Receipt
    """As it was answered, warnings included."""
    decided: bool
    """Whether a decision was made on it, answered or not."""


class EventsView(msgspec.Struct, frozen=True):
    """A page of the log."""

    events: tuple[LoggedView, ...]
    """Newest first, by when they came in."""
    behind_events: int
    """Events of the tenant that are durable and not in the log yet, counted among 10,000 of all."""
    next: str | None
    """Send as `cursor` for older ones; null when there are none."""


class EventLog:
    """Handlers of the log of events."""

    def __init__(
        self, access: Access, aside: Aside, configuration: Configuration, clock: Clock, cursors: Cursors
    ) -> None:
        self._access = access
        self._aside = aside
        self._configuration = configuration
        self._clock = clock
        self._cursors = cursors

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/events", self.all, methods=["GET"]),
            Route("/api/v1/users/{user_id:path}/export", self.export, methods=["GET"]),
        ]

    async def all(self, request: Request) -> Response:
        """Events, narrowed down by kind, name, whom they name, warnings and when they came in."""
        caller = caller_of(self._access, request, "read")
        texts = _texts(request)
        from_ms, to_ms = time_in(request, "from"), time_in(request, "to")
        page = Page(self._cursors, request, caller.tenant, f"events {texts} {from_ms} {to_ms}", rows=_ROWS)
        behind = page.behind(int, _NO_END)
        keys = [mark_of_key(key_of(caller.tenant, text)) for text in texts]

        def question(readers: Readers) -> tuple[list[Entry], int]:
            lowest = 1 if from_ms is None else readers.ledger.first_received_from(from_ms)
            highest = _NO_END if to_ms is None else readers.ledger.first_received_from(to_ms)
            seqs = readers.index.events_with(keys, min(behind, highest), page.limit + 1, lowest)
            lacking = readers.ledger.behind(caller.tenant, readers.index.position())[0]
            return readers.ledger.at(caller.tenant, seqs), lacking

        entries, lacking = await self._aside.ask(question, fresh=truth_in(request, "fresh") is True)
        shown, after = page.cut(entries, lambda entry: entry.event.seq)
        return json_reply(EventsView(tuple(await self._aside.shown(shown, _logged_view)), lacking, after))

    async def export(self, request: Request) -> Response:
        """Everything that names a user, as one JSON document, newest first; that it was handed out is on record."""
        caller = caller_of(self._access, request, "manage")
        user = request.path_params["user_id"]
        text = text_of("user", user)
        if text is None or len(user) > TEXT_ID_MAX:
            raise NotFound("nothing was heard of this user")
        keys = [mark_of_key(key_of(caller.tenant, text))]

        def page(before: int, readers: Readers) -> list[Entry]:
            return readers.ledger.at(caller.tenant, readers.index.events_with(keys, before, _EXPORT_ROWS))

        first = await self._aside.ask(lambda readers: page(_NO_END, readers), fresh=True)
        if not first:
            raise NotFound("nothing was heard of this user")
        change = Change(tenant=caller.tenant, actor=caller.key_id, action="user.exported", thing=f"users/{user}")
        await self._aside.run(lambda: self._configuration.apply(change))

        async def document() -> AsyncIterator[bytes]:
            head = encode({"user_id": user, "exported_at": iso_ms(self._clock.now_ms())})
            yield head[:-1] + b',"events":['
            entries, mark = first, b""
            while entries:
                yield mark + b",".join(await self._aside.shown(entries, lambda entry: encode(event_view(entry))))
                last, mark = entries[-1].event.seq, b","
                entries = await self._aside.ask(lambda readers: page(last, readers))  # noqa: B023 (asked at once)
            yield b"]}"

        headers = {"Content-Disposition": 'attachment; filename="export.json"'}
        return StreamingResponse(document(), media_type="application/json", headers=headers)


def _texts(request: Request) -> list[str]:
    """What the events have to mention, the rarest first; raises `Malformed`."""
    asked = request.query_params
    texts: list[str] = []
    if (entity := asked.get("entity")) is not None:
        kind, _, value = entity.partition(":")
        texts.append(_thing(kind, value))
    texts += [_thing(kind, asked[kind]) for kind in ("user", "session", "device") if kind in asked]
    if (name := asked.get("name")) is not None:
        texts.append("name:" + name[:TEXT_ID_MAX])
    if truth_in(request, "warned") is True:
        texts.append("warned:")
    if (kind_name := asked.get("kind")) is not None:
        found = KIND_OF_NAME.get(kind_name)
        if found is None:
            raise Malformed("there is no such kind of event", code="bad_query")
        texts.append("kind:" + found.name)
    return texts or ["any:"]


def _thing(kind: str, value: str) -> str:
    text = text_of(kind, value)
    if text is None:
        raise Malformed(f"{kind or 'entity'} has no such type, or the value has no normal form", code="bad_query")
    return text


def _logged_view(entry: Entry) -> LoggedView:
    event = entry.event
    return LoggedView(
        event_id=event.event_id,
        event=KIND_OF_NUMBER[event.kind].name,
        name=event.name,
        own=event.is_own,
        occurred_at=iso_ms(event.occurred_ms),
        received_at=iso_ms(event.received_ms),
        body=msgspec.Raw(event.body),
        reply=receipt_again(event, entry.decision),
        decided=entry.decision is not None,
    )
