"""What waits in front of the walk: events, bounded in number, and changes of what judges."""

from collections import deque
from collections.abc import Iterable
from itertools import chain

from fourthwatch.engine.flight import NOBODY, Edit, Ticket
from fourthwatch.engine.walk import Submission
from fourthwatch.errors import Unavailable
from fourthwatch.limits import BULK_QUEUE_MAX, PRESSED_QUEUE, QUEUE_MAX

_WALK_AT_ONCE = 32
_PRESSED_BITS = 4


def crowded() -> Unavailable:
    """Too many wait."""
    return Unavailable("too many events are waiting; send this one again shortly", retry_after_s=1)


class Queues:
    """Used on the corridor owner's thread alone."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[Submission, Ticket]] = deque()
        self.bulk: deque[tuple[Submission, Ticket]] = deque()
        """Events that walk when nobody else waits: history that is brought in, and orders that are decided again."""
        self.alone: deque[tuple[Submission, Ticket]] = deque()
        """Events that walk one by one, before all others: a fault was met among them."""
        self.edits: deque[tuple[Edit, Ticket]] = deque()
        """Changes of what judges; each takes effect between two events."""

    def __bool__(self) -> bool:
        return bool(self.waiting or self.bulk or self.alone or self.edits)

    @property
    def next(self) -> "deque[tuple[Submission, Ticket]]":
        """The queue whose events walk next; empty when no event waits."""
        return self.alone or self.waiting or self.bulk

    @property
    def at_once(self) -> int:
        """Events that walk before the loop looks at its sockets again: about as many as share a commit at full load,
        and more while so many wait that others are refused.

        Else each turn would read from thousands of sockets to refuse what it finds there, and walk a few.
        """
        return max(_WALK_AT_ONCE, len(self.waiting) >> _PRESSED_BITS)

    @property
    def is_pressed(self) -> bool:
        """Whether so many events wait that work which can wait should not begin."""
        return len(self.waiting) >= PRESSED_QUEUE

    def has_place(self, *, is_bulk: bool, ahead: int = 0) -> bool:
        """Whether one more event may wait, behind so many that are about to join."""
        if is_bulk:
            return len(self.bulk) + ahead < BULK_QUEUE_MAX
        return len(self.waiting) + ahead < QUEUE_MAX

    def add(self, submission: Submission, ticket: Ticket) -> None:
        """Raises `Unavailable` when too many wait."""
        if not self.has_place(is_bulk=submission.is_bulk):
            raise crowded()
        (self.bulk if submission.is_bulk else self.waiting).append((submission, ticket))

    def add_edit(self, edit: Edit, ticket: Ticket) -> None:
        """Raises `Unavailable` when too many wait."""
        if len(self.edits) >= QUEUE_MAX:
            raise Unavailable("too many changes are waiting; send this one again shortly", retry_after_s=1)
        self.edits.append((edit, ticket))

    def add_own(self, edits: Iterable[Edit], events: Iterable[tuple[Submission, Ticket]]) -> None:
        """What follows from decisions that are durable; it is bounded by them, and nobody waits for it."""
        self.edits.extend((edit, NOBODY) for edit in edits)
        self.bulk.extend(events)

    def asked(self) -> list[tuple[object, Ticket]]:
        """All for which somebody waits, who wait no longer; what nobody waits for stays."""
        gone: list[tuple[object, Ticket]] = []
        for queue in (self.alone, self.edits, self.waiting, self.bulk):
            kept = [one for one in queue if one[1] is NOBODY]
            gone += [one for one in queue if one[1] is not NOBODY]
            queue.clear()
            queue.extend(kept)  # type: ignore[arg-type]
        return gone

    def emptied(self) -> list[tuple[object, Ticket]]:
        """All who wait, who wait no longer."""
        queues = (self.alone, self.edits, self.waiting, self.bulk)
        everyone: list[tuple[object, Ticket]] = [*chain.from_iterable(queues)]
        for queue in queues:
            queue.clear()
        return everyone
