"""What is measured of a model in use: drift of the newest orders, and what came of what it foretold, by week."""

from collections.abc import Iterable

import msgspec

from fourthwatch.model.stability import Drift

MATURE_MIN = 0.5
"""A week counts for calibration when so much of its bad labels has arrived."""
EXPECTED_BAD_MIN = 10.0
"""With fewer bad orders than this to be expected, what came is chance."""
CAME_LEAST, CAME_MOST = 0.5, 2.0
"""Bad orders, as a multiple of those that were to be expected, outside of which probabilities are off."""


class Week(msgspec.Struct, frozen=True):
    """Orders placed in one week (from Monday, UTC) and answered by one model."""

    from_ms: int
    orders: int
    share: float
    """Of all orders of the week that were answered, by whatever model."""
    refused: int
    """Of them declined or canceled: they had no chance to end badly, so they tell nothing of what was foretold."""
    foretold: float
    """Mean of the probabilities of the others; 0 when there are none."""
    bad: int
    """Of the others, known by now."""
    mature: float | None
    """Share of the bad labels that has arrived, at the age of these orders; `None` while there are no bad labels."""

    @property
    def expected(self) -> float:
        """Bad ones that should be known by now."""
        return (self.orders - self.refused) * self.foretold * (self.mature or 0.0)


class Watched(msgspec.Struct, frozen=True):
    """What is known of a model in use."""

    drift: Drift
    weeks: tuple[Week, ...] = ()

    @property
    def came(self) -> float | None:
        """Bad orders of the mature weeks as a multiple of what was foretold; `None` while there are too few."""
        return came_of(self.weeks)


def came_of(weeks: Iterable[Week]) -> float | None:
    """Bad orders of the mature weeks as a multiple of what was foretold; `None` while there are too few."""
    mature = [week for week in weeks if week.mature is not None and week.mature >= MATURE_MIN]
    return multiple_of(sum(week.bad for week in mature), sum(week.expected for week in mature))


def multiple_of(bad: int, expected: float) -> float | None:
    """Bad orders as a multiple of those that were expected; `None` where both are too few to tell.

    >>> multiple_of(12, 30.0), multiple_of(12, 3.0), multiple_of(40, 2.0)
    (0.4, None, 20.0)
    """
    is_enough = expected >= EXPECTED_BAD_MIN or bad >= CAME_MOST * EXPECTED_BAD_MIN
    return bad / max(expected, 0.01) if is_enough else None
