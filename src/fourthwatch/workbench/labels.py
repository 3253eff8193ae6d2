"""What became of an order, as somebody told it later: disputed, refused at the door, sent back, its user marked as bad.

A label is 1 or 0 once it was told and unknown before: that nobody has complained yet says nothing. It carries the time
at which it *arrived*, because whoever learns from it could not have known it earlier.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Literal, Protocol, get_args

import msgspec

from fourthwatch.clock import DAY_MS
from fourthwatch.engine.labels import is_lost, is_rules_word, tellings_of, told_by_state
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
from fourthwatch.events.abuse import ABUSES, Abuse, speaks_of
from fourthwatch.events.values import order_state_of
from fourthwatch.limits import LABELS_CACHED_MAX
from fourthwatch.store.history import History
from fourthwatch.store.ledger import EventRow
from fourthwatch.store.reader import order_subject, user_subject
from fourthwatch.wire.decode import read_stored

LabelKind = Literal["chargeback", "rto", "returned", "bad", "promo_abuse", "account_abuse", "confirmed", "canceled"]
LABEL_KINDS: tuple[LabelKind, ...] = get_args(LabelKind)
"""`chargeback`: the order is disputed (0: the shop won); `rto`: the parcel came back unaccepted (0: delivered);
`returned`: sent back or refunded (0: delivered); `bad`: a mark against the user stands (0: marked as good);
`promo_abuse` and `account_abuse`: the same of a mark whose kind of abuse speaks of promotions, or of accounts;
`confirmed`: an analyst says that the order is fraud (0: good); `canceled`: it was canceled or declined (0: approved or
delivered), so that nobody learns what would have become of it."""

_TAGS = (Tag, Untag)
_OF_ORDER = (OrderStatus, ItemStatus, Chargeback, CustomEvent, *_TAGS)
_ORDER_KINDS = tuple(kind.number for kind in KINDS if kind.type in _OF_ORDER)
OF_ORDER_NUMBERS = tuple(
    kind.number for kind in KINDS if kind.type in (OrderStatus, ItemStatus, Chargeback, CustomEvent)
)
"""Kinds of events that tell labels of the order that they name."""
_USER_KINDS = tuple(kind.number for kind in KINDS if kind.type in _TAGS)


_SAYS_WHETHER_CANCELED = ("canceled", "approved", "fulfilled")
_WENT_OUT: frozenset[LabelKind] = frozenset({"rto", "returned"})
"""Told, with whatever value, of orders that were sent: these had their chance to end badly."""
SENT_LATE_MS = DAY_MS


class Label(msgspec.Struct, frozen=True):
    """One label as it stands, and when it came to say so."""

    value: bool
    received_ms: int
    """Our clock, when the event arrived that gave it this value."""
    occurred_ms: int
    """The sender's clock, of the same event; in a replayed past the one that means something."""


class Tell(Protocol):
    """Takes in what was told of a kind."""

    def __call__(self, kind: LabelKind, row: EventRow, *, value: bool) -> None: ...


Labels = Mapping[LabelKind, Label]
"""Those that were told; a kind that is not in it is unknown."""


def labels_of(events: Iterable[tuple[EventRow, Event]]) -> Labels:
    """The labels that events about one order and its user leave behind; the events in ledger order.

    A dispute, an analyst's word and whether the order was canceled are as they were last said to be. Refused and sent
    back are told for good: what follows them is paperwork (shops close or refund such orders), and so is canceling what
    was delivered. Marks stand one per kind of abuse, as the feature `bad_tags` counts them.
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
            if is_rules_word(event, is_own=row.is_own):
                continue  # a rule's word is no truth to learn from
            marks[event.abuse_type] = bool(event.is_bad)
        elif isinstance(event, Untag) and event.abuse_type is not None:
            marks.pop(event.abuse_type, None)
        elif isinstance(event, Untag):
            marks.clear()
        for kind, value in told_by_state(event):
            if value or kind not in told:
                tell(kind, row, value=value)
        if isinstance(event, CustomEvent):
            _tell_confirmed(row, event, tell, told)
        if isinstance(event, OrderStatus | CustomEvent):
            state = order_state_of(event.order_status)
            is_paperwork = state == "canceled" and not told.keys().isdisjoint(_WENT_OUT)
            if state in _SAYS_WHETHER_CANCELED and not is_paperwork:
                tell("canceled", row, value=state == "canceled")
        if isinstance(event, _TAGS):
            _tell_marks(marks, row, tell, told)
    return told


def _tell_confirmed(row: EventRow, event: Event, tell: Tell, told: dict[LabelKind, Label]) -> None:
    for one in tellings_of(row, event):
        if one.kind != "confirmed" or one.source != "analyst":
            continue  # a rule's word is no truth to learn from, here either
        if one.value is None:
            told.pop("confirmed", None)
        else:
            tell("confirmed", row, value=one.value)


def _tell_marks(marks: Mapping[str | None, bool], row: EventRow, tell: Tell, told: dict[LabelKind, Label]) -> None:
    """What the marks that stand say of all abuse, and of the kinds that have a label of their own."""
    standing: list[tuple[LabelKind, Mapping[str | None, bool]]] = [("bad", marks)]
    standing += [(abuse, _of_abuse(marks, abuse)) for abuse in ABUSES]
    for kind, of_it in standing:
        if of_it:
            tell(kind, row, value=any(of_it.values()))
        else:
            told.pop(kind, None)


def _of_abuse(marks: Mapping[str | None, bool], abuse: Abuse) -> dict[str | None, bool]:
    return {told: bad for told, bad in marks.items() if speaks_of(told or "", abuse)}


def was_sent_late(row: EventRow) -> bool:
    """Whether an event was received so long after it happened that it belongs to a past sent afterwards."""
    return row.received_ms - row.occurred_ms > SENT_LATE_MS


class LabelBook:
    """Labels of orders as of the end of a history, read when they are asked for and kept while warm."""

    def __init__(self, history: History, known_by_ms: int | None = None) -> None:
        """`known_by_ms`: what came to be known from this moment on is not known yet."""
        self._history = history
        self._known_by_ms = known_by_ms
        self._warm: OrderedDict[tuple[int, str | None, str | None, bool], Labels] = OrderedDict()

    def of(self, tenant: int, order_id: str | None, user: str | None, *, sent_late: bool = False) -> Labels:
        """Labels of the order, and of the user whose it is; either may be `None`: not said.

        `sent_late`: the order belongs to a past that was sent afterwards, so the sender's times count.
        """
        key = (tenant, order_id, user, sent_late)
        found = self._warm.get(key)
        if found is None:
            found = self._warm[key] = labels_of(self._events(*key))
            if len(self._warm) > LABELS_CACHED_MAX:
                self._warm.popitem(last=False)
        return found

    def _events(
        self, tenant: int, order_id: str | None, user: str | None, sent_late: bool
    ) -> list[tuple[EventRow, Event]]:
        rows = [] if order_id is None else self._history.about(tenant, order_subject(order_id), _ORDER_KINDS)
        if user is not None:
            rows += self._history.about(tenant, user_subject(user), _USER_KINDS)
            rows.sort(key=lambda row: row.seq)
        if self._known_by_ms is not None:
            rows = [row for row in rows if (row.occurred_ms if sent_late else row.received_ms) < self._known_by_ms]
        return [(row, read_stored(KIND_OF_NUMBER[row.kind], row.body, from_go=row.from_go)) for row in rows]
