"""When a thing is forgotten: once nothing of it was received for so long, by the clock that the ledger itself tells.

The horizon is a ledger position, and a function of the events before it: live, rebuilt, replayed and in a data set it
is the same. No answer depends on when memory is given back.
"""

from collections import deque

import msgspec

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.limits import FORGET_AFTER_DAYS

STEP_MAX_MS = MINUTE_MS
"""How far one event may move the clock: a wrong clock of the machine would need 576,000 events to forget 400 days."""
_MARK_EVERY_MS = HOUR_MS


class Passed(msgspec.Struct, frozen=True, array_like=True):
    """A horizon as a snapshot knows it."""

    days: int
    seq: int
    clock_ms: int
    below: int
    marks: tuple[tuple[int, int], ...]


class Horizon:
    """The position before which a thing must have been last heard of to be forgotten.

    >>> horizon = Horizon(days=1)
    >>> for minute in range(26 * 60):
    ...     below = horizon.pass_to(minute + 1, minute * 60_000)
    >>> below, horizon.pass_to(2_000, 10**15)  # a clock that is far ahead counts as a minute
    (1, 61)
    """

    def __init__(self, days: int = FORGET_AFTER_DAYS) -> None:
        self.days = days
        self.below = 0
        """Things last heard of before this position are forgotten."""
        self._seq = 0
        self._clock_ms = -1
        self._marks: deque[tuple[int, int]] = deque()
        """Once an hour: the clock, and the position that it had come to."""

    def pass_to(self, seq: int, received_ms: int) -> int:
        """The next event of the ledger is about to be judged; returns `below`. One that was passed changes nothing."""
        if seq <= self._seq:
            return self.below
        self._seq = seq
        was_ms = self._clock_ms
        if received_ms <= was_ms:
            return self.below
        self._clock_ms = now_ms = received_ms if was_ms < 0 else min(received_ms, was_ms + STEP_MAX_MS)
        marks = self._marks
        if not marks or now_ms - marks[-1][0] >= _MARK_EVERY_MS:
            marks.append((now_ms, seq))
            while marks[0][0] < now_ms - self.days * DAY_MS:
                self.below = marks.popleft()[1]
        return self.below

    @property
    def passed_to(self) -> int:
        """The newest position."""
        return self._seq

    def passed(self) -> Passed:
        """For a snapshot."""
        return Passed(self.days, self._seq, self._clock_ms, self.below, tuple(self._marks))

    def restore(self, passed: Passed) -> None:
        """As it was; the days must be the same."""
        assert passed.days == self.days
        self._seq, self._clock_ms, self.below = passed.seq, passed.clock_ms, passed.below
        self._marks = deque(passed.marks)
