"""How long what is silent is remembered, as somebody chose it for the whole server; it holds from the next start on.

The windows are a function of the log and of this number (ADR 12), so it does not change while they are in use.
"""

from pathlib import Path

import msgspec

from fourthwatch.clock import Clock
from fourthwatch.store.changes import Change, Write
from fourthwatch.store.file import FILE_NAME, open_file

_ACTION = "retention.set"
_WHAT = "histories"


class Retention(msgspec.Struct, frozen=True):
    """What was chosen last."""

    days: int
    actor: str
    """Id of the user or key."""
    at_ms: int


class RetentionStore:
    """The row of the choice; one connection, used by one thread at a time."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self._clock = clock

    def chosen(self) -> Retention | None:
        """What was chosen; `None` while the server's own setting holds."""
        row = self._connection.execute("SELECT days, actor, at_ms FROM retention WHERE what = ?", (_WHAT,)).fetchone()
        return None if row is None else Retention(*row)

    def choose(self, days: int | None, tenant: int, actor: str) -> tuple[Retention | None, Change]:
        """The choice, and the change that keeps it; `None` goes back to the server's own setting."""
        before = self.chosen()
        if days is None:
            after, write = None, Write(("DELETE FROM retention WHERE what = ?", (_WHAT,)))
        else:
            after = Retention(days, actor, self._clock.now_ms())
            put = "INSERT OR REPLACE INTO retention (what, days, actor, at_ms) VALUES (?, ?, ?, ?)"
            write = Write((put, (_WHAT, days, actor, after.at_ms)))
        change = Change(
            tenant=tenant, actor=actor, action=_ACTION, thing="keeping", before=_told(before), after=_told(after),
            writes=(write,),
        )  # fmt: skip
        return after, change

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def days_kept(directory: Path, otherwise: int, clock: Clock) -> int:
    """The days that hold from a start on: what was chosen, or the setting."""
    if not (directory / FILE_NAME).exists():
        return otherwise
    store = RetentionStore(directory, clock)
    try:
        chosen = store.chosen()
    finally:
        store.close()
    return otherwise if chosen is None else chosen.days


def _told(choice: Retention | None) -> dict[str, int | None]:
    return {"forget_after_days": None if choice is None else choice.days}
