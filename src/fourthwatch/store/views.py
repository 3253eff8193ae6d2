"""Saved views of the console: a page's filters under a name, a user's own or for everybody of the tenant."""

import secrets
from pathlib import Path
from typing import Any

import msgspec

from fourthwatch.clock import Clock
from fourthwatch.limits import VIEWS_MAX
from fourthwatch.store.changes import Change, Write
from fourthwatch.store.file import open_file

_COLUMNS = "id, user, page, name, query, shared"


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """One view."""

    id: str
    user: str
    """Id of the user or key whose it is."""
    page: str
    """`queue`, for instance."""
    name: str
    query: str
    """As it stands behind the question mark of the page's address."""
    shared: bool


class ViewStore:
    """The table of views, read; one connection, used by one thread at a time."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self._clock = clock

    def of(self, tenant: int, user: str, page: str | None = None) -> list[SavedView]:
        """A user's own views, of one page or all, and those that are shared, by name."""
        told = "" if page is None else " AND page = ?"
        bindings = (tenant, user) if page is None else (tenant, user, page)
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM saved_view WHERE tenant = ? AND (user = ? OR shared){told} ORDER BY name, id",
            bindings,
        )
        return [_view(row) for row in rows]

    def one(self, tenant: int, user: str, view_id: str) -> SavedView | None:
        """One view of the user's own."""
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM saved_view WHERE tenant = ? AND user = ? AND id = ?", (tenant, user, view_id)
        ).fetchone()
        return None if row is None else _view(row)

    def named(self, tenant: int, user: str, page: str, name: str) -> SavedView | None:
        """The user's own view of this name."""
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM saved_view WHERE tenant = ? AND user = ? AND page = ? AND name = ?",
            (tenant, user, page, name),
        ).fetchone()
        return None if row is None else _view(row)

    def saved(self, tenant: int, view: SavedView, before: SavedView | None) -> Change:
        """The change that keeps a view, in the place of the one before; the oldest of too many goes."""
        put = (
            "INSERT INTO saved_view (id, tenant, user, page, name, query, shared, created_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, user, page, name)"
            " DO UPDATE SET query = excluded.query, shared = excluded.shared"
        )
        row = (
            view.id, tenant, view.user, view.page, view.name, view.query, view.shared, self._clock.now_ms()
        )  # fmt: skip
        thin = (
            "DELETE FROM saved_view WHERE tenant = ? AND user = ? AND id NOT IN (SELECT id FROM saved_view"
            " WHERE tenant = ? AND user = ? ORDER BY created_ms DESC, id LIMIT ?)"
        )
        return Change(
            tenant=tenant, actor=view.user, action="view.saved", thing=f"views/{view.id}", before=_told(before),
            after=_told(view),
            writes=(Write((put, row)), Write((thin, (tenant, view.user, tenant, view.user, VIEWS_MAX)))),
        )  # fmt: skip

    def removed(self, tenant: int, view: SavedView) -> Change:
        """The change that forgets a view."""
        gone = "DELETE FROM saved_view WHERE tenant = ? AND id = ?"
        return Change(
            tenant=tenant, actor=view.user, action="view.removed", thing=f"views/{view.id}", before=_told(view),
            writes=(Write((gone, (tenant, view.id))),),
        )  # fmt: skip

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def new_view_id() -> str:
    """For a view that is not there yet."""
    return "view_" + secrets.token_hex(6)


def _view(row: Any) -> SavedView:
    view_id, user, page, name, query, shared = row
    return SavedView(id=view_id, user=user, page=page, name=name, query=query, shared=bool(shared))


def _told(view: SavedView | None) -> dict[str, object] | None:
    if view is None:
        return None
    return {"page": view.page, "name": view.name, "query": view.query, "shared": view.shared}
