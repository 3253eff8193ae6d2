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
    judged_on: int = 0
    """Position of the order's submission, when this is what was made of that; 0: it is made of the event itself."""


class Foretold(msgspec.Struct, frozen=True, gc=False):
    """What models made of an order when it was submitted, which decisions of events behind it take on."""

    judged_on: int = 0
    """Position of the submission."""
    model: str = ""
    """The champion's id; empty: the points of the rules judged."""
    probability: float = 0.0
    packed: bytes = b"\x90"
    """The vector, as MessagePack: tens of thousands of orders are kept, and a tuple takes several times the room."""
    shadows: tuple[tuple[str, float], ...] = ()

    @property
    def vector(self) -> tuple[float | None, ...]:
        """What the champion was handed."""
        return _vector.decode(self.packed)


pack = msgspec.msgpack.encode
_vector = msgspec.msgpack.Decoder(tuple[int | float | None, ...])
