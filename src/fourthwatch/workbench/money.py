"""Amounts that can be added up, and what mistakes cost: in one currency. What is in another, or not known, is left out
and counted."""

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np

from fourthwatch.decision import Policy
from fourthwatch.store.history import History
from fourthwatch.workbench.matrix import Floats, Matrix, Wholes

HELD_UP_COST = 0.1
"""What it costs to hold up a good order, as a share of its total; a bad one that is let pass costs all of it."""
RED_ABOVE = 70
"""The score above which orders are held up here."""


class Money(msgspec.Struct, frozen=True):
    """Amounts of some orders."""

    amount: Floats
    """In main units; NaN of those that are left out."""
    currency: str
    """Empty when no order says one."""
    left_out: int

    @property
    def says(self) -> str:
        """How many are left out, in a sentence; nothing when none is."""
        if not self.left_out:
            return ""
        orders = "order" if self.left_out == 1 else "orders"
        return f"{self.left_out:,} {orders} without an amount in {self.currency or 'any currency'} left out"


def money_of(matrix: Matrix, rows: Wholes, currency: str) -> Money:
    """Of the rows at these places; without a `currency` in the one that most of them are in."""
    said = [matrix.currency[at] for at in rows]
    counted = Counter(one for one in said if one)
    chosen = currency.upper() or min(counted, key=lambda one: (-counted[one], one), default="")
    amount = np.where(np.array([one == chosen for one in said], bool), matrix.amount[rows], np.nan)
    return Money(amount, chosen, int(np.isnan(amount).sum()))


def cost_of(bad: Wholes, scores: Floats, amount: Floats) -> float:
    """Of bad orders let pass and good ones held up, in the unit of the amounts; an amount that is NaN does not count.

    >>> cost_of(np.array([1, 1, 0, 0]), np.array([90.0, 10.0, 90.0, 10.0]), np.array([50.0, 40.0, 30.0, 20.0]))
    43.0
    """
    held = scores > RED_ABOVE
    return float(np.nansum(amount[~held & (bad == 1)]) + HELD_UP_COST * np.nansum(amount[held & (bad == 0)]))


def costs_currency(directory: Path, tenant: str) -> str:
    """That in which a tenant's policy says what things cost; empty when it says none."""
    history = History(directory)
    try:
        number = history.tenant_id(tenant)
        content = None if number is None else history.policy(number)
    finally:
        history.close()
    return "" if content is None else msgspec.json.decode(content, type=Policy).costs.currency
