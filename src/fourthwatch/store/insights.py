"""Orders summed up: how many, how they were answered, what became of them, in money.

An order is *bad* once it was told to be fraud (by the bank, else by an analyst, else by a mark against its user) or
its delivery was refused; *good* once it was told to be none, or was delivered; until then nothing is known of it. Money
is summed up of one currency.
"""

from typing import Any, Literal

import msgspec

from fourthwatch.limits import INSIGHT_ORDERS_MAX, INSIGHT_ROWS_MAX
from fourthwatch.store.index_reader import IndexReader

Grouping = Literal["payment_type", "country", "city", "postcode", "currency", "state", "model"]
STEP_MS = 15 * 60 * 1000
"""Time zones differ by quarters of an hour at the least: sums by step can be put together to days and hours of any."""

_FRAUD = "coalesce(chargeback, fraud, bad)"
"""The bank stands over an analyst, an analyst over a mark of the user."""
_BAD = f"({_FRAUD} IS 1 OR rto IS 1)"
_GOOD = f"(NOT {_BAD} AND ({_FRAUD} IS 0 OR rto IS 0))"
REFUSED = "(asked_verdict IS 'decline' OR analyst_decision IS 'decline' OR state IS 'canceled')"
"""Orders that were kept out."""
_MONEY = "CASE WHEN currency IS :currency THEN coalesce(amount_minor, 0) ELSE 0 END"
_RISK = "CASE WHEN currency IS :currency THEN coalesce(risk_minor, 0) ELSE 0 END"
_SUMS = (
    "count(*), sum(asked_verdict IS 'approve'), sum(asked_verdict IS 'review'), sum(asked_verdict IS 'decline'),"
    f" sum({_BAD}), sum({_GOOD}), sum(chargeback IS 1), sum(rto IS 1), sum(returned IS 1), sum(rto IS NOT NULL),"
    f" sum(placed_ms < :matured_ms), sum({_MONEY}), sum({_MONEY} * {_BAD}), sum({_MONEY} * {_GOOD}), sum({_RISK})"
)


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders are summed up."""

    tenant: int
    from_ms: int
    to_ms: int
    currency: str | None
    matured_ms: int
    """Chargebacks of orders placed before this have come in by now, as good as all."""


class Sums(msgspec.Struct, frozen=True):
    """Some orders together. Money is in minor units of the span's currency, and of the orders in it alone."""

    orders: int
    approved: int
    """By the answer that the shop got."""
    reviewed: int
    declined: int
    bad: int
    good: int
    chargebacks: int
    rto: int
    returned: int
    delivery_told: int
    """Of so many it was told whether the delivery was refused."""
    matured: int
    """Orders so old that their chargebacks have come in."""
    amount_minor: int
    bad_minor: int
    good_minor: int
    risk_minor: int
    """Amount × probability."""

    def __add__(self, other: "Sums") -> "Sums":
        """Both together."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Sums(*[a + b for a, b in pairs])


NOTHING = Sums(*[0] * len(Sums.__struct_fields__))


class Workload(msgspec.Struct, frozen=True):
    """What people did in a span, and what it was worth."""

    decided: int
    """Orders decided by hand."""
    declined: int
    saved_minor: int
    """Money at risk in orders that were declined or canceled."""
    lost_minor: int
    """Amounts of orders that turned out bad."""


def main_currency(reader: IndexReader, tenant: int, from_ms: int, to_ms: int) -> str | None:
    """The currency of most orders."""
    rows = reader.rows(
        "SELECT currency FROM (SELECT currency FROM line WHERE tenant = ? AND placed_ms >= ? AND placed_ms < ?"
        " ORDER BY placed_ms DESC LIMIT 10000) WHERE currency IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
        (tenant, from_ms, to_ms),
    )
    return rows[0][0] if rows else None


def total(reader: IndexReader, span: Span) -> Sums:
    """All of them together."""
    return _sums(_ask(reader, span, _SUMS)[0])


def by_step(reader: IndexReader, span: Span) -> dict[int, Sums]:
    """By quarter of an hour of the time placed, as a number of steps since 1970."""
    rows = _ask(reader, span, f"placed_ms / {STEP_MS}, {_SUMS}", "GROUP BY 1")
    return {row[0]: _sums(row[1:]) for row in rows}


def by_score(reader: IndexReader, span: Span) -> dict[int, Sums]:
    """By the score that the shop was answered with; orders that were not scored are left out."""
    rows = _ask(reader, span, f"asked_score, {_SUMS}", "GROUP BY 1 HAVING asked_score IS NOT NULL")
    return {row[0]: _sums(row[1:]) for row in rows}


def by_value(reader: IndexReader, span: Span, grouping: Grouping) -> list[tuple[str | None, Sums]]:
    """By a column, the most frequent values first; `None` where it was not said."""
    rows = _ask(reader, span, f"{grouping}, {_SUMS}", f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {INSIGHT_ROWS_MAX}")
    return [(row[0], _sums(row[1:])) for row in rows]


def by_rule(reader: IndexReader, span: Span) -> list[tuple[str | None, Sums]]:
    """By the rule that decided; `None` where the score did."""
    rows = _ask(reader, span, f"by_rule, {_SUMS}", f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {INSIGHT_ROWS_MAX}")
    return [(row[0], _sums(row[1:])) for row in rows]


def by_reason(reader: IndexReader, span: Span) -> list[tuple[str, Sums]]:
    """By red reason of the newest decision, the most frequent first; an order is in the row of each of its reasons."""
    rows = _ask(
        reader, span, f"r.value, {_SUMS}", f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {INSIGHT_ROWS_MAX}",
        join=", json_each(reds) r",
    )  # fmt: skip
    return [(row[0], _sums(row[1:])) for row in rows]


def workload(reader: IndexReader, span: Span) -> Workload:
    """What was decided by hand and what was kept out, of the orders of a span."""
    row = _ask(
        reader,
        span,
        "sum(analyst_decision IS NOT NULL), sum(analyst_decision IS 'decline'),"
        f" sum(CASE WHEN {REFUSED} AND NOT {_BAD} THEN {_RISK} ELSE 0 END), sum({_MONEY} * {_BAD})",
    )[0]
    return Workload(*[value or 0 for value in row])


def tallies(reader: IndexReader, tenant: int, what: str, from_day: int, to_day: int) -> list[tuple[str, int]]:
    """What was counted under a name from one day (since 1970, UTC) up to another, most frequent first."""
    rows = reader.rows(
        "SELECT name, sum(count) FROM tally WHERE tenant = ? AND what = ? AND day BETWEEN ? AND ?"
        f" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {5 * INSIGHT_ROWS_MAX}",
        (tenant, what, from_day, to_day),
    )
    return [(row[0], row[1]) for row in rows]


def _ask(reader: IndexReader, span: Span, columns: str, tail: str = "", *, join: str = "") -> list[Any]:
    """Over the newest orders of the span."""
    return reader.rows(
        f"SELECT {columns} FROM (SELECT * FROM line WHERE tenant = :tenant AND placed_ms >= :from_ms"
        f" AND placed_ms < :to_ms ORDER BY placed_ms DESC LIMIT {INSIGHT_ORDERS_MAX}){join} {tail}",
        {
            "tenant": span.tenant, "from_ms": span.from_ms, "to_ms": span.to_ms, "currency": span.currency,
            "matured_ms": span.matured_ms,
        },
    )  # fmt: skip


def _sums(row: Any) -> Sums:
    return Sums(*[value or 0 for value in row])
