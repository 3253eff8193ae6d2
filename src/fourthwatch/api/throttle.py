"""How often a key may call: a steady rate with a burst, per key; off unless the operator sets a rate."""

import math

from fourthwatch.clock import Clock
from fourthwatch.errors import TooMany

_KEYS_MAX = 10_000
_ROUNDING_S = 1e-6


class Throttle:
    """The generic cell rate algorithm: one number per key, the time at which its next call is due."""

    def __init__(self, per_second: float | None, clock: Clock) -> None:
        self._clock = clock
        self._gap_s = None if per_second is None else 1 / per_second
        self._due_s: dict[str, float] = {}

    def admit(self, key_id: str) -> None:
        """Let the call pass or raise `TooMany` with the wait; a second's worth of calls may come at once."""
        gap_s = self._gap_s
        if gap_s is None:
            return
        now_s = self._clock.monotonic_s()
        due_s = max(self._due_s.get(key_id, now_s), now_s)
        ahead_s = due_s - now_s
        early_s = max(0.0, 1.0 - gap_s)  # below one call a second there is no burst
        if ahead_s > early_s + _ROUNDING_S:
            raise TooMany("this key is over its rate; slow down", retry_after_s=max(1, math.ceil(ahead_s - early_s)))
        if len(self._due_s) >= _KEYS_MAX:
            self._due_s.clear()
        self._due_s[key_id] = due_s + gap_s
