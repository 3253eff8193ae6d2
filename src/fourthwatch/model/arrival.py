"""How late bad labels come: shares that have arrived, by age of the order, from labels each of which was early enough.

The product-limit estimate for right-truncated data (Lagakos, Barraj and De Gruttola, 1988): a label could only be seen
because it came before now, and late ones of young orders are missing. That is put right here.
"""

from collections import Counter
from collections.abc import Iterable

DAYS_MAX = 400
_OLD_ENOUGH_SHARE = 0.05
"""Of labels whose orders are old enough for a delay to be seen. With fewer that is chance: were it one alone, it would
say that no label comes earlier than its own."""
Arrived = tuple[int, int, int]
"""Whole days between order and bad label, whole days between order and now, and how many such labels there are."""


def arrived_by_age(told: Iterable[Arrived]) -> tuple[float, ...]:
    """The share at each whole day of age from 0; behind the last all have arrived, as far as one can know, and at ages
    that few orders have reached.

    >>> arrived_by_age([(1, 9, 2), (4, 9, 1)])
    (0.0, 0.6666666666666667, 0.6666666666666667, 0.6666666666666667, 1.0)
    """
    arrived: Counter[int] = Counter()
    seen: Counter[int] = Counter()
    for delay, age, count in told:
        at = min(max(delay, 0), DAYS_MAX)
        arrived[at] += count
        seen[max(min(age, DAYS_MAX), at)] += count
    last = max(arrived, default=0)
    shares = [1.0] * (last + 1)
    every = early = sum(arrived.values())
    gone = every - sum(count for age, count in seen.items() if age > last)
    for age in range(last, 0, -1):
        gone -= seen[age]  # of orders younger than this
        at_risk = early - gone
        is_told = at_risk and every - gone >= _OLD_ENOUGH_SHARE * every
        shares[age - 1] = shares[age] * (1 - arrived[age] / at_risk if is_told else 1)
        early -= arrived[age]
    return tuple(shares)


def share_at(shares: tuple[float, ...], days: float) -> float:
    """Of the bad labels of orders of this age those that have arrived, 0 to 1."""
    return 1.0 if days >= len(shares) else shares[max(0, int(days))]
