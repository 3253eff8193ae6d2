"""An event loop whose time passes only while nobody has anything to do: half an hour of a sender in some seconds."""

import asyncio
import selectors
from typing import Any

from fourthwatch.clock import SECOND_MS, Millis
from story import NOW_MS


class _Jumping(selectors.DefaultSelector):
    """Instead of waiting it lets time pass."""

    passed_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout > 0:
            self.passed_s += timeout
            timeout = 0
        return super().select(timeout)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its own time; sockets of a test's own must be ready at once."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since it was made."""
        return self._jumping.passed_s


class LoopClock:
    """The loop's time as a clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now_ms(self) -> Millis:
        return Millis(NOW_MS + round(self._loop.time() * SECOND_MS))

    def monotonic_s(self) -> float:
        return self._loop.time()
