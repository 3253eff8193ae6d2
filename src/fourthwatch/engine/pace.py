"""When a batch is written: at once, or a little later while one commit follows the other and few events share each.

A commit costs a sync and several changes of thread, however many events are in it. Who comes alone waits for nobody.
"""

from collections.abc import Callable

from fourthwatch.clock import Clock
from fourthwatch.limits import BATCH_WELL_FILLED

COMMITS_APART_S = 0.004
"""From the beginning of one commit to that of the next, while events come so closely that several share one."""
FULL_REST_S = 5.0
"""After a batch found no room on a disk that says it has some, as under a quota: each try reads the past again."""
Later = Callable[[float, Callable[[], None]], object]
"""Calls back on the owner's thread after so many seconds."""


class Pace:
    """Used on the corridor owner's thread alone; without `later` every batch is written at once."""

    def __init__(self, clock: Clock, later: Later | None) -> None:
        self._clock = clock
        self._later = later
        self._began_s = 0.0
        self._last_events = 0
        self._is_waiting = False
        self._rests_until_s = 0.0

    @property
    def is_resting(self) -> bool:
        """Whether a batch did not find room so lately that none should be tried."""
        return self._clock.monotonic_s() < self._rests_until_s

    def rest(self) -> None:
        """A batch did not find room."""
        self._rests_until_s = self._clock.monotonic_s() + FULL_REST_S

    def is_time(self, events: int, again: Callable[[], None]) -> bool:
        """Whether a batch of so many events should be written now; if not, `again` is called when it should."""
        now_s = self._clock.monotonic_s()
        left_s = self._began_s + COMMITS_APART_S - now_s
        if self._later is None or self._last_events < 2 or events >= BATCH_WELL_FILLED or left_s <= 0:
            self._began_s, self._last_events = now_s, events
            return True
        if not self._is_waiting:
            self._is_waiting = True
            self._later(left_s, lambda: self._over(again))
        return False

    def _over(self, again: Callable[[], None]) -> None:
        self._is_waiting = False
        again()
