"""What was revealed to whom for a while, and what can be taken back by one click: known to this process only.

A restart forgets it: whoever needs to see something gives the reason again, and a decision is taken back by another.
"""

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from fourthwatch.clock import Clock
from fourthwatch.store.users import User

K = TypeVar("K")
V = TypeVar("V")
REVEAL_S = 15 * 60.0
_KEPT_MAX = 10_000
_BATCHES_MAX = 500


class Batch(msgspec.Struct, frozen=True):
    """Orders that were decided together."""

    tenant: int
    user_id: str
    order_ids: tuple[str, ...]


class Passing:
    """What passes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._revealed: OrderedDict[tuple[bytes, str], float] = OrderedDict()
        self._batches: OrderedDict[str, Batch] = OrderedDict()

    def reveal(self, session: bytes, path: str) -> None:
        """A reason was given to see personal data on a page."""
        _keep(self._revealed, (session, path), self._clock.monotonic_s() + REVEAL_S, _KEPT_MAX)

    def is_revealed(self, session: bytes, path: str) -> bool:
        """Whether one was, lately."""
        return self._revealed.get((session, path), 0.0) > self._clock.monotonic_s()

    def remember(self, user: User, order_ids: Sequence[str]) -> str:
        """Orders that were just decided, so that it can be taken back; the name to do so by."""
        name = secrets.token_urlsafe(9)
        _keep(self._batches, name, Batch(user.tenant, user.id, tuple(order_ids)), _BATCHES_MAX)
        return name

    def batch(self, user: User, name: str) -> Batch | None:
        """What can be taken back by the user, once."""
        batch = self._batches.get(name)
        if batch is None or batch.user_id != user.id or batch.tenant != user.tenant:
            return None
        return self._batches.pop(name)


def _keep(kept: OrderedDict[K, V], key: K, value: V, at_most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > at_most:
        kept.popitem(last=False)
