"""What the index holds, as it is handed to it: keys by position, names of things, links, orders as they stand, tallies.

Derived from the ledger and from nothing else; a pass over the same events makes the same rows.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

Mention = tuple[int, int]
"""Key of a thing, and the position of an event that it was part of."""
Named = tuple[int, int, int, str, int]
"""Key, tenant, number of the kind, value in its normal form, position of the first event."""
Link = tuple[int, int, int, int, int]
"""Key, number of the other's kind, the other's key, position, time by the sender's clock."""
Tally = tuple[int, int, str, str]
"""Tenant, day since 1970 by our clock, what is counted, the name under it."""

ORDER_KIND = 101
TRANSACTION_KIND = 102
LAST4_KIND = 103
FIELD_KIND = 104
EVENT_KIND = 105
CUSTOM_NAME_KIND = 106
WARNED_KIND = 107
PHONE_END_KIND = 108
ANY_KIND = 109
"""Numbers of kinds that are looked for, and are no things of `features`; stored, so never given to another."""


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One order as it stands. Times are epoch milliseconds by the sender's clock, amounts minor units of `currency`."""

    no: int | None = None
    """Its place in the index; `None` while it has none."""
    tenant: int
    order_id: str
    user_id: str | None = None
    placed_seq: int | None = None
    """Position of the first submission; `None` while only events about the order have come."""
    placed_ms: int
    updated_seq: int
    updated_ms: int
    amount_minor: int | None = None
    currency: str | None = None
    payment_type: str | None = None
    on_delivery: int | None = None
    """1 where it is paid on delivery, 0 where it is not."""
    city: str | None = None
    postcode: str | None = None
    country: str | None = None
    score: int | None = None
    """Of the newest decision."""
    flag: str | None = None
    verdict: str | None = None
    probability: float | None = None
    risk_minor: int | None = None
    """Amount × probability."""
    asked_score: int | None = None
    """Of the newest decision that the shop was answered with: what it could act on."""
    asked_verdict: str | None = None
    by_rule: str | None = None
    """The rule that decided it; `None` where the score did."""
    model: str | None = None
    """The model that judged its newest submission; `None` where the points of the rules did."""
    foretold: float | None = None
    """The probability that this submission was answered with."""
    reasons: str = "[]"
    """JSON: the first three reasons of the newest decision that are shown."""
    reds: str = "[]"
    """JSON: names of all its red reasons."""
    status: str | None = None
    state: str | None = None
    analyst_decision: str | None = None
    """approve, decline or hold."""
    analyst: str | None = None
    analyst_ms: int | None = None
    chargeback: int | None = None
    chargeback_ms: int | None = None
    rto: int | None = None
    rto_ms: int | None = None
    returned: int | None = None
    returned_ms: int | None = None
    fraud: int | None = None
    """What an analyst, or a rule, said of the order itself."""
    fraud_ms: int | None = None
    confirmed: int | None = None
    """What an analyst said of it: the part of `fraud` that models learn from."""
    confirmed_ms: int | None = None
    bad: int | None = None
    """What marks say of the user."""
    bad_ms: int | None = None
    queue: str | None = None
    """The queue that a rule put it in."""
    is_open: int = 0
    """1 while it waits for somebody's decision."""
    is_held: int = 0
    """1 while it does so because a person held it: then no new opinion of the machine ends that."""

    @property
    def ended_badly(self) -> bool | None:
        """Whether it is known to be fraud or was refused at the door, as in insights; `None` while nobody knows."""
        fraud = next((one for one in (self.chargeback, self.fraud, self.bad) if one is not None), None)
        if fraud == 1 or self.rto == 1:
            return True
        return False if fraud == 0 or self.rto == 0 else None


LINE_COLUMNS = OrderLine.__struct_fields__


def line_of(row: Sequence[Any]) -> OrderLine:
    """A row of `LINE_COLUMNS`."""
    return OrderLine(**dict(zip(LINE_COLUMNS, row, strict=True)))


class Mark(msgspec.Struct, frozen=True):
    """A user was marked, or a mark was cleared."""

    tenant: int
    user_id: str
    abuse: str | None
    """Kind of abuse; of a cleared mark `None` clears all."""
    bad: int | None
    """1 bad, 0 good, `None` cleared."""
    at_ms: int


class IndexBatch(msgspec.Struct, frozen=True):
    """What some events bring, sorted when it is written."""

    last_seq: int
    mentions: list[Mention]
    named: list[Named]
    links: list[Link]
    tallies: dict[Tally, int]
