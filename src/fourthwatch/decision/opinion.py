"""What learned models make of one order, as a decision takes it."""

import msgspec

from fourthwatch.wire.reply import Reason


class Opinion(msgspec.Struct, frozen=True, gc=False):
    """Of the champion, and of those that only look on."""

    model: str = ""
    """The champion's id; empty: there is none, or it failed, and the points of the rules judge."""
    probability: float = 0.0
    score: int = 0
    vector: tuple[float | None, ...] = ()
    """What the champion was handed, in its manifest's order."""
    reasons: tuple[Reason, ...] = ()
    """The strongest contributions, of an order that is flagged."""
    shadows: tuple[tuple[str, float], ...] = ()
    """Models in the state shadow, and the probability of each."""
