"""What models foretold and what came of it, by the week (from Monday, UTC) in which orders were placed."""

from typing import Any

import apsw
import msgspec

from fourthwatch.clock import DAY_MS
from fourthwatch.events.abuse import ABUSES, speaks_of
from fourthwatch.limits import INSIGHT_ORDERS_MAX
from fourthwatch.store.index_reader import IndexReader
from fourthwatch.store.insights import REFUSED

WEEK_MS = 7 * DAY_MS
_MONDAY_MS = 3 * DAY_MS
"""The first of January 1970 was a Thursday."""
_OF_ABUSE = "FROM mark WHERE mark.tenant = ?1 AND mark.user_id = orders.user_id AND mark.bad AND mark.abuse IN ({})"
_BAD: dict[str, tuple[str, str]] = {
    "chargeback": ("chargeback IS 1", "chargeback_ms"),
    "rto": ("rto IS 1", "rto_ms"),
    "return": ("returned IS 1", "returned_ms"),
    "any": (
        "(chargeback IS 1 OR rto IS 1 OR bad IS 1 OR confirmed IS 1)",
        "min(iif(chargeback IS 1, chargeback_ms, 9e15), iif(rto IS 1, rto_ms, 9e15), iif(bad IS 1, bad_ms, 9e15),"
        " iif(confirmed IS 1, confirmed_ms, 9e15))",
    ),
}
"""By target what makes an order bad, and when it was told; of a kind of abuse it is in the marks of users."""


class WeekRow(msgspec.Struct, frozen=True):
    """Orders of one week that one model answered."""

    from_ms: int
    model: str
    """Empty: the points of the rules."""
    orders: int
    refused: int
    """Those of them that were declined or canceled: what would have become of them nobody learns."""
    foretold: float
    """Sum of the probabilities that the others were answered with."""
    bad: int
    """Of the others, known to be bad by now."""


def by_week(reader: IndexReader, tenant: int, target: str, from_ms: int, to_ms: int) -> list[WeekRow]:
    """Weeks and models, in this order; of a target that nobody knows labels of, nothing is bad."""
    bad, _ = _bad(reader, tenant, target)
    rows = _ask(
        reader,
        f"(placed_ms + {_MONDAY_MS}) / {WEEK_MS}, coalesce(model, ''), count(*), sum({REFUSED}),"
        f" total(foretold * NOT {REFUSED}), total({bad} AND NOT {REFUSED})",
        "1", "GROUP BY 1, 2 ORDER BY 1, 2", tenant, from_ms, to_ms,
    )  # fmt: skip
    return [
        WeekRow(week * WEEK_MS - _MONDAY_MS, model, orders, refused, foretold, int(known))
        for week, model, orders, refused, foretold, known in rows
    ]


def arrivals(
    reader: IndexReader, tenant: int, target: str, from_ms: int, to_ms: int, now_ms: int
) -> list[tuple[int, int, int]]:
    """Of the bad orders: days (a begun one counts) until it was told, whole days of age, and how many there are."""
    bad, told_ms = _bad(reader, tenant, target)
    return _ask(
        reader,
        f"CAST(({told_ms} - placed_ms + {DAY_MS - 1}) / {DAY_MS} AS INTEGER), ({int(now_ms)} - placed_ms) / {DAY_MS},"
        " count(*)",
        bad, "GROUP BY 1, 2", tenant, from_ms, to_ms,
    )  # fmt: skip


def _bad(reader: IndexReader, tenant: int, target: str) -> tuple[str, str]:
    """What makes an order bad, and when it was told; nothing does for a target that nobody knows labels of."""
    if target not in ABUSES:
        return _BAD.get(target, ("0", "0"))
    said = [row[0] for row in reader.rows("SELECT DISTINCT abuse FROM mark WHERE tenant = ?", (tenant,))]
    marks = _OF_ABUSE.format(", ".join(apsw.format_sql_value(one) for one in said if speaks_of(one, target)))
    return f"EXISTS (SELECT 1 {marks})", f"(SELECT min(ms) {marks})"


def _ask(
    reader: IndexReader, columns: str, condition: str, tail: str, tenant: int, from_ms: int, to_ms: int
) -> list[Any]:
    """Over the newest answered orders of a span."""
    return reader.rows(
        f"SELECT {columns} FROM (SELECT * FROM line WHERE tenant = ?1 AND placed_ms >= ?2 AND placed_ms < ?3"
        f" AND foretold IS NOT NULL ORDER BY placed_ms DESC LIMIT {INSIGHT_ORDERS_MAX}) AS orders"
        f" WHERE {condition} {tail}",
        (tenant, from_ms, to_ms),
    )
