"""Deliveries and cases as people and programs look at them, and the changes that they ask for.

Every question names a tenant; what belongs to another tenant is answered like what does not exist.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from fourthwatch.limits import DELIVERY_LIFE_MS
from fourthwatch.store.changes import Change, Write
from fourthwatch.store.deliveries import NewDelivery
from fourthwatch.store.file import open_file
from fourthwatch.store.outbox import case_id


class DeliveryRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A delivery as it stands."""

    number: int
    id: str
    receiver: str
    type: str
    entity: str
    sequence: int
    state: str
    attempts: int
    created_ms: int
    due_ms: int | None
    finished_ms: int | None
    note: str | None


class AttemptRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One attempt as it was."""

    attempt: int
    started_ms: int
    took_ms: int
    outcome: str
    address: str | None
    head: bytes
    body: bytes
    status: int | None
    reply: bytes | None


class CaseRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A case."""

    number: int
    order_id: str
    opened_seq: int
    opened_ms: int
    closed_seq: int | None
    closed_ms: int | None
    outcome: str | None
    queue: str | None

    @property
    def id(self) -> str:
        return case_id(self.number)


_DELIVERY = ", ".join(DeliveryRow.__struct_fields__)
_ATTEMPT = ", ".join(AttemptRow.__struct_fields__)
_CASE = ", ".join(CaseRow.__struct_fields__)


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries; what is `None` does not choose."""

    receiver: str | None = None
    state: str | None = None
    type: str | None = None
    entity: str | None = None
    ids: tuple[str, ...] | None = None
    created_from_ms: int | None = None
    created_to_ms: int | None = None
    """Both times included."""


class Backlog(msgspec.Struct, frozen=True):
    """What was to be told and has not arrived."""

    waiting: int
    """Deliveries that are tried, or wait for their turn."""
    parked: int
    occasions: int
    """That the sender has not looked at."""
    oldest_ms: int | None
    """When the oldest of what waits was made; `None` when nothing does."""


class DeliveryLog:
    """One connection, used by one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._connection = open_file(directory, read_only=True)

    def page(self, tenant: int, after: int, limit: int, chosen: Chosen) -> list[DeliveryRow]:
        """Deliveries behind a number, in the order of their making."""
        condition, bindings = _condition(chosen)
        rows = self._connection.execute(
            f"SELECT {_DELIVERY} FROM delivery WHERE tenant = ? AND number > ?{condition} ORDER BY number LIMIT ?",
            (tenant, after, *bindings, limit),
        )
        return [DeliveryRow(**dict(zip(DeliveryRow.__struct_fields__, row, strict=True))) for row in rows]

    def find(self, tenant: int, delivery_id: str) -> DeliveryRow | None:
        """One delivery."""
        row = self._connection.execute(
            f"SELECT {_DELIVERY} FROM delivery WHERE tenant = ? AND id = ?", (tenant, delivery_id)
        ).fetchone()
        return None if row is None else DeliveryRow(**dict(zip(DeliveryRow.__struct_fields__, row, strict=True)))

    def attempts(self, tenant: int, number: int, limit: int) -> list[AttemptRow]:
        """The newest attempts of a delivery, oldest first."""
        rows: Sequence[tuple[object, ...]] = self._connection.execute(
            f"SELECT {_ATTEMPT.replace('body', _BODY)} FROM delivery_attempt a WHERE delivery = ?"
            " AND tenant = ? ORDER BY attempt DESC LIMIT ?",
            (number, tenant, limit),
        ).fetchall()
        fields = AttemptRow.__struct_fields__
        return [AttemptRow(**dict(zip(fields, row, strict=True))) for row in reversed(rows)]  # type: ignore[arg-type]

    def ended(self, tenant: int, after: int, limit: int, chosen: Chosen) -> list[int]:
        """Numbers of deliveries behind one that are delivered or parked, and so can be sent again."""
        condition, bindings = _condition(chosen)
        rows = self._connection.execute(
            f"SELECT number FROM delivery WHERE tenant = ? AND number > ?{condition}"
            " AND state IN ('delivered', 'parked') ORDER BY number LIMIT ?",
            (tenant, after, *bindings, limit),
        )
        return [row[0] for row in rows]

    def cases(
        self, tenant: int, after: int, limit: int, *, is_open: bool | None, queue: str | None = None
    ) -> list[CaseRow]:
        """Cases behind a number, oldest first; open ones, closed ones or all, of one queue or of every."""
        state = {None: "", True: " AND closed_seq IS NULL", False: " AND closed_seq IS NOT NULL"}[is_open]
        rows = self._connection.execute(
            f"SELECT {_CASE} FROM review_case WHERE tenant = ?1 AND number > ?2{state} AND (?3 IS NULL OR queue = ?3)"
            " ORDER BY number LIMIT ?4",
            (tenant, after, queue, limit),
        )
        return [_case(row) for row in rows]

    def newest_case(self, tenant: int, order_id: str) -> CaseRow | None:
        """The newest case of an order."""
        row = self._connection.execute(
            f"SELECT {_CASE} FROM review_case WHERE tenant = ? AND order_id = ? ORDER BY number DESC LIMIT 1",
            (tenant, order_id),
        ).fetchone()
        return None if row is None else _case(row)

    def backlog(self) -> Backlog:
        """What has not arrived, of all tenants. Counted, so not for every request."""
        rows: list[Any] = self._connection.execute(
            "SELECT count(*), min(created_ms) FROM delivery WHERE state IN ('waiting', 'queued', 'sending')"
            " UNION ALL SELECT count(*), min(created_ms) FROM delivery WHERE state = 'parked'"
            " UNION ALL SELECT count(*), min(at_ms) FROM outbox"
        ).fetchall()
        (waiting, since_ms), (parked, _), (occasions, occurred_ms) = rows
        begins = [at_ms for at_ms in (since_ms, occurred_ms) if at_ms is not None]
        return Backlog(waiting, parked, occasions, min(begins, default=None))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


_AMONG_IDS = " AND id IN (SELECT value FROM json_each(?))"
_SEND_AGAIN = (
    "UPDATE delivery SET state = 'waiting', due_ms = ?1, not_before_ms = ?1, expires_ms = ?2, finished_ms = NULL,"
    " note = NULL WHERE number IN (SELECT value FROM json_each(?3)) AND tenant = ?4"
    " AND state IN ('delivered', 'parked')"
)
_NEXT_SEQUENCE = (
    "INSERT INTO delivery_stream (tenant, receiver, entity, sequence) VALUES (?, ?, ?, 1)"
    " ON CONFLICT DO UPDATE SET sequence = sequence + 1"
)
_INSERT_ASKED = (
    "INSERT INTO delivery (id, tenant, receiver, type, entity, sequence, seq, detail, state, attempts, created_ms,"
    " not_before_ms, due_ms, expires_ms) SELECT ?1, ?2, ?3, ?4, ?5, sequence, ?6, ?7, 'waiting', 0, ?8, ?9, ?9, ?10"
    " FROM delivery_stream WHERE tenant = ?2 AND receiver = ?3 AND entity = ?5"
)
_BODY = (
    "(SELECT b.body FROM delivery_attempt b WHERE b.delivery = a.delivery AND b.attempt <= a.attempt"
    " AND b.body IS NOT NULL ORDER BY b.attempt DESC LIMIT 1)"
)


def _condition(chosen: Chosen) -> tuple[str, tuple[int | str, ...]]:
    told: dict[str, int | str | None] = {
        " AND receiver = ?": chosen.receiver,
        " AND state = ?": chosen.state,
        " AND type = ?": chosen.type,
        " AND entity = ?": chosen.entity,
        " AND created_ms >= ?": chosen.created_from_ms,
        " AND created_ms <= ?": chosen.created_to_ms,
        _AMONG_IDS: None if chosen.ids is None else msgspec.json.encode(chosen.ids).decode(),
    }
    given = {condition: value for condition, value in told.items() if value is not None}
    return "".join(given), tuple(given.values())


def sent_again(tenant: int, numbers: Sequence[int], actor: str, now_ms: int, thing: str) -> Change:
    """Deliveries that had come to their end go out anew, under their old ids."""
    bindings = (now_ms, now_ms + DELIVERY_LIFE_MS, msgspec.json.encode(numbers).decode(), tenant)
    write = Write((_SEND_AGAIN, bindings))
    told = {"deliveries": len(numbers)}
    return Change(tenant=tenant, actor=actor, action="delivery.sent_again", thing=thing, after=told, writes=(write,))


def delivery_asked(asked: Sequence[NewDelivery], actor: str, now_ms: int, action: str, thing: str) -> Change:
    """Deliveries that somebody asked for: a test, or what an analyst tells a shop."""
    writes = []
    for one in asked:
        line = (one.tenant, one.receiver, one.entity)
        row = (
            one.id, one.tenant, one.receiver, one.type, one.entity, one.seq, one.detail, now_ms, one.not_before_ms,
            one.expires_ms,
        )  # fmt: skip
        writes += [Write((_NEXT_SEQUENCE, line)), Write((_INSERT_ASKED, row))]
    told = {"deliveries": [one.id for one in asked], "to": [one.receiver for one in asked]}
    return Change(
        tenant=asked[0].tenant, actor=actor, action=action, thing=thing, after=told, writes=tuple(writes)
    )  # fmt: skip


def _case(row: Sequence[object]) -> CaseRow:
    return CaseRow(**dict(zip(CaseRow.__struct_fields__, row, strict=True)))  # type: ignore[arg-type]
