"""Saved views of the console: a page's filters under a name, a user's own or for everybody of the tenant."""

import secrets
from pathlib import Path

import msgspec

from fourthwatch.clock import Clock
from fourthwatch.store.file import open_file, writing

VIEWS_MAX = 50
"""Per user; the oldest goes when there is one more."""


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """One view."""

    id: str
    user: str
    page: str
    """`queue`, for instance."""
    name: str
    query: str
    """As it stands behind the question mark of the page's address."""
    shared: bool


class ViewStore:
    """The table of views; one connection, used by one thread at a time."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self._clock = clock

    def of(self, tenant: int, user: str, page: str) -> list[SavedView]:
        """A user's own views of a page and those that are shared, by name."""
        rows = self._connection.execute(
            "SELECT id, user, page, name, query, shared FROM console_view"
            " WHERE tenant = ? AND page = ? AND (user = ? OR shared) ORDER BY name, id",
            (tenant, page, user),
        )
        return [
            SavedView(id=view_id, user=whose, page=page_, name=name, query=query, shared=bool(shared))
            for view_id, whose, page_, name, query, shared in rows
        ]

    def save(self, tenant: int, user: str, page: str, name: str, query: str, *, shared: bool) -> None:
        """Keep a view; one of the same name and owner is replaced."""
        with writing(self._connection):
            self._connection.execute(
                "INSERT INTO console_view (id, tenant, user, page, name, query, shared, created_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, user, page, name)"
                " DO UPDATE SET query = excluded.query, shared = excluded.shared",
                ("view_" + secrets.token_hex(6), tenant, user, page, name, query, shared, self._clock.now_ms()),
            )
            self._connection.execute(
                "DELETE FROM console_view WHERE tenant = ? AND user = ? AND id NOT IN (SELECT id FROM console_view"
                " WHERE tenant = ? AND user = ? ORDER BY created_ms DESC LIMIT ?)",
                (tenant, user, tenant, user, VIEWS_MAX),
            )

    def remove(self, tenant: int, user: str, view_id: str) -> None:
        """Forget a view of the user's own."""
        with writing(self._connection):
            self._connection.execute(
                "DELETE FROM console_view WHERE tenant = ? AND user = ? AND id = ?", (tenant, user, view_id)
            )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
