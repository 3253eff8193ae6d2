"""`/api/v1/lists`: lists of users, cards, networks and whatever else a rule may ask for, and their entries.

An edit takes effect between two events and holds from there on; what it replaces is kept, so that a decision can be
recomputed. Values are shown in their normal form.
"""

import re
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.bodies import failed, faults_of_shape, refuse
from fourthwatch.api.changes import Asked, Changes, Made, json_reply
from fourthwatch.api.list_views import (
    EntriesView,
    EntryView,
    ImportDocument,
    ImportView,
    ListDefinition,
    ListEdit,
    ListsView,
    ListView,
    NewEntry,
    entries_csv,
    entry_view,
    list_view,
)
from fourthwatch.api.paging import Cursors, Page, truth_in, word_in
from fourthwatch.clock import Clock
from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.imports import entry_of, read_import, time_ms
from fourthwatch.engine.roster import Wanted, normal_form
from fourthwatch.errors import Fault, InUse, Malformed, NotFound
from fourthwatch.features.list_types import LIST_TYPES
from fourthwatch.features.lists import networks_around
from fourthwatch.limits import LIST_NAME_CHARS_MAX, LIST_NOTE_CHARS_MAX
from fourthwatch.store.changes import Change
from fourthwatch.store.lists import ListReader, ListRow

_NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{LIST_NAME_CHARS_MAX - 1}}}")
_NAMED = (
    "a list's name has small letters, digits and underscores, begins with a letter, and has at most "
    f"{LIST_NAME_CHARS_MAX} of them"
)
_ENTRY_KEYS = frozenset(NewEntry.__struct_fields__)
_HISTORY = 20


class Lists:
    """Handlers of `/api/v1/lists`."""

    def __init__(
        self, changes: Changes, corridor: Corridor, reader: ListReader, clock: Clock, cursors: Cursors
    ) -> None:
        self._changes = changes
        self._corridor = corridor
        self._reader = reader
        self._clock = clock
        self._cursors = cursors

    def routes(self) -> list[Route]:
        """For the router."""
        one, entries = "/api/v1/lists/{name}", "/api/v1/lists/{name}/entries"
        return [
            Route("/api/v1/lists", self.all, methods=["GET"]),
            Route("/api/v1/lists", self.create, methods=["POST"]),
            Route(one, self.one, methods=["GET"]),
            Route(one, self.edit, methods=["PATCH"]),
            Route(one, self.remove, methods=["DELETE"]),
            Route(entries, self.entries, methods=["GET"]),
            Route(entries, self.add, methods=["POST"]),
            Route(entries + "/{value:path}", self.entry, methods=["GET"]),
            Route(entries + "/{value:path}", self.take_out, methods=["DELETE"]),
            Route(one + "/imports", self.bring_in, methods=["POST"]),
        ]

    async def all(self, request: Request) -> Response:
        """Every list."""
        caller = self._changes.caller(request, "read")
        page = Page(self._cursors, request, caller.tenant, "lists")
        behind = page.behind(str, "")
        rows = [row for row in self._corridor.roster.all(caller.tenant) if row.name > behind]
        shown, following = page.cut(rows[: page.limit + 1], lambda row: row.name)
        return json_reply(ListsView(tuple(self._view(row) for row in shown), following))

    async def one(self, request: Request) -> Response:
        """One list."""
        caller = self._changes.caller(request, "read")
        row = self._corridor.roster.row(caller.tenant, request.path_params["name"])
        return json_reply(self._view(row), _etag(row))

    async def create(self, request: Request) -> Response:
        """A new list."""

        def make(asked: Asked, seq: int) -> Made:
            sent = _definition(asked.document)
            row = ListRow(
                id=0, tenant=asked.caller.tenant, name=sent.name, type=sent.type, kind=sent.kind, says=sent.says,
                version=1, created_ms=self._clock.now_ms(), from_seq=seq,
            )  # fmt: skip
            row, write = self._corridor.roster.create(row)
            headers = {"Location": f"/api/v1/lists/{sent.name}", "ETag": _etag(row)}
            change = self._change(asked, "list.created", row, None, _told(row), (write,))
            return Made(change=change, view=self._view(row), status=201, headers=headers)

        return await self._changes.take_between_events(request, "manage", make)

    async def edit(self, request: Request) -> Response:
        """Another kind or sentence; a list keeps its name and type."""
        name = request.path_params["name"]

        def make(asked: Asked, _seq: int) -> Made:
            row = self._corridor.roster.row(asked.caller.tenant, name)
            asked.over(_etag(row))
            edited, write = self._corridor.roster.edit(row, *_edit(asked.document, row))
            change = self._change(asked, "list.edited", row, _told(row), _told(edited), (write,))
            return Made(change=change, view=self._view(edited), headers={"ETag": _etag(edited)})

        return await self._changes.take_between_events(request, "manage", make)

    async def remove(self, request: Request) -> Response:
        """Take a list out with its entries; decisions that asked it can still be recomputed."""
        name = request.path_params["name"]

        def make(asked: Asked, seq: int) -> Made:
            roster = self._corridor.roster
            row = roster.row(asked.caller.tenant, name)
            asked.over(_etag(row))
            users = roster.users_of(asked.caller.tenant, name)
            if users:
                raise InUse("rules ask this list, or put things into it: " + ", ".join(users[:10]))
            before = {**_told(row), "entries": len(roster.held(asked.caller.tenant, name))}
            writes = roster.remove(row, self._clock.now_ms(), seq)
            return Made(change=self._change(asked, "list.removed", row, before, None, writes), status=204)

        return await self._changes.take_between_events(request, "manage", make)

    async def entries(self, request: Request) -> Response:
        """Entries by value; `as_of` shows those of a past time, `format=csv` a page as a file."""
        caller = self._changes.caller(request, "read")
        row = self._corridor.roster.row(caller.tenant, request.path_params["name"])
        as_of_ms = _time_in(request)
        page = Page(self._cursors, request, caller.tenant, f"entries {row.id} {as_of_ms}")
        rows = self._reader.entries(row.id, page.behind(str, ""), page.limit + 1, as_of_ms)
        shown, following = page.cut(rows, lambda entry: entry.value)
        views = tuple(entry_view(entry) for entry in shown)
        if word_in(request, "format", ("csv", "json")) == "csv":
            link = {} if following is None else {"Link": f'<{request.url.path}?cursor={following}>; rel="next"'}
            return Response(entries_csv(views), headers=link, media_type="text/csv; charset=utf-8")
        return json_reply(EntriesView(views, following), _etag(row))

    async def entry(self, request: Request) -> Response:
        """Whether a value is in the list, by which entry, and what it was before; `as_of` asks about a past time."""
        caller = self._changes.caller(request, "read")
        row = self._corridor.roster.row(caller.tenant, request.path_params["name"])
        as_of_ms = _time_in(request)
        value = _value(row, request.path_params["value"])
        history = self._reader.history(row.id, value, _HISTORY)
        if as_of_ms is None:
            found = self._corridor.roster.held(caller.tenant, row.name).holding(value, self._clock.now_ms())
            holding = None if found is None else self._reader.entry(found)
        else:
            around = networks_around(value) if row.type == "ip" else []
            holding = self._reader.holding(row.id, [value, *around], as_of_ms)
        if holding is None and not history:
            raise NotFound("this was never in the list")
        return json_reply(
            EntryView(
                value=value,
                is_in=holding is not None,
                entry=None if holding is None else entry_view(holding),
                history=tuple(entry_view(one) for one in history),
            ),
            _etag(row),
        )

    async def add(self, request: Request) -> Response:
        """An entry; it takes the place of one with the same value."""
        name = request.path_params["name"]

        def make(asked: Asked, seq: int) -> Made:
            roster = self._corridor.roster
            row = roster.row(asked.caller.tenant, name)
            asked.over_if_told(_etag(row))
            wanted = _wanted(row, asked.document)
            before = roster.held(row.tenant, name).entry_of(wanted.value)
            was = None if before is None else self._reader.entry(before.id)
            (entry,), writes = roster.add(row, [wanted], asked.caller.key_id, self._clock.now_ms(), seq)
            view = entry_view(entry)
            change = self._change(
                asked, "list.entry_added", row, None if was is None else msgspec.to_builtins(entry_view(was)),
                msgspec.to_builtins(view), writes,
            )  # fmt: skip
            there = f"/api/v1/lists/{name}/entries/{quote(view.value, safe='')}"
            headers = {"ETag": _etag(roster.row(row.tenant, name)), **({} if before else {"Location": there})}
            return Made(change=change, view=view, status=201 if before is None else 200, headers=headers)

        return await self._changes.take_between_events(request, "manage", make)

    async def take_out(self, request: Request) -> Response:
        """Take an entry out."""
        name, sent = request.path_params["name"], request.path_params["value"]

        def make(asked: Asked, seq: int) -> Made:
            roster = self._corridor.roster
            row = roster.row(asked.caller.tenant, name)
            asked.over(_etag(row))
            value = _value(row, sent)
            held = roster.held(row.tenant, name).entry_of(value)
            if held is None:
                raise NotFound("this is not in the list")
            was = self._reader.entry(held.id)
            _, writes = roster.take_out(row, [value], self._clock.now_ms(), seq)
            before = {"value": value} if was is None else msgspec.to_builtins(entry_view(was))
            return Made(change=self._change(asked, "list.entry_removed", row, before, None, writes), status=204)

        return await self._changes.take_between_events(request, "manage", make)

    async def bring_in(self, request: Request) -> Response:
        """Many entries from CSV; `preview=true` says what would be. A row that cannot be taken stops no other."""
        name, preview = request.path_params["name"], truth_in(request, "preview")

        def make(asked: Asked, seq: int) -> Made | Response:
            roster = self._corridor.roster
            row = roster.row(asked.caller.tenant, name)
            asked.over_if_told(_etag(row))
            refuse([
                Fault(one.pointer, "bad_csv", one.message) for one in faults_of_shape(asked.document, ImportDocument)
            ])  # fmt: skip
            found = read_import(row.type, asked.document["csv"])
            held = roster.held(row.tenant, name)
            known = sum(held.entry_of(one.value) is not None for one in found.entries)
            view = ImportView(
                preview=bool(preview), rows=found.rows, added=len(found.entries) - known, replaced=known,
                invalid=found.invalid, invalid_count=found.invalid_count, duplicates=found.duplicates,
                duplicate_count=found.duplicate_count,
            )  # fmt: skip
            if preview:
                return json_reply(view)
            if not found.entries:
                return Made(change=None, view=view, headers={"ETag": _etag(row)})
            _, writes = roster.add(row, found.entries, asked.caller.key_id, self._clock.now_ms(), seq)
            after = {"added": view.added, "replaced": known, "values": [one.value for one in found.entries]}
            change = self._change(asked, "list.imported", row, None, after, writes)
            return Made(change=change, view=view, headers={"ETag": _etag(roster.row(row.tenant, name))})

        return await self._changes.take_between_events(request, "manage", make)

    def _view(self, row: ListRow) -> ListView:
        return list_view(row, len(self._corridor.roster.held(row.tenant, row.name)))

    def _change(
        self, asked: Asked, action: str, row: ListRow, before: Any, after: Any, writes: tuple[Any, ...]
    ) -> Change:
        return Change(
            tenant=row.tenant, actor=asked.caller.key_id, action=action, thing=f"lists/{row.name}", before=before,
            after=after, writes=writes,
        )  # fmt: skip


def _etag(row: ListRow) -> str:
    return f'"{row.version}-{row.created_ms:x}"'


def _told(row: ListRow) -> dict[str, str]:
    return {"name": row.name, "type": row.type, "kind": row.kind, "says": row.says}


def _definition(document: dict[str, Any]) -> ListDefinition:
    faults = faults_of_shape(document, ListDefinition)
    name, type_name = document.get("name", "x"), document.get("type", "text")
    if isinstance(name, str):
        faults += failed([("/name", _NAME.fullmatch(name) is not None, _NAMED)], code="bad_name")
    if isinstance(type_name, str):
        faults += failed([("/type", type_name in LIST_TYPES, "type is one of " + ", ".join(LIST_TYPES))])
    refuse(faults + _text_faults(document))
    return msgspec.convert(document, ListDefinition)


def _edit(document: dict[str, Any], row: ListRow) -> tuple[str, str]:
    refuse(faults_of_shape(document, ListEdit) + _text_faults(document))
    return document.get("kind", row.kind), document.get("says", row.says)


def _text_faults(document: dict[str, Any]) -> list[Fault]:
    """What is wrong with kind and sentence, where they are texts."""
    kind, says = document.get("kind", "x"), document.get("says", "")
    return failed([
        ("/kind", not isinstance(kind, str) or _NAME.fullmatch(kind) is not None,
         "kind is block, allow, watch or another such word"),
        ("/says", not isinstance(says, str) or len(says) <= LIST_NOTE_CHARS_MAX,
         f"says is a text of at most {LIST_NOTE_CHARS_MAX} characters"),
    ])  # fmt: skip


def _wanted(row: ListRow, document: dict[str, Any]) -> Wanted:
    faults = faults_of_shape(document, NewEntry)
    readable = {key: told for key, told in document.items() if isinstance(told, str) and key in _ENTRY_KEYS}
    wanted = entry_of(row.type, {"value": "", **readable})
    if isinstance(wanted, dict):
        faults += [Fault(f"/{key}", "bad_value", why) for key, why in wanted.items() if key in readable]
    refuse(faults)
    assert isinstance(wanted, Wanted)
    return wanted


def _value(row: ListRow, sent: str) -> str:
    form = normal_form(row, sent)
    if form is None:
        raise NotFound(f"this has no normal form; it has to be {LIST_TYPES[row.type].wanted}")
    return form


def _time_in(request: Request) -> int | None:
    text = request.query_params.get("as_of")
    if text is None:
        return None
    found = time_ms(text.replace(" ", "+"))  # a plus that was not encoded
    if found is None:
        raise Malformed("as_of must be a time as 2027-01-31T12:00:00Z", code="bad_query")
    return found
