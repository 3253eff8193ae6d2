"""Persons who are to be erased: kept until the next start of the server, which erases them before it takes events.

Whom it is about stands here alone, and goes with the erasure; the audit trail tells of somebody, not of whom.
"""

from pathlib import Path

import msgspec

from fourthwatch.clock import Clock
from fourthwatch.store.changes import Change, Write
from fourthwatch.store.file import FILE_NAME, open_file

_ACTION_ASKED, _ACTION_TAKEN_BACK = "erasure.asked", "erasure.taken_back"


class Wish(msgspec.Struct, frozen=True):
    """Somebody is to be erased."""

    tenant: int
    user_id: str
    actor: str
    at_ms: int


class WishStore:
    """The table of wishes; one connection, used by one thread at a time."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self._clock = clock

    def of(self, tenant: int) -> list[Wish]:
        """A tenant's, the oldest first."""
        rows = self._connection.execute(
            "SELECT tenant, user_id, actor, at_ms FROM erasure_wish WHERE tenant = ? ORDER BY at_ms, user_id", (tenant,)
        )
        return [Wish(*row) for row in rows]

    def all(self) -> list[Wish]:
        """Of every tenant."""
        return [
            Wish(*row) for row in self._connection.execute("SELECT tenant, user_id, actor, at_ms FROM erasure_wish")
        ]

    def asked(self, tenant: int, user_id: str, actor: str) -> tuple[Wish, Change]:
        """The wish, and the change that keeps it."""
        wish = Wish(tenant, user_id, actor, self._clock.now_ms())
        put = "INSERT INTO erasure_wish (tenant, user_id, actor, at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        write = Write((put, msgspec.structs.astuple(wish)))
        return wish, Change(tenant=tenant, actor=actor, action=_ACTION_ASKED, thing="erasures", writes=(write,))

    def taken_back(self, wish: Wish, actor: str) -> Change:
        """The change that lets a wish go."""
        gone = "DELETE FROM erasure_wish WHERE tenant = ? AND user_id = ?"
        return Change(
            tenant=wish.tenant, actor=actor, action=_ACTION_TAKEN_BACK, thing="erasures",
            writes=(Write((gone, (wish.tenant, wish.user_id))),),
        )  # fmt: skip

    def done(self, wish: Wish) -> None:
        """Forget a wish that was carried out; the erasure itself is on record."""
        self._connection.execute(
            "DELETE FROM erasure_wish WHERE tenant = ? AND user_id = ?", (wish.tenant, wish.user_id)
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def wished(directory: Path, clock: Clock) -> list[Wish]:
    """Who is to be erased, of every tenant; nobody where there is no data file yet."""
    if not (directory / FILE_NAME).exists():
        return []
    store = WishStore(directory, clock)
    try:
        return store.all()
    finally:
        store.close()
