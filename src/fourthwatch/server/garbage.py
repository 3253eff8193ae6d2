"""When the interpreter looks for the little that counting references does not free: while not much is going on.

Orders leave thousands of objects behind, in the caches and on the way to the index; none of them is part of a cycle.
Looked at every 10,000 objects they took a twentieth of the time, and stopped everybody for 2 to 14 ms several times a
second.
"""

import asyncio
import gc

LOOK_EVERY_S = 1.0
_FEW = 5_000
"""New objects that are looked at within a millisecond or two."""


async def tend_garbage() -> None:
    """For ever. Of what came about since the last look much is left alone for good, few are looked at."""
    gc.disable()
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        if gc.get_count()[0] > _FEW:
            gc.freeze()  # takes no time, however many they are
        else:
            gc.collect(0)
