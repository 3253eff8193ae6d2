"""How far the sender and the index are behind, counted when somebody asks for the metrics.

Both are processes of their own, and may be away.
"""

from contextlib import suppress
from pathlib import Path

from fourthwatch.api.aside import Aside
from fourthwatch.clock import SECOND_MS, Clock
from fourthwatch.errors import Unavailable
from fourthwatch.metrics import (
    DELIVERIES_PARKED,
    DELIVERIES_WAITING,
    DELIVERY_OLDEST_SECONDS,
    INDEX_BEHIND,
    OCCASIONS_WAITING,
)
from fourthwatch.store.delivery_log import DeliveryLog


class BacklogGauges:
    """Has a connection of its own, used on a thread beside the loop."""

    def __init__(self, directory: Path, aside: Aside, clock: Clock) -> None:
        self._log = DeliveryLog(directory)
        self._aside = aside
        self._clock = clock

    async def measure(self) -> None:
        """Look, and set the gauges."""
        with suppress(Unavailable):  # the corridor begins again
            INDEX_BEHIND.set(self._aside.behind())
        found = await self._aside.run(self._log.backlog)
        DELIVERIES_WAITING.set(found.waiting)
        DELIVERIES_PARKED.set(found.parked)
        OCCASIONS_WAITING.set(found.occasions)
        now_ms = self._clock.now_ms()
        age_ms = 0 if found.oldest_ms is None else max(now_ms - found.oldest_ms, 0)
        DELIVERY_OLDEST_SECONDS.set(age_ms / SECOND_MS)

    def close(self) -> None:
        """Close the connection."""
        self._log.close()
