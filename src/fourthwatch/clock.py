"""Time, in one place: whoever needs the time is handed a `Clock`; nobody else reads the system's.

Wall time is for people and for the log and may jump; monotonic time is for deadlines and rates and may not.
"""

import time
from datetime import UTC, datetime
from typing import NewType, Protocol

Millis = NewType("Millis", int)
"""Milliseconds of wall time since 1970-01-01T00:00:00Z."""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Clock(Protocol):
    """What a part may ask about time."""

    def now_ms(self) -> Millis:
        """Wall time; may jump either way."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...


def ticks_ns() -> int:
    """Nanoseconds that never go back, to time small things with; only differences mean anything."""
    return time.perf_counter_ns()


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> Millis:
        return Millis(time.time_ns() // 1_000_000)

    def monotonic_s(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that moves when it is told to: for tests, simulations and replays.

    >>> clock = ManualClock(1_000)
    >>> clock.advance(500)
    >>> clock.now_ms()
    1500
    """

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._monotonic_s = 0.0

    def now_ms(self) -> Millis:
        return Millis(self._now_ms)

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, ms: int) -> None:
        """Let both clocks run on by `ms` milliseconds."""
        self._now_ms += ms
        self._monotonic_s += ms / SECOND_MS

    def jump(self, ms: int) -> None:
        """Move wall time alone, either way, as an operator or a time server may."""
        self._now_ms += ms


def iso_ms(ms: int) -> str:
    """Wall time as the contract prints it: ISO-8601, UTC, milliseconds, `Z`.

    >>> iso_ms(1_524_585_600_000)
    '2018-04-24T16:00:00.000Z'
    """
    return datetime.fromtimestamp(ms / SECOND_MS, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % SECOND_MS:03d}Z"
