"""Orders that would have been declined and for which chance was drawn; written in the transaction of their event."""

import apsw
import msgspec

from fourthwatch.store.changes import Write

_COLUMNS = "tenant, order_id, seq, day, at_ms, propensity, released, amount_minor"


class DrawRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One order; it is drawn for once."""

    tenant: int
    order_id: str
    seq: int
    """Of the event."""
    day: int
    """Since 1970, UTC, by our clock."""
    at_ms: int
    propensity: float
    released: bool
    amount_minor: int


def drawn(row: DrawRow) -> Write:
    """A draw to be kept."""
    return Write(
        (
            f"INSERT OR IGNORE INTO exploration ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            msgspec.structs.astuple(row),
        )
    )


def draw_of(connection: apsw.Connection, tenant: int, order_id: str) -> DrawRow | None:
    """What was drawn for an order."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM exploration WHERE tenant = ? AND order_id = ?", (tenant, order_id)
    ).fetchall()
    return _row(rows[0]) if rows else None


def spent(connection: apsw.Connection) -> list[tuple[int, int, int, int]]:
    """Of each tenant that ever drew: its newest day, and orders and money that were let pass on it.

    Reads the rows of that day alone.
    """
    return [
        (int(str(tenant)), int(str(day)), int(str(orders)), int(str(money)))
        for tenant, day, orders, money in connection.execute(
            "SELECT tenant, day, sum(released), sum(released * amount_minor)"
            " FROM (SELECT tenant, max(day) AS day FROM exploration GROUP BY tenant)"
            " CROSS JOIN exploration INDEXED BY exploration_day USING (tenant, day) GROUP BY tenant, day"
        )
    ]


def draws_between(connection: apsw.Connection, tenant: int, from_ms: int, to_ms: int, limit: int) -> list[DrawRow]:
    """A tenant's draws of a span, the newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM exploration WHERE tenant = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms DESC LIMIT ?",
        (tenant, from_ms, to_ms, limit),
    )
    return [_row(row) for row in rows]


def _row(row: tuple[object, ...]) -> DrawRow:
    told = dict(zip(DrawRow.__struct_fields__, row, strict=True))
    return DrawRow(**{**told, "released": bool(told["released"])})  # type: ignore[arg-type]
