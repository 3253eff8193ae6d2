"""From an event to what is judged: the order that it is about and who is involved, as of its position."""

import msgspec

from fourthwatch.engine.orders import Orders, Placed, Submitted
from fourthwatch.entities import Involved, completed, involved_in
from fourthwatch.events import KIND_OF_NUMBER, CreateOrder, Event, Kind
from fourthwatch.features.observe import Present
from fourthwatch.features.subject import Subject
from fourthwatch.features.windows import Windows
from fourthwatch.store.ledger import EventRow
from fourthwatch.wire.decode import read_stored


class Subjects:
    """Makes subjects, in ledger order: an order that has been met is there for the events after it."""

    def __init__(self, ledger: Submitted, windows: Windows, orders_kept: int | None = None) -> None:
        self._orders = Orders(ledger, orders_kept)
        self._windows = windows

    def fetch(self, tenant: int, event: Event, before_seq: int) -> None:
        """Have the order that an event is about at hand; raises `LedgerUnreadable` when it is there, and damaged."""
        if event.order_id is not None and not isinstance(event, CreateOrder):
            self._orders.find(tenant, event.order_id, before_seq)

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
    ) -> Present:
        """The event as judged at its position; an order that is only tried, and not kept, is not remembered."""
        involved = involved_in(event)
        order: CreateOrder | None = None
        if isinstance(event, CreateOrder):
            order = event
            assert event.order_id is not None
            if is_kept:
                self._orders.place(tenant, event.order_id, Placed(event, involved))
        elif event.order_id is not None:
            placed = self._orders.find(tenant, event.order_id, seq)
            if placed is not None:
                order = placed.order
                involved = completed(involved, placed.involved)
        # Last, and as of this event: an order read back from the ledger must lend the same as one that is remembered.
        involved = self._recognised(tenant, involved, seq)
        subject = Subject(
            tenant=tenant, seq=seq, kind=kind, event=event, occurred_ms=occurred_ms, involved=involved, order=order,
            name=name, supplied=self._windows.supplied, received_ms=received_ms,
            is_own=is_own,
        )  # fmt: skip
        return Present(subject, {})

    def stored(self, row: EventRow) -> Present:
        """A stored event as it was judged when it came in."""
        kind = KIND_OF_NUMBER[row.kind]
        event = read_stored(kind, row.body, from_go=row.from_go)
        return self.present(
            row.tenant, row.seq, kind, event, row.occurred_ms, row.name, row.received_ms, is_own=row.is_own
        )

    def _recognised(self, tenant: int, involved: Involved, seq: int) -> Involved:
        """A session id in the user's place is a guest; a linked session is its user (contract, section 9, row 7)."""
        user, session = involved.user, involved.session
        if user is not None and session is None and self._windows.is_known_session(tenant, user, seq):
            involved = msgspec.structs.replace(involved, user=None, session=user)
            user, session = None, user
        if user is None and session is not None:
            linked = self._windows.user_of_session(tenant, session, seq)
            if linked is not None:
                return msgspec.structs.replace(involved, user=linked)
        return involved
