"""`/api/v1/orders/{order_id}/notes`: what people write beside an order; a note is an event, and so is not lost."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.bodies import failed, refuse, taken
from fourthwatch.api.changes import Asked, Changes, Made, json_reply
from fourthwatch.api.intake import Intake
from fourthwatch.api.paging import Cursors, Page
from fourthwatch.clock import Clock, iso_ms
from fourthwatch.engine.again import NOTE
from fourthwatch.errors import NotFound
from fourthwatch.events import KIND_OF_NAME, KIND_OF_NUMBER, CustomEvent
from fourthwatch.limits import DECISION_MESSAGE_CHARS_MAX
from fourthwatch.store.ledger import EventRow
from fourthwatch.store.reader import LedgerReader
from fourthwatch.wire.decode import decode_document, read_stored
from fourthwatch.wire.reply import encode

_CUSTOM = KIND_OF_NAME["custom_event"]
_ROWS_AT_ONCE = 200


class NoteView(msgspec.Struct, frozen=True):
    """One note."""

    event_id: str
    at: str
    author: str | None
    text: str


class NotesView(msgspec.Struct, frozen=True):
    """A page of an order's notes, oldest first."""

    notes: tuple[NoteView, ...]
    next: str | None
    """Send as `cursor` for the rest; null at the end."""


class NoteChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A note to keep."""

    text: str
    author: str = ""
    """Who; the id of the key when nobody is named."""


class Notes:
    """Handlers of notes."""

    def __init__(self, changes: Changes, intake: Intake, reader: LedgerReader, clock: Clock, cursors: Cursors) -> None:
        self._changes = changes
        self._intake = intake
        self._reader = reader
        self._clock = clock
        self._cursors = cursors

    def routes(self) -> list[Route]:
        """For the router."""
        path = "/api/v1/orders/{order_id:path}/notes"
        return [Route(path, self.all, methods=["GET"]), Route(path, self.add, methods=["POST"])]

    async def all(self, request: Request) -> Response:
        """Notes beside an order, oldest first."""
        tenant, order_id = self._changes.caller(request, "read").tenant, request.path_params["order_id"]
        page = Page(self._cursors, request, tenant, f"notes {order_id}")
        behind, found = page.behind(int, 0), list[EventRow]()
        self._known(tenant, order_id)
        while len(found) <= page.limit:
            entries = self._reader.order_events(tenant, order_id, behind, _ROWS_AT_ONCE)
            found += [entry.event for entry in entries if entry.event.is_own and entry.event.name == NOTE]
            if len(entries) < _ROWS_AT_ONCE:
                break
            behind = entries[-1].event.seq
        shown, following = page.cut(found[: page.limit + 1], lambda event: event.seq)
        return json_reply(NotesView(tuple(map(_view, shown)), following))

    async def add(self, request: Request) -> Response:
        """Keep a note."""
        order_id = request.path_params["order_id"]

        async def make(asked: Asked) -> Made:
            caller, sent = asked.caller, _checked(asked.document)
            self._known(caller.tenant, order_id)
            body: dict[str, Any] = {
                "_eventName": NOTE, "_orderId": order_id,
                "_customInfo": {"text": sent.text.strip(), "author": sent.author or caller.key_id},
            }  # fmt: skip
            received_ms, raw = self._clock.now_ms(), encode(body)
            decoded = decode_document(body, raw, _CUSTOM, received_ms, keep=self._intake.number_fields)
            answer = await self._intake.submit(caller, decoded, received_ms, asked.key, is_spoken=True)
            entry = self._reader.event(caller.tenant, answer.receipt.event_id)
            assert entry is not None
            return Made(
                change=None, view=_view(entry.event), status=201, is_repeat=answer.replayed,
                headers={"Location": f"/api/v1/events/{answer.receipt.event_id}"},
            )  # fmt: skip

        return await self._changes.take_apart(request, "manage", make)

    def _known(self, tenant: int, order_id: str) -> None:
        if not self._reader.order_events(tenant, order_id, 0, 1):
            raise NotFound("there is no order with this id")


def _checked(document: dict[str, Any]) -> NoteChoice:
    sent = taken(document, NoteChoice)
    says = f"{{}} has {{}} to {DECISION_MESSAGE_CHARS_MAX} characters"
    refuse(failed([
        ("/text", 0 < len(sent.text.strip()) <= DECISION_MESSAGE_CHARS_MAX, says.format("text", 1)),
        ("/author", len(sent.author) <= DECISION_MESSAGE_CHARS_MAX, says.format("author", 0)),
    ]))  # fmt: skip
    return sent


def _view(event: EventRow) -> NoteView:
    told = read_stored(KIND_OF_NUMBER[event.kind], event.body)
    info = told.custom_info if isinstance(told, CustomEvent) and isinstance(told.custom_info, dict) else {}
    author = info.get("author")
    return NoteView(
        event.event_id,
        iso_ms(event.occurred_ms),
        author if isinstance(author, str) else None,
        str(info.get("text", "")),
    )
