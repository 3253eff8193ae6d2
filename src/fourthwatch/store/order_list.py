"""Lists of orders: filtered, sorted, page by page; and the review queue, which is one of them."""

from typing import Any, Literal

import msgspec

from fourthwatch.limits import COUNTED_ROWS_MAX
from fourthwatch.store.index_reader import IndexReader
from fourthwatch.store.index_rows import LINE_COLUMNS, OrderLine, line_of

Sort = Literal["time", "amount", "risk"]
Label = Literal["chargeback", "rto", "returned", "fraud", "bad"]
_SORTED_BY: dict[Sort, str] = {"time": "placed_ms", "amount": "amount_minor", "risk": "risk_minor"}
_LINE = ", ".join(LINE_COLUMNS)
_WINDOW = 1_000
"""Orders that are looked at one by one before all that fit are sorted."""
_EQUAL = ("flag", "verdict", "state", "analyst_decision", "payment_type", "currency", "city", "postcode", "country",
          "user_id", "queue")  # fmt: skip

Place = tuple[int | None, int]
"""What the last row of a page is sorted by: its value, and its place in the index."""


class OrderQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the list; `None` asks nothing."""

    flag: str | None = None
    verdict: str | None = None
    state: str | None = None
    analyst_decision: str | None = None
    """approve, decline or hold; `none`: not decided by hand."""
    payment_type: str | None = None
    currency: str | None = None
    city: str | None = None
    postcode: str | None = None
    country: str | None = None
    user_id: str | None = None
    label: Label | None = None
    """Orders of which this was told."""
    reason: str | None = None
    """Orders whose newest decision has this reason, in red."""
    from_ms: int | None = None
    """Placed at or after."""
    to_ms: int | None = None
    """Placed before."""
    min_amount: int | None = None
    """In minor units."""
    max_amount: int | None = None
    queue: str | None = None
    """Of the orders that a rule put in this queue."""
    open_only: bool = False
    """Those that wait for somebody's decision."""
    sort: Sort = "time"
    ascending: bool = False


class QueueState(msgspec.Struct, frozen=True):
    """The review queue as a whole."""

    open: int
    """Orders that wait; counted up to 10,000."""
    oldest_ms: int | None
    """When the oldest of them was placed."""
    risk_minor: int
    """Of all of them together, in minor units of whatever currency each has."""


def list_orders(
    reader: IndexReader, tenant: int, asked: OrderQuery, behind: Place | None, limit: int
) -> list[OrderLine]:
    """A page of the list. Orders whose amount or risk is unknown stand behind those of which it is known."""
    by, down = _SORTED_BY[asked.sort], not asked.ascending
    where, bindings = _conditions(tenant, asked)
    direction, than = ("DESC", "<") if down else ("ASC", ">")
    found: list[OrderLine] = []
    if behind is None or behind[0] is not None:
        begins = [f"{by} IS NOT NULL"]
        if behind is not None:
            begins.append(f"({by}, no) {than} (:value, :no)")
            bindings |= {"value": behind[0], "no": behind[1]}
        found = _page(reader, asked, where, begins, (by, direction), bindings, limit)
        behind = None
    if len(found) < limit and asked.sort != "time":
        unknown = [*where, f"{by} IS NULL"]
        if behind is not None:
            unknown.append(f"no {than} :no")
            bindings["no"] = behind[1]
        found += _lines(reader, "line", unknown, f"no {direction}", bindings, limit - len(found))
    return found


def _page(
    reader: IndexReader, asked: OrderQuery, where: list[str], begins: list[str], order: tuple[str, str],
    bindings: dict[str, Any], limit: int,
) -> list[OrderLine]:  # fmt: skip
    """First among the next so many in the order of the list; only when too few of them fit, all that fit are sorted.

    What fits often is found in the first, and what fits rarely is not much to sort.
    """
    by, direction = order
    sorted_by = f"{by} {direction}, no {direction}"
    if len(where) > 1 + asked.open_only:
        narrow = ["tenant = :tenant", *(["is_open = 1"] if asked.open_only else []), *begins]
        window = f"(SELECT * FROM line WHERE {' AND '.join(narrow)} ORDER BY {sorted_by} LIMIT {_WINDOW})"
        found = _lines(reader, window, where, sorted_by, bindings, limit)
        if len(found) == limit:
            return found
        held = [condition.replace(by, "+" + by) for condition in begins]
        return _lines(reader, f"line INDEXED BY {_index_for(asked)}", [*where, *held], f"+{sorted_by}", bindings, limit)
    return _lines(reader, "line", [*where, *begins], sorted_by, bindings, limit)


def _index_for(asked: OrderQuery) -> str:
    """Where what is asked for stands together; else by time, which is nearly the order in which rows lie."""
    if asked.open_only:
        return "line_open"
    if asked.user_id is not None:
        return "line_user"
    if asked.state is not None or asked.verdict is not None:
        return "line_state" if asked.state is not None else "line_verdict"
    return "line_placed" if asked.min_amount is None and asked.max_amount is None else "line_amount"


def place_of(line: OrderLine, sort: Sort) -> Place:
    """Where a page that ends with this order goes on."""
    assert line.no is not None
    return getattr(line, _SORTED_BY[sort]), line.no


def count_orders(reader: IndexReader, tenant: int, asked: OrderQuery) -> int:
    """How many there are, counted up to 10,000."""
    where, bindings = _conditions(tenant, asked)
    rows = reader.rows(
        f"SELECT count(*) FROM (SELECT 1 FROM line WHERE {' AND '.join(where)} LIMIT {COUNTED_ROWS_MAX})", bindings
    )
    return int(rows[0][0])


def queue_state(reader: IndexReader, tenant: int) -> QueueState:
    """How much waits for a decision, and since when."""
    rows = reader.rows(
        "SELECT count(*), min(placed_ms), coalesce(sum(risk_minor), 0) FROM (SELECT placed_ms, risk_minor FROM line"
        f" WHERE tenant = ? AND is_open = 1 LIMIT {COUNTED_ROWS_MAX})",
        (tenant,),
    )
    return QueueState(*rows[0])


def _lines(
    reader: IndexReader, source: str, where: list[str], order: str, bindings: dict[str, Any], limit: int
) -> list[OrderLine]:
    rows = reader.rows(
        f"SELECT {_LINE} FROM {source} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT :limit",
        {**bindings, "limit": limit},
    )
    return [line_of(row) for row in rows]


def _conditions(tenant: int, asked: OrderQuery) -> tuple[list[str], dict[str, Any]]:
    where, bindings = ["tenant = :tenant"], {"tenant": tenant}
    told: dict[str, Any] = {}
    for name in _EQUAL:
        value = getattr(asked, name)
        if value == "none" and name == "analyst_decision":
            where.append("analyst_decision IS NULL")
        elif value is not None:
            where.append(f"{name} = :{name}")
            told[name] = value
    for column, sign, name in (
        ("placed_ms", ">=", "from_ms"),
        ("placed_ms", "<", "to_ms"),
        ("amount_minor", ">=", "min_amount"),
        ("amount_minor", "<=", "max_amount"),
    ):
        if getattr(asked, name) is not None:
            where.append(f"{column} {sign} :{name}")
            told[name] = getattr(asked, name)
    if asked.label is not None:
        where.append(f"{asked.label} = 1")
    if asked.reason is not None:
        where.append("EXISTS (SELECT 1 FROM json_each(reds) WHERE value = :reason)")
        told["reason"] = asked.reason
    if asked.open_only:
        where.append("is_open = 1")
    return where, {**bindings, **told}
