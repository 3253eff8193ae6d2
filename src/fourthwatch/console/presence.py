"""Who is looking at what, who has claimed it, what was revealed and what can be taken back: known to this process only.

All of it is courtesy between people who work at the same time; a restart forgets it, and nothing is decided by it.
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
LOOKING_S = 45.0
"""How long somebody counts as looking after the page has last said so; it says so every 15 seconds."""
CLAIM_S = 15 * 60.0
REVEAL_S = 15 * 60.0
_KEPT_MAX = 10_000
_BATCHES_MAX = 500


class Claim(msgspec.Struct, frozen=True):
    """Somebody is at an order."""

    user_id: str
    name: str
    until_s: float


class Batch(msgspec.Struct, frozen=True):
    """Orders that were decided together."""

    tenant: int
    user_id: str
    order_ids: tuple[str, ...]


class Presence:
    """The courtesies."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looking: OrderedDict[tuple[int, str], dict[str, tuple[str, float]]] = OrderedDict()
        self._claims: OrderedDict[tuple[int, str], Claim] = OrderedDict()
        self._revealed: OrderedDict[tuple[bytes, str], float] = OrderedDict()
        self._batches: OrderedDict[str, Batch] = OrderedDict()

    def look(self, user: User, thing: str) -> list[str]:
        """The user looks at something; who else does, by name."""
        now_s = self._clock.monotonic_s()
        here = self._looking.pop((user.tenant, thing), {})
        here = {whose: told for whose, told in here.items() if now_s - told[1] < LOOKING_S}
        here[user.id] = (user.name, now_s)
        _keep(self._looking, (user.tenant, thing), here, _KEPT_MAX)
        return sorted(name for whose, (name, _) in here.items() if whose != user.id)

    def claim(self, user: User, order_id: str) -> Claim:
        """Take an order, unless somebody else has it; whose it is then."""
        held = self.claim_of(user.tenant, order_id)
        if held is not None and held.user_id != user.id:
            return held
        claim = Claim(user.id, user.name, self._clock.monotonic_s() + CLAIM_S)
        _keep(self._claims, (user.tenant, order_id), claim, _KEPT_MAX)
        return claim

    def release(self, user: User, order_id: str, *, by_force: bool = False) -> None:
        """Let an order go."""
        held = self.claim_of(user.tenant, order_id)
        if held is not None and (by_force or held.user_id == user.id):
            del self._claims[user.tenant, order_id]

    def claim_of(self, tenant: int, order_id: str) -> Claim | None:
        """Who has an order."""
        claim = self._claims.get((tenant, order_id))
        return claim if claim is not None and claim.until_s > self._clock.monotonic_s() else None

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
