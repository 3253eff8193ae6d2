"""The server's end of the process that writes the index, and what is said between the two."""

import asyncio
import select
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

import msgspec

from fourthwatch.clock import SystemClock
from fourthwatch.engine.filing import BeginAgain, Commit, Derived, Stand
from fourthwatch.errors import IndexDamaged, LedgerFull, LedgerUnusable
from fourthwatch.store.file import lock_directory

Message = Derived | Commit | BeginAgain
LENGTH_BYTES = 4
_LOCK_NAME = "index.lock"
_LOCK_AGAIN_S = 0.05
_LOCK_PATIENCE_S = 60.0
"""The one before writes at most one batch after its server has ended."""
_STOP_S = 10.0
_encoder = msgspec.msgpack.Encoder()
_stands = msgspec.msgpack.Decoder(Stand)


class FilerEnded(Exception):
    """The process is gone; what it had not said is durable may be lost, and is derived again."""


class Filer:
    """One process. `position` is how far the index is durable."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        self._process = process
        self._told = process.stdin
        self.position = 0

    @classmethod
    async def started(cls, directory: Path) -> Self:
        """Its first word, once it has the index open, is how that stands. Raises `FilerEnded`."""
        command = (sys.executable, "-m", "fourthwatch.server.index_process", str(directory))
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        except OSError as error:
            raise FilerEnded(f"it could not be started: {error}") from error
        return cls(process)

    def tell(self, messages: Sequence[bytes]) -> None:
        """Hand framed messages over; what becomes of a commit or a new beginning is told by `stood`, once for each.

        Raises `FilerEnded`.
        """
        if self._told.is_closing():
            raise FilerEnded(f"it ended with code {self._process.returncode}")
        self._told.writelines(messages)

    async def stood(self) -> None:
        """Wait for the next word from it; raises `IndexDamaged`, `LedgerFull` and `FilerEnded`."""
        answers = self._process.stdout
        assert answers is not None
        try:
            await self._told.drain()
            length = int.from_bytes(await answers.readexactly(LENGTH_BYTES), "big")
            stand = _stands.decode(await answers.readexactly(length))
        except (OSError, asyncio.IncompleteReadError) as error:
            raise FilerEnded(f"it ended with code {self._process.returncode}") from error
        if stand.reason is not None:
            raise LedgerFull(stand.reason) if stand.is_full else IndexDamaged(stand.reason)
        self.position = stand.seq

    async def stop(self) -> None:
        """Let it finish what it was told; then it is ended."""
        self._told.close()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def framed(message: Message | Stand) -> bytes:
    """A message behind its length."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def lock_index(directory: Path, ended: IO[bytes] | None = None) -> IO[str] | None:
    """The right to write the index, once whoever wrote it before is gone; `None` when `ended` ended first.

    Raises `LedgerUnusable` when that takes too long.
    """
    clock = SystemClock()
    until_s = clock.monotonic_s() + _LOCK_PATIENCE_S
    while True:
        try:
            return lock_directory(directory, _LOCK_NAME)
        except LedgerUnusable:
            if clock.monotonic_s() > until_s:
                raise
        streams = [] if ended is None else [ended]
        if select.select(streams, [], [], _LOCK_AGAIN_S)[0]:
            return None
