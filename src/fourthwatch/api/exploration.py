"""`/api/v1/insights/exploration`: of the orders that were let pass by chance, how many were good: what declining costs.

Each order that was let pass stands for as many as its propensity says (Horvitz and Thompson, 1952): the estimate is of
all that the score declined while chance had room, though nobody knows what would have come of those. Bad ends are told
sooner than good ones, so only orders that are old enough for either go into it.
"""

import math
from collections.abc import Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Access
from fourthwatch.api.aside import Aside
from fourthwatch.api.changes import caller_of, json_reply
from fourthwatch.api.paging import number_in, time_in, truth_in
from fourthwatch.clock import DAY_MS, Clock, iso_ms
from fourthwatch.errors import Malformed
from fourthwatch.limits import INSIGHT_DAYS_MAX, INSIGHT_ORDERS_MAX
from fourthwatch.store.draws import DrawRow
from fourthwatch.store.index_rows import OrderLine

_DAYS = 30
_MATURED_DAYS = 90
_NORMAL_95 = 1.959964


class ExplorationView(msgspec.Struct, frozen=True):
    """Orders that the score would have declined and that chance was drawn for, in a span of their receipt."""

    from_at: str
    to_at: str
    matured_days: int
    """A released order of which nothing bad was told counts as good after so many days."""
    drawn: int
    """Orders that chance was drawn for, let pass or not."""
    released: int
    released_minor: int
    """Their amounts together."""
    bad: int
    """Of those let pass."""
    good: int
    unknown: int
    """Not told yet, and too young."""
    matured: int
    """Of those let pass, so many are older than `matured_days`: the estimate is made of them alone."""
    false_positive_share: float | None
    """Estimated share of good ones in what the score declines; null while none of those let pass is old enough."""
    low: float | None
    """Bounds of its 95 % interval (Wilson)."""
    high: float | None
    good_turned_away: float | None
    """Estimated good orders that were declined in the span, by the score and with room for chance."""
    complete: bool
    """False when there are more than are summed up; the newest 500,000 were."""


class ExplorationReport:
    """The handler."""

    def __init__(self, access: Access, aside: Aside, clock: Clock) -> None:
        self._access = access
        self._aside = aside
        self._clock = clock

    def routes(self) -> list[Route]:
        """For the router."""
        return [Route("/api/v1/insights/exploration", self.report, methods=["GET"])]

    async def report(self, request: Request) -> Response:
        """What was let pass, and what came of it."""
        caller = caller_of(self._access, request, "read")
        to_ms = time_in(request, "to") or self._clock.now_ms() + DAY_MS
        from_ms = time_in(request, "from") or to_ms - (_DAYS + 1) * DAY_MS
        if not 0 < to_ms - from_ms <= INSIGHT_DAYS_MAX * DAY_MS:
            raise Malformed(f"from must be before to, and at most {INSIGHT_DAYS_MAX} days before it", code="bad_query")
        matured_days = number_in(request, "matured_days", _MATURED_DAYS)
        draws, lines = await self._aside.ask(
            lambda readers: _looked_up(
                readers.ledger.draws(caller.tenant, from_ms, to_ms, INSIGHT_ORDERS_MAX),
                lambda ids: readers.index.lines(caller.tenant, ids),
            ),
            fresh=truth_in(request, "fresh") is True,
        )
        matured_ms = self._clock.now_ms() - matured_days * DAY_MS
        ends = [(draw, _is_bad(lines.get(draw.order_id))) for draw in draws if draw.released]
        old = [(1 / draw.propensity, bad is True) for draw, bad in ends if draw.at_ms <= matured_ms]
        share, low, high = estimated(old)
        return json_reply(
            ExplorationView(
                from_at=iso_ms(from_ms),
                to_at=iso_ms(to_ms),
                matured_days=matured_days,
                drawn=len(draws),
                released=len(ends),
                released_minor=sum(draw.amount_minor for draw, _ in ends),
                bad=sum(bad is True for _, bad in ends),
                good=sum(bad is False or (bad is None and draw.at_ms <= matured_ms) for draw, bad in ends),
                unknown=sum(bad is None and draw.at_ms > matured_ms for draw, bad in ends),
                matured=len(old),
                false_positive_share=share,
                low=low,
                high=high,
                good_turned_away=None if share is None else share * (len(draws) - len(ends)),
                complete=len(draws) < INSIGHT_ORDERS_MAX,
            )
        )


def estimated(ends: Sequence[tuple[float, bool]]) -> tuple[float | None, float | None, float | None]:
    """Share of good ones with its bounds, from the weight of each and whether it was bad.

    >>> [round(one, 3) for one in estimated([(20.0, True)] * 30 + [(20.0, False)] * 10)]
    [0.25, 0.142, 0.402]
    >>> estimated([])
    (None, None, None)
    """
    whole = sum(weight for weight, _ in ends)
    if not whole:
        return None, None, None
    share = sum(weight for weight, bad in ends if not bad) / whole
    count = whole * whole / sum(weight * weight for weight, _ in ends)  # as many of one weight would say as much
    z2 = _NORMAL_95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    apart = _NORMAL_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    return share, max(0.0, middle - apart), min(1.0, middle + apart)


def _looked_up(
    draws: list[DrawRow], lines_of: Callable[[list[str]], dict[str, OrderLine]]
) -> tuple[list[DrawRow], dict[str, OrderLine]]:
    return draws, lines_of([draw.order_id for draw in draws if draw.released])


def _is_bad(line: OrderLine | None) -> bool | None:
    """What the insights call bad and good; `None`: nothing was told yet."""
    if line is not None:
        fraud = next((one for one in (line.chargeback, line.fraud, line.bad) if one is not None), None)
        if fraud == 1 or line.rto == 1:
            return True
        if fraud == 0 or line.rto == 0:
            return False
    return None
