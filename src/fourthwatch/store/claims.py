"""Who is at which order: a claim that runs out by itself, so that two people do not decide about the same one.

A claim keeps nobody from deciding; it is there to be seen. It survives a restart, and each is in the audit trail.
"""

from pathlib import Path

import msgspec

from fourthwatch.clock import Clock
from fourthwatch.store.changes import Change, Write
from fourthwatch.store.file import open_file

_COLUMNS = "order_id, holder, name, taken_ms, until_ms"


class Claim(msgspec.Struct, frozen=True):
    """Somebody is at an order."""

    order_id: str
    holder: str
    """Id of the user or key."""
    name: str
    taken_ms: int
    until_ms: int


class ClaimStore:
    """The table of claims, read; one connection, used by one thread at a time."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self._clock = clock

    def of(self, tenant: int, order_id: str) -> Claim | None:
        """Who is at an order; a claim that ran out is none."""
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM order_claim WHERE tenant = ? AND order_id = ? AND until_ms > ?",
            (tenant, order_id, self._clock.now_ms()),
        ).fetchone()
        return None if row is None else Claim(*row)

    def all(self, tenant: int, behind: str, limit: int) -> list[Claim]:
        """Every claim in force behind an order's id, by order."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM order_claim WHERE tenant = ? AND order_id > ? AND until_ms > ?"
            " ORDER BY order_id LIMIT ?",
            (tenant, behind, self._clock.now_ms(), limit),
        )
        return [Claim(*row) for row in rows]

    def taken(self, tenant: int, claim: Claim, before: Claim | None, actor: str) -> Change:
        """The change that takes or prolongs a claim; those that ran out are cleared away with it."""
        put = (
            "INSERT INTO order_claim (tenant, order_id, holder, name, taken_ms, until_ms) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (tenant, order_id) DO UPDATE SET holder = excluded.holder, name = excluded.name,"
            " taken_ms = excluded.taken_ms, until_ms = excluded.until_ms"
        )
        return Change(
            tenant=tenant, actor=actor, action="claim.taken", thing=f"orders/{claim.order_id}", before=_told(before),
            after=_told(claim),
            writes=(
                Write(("DELETE FROM order_claim WHERE until_ms <= ?", (self._clock.now_ms(),))),
                Write((put, (tenant, *msgspec.structs.astuple(claim)))),
            ),
        )  # fmt: skip

    def released(self, tenant: int, claim: Claim, actor: str) -> Change:
        """The change that lets an order go."""
        gone = "DELETE FROM order_claim WHERE tenant = ? AND order_id = ?"
        return Change(
            tenant=tenant, actor=actor, action="claim.released", thing=f"orders/{claim.order_id}", before=_told(claim),
            writes=(Write((gone, (tenant, claim.order_id))),),
        )  # fmt: skip

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _told(claim: Claim | None) -> dict[str, object] | None:
    return None if claim is None else {"holder": claim.holder, "name": claim.name, "until_ms": claim.until_ms}
