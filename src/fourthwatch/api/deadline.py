"""The one deadline of a connection, moved several times per request at the price of a store and a comparison.

The timer behind it is never moved to a later time: it fires every `tick_s` seconds and looks what is due.
"""

import asyncio
import math
from collections.abc import Callable


class Deadline:
    """Calls `on_expiry` once the time last set has passed; starts with nothing set."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tick_s: float, on_expiry: Callable[[], None]) -> None:
        self._loop = loop
        self._tick_s = max(0.05, tick_s)
        self._on_expiry = on_expiry
        self._at = math.inf
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Expire this long from now, whatever arrives in between; the deadline before is forgotten."""
        now = self._loop.time()
        self._at = now + seconds
        if self._at < self._due:
            self._arm(now)

    def clear(self) -> None:
        """Nothing is due until the next `set`."""
        self._at = math.inf

    def end(self) -> None:
        """No more calls, ever."""
        self._at = self._due = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        seconds = max(0.001, min(self._at - now, self._tick_s))
        self._due = now + seconds
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        if now >= self._at:
            self._at = math.inf
            self._on_expiry()
        if self._timer is not None:
            self._arm(now)
