"""How late bad labels are, from the events that told them; a look at the ledger that needs no walk through it."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import msgspec

from fourthwatch.clock import DAY_MS
from fourthwatch.engine.identity import ORDER_KINDS
from fourthwatch.events import KIND_OF_NUMBER
from fourthwatch.store.history import History
from fourthwatch.wire.decode import read_stored
from fourthwatch.workbench.labels import OF_ORDER_NUMBERS, labels_of, was_sent_late
from fourthwatch.workbench.outcomes import LABELS_OF, Target

DELAY_DAYS_DEFAULT = 14


class Look(msgspec.Struct, frozen=True):
    """What a ledger has for a target."""

    tenant: int | None
    """`None`: there is none of this name."""
    last_seq: int
    mark: str
    """Stands for the ledger up to there."""
    delay_days: int
    """By when half of the bad labels had come, of those that have; a fortnight where nothing says so."""
    bad: int
    """Bad labels about orders."""


def look(directory: Path, tenant_name: str, target: Target, until_ms: int, up_to: int | None = None) -> Look:
    """At the ledger up to a position; raises `LedgerUnusable` and `LedgerBroken`."""
    history = History(directory, up_to=up_to)
    try:
        tenant = history.tenant_id(tenant_name)
        delays = [] if tenant is None else sorted(_delays(history, tenant, target, until_ms))
        days = max(1, round(median(delays))) if delays else DELAY_DAYS_DEFAULT
        return Look(tenant, history.last_seq, history.mark(), days, len(delays))
    finally:
        history.close()


def _delays(history: History, tenant: int, target: Target, until_ms: int) -> Iterator[float]:
    wanted = LABELS_OF[target]
    for row in history.of_kinds(tenant, OF_ORDER_NUMBERS):
        event = read_stored(KIND_OF_NUMBER[row.kind], row.body, from_go=row.from_go)
        told = labels_of([(row, event)])
        if row.subject is None or not any(kind in told and told[kind].value for kind in wanted):
            continue
        orders = history.about(tenant, row.subject, ORDER_KINDS)
        if not orders:
            continue
        came_ms = row.occurred_ms if was_sent_late(orders[0]) else row.received_ms
        if came_ms < until_ms:
            yield max(0.0, (came_ms - orders[0].occurred_ms) / DAY_MS)
