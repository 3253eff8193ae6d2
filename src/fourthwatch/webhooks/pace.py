"""How fast one receiver is sent to: fewer at once when it is in trouble, one probe at a time when it is gone.

So a bad receiver takes no more than its own share of the sender, and one that comes back is not run over.
"""

from random import Random

from fourthwatch.limits import RECEIVER_CONNECTIONS_FIRST, RECEIVER_CONNECTIONS_MAX, RECEIVER_PAUSE_MAX_MS
from fourthwatch.webhooks.schedule import Meaning

_PAUSE_AFTER = 4
"""Failures in a row after which the receiver is left alone for a while."""
_PAUSE_FIRST_MS = 500


class Pace:
    """One receiver's; in memory, so a new sender finds out anew."""

    def __init__(self) -> None:
        self.under_way = 0
        self._allowed = RECEIVER_CONNECTIONS_FIRST
        self._failed = 0
        self.paused_until_ms = 0

    def room(self, now_ms: int) -> int:
        """How many more may be sent now."""
        return 0 if now_ms < self.paused_until_ms else max(self._allowed - self.under_way, 0)

    def note(self, meaning: Meaning, now_ms: int, asked_ms: int | None, random: Random) -> None:
        """What came of an attempt."""
        if meaning != "slower":
            self._failed = 0
            self._allowed = min(self._allowed + 1, RECEIVER_CONNECTIONS_MAX)
            self.paused_until_ms = min(self.paused_until_ms, now_ms)
            return
        self._failed += 1
        self._allowed = max(self._allowed // 2, 1)
        pause_ms = 0
        if self._failed >= _PAUSE_AFTER:
            bound = min(_PAUSE_FIRST_MS * 2 ** min(self._failed - _PAUSE_AFTER, 16), RECEIVER_PAUSE_MAX_MS)
            pause_ms = int(random.uniform(bound / 2, bound))
        if asked_ms is not None:
            pause_ms = max(pause_ms, asked_ms)
        self.paused_until_ms = max(self.paused_until_ms, now_ms + pause_ms)
