"""Chance for orders that the score declines, within a tenant's caps; an order is drawn for once, whatever comes after.

Lives with the walk, on its thread. What a rule declines is never let pass, and a draw that was lost is not drawn again:
else whoever sends an order anew would win one day.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable

from fourthwatch.clock import DAY_MS
from fourthwatch.decision import Decision, Exploration, Explored, let_pass
from fourthwatch.errors import LedgerUnreadable
from fourthwatch.features.subject import Subject
from fourthwatch.limits import ORDERS_CACHED_MAX
from fourthwatch.logs import log
from fourthwatch.store.draws import DrawRow

Find = Callable[[int, str], DrawRow | None]
_CHANCE_BYTES = 7
_REFUSED = Explored(0.0, False)


class Exploring:
    """Draws, and counts what was let pass today."""

    def __init__(
        self, random_bytes: Callable[[int], bytes], find: Find, spent: Iterable[tuple[int, int, int, int]]
    ) -> None:
        """`find` looks up what was drawn for an order before this began, and raises `LedgerUnreadable`; `spent` is as
        `store.draws.spent` tells it."""
        self._random_bytes = random_bytes
        self._find = find
        self._spent = {tenant: (day, orders, money) for tenant, day, orders, money in spent}
        self._drawn: OrderedDict[tuple[int, str], DrawRow] = OrderedDict()

    def of(
        self, decision: Decision, exploration: Exploration, subject: Subject, received_ms: int, *, may_draw: bool
    ) -> tuple[Decision, DrawRow | None]:
        """The decision as it is made, and what was drawn for it now; `may_draw` when a shop acts on the answer."""
        order_id, tenant = subject.event.order_id, subject.tenant
        if order_id is None or decision.by or not (exploration.is_on or tenant in self._spent):
            return decision, None
        amount = subject.amount_minor()
        try:
            before = self._before(tenant, order_id)
        except LedgerUnreadable as damage:  # whether it was let pass cannot be known: it is not, and not drawn for anew
            log.error("draw_unreadable", reason=str(damage), do="run fourthwatch doctor, then restore a backup")
            return let_pass(decision, _REFUSED), None
        if before is not None:
            stays = before.released and amount is not None and amount <= before.amount_minor
            return let_pass(decision, Explored(before.propensity if stays else 0.0, stays)), None
        if not (exploration.is_on and may_draw):
            return decision, None
        day = received_ms // DAY_MS
        last, orders, money = self._spent.get(tenant, (day, 0, 0))
        if last != day:
            orders = money = 0
        currency = None if subject.order is None else subject.order.currency_code
        has_room = (
            amount is not None
            and (currency or "").upper() == exploration.currency
            and orders < exploration.orders_per_day
            and money + amount <= exploration.amount_minor_per_day
        )
        if not has_room or amount is None:
            return let_pass(decision, _REFUSED), None
        chance = int.from_bytes(self._random_bytes(_CHANCE_BYTES), "big") / 256**_CHANCE_BYTES
        told = Explored(exploration.percent / 100, chance < exploration.percent / 100)
        self._spent[tenant] = (day, orders + told.released, money + amount * told.released)
        row = DrawRow(
            tenant=tenant, order_id=order_id, seq=subject.seq, day=day, at_ms=received_ms, propensity=told.propensity,
            released=told.released, amount_minor=amount,
        )  # fmt: skip
        self._drawn[tenant, order_id] = row
        if len(self._drawn) > ORDERS_CACHED_MAX:
            self._drawn.popitem(last=False)  # it has been durable for long
        return let_pass(decision, told), row

    def _before(self, tenant: int, order_id: str) -> DrawRow | None:
        if tenant not in self._spent:
            return None
        return self._drawn.get((tenant, order_id)) or self._find(tenant, order_id)
