"""What became of an order, as somebody told it later: disputed, refused at the door, sent back, its user marked as bad.

A label is 1 or 0 once it was told and unknown before: that nobody has complained yet says nothing. It carries the time
at which it *arrived*, because whoever learns from it could not have known it earlier.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from fourthwatch.engine.labels import is_lost, told_by_state
from fourthwatch.events import (
    KIND_OF_NUMBER,
    KINDS,
    Chargeback,
    CustomEvent,
    Event,
    ItemStatus,
    OrderStatus,
    Tag,
    Untag,
)
from fourthwatch.limits import LABELS_CACHED_MAX
from fourthwatch.store.history import History
from fourthwatch.store.ledger import EventRow
from fourthwatch.store.reader import order_subject, user_subject
from fourthwatch.wire.decode import read_stored

LabelKind = Literal["chargeback", "rto", "returned", "bad"]
LABEL_KINDS: tuple[LabelKind, ...] = ("chargeback", "rto", "returned", "bad")
"""`chargeback`: the order is disputed (0: the shop won); `rto`: the parcel came back unaccepted (0: delivered);
`returned`: sent back or refunded (0: delivered); `bad`: a mark against the user stands (0: marked as good)."""

_TAGS = (Tag, Untag)
_OF_ORDER = (OrderStatus, ItemStatus, Chargeback, CustomEvent, *_TAGS)
_ORDER_KINDS = tuple(kind.number for kind in KINDS if kind.type in _OF_ORDER)
_USER_KINDS = tuple(kind.number for kind in KINDS if kind.type in _TAGS)


class Label(msgspec.Struct, frozen=True):
    """One label as it stands, and when it came to say so."""

    value: bool
    received_ms: int
    """Our clock, when the event arrived that gave it this value."""
    occurred_ms: int
    """The sender's clock, of the same event; in a replayed past the one that means something."""


Labels = Mapping[LabelKind, Label]
"""Those that were told; a kind that is not in it is unknown."""


def labels_of(events: Iterable[tuple[EventRow, Event]]) -> Labels:
    """The labels that events about one order and its user leave behind; the events in ledger order.

    A dispute is as it was last said to be. Refused and sent back are told for good: what follows them is paperwork
    (shops close or refund such orders). Marks stand one per kind of abuse, as the feature `bad_tags` counts them.
    """
    told: dict[LabelKind, Label] = {}
    marks: dict[str | None, bool] = {}

    def tell(kind: LabelKind, row: EventRow, *, value: bool) -> None:
        if kind not in told or told[kind].value != value:
            told[kind] = Label(value, row.received_ms, row.occurred_ms)

    for row, event in events:
        if isinstance(event, Chargeback):
            tell("chargeback", row, value=is_lost(event))
        elif isinstance(event, Tag):
            marks[event.abuse_type] = bool(event.is_bad)
        elif isinstance(event, Untag) and event.abuse_type is not None:
            marks.pop(event.abuse_type, None)
        elif isinstance(event, Untag):
            marks.clear()
        for kind, value in told_by_state(event):
            if value or kind not in told:
                tell(kind, row, value=value)
        if isinstance(event, _TAGS):
            if marks:
                tell("bad", row, value=any(marks.values()))
            else:
                told.pop("bad", None)
    return told


class LabelBook:
    """Labels of orders as of the end of a history, read when they are asked for and kept while warm."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._warm: OrderedDict[tuple[int, str | None, str | None], Labels] = OrderedDict()

    def of(self, tenant: int, order_id: str | None, user: str | None) -> Labels:
        """Labels of the order, and of the user whose it is; either may be `None`: not said."""
        key = (tenant, order_id, user)
        found = self._warm.get(key)
        if found is None:
            found = self._warm[key] = labels_of(self._events(*key))
            if len(self._warm) > LABELS_CACHED_MAX:
                self._warm.popitem(last=False)
        return found

    def _events(self, tenant: int, order_id: str | None, user: str | None) -> list[tuple[EventRow, Event]]:
        rows = [] if order_id is None else self._history.about(tenant, order_subject(order_id), _ORDER_KINDS)
        if user is not None:
            rows += self._history.about(tenant, user_subject(user), _USER_KINDS)
            rows.sort(key=lambda row: row.seq)
        return [(row, read_stored(KIND_OF_NUMBER[row.kind], row.body, from_go=row.from_go)) for row in rows]
