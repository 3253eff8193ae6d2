"""Work in the background that must not end while the server runs: begun again when it fails, and the log says why."""

import asyncio
from collections.abc import Awaitable, Callable

from fourthwatch.logs import log

AGAIN_S = 1.0


async def tended(name: str, work: Callable[[], Awaitable[None]], again_s: float = AGAIN_S) -> None:
    """For ever, until it is cancelled; without it a task that failed would be gone, and nobody would know."""
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 (whatever it was: keys that are revoked, say, must go on being seen)
            log.error("background_failed", work=name, fault=type(error).__name__, exc_info=error)
        await asyncio.sleep(again_s)
