"""From an event to what is judged: the order that it is about and who is involved, as of its position."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from fourthwatch.engine.identity import subject_of
from fourthwatch.engine.orders import Orders, Placed, Submitted
from fourthwatch.entities import Involved
from fourthwatch.errors import LedgerUnreadable
from fourthwatch.events import KIND_OF_NUMBER, CreateOrder, Event, Kind
from fourthwatch.features.observe import TOLD_AGAIN_KINDS, Present
from fourthwatch.features.recognition import recognised
from fourthwatch.features.subject import Subject
from fourthwatch.features.windows import Windows
from fourthwatch.limits import BATCH_MAX, SEQ_MAX, THINGS_EXACT_MAX
from fourthwatch.logs import log
from fourthwatch.store.ledger import EventRow, Ledger
from fourthwatch.wire.decode import read_stored

About = tuple[int, str]
"""A tenant, and one of its orders or accounts."""
_OTHERS_MAX = THINGS_EXACT_MAX
"""As many newer things it takes to fold one, so that no more is looked at than came in."""


def first_told(ledger: Ledger, about: Iterable[tuple[int, str | None]]) -> dict[About, int]:
    """Where the ledger first tells of each order or account; `SEQ_MAX` of one that is new to it."""
    by_tenant: dict[int, set[str]] = {}
    for tenant, subject in about:
        if subject is not None:
            by_tenant.setdefault(tenant, set()).add(subject)
    first: dict[About, int] = {}
    for tenant, subjects in by_tenant.items():
        found = ledger.first_about(tenant, subjects)
        first.update(((tenant, subject), found.get(subject, SEQ_MAX)) for subject in subjects)
    return first


class Subjects:
    """Makes subjects, in ledger order: an order that has been met is there for the events after it."""

    def __init__(self, ledger: Submitted, windows: Windows, orders_kept: int | None = None) -> None:
        self._ledger = ledger
        self._orders = Orders(ledger, orders_kept)
        self._windows = windows
        self._ask_first: Callable[[], Mapping[About, int]] | None = None
        self._first: Mapping[About, int] | None = None
        self._first_as_of = 0
        self._under_way: deque[Present] = deque()
        """Events of which others may tell again, and which may not be durable: one batch is written, one walks."""
        self._newest_of: dict[int, int] = {}
        """By mark, the position of the newest of these."""

    def fetch(self, tenant: int, event: Event, before_seq: int, *, foretold: bool = False) -> Placed | None:
        """Have the order that an event is about at hand; raises `LedgerUnreadable` when it is there, and damaged.

        With `foretold` also what models made of the order when it was submitted; `None` of what is a submission itself.
        """
        if event.order_id is None or isinstance(event, CreateOrder):
            return None
        return self._orders.find(tenant, event.order_id, before_seq, foretold=foretold)

    def present(
        self,
        tenant: int,
        seq: int,
        kind: Kind,
        event: Event,
        occurred_ms: int,
        name: str | None = None,
        received_ms: int = 0,
        *,
        is_own: bool = False,
        is_kept: bool = True,
        said: Involved | None = None,
    ) -> Present:
        """The event as judged at its position; an order that is only tried, and not kept, is not remembered.

        `said` is who the event itself involves, if that was worked out before."""
        order, involved = self._orders.about(tenant, seq, event, said, is_kept=is_kept)
        # Last, and as of this event: an order read back from the ledger must lend the same as one that is remembered.
        involved = recognised(involved, self._windows, tenant, seq)
        subject = Subject(
            tenant=tenant, seq=seq, kind=kind, event=event, occurred_ms=occurred_ms, involved=involved, order=order,
            name=name, supplied=self._windows.supplied, received_ms=received_ms,
            is_own=is_own,
        )  # fmt: skip
        return Present(subject, {})

    def expect(self, first: Callable[[], Mapping[About, int]]) -> None:
        """Say how to ask what `first_told` tells of the next events; done once for all of them, if it has to be."""
        self._ask_first, self._first = first, None

    def stored(self, row: EventRow) -> Present:
        """A stored event as it was judged when it came in."""
        kind = KIND_OF_NUMBER[row.kind]
        event = read_stored(kind, row.body, from_go=row.from_go)
        return self.present(
            row.tenant, row.seq, kind, event, row.occurred_ms, row.name, row.received_ms, is_own=row.is_own
        )

    def add(self, present: Present, *, is_judged: bool = False) -> Placed | None:
        """Let an event count in the windows from now on; of a submission the order as the events behind it find it.

        `is_judged`: what models make of it is told to that order next, and is not to be looked for in the ledger."""
        self._windows.add(present, self.others)
        subject, event = present.subject, present.subject.event
        if present.comes_again and present.subject.seq > self._ledger.last_seq:
            self._newest_of[present.mark] = present.subject.seq
            self._under_way.append(present)
            if len(self._under_way) > 2 * BATCH_MAX:
                gone = self._under_way.popleft()
                if self._newest_of[gone.mark] == gone.subject.seq:
                    del self._newest_of[gone.mark]
        if not is_judged or event.order_id is None or not isinstance(event, CreateOrder):
            return None
        return self._orders.awaited(subject.tenant, event.order_id)

    def others(self, present: Present, before_seq: int | None = None) -> list[Present]:
        """Events that count as the same thing, before it or before a position: the newest `_OTHERS_MAX`, as each was
        judged. None of an account that is known by its e-mail alone, which no index leads to."""
        subject, mark = present.subject, present.mark
        before = subject.seq if before_seq is None else before_seq
        about = subject_of(subject.kind, subject.event)
        if about is None:
            return []
        rows: Sequence[EventRow] = ()
        durable = self._ledger.last_seq  # before asking: what becomes durable meanwhile is found twice, and not missed
        try:
            if before_seq is not None or self._may_be_told((subject.tenant, about), before):
                rows = self._ledger.newest_about(subject.tenant, about, TOLD_AGAIN_KINDS, _OTHERS_MAX, before)
            else:
                durable = self._first_as_of
        except LedgerUnreadable as damage:  # then it counts as new, as it does for whoever lost those events
            log.error("earlier_events_unreadable", reason=str(damage), do="run fourthwatch doctor")
            return []
        found: dict[int, Present] = {}
        if rows:
            then = Subjects(self._ledger, self._windows)  # orders as they were
            found = {row.seq: then.stored(row) for row in reversed(rows)}
        for one in reversed(self._under_way) if self._newest_of.get(mark, 0) > durable else ():
            if one.subject.seq <= durable:
                break
            if one.own_mark == mark and one.subject.tenant == subject.tenant and one.subject.seq < before:
                found[one.subject.seq] = one
        return [one for seq, one in found.items() if seq != subject.seq]

    def _may_be_told(self, about: About, before_seq: int) -> bool:
        """Whether the ledger tells of an order or account before a position, for all that is known without asking."""
        if self._ask_first is None:
            return True
        if self._first is None:
            self._first_as_of = self._ledger.last_seq
            self._first = self._ask_first()
        return self._first.get(about, 0) < before_seq
