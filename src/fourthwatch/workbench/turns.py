"""In which order events may leave: those about the same user, session or order one after the other, others together.

What an event is about is read from its body by the contract's names; nothing else in it matters here.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outgoing(Generic[T]):
    """One event to send, not before the monotonic second `due_s`. `tag` comes back with the reply.

    It leaves when every earlier event that names one of the same `about` has been answered.
    """

    tag: T
    event: str
    body: bytes
    due_s: float | None = None
    about: frozenset[str] = frozenset()
    repeat_key: str | None = None
    """The `Idempotency-Key` to send it with."""


@dataclass(slots=True, eq=False)
class Turn(Generic[T]):
    """An event that was read and not answered, and how many it waits for."""

    outgoing: Outgoing[T]
    waits_for: int = 0
    followers: "list[Turn[T]]" = field(default_factory=list)


class Turns(Generic[T]):
    """Who may leave: the first about everything it is about. Ready ones leave in the order in which they were read."""

    def __init__(self) -> None:
        self._last: dict[str, Turn[T]] = {}
        self.ready: deque[Turn[T]] = deque()
        self.unanswered = 0

    def join(self, outgoing: Outgoing[T]) -> None:
        """Stand behind the last about each of the same."""
        turn = Turn(outgoing)
        self.unanswered += 1
        for before in {id(one): one for about in outgoing.about if (one := self._last.get(about))}.values():
            before.followers.append(turn)
            turn.waits_for += 1
        self._last.update(dict.fromkeys(outgoing.about, turn))
        if not turn.waits_for:
            self.ready.append(turn)

    def answered(self, turn: Turn[T]) -> None:
        """Let those behind it come forward."""
        self.unanswered -= 1
        for about in turn.outgoing.about:
            if self._last.get(about) is turn:
                del self._last[about]
        for follower in turn.followers:
            follower.waits_for -= 1
            if not follower.waits_for:
                self.ready.append(follower)


class _Names(msgspec.Struct):
    user: object = msgspec.field(default=None, name="_userId")
    session: object = msgspec.field(default=None, name="_sessionId")
    order: object = msgspec.field(default=None, name="_orderId")


_names_decoder = msgspec.json.Decoder(_Names)


def about_of(body: bytes) -> frozenset[str]:
    """User, session and order that a body names; empty for what is no JSON object.

    >>> sorted(about_of(b'{"_userId": "u-1", "_orderId": "o-1", "_sessionId": ""}'))
    ['order o-1', 'user u-1']
    """
    try:
        names = _names_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return frozenset()
    named = (("user", names.user), ("session", names.session), ("order", names.order))
    return frozenset(f"{noun} {value}" for noun, value in named if isinstance(value, str | int) and value != "")
