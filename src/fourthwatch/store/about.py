"""Questions for the events about an order or a user, as the ledger and whoever only reads it ask them."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, NamedTuple

import apsw

from fourthwatch.errors import LedgerUnreadable
from fourthwatch.store.file import why_not


class Submission(NamedTuple):
    """An order as it was submitted."""

    seq: int
    kind: int
    body: bytes
    from_go: bool
    """Go's mark."""
    detail: bytes | None
    """Of the decision on it; `None` when there is none, or it was not asked for."""


def order_before_statement(kinds: Sequence[int], *, decided: bool) -> str:
    """Asks for what `submission_of` takes; bound to it are tenant, subject, position and the kinds."""
    marks = ",".join("?" * len(kinds))
    detail = "(SELECT detail FROM decision WHERE decision.seq = event.seq)" if decided else "NULL"
    return (
        f"SELECT seq, kind, body, from_go, {detail} FROM event WHERE tenant = ? AND subject = ? AND seq < ?"
        f" AND kind IN ({marks}) ORDER BY seq DESC LIMIT 1"
    )


def submission_of(row: Sequence[Any]) -> Submission:
    """A row of `order_before_statement`."""
    seq, kind, body, from_go, detail = row
    return Submission(seq, kind, body, from_go != 0, detail)


def newest_about_statement(columns: str) -> str:
    """Asks for events; bound to it are tenant, subject, position, the `bits_of` kinds, and how many."""
    return (
        f"SELECT {columns} FROM event WHERE tenant = ? AND subject = ? AND seq < ? AND (? >> kind) & 1"
        " ORDER BY seq DESC LIMIT ?"
    )


def first_about(connection: apsw.Connection, tenant: int, subjects: Collection[str]) -> dict[str, int]:
    """Of those subjects of which any event tells, the position of the first one; reads the index alone."""
    if not subjects:
        return {}
    room = 1 << (len(subjects) - 1).bit_length()  # few statements, which stay prepared
    bindings = (tenant, *subjects, *[None] * (room - len(subjects)))
    try:
        rows = connection.execute(_first_about_statement(room), bindings)
        return dict(rows)
    except apsw.Error as error:
        raise LedgerUnreadable(f"the data file could not be read: {why_not(error)}") from error


@cache
def _first_about_statement(subjects: int) -> str:
    asked = ",".join(f"(?{place})" for place in range(2, 2 + subjects))
    return (
        "SELECT asked.column1, (SELECT MIN(seq) FROM event WHERE tenant = ?1 AND subject = asked.column1) AS first"
        f" FROM (VALUES {asked}) AS asked WHERE first IS NOT NULL"
    )


def bits_of(kinds: Sequence[int]) -> int:
    """Kinds as bits, which cost a question less than a list of them."""
    return sum(1 << kind for kind in kinds)
