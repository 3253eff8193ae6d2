"""What can wait, waits for a moment while events wait for their decisions, before it is put off.

Who exports in a loop without pausing would else be told to come again thousands of times a second, and each time costs
as much as a good part of a decision.
"""

import asyncio
from collections.abc import Callable

LOOKS = 10
LOOK_EVERY_S = 0.025
CALM_LOOKS = 4
"""One after the other, before what stands by begins: under lasting overload there are moments in which few wait."""
STANDING_BY_MAX = 64
"""Requests; more than these are put off at once."""


class StandBy:
    """On the event loop."""

    def __init__(self, is_pressed: Callable[[], bool]) -> None:
        self._is_pressed = is_pressed
        self._standing_by = 0

    async def is_eased(self) -> bool:
        """Whether nothing need be put off: at once when no events wait, or as soon as they no longer do.

        Who comes while others stand by stands by with them.
        """
        if not self._standing_by and not self._is_pressed():
            return True
        if self._standing_by >= STANDING_BY_MAX:
            return False
        self._standing_by += 1
        calm = 0
        try:
            for _ in range(LOOKS):
                await asyncio.sleep(LOOK_EVERY_S)
                calm = 0 if self._is_pressed() else calm + 1
                if calm == CALM_LOOKS:
                    return True
        finally:
            self._standing_by -= 1
        return False
