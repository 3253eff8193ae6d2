"""The newest events by identity and by what they are about: most questions need not go to the ledger, and some may not.

Events that are still on their way to the disk are found here alone; there are always fewer of them than are kept.
"""

from collections import defaultdict
from collections.abc import Sequence

from fourthwatch.engine.identity import TIMED_BELOW
from fourthwatch.limits import RECENT_EVENTS
from fourthwatch.store.ledger import EventRow, Ledger

Seen = tuple[int, bytes]
"""Position and fingerprint of an event."""


class Recent:
    """What came last, in two generations: when the younger is full, it becomes the older, which is forgotten."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._events = 0
        self._young, self._older = _Generation(), _Generation()
        self._floors: dict[int, bytes] = {}
        """By tenant: of the events that are in the ledger alone, none has a timed identity above this one."""

    def add(self, event: EventRow) -> None:
        """Remember an event that has walked, durable or not."""
        if self._events == RECENT_EVENTS:
            self._forget_older()
        self._events += 1
        seen = (event.seq, event.fingerprint)
        self._young.identities[event.tenant][event.identity] = seen
        if event.subject is not None:
            self._young.subjects[event.tenant, event.kind][event.subject] = seen

    def by_identity(self, tenant: int, identity: bytes) -> Seen | None:
        """The event with this identity; a timed one later than all that are forgotten is known to be new."""
        seen = self._young.identities[tenant].get(identity) or self._older.identities[tenant].get(identity)
        if seen is not None or self._floor(tenant) < identity < TIMED_BELOW:
            return seen
        return self._ledger.find(tenant, identity)

    def newest_of(self, tenant: int, subject: str, kinds: Sequence[int]) -> Seen | None:
        """The newest event of these kinds about the subject; what is kept is newer than all that is not."""
        newest: Seen | None = None
        for kind in kinds:
            seen = self._young.subjects[tenant, kind].get(subject) or self._older.subjects[tenant, kind].get(subject)
            if seen is not None and (newest is None or seen > newest):
                newest = seen
        return self._ledger.newest_of_subject(tenant, subject, kinds) if newest is None else newest

    def _floor(self, tenant: int) -> bytes:
        floor = self._floors.get(tenant)
        if floor is None:
            floor = self._floors[tenant] = self._ledger.greatest_identity(tenant, TIMED_BELOW) or b""
        return floor

    def _forget_older(self) -> None:
        for tenant, identities in self._older.identities.items():
            self._floors[tenant] = max([self._floor(tenant), *[one for one in identities if one < TIMED_BELOW]])
        self._young, self._older = _Generation(), self._young
        self._events = 0


class _Generation:
    """A tuple less per event than with one dictionary each: so many are kept that taking them apart is felt."""

    def __init__(self) -> None:
        self.identities: defaultdict[int, dict[bytes, Seen]] = defaultdict(dict)
        """By tenant."""
        self.subjects: defaultdict[tuple[int, int], dict[str, Seen]] = defaultdict(dict)
        """By tenant and kind."""
