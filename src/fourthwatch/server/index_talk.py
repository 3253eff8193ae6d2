"""What is said between the server and the process that writes its index: MessagePack behind a length.

To each word of the server's there is one answer.
"""

import msgspec

from fourthwatch.engine.indexing import Doubt

LENGTH_BYTES = 4
_encoder = msgspec.msgpack.Encoder()


class Begin(msgspec.Struct, frozen=True, array_like=True, tag="begin"):
    """The first word: what the process needs besides the data file."""

    feature_names: tuple[str, ...]
    """Of the values that decisions are stored with, in their order."""


class Follow(msgspec.Struct, frozen=True, array_like=True, tag="follow"):
    """The ledger is durable up to here: take the next few events in."""

    until_seq: int
    is_patient: bool = False
    """Whether all others on the machine go before: only with what processor time nobody else wants."""


class Acting(msgspec.Struct, frozen=True, array_like=True, tag="acting"):
    """Who acted in the events that were asked about, in their order: user and session of each."""

    who: list[tuple[str | None, str | None]]


class BeginAgain(msgspec.Struct, frozen=True, array_like=True, tag="begin again"):
    """The index is to be thrown away: it is damaged, or of another ledger."""


class Doubts(msgspec.Struct, frozen=True, array_like=True, tag="doubts"):
    """`Acting` is wanted before events can be taken in."""

    doubts: list[Doubt]


class Stand(msgspec.Struct, frozen=True, array_like=True, tag="stand"):
    """How the index stands."""

    seq: int
    """Every event up to here is in it, durable, and none after it."""
    reason: str | None = None
    """Why it is not what it should be."""
    may_come_again: bool = False
    """Whether that may pass; else the index is damaged, and can only be begun again."""


Told = Begin | Follow | Acting | BeginAgain
Answer = Doubts | Stand


def framed(message: Told | Answer) -> bytes:
    """A message behind its length."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body
