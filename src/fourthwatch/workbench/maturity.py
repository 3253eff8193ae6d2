"""How long bad labels take to arrive, and what the silence about a young order is worth.

The shares are estimated from labels that have arrived, each of which could only be seen because it was early enough:
the product-limit estimate for right-truncated data (Lagakos, Barraj and De Gruttola, 1988) puts that right.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from fourthwatch.clock import DAY_MS
from fourthwatch.errors import ModelRefused
from fourthwatch.model.arrival import DAYS_MAX, arrived_by_age, share_at
from fourthwatch.workbench.matrix import UNTOLD, Floats, Matrix, Wholes
from fourthwatch.workbench.outcomes import ENDS_GOOD, LABELS_OF, OF_USERS, Target

OWN_CURVE_MIN = 30
"""Bad labels of one way of paying from which its own curve is drawn; with fewer it has that of all."""
MATURE_MIN = 0.5
"""Orders of an age at which fewer of the bad labels have arrived are left out, told ones too."""


class Curve(msgspec.Struct, frozen=True):
    """Shares of bad labels that have arrived by age."""

    kind: str
    payment: str
    """Empty: of all ways of paying."""
    told: int
    """Bad labels that it is drawn from."""
    shares: tuple[float, ...]
    """By whole days of age, from 0; behind the last all have arrived, as far as one can know."""

    def share_at(self, days: float) -> float:
        """0 to 1."""
        return share_at(self.shares, days)

    def days_until(self, share: float) -> int:
        """The first age at which so many have arrived."""
        return next((age for age, here in enumerate(self.shares) if here >= share), len(self.shares))


class Usable(msgspec.Struct, frozen=True):
    """What can be learned from: rows by place in the matrix, with the order's outcome and its weight."""

    rows: Wholes
    bad: Wholes
    """1 or 0, of each of `rows`."""
    weight: Floats
    """Above 0; below 1 where not all labels have had the time to arrive."""
    immature: int
    """Orders that were left out because they are too young."""
    canceled: int
    """Orders that were left out because they were canceled or declined and nothing bad was told of them: they could
    not end badly."""
    curves: tuple[Curve, ...]
    delay_days: float
    """By when half of the bad labels have arrived, of the slowest kind."""


def curve_of(kind: str, payment: str, delays: Sequence[float], ages: Sequence[float]) -> Curve:
    """From days between order and bad label, and days between order and now; as many of each.

    >>> curve_of("chargeback", "", [1.0, 1.0, 3.5], [9.0, 9.0, 9.0]).shares
    (0.0, 0.6666666666666667, 0.6666666666666667, 0.6666666666666667, 1.0)
    """
    arrived = np.minimum(np.ceil(np.maximum(np.asarray(delays, np.float64), 0)), DAYS_MAX).astype(np.int64)
    seen_until = np.minimum(np.floor(np.asarray(ages, np.float64)), DAYS_MAX).astype(np.int64)
    pairs, counts = np.unique(np.column_stack((arrived, seen_until)), axis=0, return_counts=True)
    shares = arrived_by_age((int(days), int(age), int(n)) for (days, age), n in zip(pairs, counts, strict=True))
    return Curve(kind, payment, len(arrived), shares)


def usable(matrix: Matrix, target: Target, until_ms: int) -> Usable:
    """Which orders can be learned from at a moment; raises `ModelRefused` when no label of the target has arrived.

    An order nobody has complained of counts as good by as much as complaints would have arrived; one whose end is known
    counts in full. One that was canceled or declined is nothing to learn from, unless it is known to be bad or the
    target is told of users.
    """
    kinds = LABELS_OF[target]
    ages = (until_ms - matrix.occurred_ms) / DAY_MS
    payments = np.array(matrix.payment, dtype=object)
    bad = np.zeros(len(matrix), bool)
    ended = np.ones(len(matrix), bool)
    mature = np.ones(len(matrix))
    curves: list[Curve] = []
    for kind in kinds:
        told = matrix.labels[kind]
        known = (told.value != UNTOLD) & (told.told_ms < until_ms)
        is_bad = known & (told.value == 1)
        bad |= is_bad
        if kind in ENDS_GOOD:
            ended &= known
        else:
            ended[:] = False
        if is_bad.any():
            found = _curves(kind, is_bad, (told.told_ms - matrix.occurred_ms) / DAY_MS, ages, payments)
            curves += found.values()
            mature = np.minimum(mature, _shares(found, ages, payments))
    if not bad.any():
        raise ModelRefused(
            f"no order is known to be bad by the labels of {target} ({', '.join(kinds)}): there is nothing to learn yet"
        )
    mature[ended] = 1.0
    told = matrix.labels["canceled"]
    canceled = ~bad & (told.value == 1) & (told.told_ms < until_ms)
    if OF_USERS.issuperset(kinds):
        canceled[:] = False
    rows = np.flatnonzero((mature >= MATURE_MIN) & (ages > 0) & ~canceled)
    return Usable(
        rows=rows,
        bad=bad[rows].astype(np.int64),
        weight=np.where(bad[rows], 1.0, mature[rows]),
        immature=len(matrix) - len(rows) - int(canceled.sum()),
        canceled=int(canceled.sum()),
        curves=tuple(curves),
        delay_days=float(max(curve.days_until(0.5) for curve in curves if not curve.payment)),
    )


def _curves(kind: str, is_bad: "Wholes", delays: Floats, ages: Floats, payments: "Wholes") -> Mapping[str, Curve]:
    found = {"": curve_of(kind, "", delays[is_bad].tolist(), ages[is_bad].tolist())}
    for payment in sorted(set(payments[is_bad])):
        of_it = is_bad & (payments == payment)
        if payment and of_it.sum() >= OWN_CURVE_MIN:
            found[payment] = curve_of(kind, payment, delays[of_it].tolist(), ages[of_it].tolist())
    return found


def _shares(curves: Mapping[str, Curve], ages: Floats, payments: "Wholes") -> Floats:
    """Of each order, which part of the bad labels of its kind has arrived."""
    found = np.empty(len(ages))
    for payment in set(payments):
        curve = curves.get(payment, curves[""])
        table = np.array([*curve.shares, 1.0])
        of_it = payments == payment
        whole = np.clip(np.floor(ages[of_it]), 0, len(table) - 1).astype(np.int64)
        found[of_it] = table[whole]
    return found
