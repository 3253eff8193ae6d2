"""Orders that would be declined, let pass by chance: the way to measure how many of them were good. Off by default.

Nothing here draws or counts; the chance and what the caps have left are handed in, and what was drawn is stored.
"""

import msgspec


class Exploration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of it a tenant wants; all of the first three have to be above 0."""

    percent: int = 0
    """Of the orders that the score would decline."""
    orders_per_day: int = 0
    """At most so many are let pass on a day (UTC)."""
    amount_minor_per_day: int = 0
    """Their amounts together, in minor units of `currency`; orders in other currencies are not let pass."""
    currency: str = ""

    @property
    def is_on(self) -> bool:
        """Whether any order is let pass."""
        return self.percent > 0 and self.orders_per_day > 0 and self.amount_minor_per_day > 0


class Explored(msgspec.Struct, frozen=True, gc=False):
    """What chance did to a decision to decline."""

    propensity: float
    """The chance that the order had to be let pass; 0 where a cap, its currency or its amount stood against it."""
    released: bool
    """Whether it was."""
