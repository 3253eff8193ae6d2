"""Amounts that can be added up: those in one currency. What is in another, or not known, is left out and counted."""

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np

from fourthwatch.decision import Policy
from fourthwatch.store.history import History
from fourthwatch.workbench.matrix import Floats, Matrix, Wholes


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


def costs_currency(directory: Path, tenant: str) -> str:
    """That in which a tenant's policy says what things cost; empty when it says none."""
    history = History(directory)
    try:
        number = history.tenant_id(tenant)
        content = None if number is None else history.policy(number)
    finally:
        history.close()
    return "" if content is None else msgspec.json.decode(content, type=Policy).costs.currency
