"""Orders as last submitted, which payments, statuses and chargebacks refer to; from the ledger, kept while warm."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import msgspec

from fourthwatch.decision import Foretold, foretold_in
from fourthwatch.engine.identity import ORDER_KINDS
from fourthwatch.entities import Involved, completed, involved_in
from fourthwatch.events import KIND_OF_NUMBER, CreateOrder, Event
from fourthwatch.limits import ORDERS_CACHED_MAX
from fourthwatch.store.about import Submission
from fourthwatch.store.ledger import EventRow
from fourthwatch.store.reader import order_subject
from fourthwatch.wire.decode import read_stored


class Submitted(Protocol):
    """Where orders are read back from: the ledger at its writing end, or one that is only read."""

    last_seq: int
    """Position of the newest event that can be read."""

    def order_before(
        self, tenant: int, subject: str, kinds: Sequence[int], before_seq: int, *, decided: bool = False
    ) -> Submission | None:
        """The newest event of these kinds about the subject, before a position; `decided`: with what was decided."""
        ...

    def newest_about(
        self, tenant: int, subject: str, kinds: Sequence[int], limit: int, before_seq: int
    ) -> Sequence[EventRow]:
        """The newest events of these kinds about the subject before a position, newest first."""
        ...


class Placed(msgspec.Struct, gc=False):
    """An order and who is involved in it, as it says itself: whose a session is, is told when it is asked."""

    order: CreateOrder
    involved: Involved
    foretold: Foretold | None = None
    """What models made of it; `None`: nobody has looked yet."""


class Orders:
    """Orders by tenant and id, as of the position that the engine has come to."""

    def __init__(self, ledger: Submitted, kept: int | None = None) -> None:
        self._ledger = ledger
        self._kept = ORDERS_CACHED_MAX if kept is None else kept
        self._warm: OrderedDict[tuple[int, str], Placed] = OrderedDict()

    def about(
        self, tenant: int, seq: int, event: Event, said: Involved | None = None, *, is_kept: bool = True
    ) -> tuple[CreateOrder | None, Involved]:
        """The order that the event at a position is about and who is involved, as both say themselves.

        In ledger order: an order is remembered for the events after it, unless it is only tried. `said` is who the
        event itself involves, if that was worked out before.
        """
        involved = involved_in(event) if said is None else said
        if isinstance(event, CreateOrder):
            assert event.order_id is not None
            if is_kept:
                self.place(tenant, event.order_id, Placed(event, involved))
            return event, involved
        if event.order_id is not None:
            placed = self.find(tenant, event.order_id, seq)
            if placed is not None:
                return placed.order, completed(involved, placed.involved)
        return None, involved

    def place(self, tenant: int, order_id: str, placed: Placed) -> None:
        """Remember the newest submission."""
        warm = self._warm
        warm[tenant, order_id] = placed
        warm.move_to_end((tenant, order_id))
        if len(warm) > self._kept:
            warm.popitem(last=False)

    def find(self, tenant: int, order_id: str, before_seq: int, *, foretold: bool = False) -> Placed | None:
        """The order as submitted before a position; `None` when it was not. `foretold`: with what models made of it."""
        placed = self._warm.get((tenant, order_id))
        if placed is not None and (placed.foretold is not None or not foretold):
            return placed
        found = self._ledger.order_before(tenant, order_subject(order_id), ORDER_KINDS, before_seq, decided=foretold)
        if found is None:
            return None
        if placed is None:
            order = read_stored(KIND_OF_NUMBER[found.kind], found.body, from_go=found.from_go)
            assert isinstance(order, CreateOrder)
            placed = Placed(order, involved_in(order))
        if foretold:
            placed.foretold = foretold_in(found.seq, found.detail)
        self.place(tenant, order_id, placed)
        return placed

    def awaited(self, tenant: int, order_id: str) -> Placed:
        """The newest submission, which was just placed: what models make of it is told to it by whoever judges."""
        placed = self._warm[tenant, order_id]
        placed.foretold = _NOT_YET
        return placed


_NOT_YET = Foretold()
