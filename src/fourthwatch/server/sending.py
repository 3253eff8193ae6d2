"""Keeps a sender process at work while there is somebody to tell; until then there is none.

The process says now and then that it is at work: one that ends is begun again, and one that is silent is ended first.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fourthwatch.logs import log

_AGAIN_FIRST_S = 0.5
_AGAIN_MAX_S = 30.0
_STOP_S = 5.0
_SILENT_MAX_S = 120.0
"""A sender says something every few seconds, and waits for the data file for half a minute at most."""
_HEARD_BYTES = 64


class Sending:
    """One process, begun when wanted and begun again when it ends by itself."""

    def __init__(self, directory: Path, heard: Callable[[], set[int]]) -> None:
        self._directory = directory
        self._heard = heard
        self.heard: set[int] = set()
        """Tenants of which somebody wants to hear, as of the last look."""
        self._wanted = asyncio.Event()
        self._process: Process | None = None
        self._task = asyncio.get_running_loop().create_task(self._keep())
        self.look()

    def look(self) -> None:
        """Somebody may have begun to listen."""
        self.heard.update(self._heard())
        if self.heard:
            self._wanted.set()

    async def stop(self) -> None:
        """Let the process finish what is under way; then it is ended."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _keep(self) -> None:
        await self._wanted.wait()
        again_s, loop = _AGAIN_FIRST_S, asyncio.get_running_loop()
        while True:
            command = (sys.executable, "-m", "fourthwatch.server.sender_process", str(self._directory))
            began_s = loop.time()
            try:
                self._process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
                code = await _end_of(self._process)
                log.warning("sender_ended", code=code)
            except OSError as error:
                log.error("sender_not_started", reason=str(error))
            if loop.time() - began_s > _AGAIN_MAX_S:
                again_s = _AGAIN_FIRST_S  # it was at work for long: this is another trouble than the last
            await asyncio.sleep(again_s)
            again_s = min(2 * again_s, _AGAIN_MAX_S)


async def _end_of(process: Process) -> int:
    """Its exit code, once it has ended; when it says nothing any more, it is ended here."""
    assert process.stdout is not None
    try:
        while await _heard(process.stdout):
            pass
    except TimeoutError:
        log.error("sender_silent", seconds=_SILENT_MAX_S)
        with suppress(ProcessLookupError):
            process.kill()
    return await process.wait()


async def _heard(told: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(_SILENT_MAX_S):
        return await told.read(_HEARD_BYTES)
