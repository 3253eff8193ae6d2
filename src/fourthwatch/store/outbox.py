"""The outbox: what happened that somebody outside may want to hear, written in the transaction that made it happen.

A row is small: it names what happened and where it stands. Whom to tell and what is decided later, by `webhooks`.
"""

import secrets
from collections.abc import Iterable, Sequence

import apsw
import msgspec

OCCASION_NONCE_BYTES = 10

DECIDED = "decided"
"""A decision was made on an order."""
ANALYST_DECIDED = "analyst_decided"
"""An analyst has decided on an order here, so its shop has to be told."""
LABELLED = "labelled"
"""A user was tagged or untagged."""
RULE_FIRED = "rule.fired"
"""A rule wants a webhook told; `detail` names it."""
CASE_OPENED = "case.opened"
CASE_CLOSED = "case.closed"
EVENT_TYPES = (
    "order.scored", "order.decision_changed", CASE_OPENED, CASE_CLOSED, "user.labelled", RULE_FIRED, "rule.braked",
    "list.changed", "model.drifted", "webhook.disabled",
)  # fmt: skip
"""What a webhook endpoint may choose."""
TEST = "webhook.test"
"""What an endpoint gets when it is tried out."""


class Occasion(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Something that happened."""

    tenant: int
    type: str
    """One of this module's, or the type of webhook that it is."""
    entity: str
    """What it is about, as `order:…`, `user:…`, `rule:…`, `list:…`, `endpoint:…`."""
    seq: int
    """Of the event; 0 when there is none."""
    nonce: bytes
    at_ms: int
    detail: bytes | None = None
    """JSON, of what cannot be read from the ledger."""
    id: int | None = None
    """Of a row that was read; given by the table."""


class OpenCase(msgspec.Struct, frozen=True, gc=False):
    """What is known of a case that waits for its end."""

    queue: str | None = None
    """The queue that a rule put it in."""
    is_held: bool = False
    """Whether a person held the order."""

    @property
    def wants_person(self) -> bool:
        """Whether no new opinion of the machine ends it."""
        return self.is_held or self.queue is not None


class CaseMove(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A case that may have to be opened or closed; looked at within the transaction of the event."""

    tenant: int
    order_id: str
    subject: str
    seq: int
    nonce: bytes
    at_ms: int
    outcome: str | None
    """`None` opens a case, unless the order was in review before; all else closes it."""
    is_review: bool = True
    """Whether the verdict is to review; else only the queue is why a case is opened."""
    is_held: bool = False
    """Whether a person wants it looked at again: then a case is opened whatever was before, and is one that is held."""
    queue: str | None = None
    """The queue that a rule wants the order in. A case that is open moves there; one is opened unless the newest was in
    it: an order that somebody has looked at does not come back because the same rule fires again."""
    is_heard: bool
    """Whether somebody may want to hear."""


_INTO_OUTBOX = "INSERT INTO outbox (tenant, type, entity, seq, nonce, at_ms, detail) VALUES "
_OCCASION = "(?, ?, ?, ?, ?, ?, ?)"
_INSERT_OCCASION = _INTO_OUTBOX + _OCCASION
_ANNOUNCE = (
    "INSERT INTO outbox (tenant, type, entity, seq, nonce, at_ms, detail) SELECT ?1, ?2, ?3, 0, ?4, ?5, ?6"
    " WHERE EXISTS (SELECT 1 FROM webhook_endpoint WHERE tenant = ?1)"
)
_OPEN_CASE = (
    "INSERT INTO review_case (tenant, order_id, opened_seq, opened_ms, queue, held) SELECT ?1, ?2, ?3, ?4, ?7, ?8 WHERE"
    " (?6 AND coalesce("
    "(SELECT d.verdict FROM event e JOIN decision d ON d.seq = e.seq WHERE e.tenant = ?1 AND e.subject = ?5"
    " AND e.seq < ?3 ORDER BY e.seq DESC LIMIT 1), '') <> 'review')"
    " OR (?7 IS NOT NULL AND ?7 IS NOT"
    " (SELECT queue FROM review_case WHERE tenant = ?1 AND order_id = ?2 ORDER BY number DESC LIMIT 1))"
    " OR ?8"
    " ON CONFLICT DO NOTHING RETURNING number"
)
_MOVE_CASE = (
    "UPDATE review_case SET queue = ? WHERE tenant = ? AND order_id = ? AND closed_seq IS NULL AND queue IS NOT ?"
)
_HOLD_CASE = "UPDATE review_case SET held = 1 WHERE tenant = ? AND order_id = ? AND closed_seq IS NULL"
_CLOSE_CASE = (
    "UPDATE review_case SET closed_seq = ?3, closed_ms = ?4, outcome = ?5"
    " WHERE tenant = ?1 AND order_id = ?2 AND closed_seq IS NULL RETURNING number"
)


def announce(
    connection: apsw.Connection, tenant: int, what: str, entity: str, detail: bytes | None, at_ms: int
) -> None:
    """Tell the tenant's endpoints, if it has any, that something happened; within the caller's transaction.

    `what` is the type of webhook, as `list.changed`; `detail` the JSON object that becomes its `data`.
    """
    nonce = secrets.token_bytes(OCCASION_NONCE_BYTES)
    connection.execute(_ANNOUNCE, (tenant, what, entity, nonce, at_ms, detail))


def write_occasions(connection: apsw.Connection, occasions: Sequence[Occasion]) -> None:
    """All by one statement, within the caller's transaction."""
    bindings: list[int | str | bytes | None] = []
    for one in occasions:
        bindings += (one.tenant, one.type, one.entity, one.seq, one.nonce, one.at_ms, one.detail)
    connection.execute(_INTO_OUTBOX + ",".join([_OCCASION] * len(occasions)), bindings)


def move_cases(connection: apsw.Connection, moves: Iterable[CaseMove]) -> None:
    """Open and close cases, behind the events and decisions of the same transaction."""
    for move in moves:
        common = (move.tenant, move.order_id, move.seq, move.at_ms)
        if move.outcome is None:
            row = connection.execute(
                _OPEN_CASE, (*common, move.subject, move.is_review, move.queue, move.is_held)
            ).fetchone()
            if row is None and move.queue is not None:
                connection.execute(_MOVE_CASE, (move.queue, move.tenant, move.order_id, move.queue))
            if row is None and move.is_held:
                connection.execute(_HOLD_CASE, (move.tenant, move.order_id))
        else:
            row = connection.execute(_CLOSE_CASE, (*common, move.outcome)).fetchone()
        if row is not None and move.is_heard:
            what = CASE_OPENED if move.outcome is None else CASE_CLOSED
            detail = b'{"case_id":"%s"}' % case_id(row[0]).encode()
            bindings = (move.tenant, what, move.subject, move.seq, move.nonce, move.at_ms, detail)
            connection.execute(_INSERT_OCCASION, bindings)


def case_id(number: int) -> str:
    """As shown to people and programs."""
    return f"case_{number:012x}"


def open_cases(connection: apsw.Connection) -> dict[tuple[int, str], OpenCase]:
    """Every open case, by tenant and order."""
    return {
        (row[0], row[1]): OpenCase(row[2], bool(row[3]))
        for row in connection.execute("SELECT tenant, order_id, queue, held FROM review_case WHERE closed_seq IS NULL")
    }


def occasions_waiting(connection: apsw.Connection, limit: int) -> Sequence[Occasion]:
    """The oldest occasions that nobody has looked at yet."""
    rows = connection.execute(
        "SELECT tenant, type, entity, seq, nonce, at_ms, detail, id FROM outbox ORDER BY id LIMIT ?", (limit,)
    )
    fields = ("tenant", "type", "entity", "seq", "nonce", "at_ms", "detail", "id")
    return [Occasion(**dict(zip(fields, row, strict=True))) for row in rows]
