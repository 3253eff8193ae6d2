"""The server's end of the process that writes the index."""

import asyncio
import select
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

import msgspec

from fourthwatch.clock import SystemClock
from fourthwatch.errors import IndexDamaged, LedgerError, LedgerUnusable
from fourthwatch.server.index_talk import LENGTH_BYTES, Answer, Begin, Doubts, Told, framed
from fourthwatch.store.file import lock_directory

PROGRAM = "fourthwatch.server.index_process"
_LOCK_NAME = "index.lock"
_LOCK_AGAIN_MS = 50
_LOCK_PATIENCE_S = 60.0
"""The one before writes at most one batch after its server has ended."""
_STOP_S = 10.0
_CODE_S = 1.0
"""Between the last word of a process that ends and its exit code."""
_answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


class FilerEnded(Exception):
    """The process is gone; what it had not said is durable may be lost, and is taken in again."""


class FilerStarved(FilerEnded):
    """The process was told to be patient, and gets no processor time: it has to be ended."""


class Filer:
    """One process. `position` is how far the index is durable."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        self._process = process
        self._told = process.stdin
        self._is_starved = False
        self.position = 0

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @classmethod
    async def started(cls, directory: Path) -> Self:
        """A process that has not been told to begin. Raises `FilerEnded`."""
        try:
            command = (sys.executable, "-m", PROGRAM, str(directory))
            process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        except OSError as error:
            raise FilerEnded(f"it could not be started: {error}") from error
        return cls(process)

    async def begun(self, feature_names: tuple[str, ...]) -> None:
        """When it has the index open. Raises `FilerEnded`."""
        await self.told(Begin(feature_names))

    async def told(self, message: Told, within_s: float | None = None) -> Doubts | None:
        """Tell it something: what it asks then, or nothing, and `position` is how the index stands.

        Raises `IndexDamaged`, `LedgerError` when it should be told again later, `FilerEnded`, and `FilerStarved` when
        there is no answer in time.
        """
        answers = self._process.stdout
        assert answers is not None
        try:
            async with asyncio.timeout(within_s):
                self._told.write(framed(message))
                await self._told.drain()
                length = int.from_bytes(await answers.readexactly(LENGTH_BYTES), "big")
                answer = _answers.decode(await answers.readexactly(length))
        except TimeoutError:
            self._is_starved = True
            raise FilerStarved(f"no answer for {within_s:g} s") from None
        except (OSError, RuntimeError, asyncio.IncompleteReadError) as error:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CODE_S):
                    await self._process.wait()
            raise FilerEnded(f"it ended with code {self._process.returncode}") from error
        if isinstance(answer, Doubts):
            return answer
        if answer.reason is not None:
            raise LedgerError(answer.reason) if answer.may_come_again else IndexDamaged(answer.reason)
        self.position = answer.seq
        return None

    async def stop(self) -> None:
        """Let it finish what it was told, unless it is starved; then it is ended."""
        self._told.close()
        patience_s = 0 if self._is_starved else _STOP_S
        try:
            async with asyncio.timeout(patience_s):
                await self._process.communicate()  # it may have more to say than a pipe holds
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def lock_index(directory: Path, told: IO[bytes] | None = None) -> IO[str] | None:
    """The right to write the index, once whoever wrote it before is gone; `None` when whoever tells us is gone first.

    `told`: the stream on which we are told, of which nothing is read. Raises `LedgerUnusable` when it takes too long.
    """
    clock = SystemClock()
    until_s = clock.monotonic_s() + _LOCK_PATIENCE_S
    gone = select.poll()
    if told is not None:
        gone.register(told, 0)  # what is told already is no event, the end of who tells is
    while True:
        try:
            return lock_directory(directory, _LOCK_NAME)
        except LedgerUnusable:
            if clock.monotonic_s() > until_s:
                raise
        if gone.poll(_LOCK_AGAIN_MS):
            return None
