"""Deliveries on their way: made of occasions, claimed, tried, and in the end delivered or parked; never dropped.

One sender at a time uses the queue. Its commits wait for no sync: after a power cut some of what was sent is sent
again, under the same ids, which are made of the occasion.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import Literal

import apsw
import msgspec

from fourthwatch.store.file import open_file, writing
from fourthwatch.store.outbox import TEST, Occasion, occasions_waiting

State = Literal["waiting", "queued", "sending", "delivered", "parked"]
OPEN = ("waiting", "queued", "sending")
_ID_BYTES = 15
_BUSY_S = 0.0005
_BUSY_TRIES = 60_000


class NewDelivery(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A delivery to be made of an occasion."""

    id: str
    tenant: int
    receiver: str
    """Id of a webhook endpoint, or purpose of a postback address."""
    type: str
    entity: str
    seq: int
    detail: bytes | None
    line: str | None
    """Where it waits for those before it about the same entity; `None` when it need not."""
    not_before_ms: int
    expires_ms: int
    parked: str | None = None
    """Why it is not to be sent, when it is not."""


class Delivery(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A delivery that was claimed."""

    number: int
    id: str
    tenant: int
    receiver: str
    type: str
    entity: str
    sequence: int
    seq: int
    detail: bytes | None
    line: str | None
    attempts: int
    """This one included."""
    created_ms: int
    expires_ms: int


class Attempt(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What came of one attempt."""

    delivery: Delivery
    started_ms: int
    took_ms: int
    outcome: str
    """In words: `delivered`, or what was wrong."""
    told: str | None
    address: str | None
    head: bytes
    body: bytes
    status: int | None
    reply: bytes | None
    next_ms: int | None
    """When to try again; `None` when it was delivered or is parked."""
    parked: str | None = None


_COLUMNS = "number, id, tenant, receiver, type, entity, sequence, seq, detail, line, attempts, created_ms, expires_ms"
_CLAIM = (
    "UPDATE delivery SET state = 'sending', attempts = attempts + 1, due_ms = NULL WHERE number IN"
    " (SELECT number FROM delivery WHERE tenant = ? AND receiver = ? AND due_ms <= ? ORDER BY due_ms LIMIT ?)"
    f" RETURNING {_COLUMNS}"
)
_IS_TEST = f" AND type = '{TEST}'"
_CLAIM_TEST = _CLAIM.replace(" ORDER BY", _IS_TEST + " ORDER BY")
_FIRST = "SELECT number FROM delivery WHERE due_ms IS NOT NULL{} ORDER BY tenant, receiver, due_ms LIMIT 1"
_FIRST_DUE = (
    "WITH RECURSIVE first (tenant, receiver, due_ms) AS ("
    f"SELECT tenant, receiver, due_ms FROM delivery WHERE number = ({_FIRST.format('')}) UNION ALL"
    " SELECT next.tenant, next.receiver, next.due_ms FROM first JOIN delivery next ON next.number = coalesce("
    f"({_FIRST.format(' AND tenant = first.tenant AND receiver > first.receiver')}),"
    f" ({_FIRST.format(' AND tenant > first.tenant')}))) SELECT * FROM first"
)
"""From one receiver to the next along the index, however much waits for each."""
_NEXT_SEQUENCE = (
    "INSERT INTO delivery_stream (tenant, receiver, entity, sequence) VALUES (?, ?, ?, 1)"
    " ON CONFLICT DO UPDATE SET sequence = sequence + 1 RETURNING sequence"
)
_IS_BEHIND = (
    "SELECT 1 FROM delivery WHERE tenant = ? AND line = ? AND entity = ?"
    " AND state IN ('waiting', 'queued', 'sending') LIMIT 1"
)
_LET_NEXT_GO = (
    "UPDATE delivery SET state = 'waiting', due_ms = not_before_ms WHERE number = (SELECT number FROM delivery"
    " WHERE tenant = ?1 AND line = ?2 AND entity = ?3 AND state IN ('waiting', 'queued', 'sending')"
    " ORDER BY number LIMIT 1) AND state = 'queued'"
)


def delivery_id(nonce: bytes, what: str, receiver: str) -> str:
    """Of the delivery of an occasion to a receiver; the same however often it is made."""
    digest = hashlib.blake2b(f"{what} {receiver}".encode(), digest_size=_ID_BYTES, key=nonce)
    return "msg_" + digest.hexdigest()


def new_delivery_id() -> str:
    """Of a delivery that somebody asked for."""
    return "msg_" + secrets.token_hex(_ID_BYTES)


class DeliveryQueue:
    """What the sender writes; one connection, one thread."""

    def __init__(self, directory: Path) -> None:
        self._connection = open_file(directory)
        self._connection.pragma("synchronous", "NORMAL")
        never = Event()
        # The server's commits follow each other closely: whoever looks now and then never finds the gap between two.
        self._connection.set_busy_handler(lambda tries: not never.wait(_BUSY_S) and tries < _BUSY_TRIES)
        self._connection.pragma("cache_size", -8_192)  # KiB

    def together(self) -> AbstractContextManager[object]:
        """Whatever is written within is one transaction: one wait for the server's commits, and for the server one."""
        return writing(self._connection)

    def newest_change(self) -> int:
        """Position of the newest change that anybody made to endpoints, addresses, keys or anything else."""
        row = self._connection.execute("SELECT coalesce(max(id), 0) FROM audit_entry").fetchone()
        return 0 if row is None else int(row[0])

    def occasions(self, limit: int) -> Sequence[Occasion]:
        """The oldest that nobody has looked at yet."""
        return occasions_waiting(self._connection, limit)

    def fan_out(self, looked_at: Iterable[Occasion], new: Iterable[NewDelivery], sooner: Iterable[tuple[int, int]],
                now_ms: int) -> None:  # fmt: skip
        """Make deliveries of occasions, which are done with then; `sooner` has new times for what still waits."""
        connection = self._connection
        with writing(connection):
            for one in new:
                self._add(one, now_ms)
            connection.executemany(
                "UPDATE delivery SET not_before_ms = ?2, due_ms = CASE WHEN due_ms IS NULL THEN NULL ELSE ?2 END"
                " WHERE number = ?1 AND state IN ('waiting', 'queued') AND attempts = 0",
                list(sooner),
            )
            connection.executemany("DELETE FROM outbox WHERE id = ?", [(one.id,) for one in looked_at])

    def _add(self, one: NewDelivery, now_ms: int) -> None:
        connection = self._connection
        if connection.execute("SELECT 1 FROM delivery WHERE id = ?", (one.id,)).fetchone() is not None:
            return
        (sequence,) = connection.execute(_NEXT_SEQUENCE, (one.tenant, one.receiver, one.entity)).fetchone() or (0,)
        state: State = "waiting"
        if one.parked is not None:
            state = "parked"
        elif one.line is not None and any(connection.execute(_IS_BEHIND, (one.tenant, one.line, one.entity))):
            state = "queued"
        connection.execute(
            "INSERT INTO delivery (id, tenant, receiver, type, entity, sequence, seq, detail, line, state, attempts,"
            " created_ms, not_before_ms, due_ms, expires_ms, finished_ms, note)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?)",
            (
                one.id, one.tenant, one.receiver, one.type, one.entity, sequence, one.seq, one.detail, one.line,
                state, now_ms, one.not_before_ms, one.not_before_ms if state == "waiting" else None, one.expires_ms,
                now_ms if state == "parked" else None, one.parked,
            ),
        )  # fmt: skip

    def newest_told(self, tenant: int, receiver: str, entity: str) -> tuple[int, str, int, str | None] | None:
        """Number, state, attempts and last told flag of the newest delivery about an entity to a receiver."""
        row = self._connection.execute(
            "SELECT number, state, attempts, (SELECT told FROM delivery_attempt a WHERE a.delivery = d.number"
            " ORDER BY attempt DESC LIMIT 1) FROM delivery d WHERE tenant = ? AND receiver = ? AND entity = ?"
            " ORDER BY number DESC LIMIT 1",
            (tenant, receiver, entity),
        ).fetchone()
        return None if row is None else (row[0], row[1], row[2], row[3])

    def first_due_ms(self) -> dict[tuple[int, str], int]:
        """When the first delivery is due, by tenant and receiver; where none waits, there is no entry."""
        return {(tenant, receiver): due_ms for tenant, receiver, due_ms in self._connection.execute(_FIRST_DUE)}

    def test_due_ms(self, tenant: int, receiver: str) -> int | None:
        """When the first test of a receiver is due; `None` when none waits."""
        row = self._connection.execute(
            f"SELECT due_ms FROM delivery WHERE tenant = ? AND receiver = ? AND due_ms IS NOT NULL{_IS_TEST}"
            " ORDER BY due_ms LIMIT 1",
            (tenant, receiver),
        ).fetchone()
        return None if row is None else int(row[0])

    def claim(self, wanted: Iterable[tuple[int, str, int]], now_ms: int) -> list[Delivery]:
        """Take what is due: per tenant and receiver up to so many."""
        claimed: list[Delivery] = []
        with writing(self._connection):
            for tenant, receiver, limit in wanted:
                rows = self._connection.execute(_CLAIM, (tenant, receiver, now_ms, limit))
                claimed += [_delivery(row) for row in rows]
        return sorted(claimed, key=lambda one: one.number)

    def claim_tests(self, receivers: Iterable[tuple[int, str]], now_ms: int) -> list[Delivery]:
        """Of each receiver the first test that is due."""
        if not receivers:
            return []
        with writing(self._connection):
            rows = [row for key in receivers for row in self._connection.execute(_CLAIM_TEST, (*key, now_ms, 1))]
        return [_delivery(row) for row in rows]

    def let_go(self) -> int:
        """Put back what a sender that is no more had claimed, to be tried at once; how much that was."""
        with writing(self._connection):
            self._connection.execute(
                "UPDATE delivery SET state = 'waiting', due_ms = not_before_ms WHERE state = 'sending'"
            )
            return self._connection.changes()

    def record(self, attempts: Iterable[Attempt]) -> None:
        """Keep what came of attempts, and let go on what waited for them."""
        with writing(self._connection):
            for attempt in attempts:
                self._record(attempt)

    def _record(self, attempt: Attempt) -> None:
        one, connection = attempt.delivery, self._connection
        ended_ms = attempt.started_ms + attempt.took_ms
        if attempt.parked is not None:
            state, due_ms, finished_ms = "parked", None, ended_ms
        elif attempt.next_ms is not None:
            state, due_ms, finished_ms = "waiting", attempt.next_ms, None
        else:
            state, due_ms, finished_ms = "delivered", None, ended_ms
        connection.execute(
            "UPDATE delivery SET state = ?, due_ms = ?, finished_ms = ?, note = ?"
            " WHERE number = ? AND state = 'sending'",
            (state, due_ms, finished_ms, attempt.parked, one.number),
        )
        last = connection.execute(
            "SELECT body FROM delivery_attempt WHERE delivery = ? AND body IS NOT NULL ORDER BY attempt DESC LIMIT 1",
            (one.number,),
        ).fetchone()
        connection.execute(
            "INSERT INTO delivery_attempt (delivery, tenant, attempt, started_ms, took_ms, outcome, told, address,"
            " head, body, status, reply) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                one.number, one.tenant, one.attempts, attempt.started_ms, attempt.took_ms, attempt.outcome,
                attempt.told, attempt.address, attempt.head, None if last == (attempt.body,) else attempt.body,
                attempt.status, attempt.reply,
            ),
        )  # fmt: skip
        if one.line is not None and state != "waiting":
            connection.execute(_LET_NEXT_GO, (one.tenant, one.line, one.entity))

    def park_expired(self, now_ms: int, limit: int) -> int:
        """Park what could not even be tried in its time; how much that was."""
        numbers = self._numbers("due_ms IS NOT NULL AND expires_ms <= ? ORDER BY expires_ms LIMIT ?", now_ms, limit)
        if not numbers:
            return 0
        with writing(self._connection):
            rows = self._connection.execute(
                "UPDATE delivery SET state = 'parked', due_ms = NULL, finished_ms = ?, note = 'its time was over'"
                " WHERE number IN (SELECT value FROM json_each(?)) AND due_ms IS NOT NULL"
                " RETURNING tenant, line, entity",
                (now_ms, json.dumps(numbers)),
            ).fetchall()
            for tenant, line, entity in rows:
                if line is not None:
                    self._connection.execute(_LET_NEXT_GO, (tenant, line, entity))
        return len(rows)

    def forget_delivered(self, before_ms: int, limit: int) -> int:
        """Delete the oldest of what was delivered before; how much that was."""
        numbers = self._numbers(
            "state = 'delivered' AND finished_ms < ? ORDER BY finished_ms LIMIT ?", before_ms, limit
        )
        if numbers:
            with writing(self._connection):
                self._connection.execute(
                    "DELETE FROM delivery WHERE number IN (SELECT value FROM json_each(?)) AND state = 'delivered'",
                    (json.dumps(numbers),),
                )
        return len(numbers)

    def _numbers(self, condition: str, at_ms: int, limit: int) -> list[int]:
        """Looked up before anything is locked."""
        rows = self._connection.execute(f"SELECT number FROM delivery WHERE {condition}", (at_ms, limit))
        return [row[0] for row in rows]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def park_open(connection: apsw.Connection, tenant: int, receiver: str, now_ms: int, note: str) -> None:
    """Park what has not arrived at a receiver, and let go on what waited for it; within the caller's transaction."""
    parked = connection.execute(
        "UPDATE delivery SET state = 'parked', due_ms = NULL, finished_ms = ?, note = ? WHERE tenant = ?"
        " AND receiver = ? AND state IN ('waiting', 'queued', 'sending') RETURNING line, entity",
        (now_ms, note, tenant, receiver),
    ).fetchall()
    for line, entity in parked:
        if line is not None:
            connection.execute(_LET_NEXT_GO, (tenant, line, entity))


def _delivery(row: Sequence[object]) -> Delivery:
    return Delivery(**dict(zip(Delivery.__struct_fields__, row, strict=True)))  # type: ignore[arg-type]
