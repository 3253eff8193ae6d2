"""The sender as a process of its own: `python -m fourthwatch.server.sender_process DIRECTORY`, started by `serve`.

Apart from the server, so that no receiver takes time from those who wait for a decision. It ends when its standard
input does, that is with the server, and begins only when no other one is at work on the directory. By its standard
output the server hears that it has not come to a stand.
"""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import IO

from fourthwatch.clock import SystemClock
from fourthwatch.errors import LedgerError, LedgerUnusable
from fourthwatch.logs import log, set_up_logs
from fourthwatch.settings import Settings, read_settings
from fourthwatch.store.file import lock_directory
from fourthwatch.webhooks.addresses import named_receivers
from fourthwatch.webhooks.fan_out import Waits
from fourthwatch.webhooks.sender import Sender
from fourthwatch.webhooks.transport import Transport

LOCK_NAME = "sender.lock"
_NICENESS = 5
"""Whoever waits for a decision comes first."""
_LOOKUPS_MAX = 64
"""Names looked up at once: a name server that hangs must not hold up all the others."""
_LOCK_AGAIN_S = 0.1
_BEAT_S = 2.0
_TO_SERVER = 1
"""The pipe that is its standard output."""


def main(directory: Path) -> int:
    """Send until standard input ends; the exit code."""
    settings = read_settings()
    set_up_logs(level=settings.log_level)
    os.nice(_NICENESS)
    try:
        return asyncio.run(_send(directory, settings))
    except LedgerError as error:
        log.error("sender_failed", reason=str(error))
        return 1


async def _send(directory: Path, settings: Settings) -> int:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_LOOKUPS_MAX, thread_name_prefix="look-up"))
    stop = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), stop.set)
    lock = await _lock(directory, stop)
    if lock is None:
        return 0
    waits = Waits(settings.postback_seconds_after_payment, settings.postback_seconds_without_payment)
    transport = Transport(named_receivers(settings.private_receivers))
    sender = Sender(directory, SystemClock(), SystemRandom(), transport, waits)
    log.info("sending")
    await sender.run(stop, _Beat())
    lock.close()
    return 0


async def _lock(directory: Path, stop: asyncio.Event) -> IO[str] | None:
    """The lock, once the sender before this one is gone; `None` when told to stop first."""
    beat = _Beat()
    while not stop.is_set():
        beat()
        try:
            return lock_directory(directory, LOCK_NAME)
        except LedgerUnusable:
            await asyncio.sleep(_LOCK_AGAIN_S)
    return None


class _Beat:
    """Called at every turn: says now and then that there was one. Whoever listens no more ends standard input, too."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._last_s = float("-inf")

    def __call__(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._last_s >= _BEAT_S:
            self._last_s = now_s
            with suppress(OSError):
                os.write(_TO_SERVER, b".")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
