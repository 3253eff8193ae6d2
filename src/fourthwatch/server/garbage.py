"""When the interpreter looks for the little that counting references does not free: while not much is going on.

Orders leave thousands of objects behind, in the caches and on the way to the index; none of them is part of a cycle.
Looked at every 10,000 objects they took a twentieth of the time, and stopped everybody for 2 to 14 ms several times a
second.
"""

import asyncio
import gc
from collections.abc import Callable

LOOK_EVERY_S = 1.0
_FEW = 5_000
"""New objects that are looked at within a millisecond or two."""
_FEW_EVENTS = 300
"""That leave no more of them behind. How many are new is not told while as many old ones go: at full load none seemed
to be new, and each look took 30 ms."""


async def tend_garbage(walked: Callable[[], int]) -> None:
    """For ever. Of what came about since the last look much is left alone for good, few are looked at.

    `walked` counts the events that came.
    """
    gc.disable()
    seen = walked()
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        before, seen = seen, walked()
        if seen - before > _FEW_EVENTS or gc.get_count()[0] > _FEW:
            gc.freeze()  # takes no time, however many they are
        else:
            gc.collect(0)
