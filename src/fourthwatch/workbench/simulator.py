"""A demo shop whose traffic is invented from a seed: ordinary people, and rings trying their luck among them.

The same seed, start and rate give the same events to the byte, in order of time, however they are taken; who
was fraudulent is told beside each order and never in a body.
"""

import math
from collections.abc import Iterator
from random import Random

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.workbench.checkout import ORDINARY, Pages
from fourthwatch.workbench.inventions import Inventor
from fourthwatch.workbench.rings import KINDS, Rings
from fourthwatch.workbench.shoppers import Shoppers
from fourthwatch.workbench.timeline import SimEvent, Timeline

__all__ = ["TRUTHS", "DemoShop", "SimEvent"]

FRAUD_SHARE = 0.07
"""Share of all orders that rings place, over days: more than shops see, so that a demo shows something."""
TRUTHS = (ORDINARY, *KINDS)
"""What `SimEvent.truth` may be on an order."""
_DAY_SWING = 0.35
"""Evenings see this much more than the day's mean, early mornings this much less."""
_BUSY_HOUR = 15
"""UTC; evening in India, morning in America."""


class DemoShop:
    """The demo shop's traffic from `start_ms` on; `orders_per_hour` is the mean over a day, rings included.

    >>> shop = DemoShop(seed=1, start_ms=1_700_000_000_000, orders_per_hour=60)
    >>> first = next(shop.events(1_700_000_600_000))
    >>> first.truth is None, str(first.at_ms) == first.body["_originTimestamp"]
    (True, True)
    """

    def __init__(self, *, seed: int, start_ms: int, orders_per_hour: float) -> None:
        if not 0 < orders_per_hour <= 1_000_000:
            raise ValueError(f"orders_per_hour is {orders_per_hour}: it should be above 0 and at most 1,000,000")
        self._random = Random(seed)  # noqa: S311 - a story that can be told again, not a secret
        self._timeline = Timeline()
        inventor = Inventor(self._random)
        pages = Pages(self._timeline, inventor, _token(start_ms))
        settled = 100 + min(2_000, int(orders_per_hour * 10))
        self._shoppers = Shoppers(self._timeline, inventor, pages, settled=settled)
        self._rings = Rings(self._timeline, inventor, pages, self._shoppers)
        self._peak_per_ms = orders_per_hour * (1 - FRAUD_SHARE) * (1 + _DAY_SWING) / HOUR_MS
        self._owed_to_rings = 0.0
        self._arrive(start_ms)

    def events(self, until_ms: int) -> Iterator[SimEvent]:
        """What happens up to and including `until_ms` and was not taken yet, in order of time.

        Labels (chargebacks, refused parcels, tags) of the last orders lie beyond it: go on later to get them.
        """
        return self._timeline.run(until_ms)

    def _arrive(self, at_ms: int) -> None:
        """Plan the next arrival after `at_ms`: a Poisson process, thinned to the shape of the day."""
        next_ms = at_ms + max(1, round(self._random.expovariate(self._peak_per_ms)))
        self._timeline.call(next_ms, lambda: self._welcome(next_ms))

    def _welcome(self, at_ms: int) -> None:
        hour = at_ms % DAY_MS / HOUR_MS
        level = 1 + _DAY_SWING * math.cos((hour - _BUSY_HOUR) * math.tau / 24)
        if self._random.random() * (1 + _DAY_SWING) < level:
            self._shoppers.visit(at_ms)
            self._owed_to_rings += FRAUD_SHARE / (1 - FRAUD_SHARE)
            # Rings take what their share allows, a whole campaign at a time.
            if self._owed_to_rings >= self._rings.next_size / 2:
                self._owed_to_rings -= self._rings.next_size
                self._rings.strike(at_ms)
        self._arrive(at_ms)


def _token(start_ms: int) -> str:
    """A short mark of the start, so that ids of two simulations on one server differ.

    >>> _token(1_700_000_000_000)
    'gva51'
    """
    number, digits = start_ms // MINUTE_MS, ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"
