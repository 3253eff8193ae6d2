"""Questions that take their time are asked beside the loop: on a few threads, each with readers of its own.

SQLite lets go of the interpreter while it looks, so events go on meanwhile. More questions than can wait are refused.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import LifoQueue
from typing import Protocol, TypeVar

import msgspec

from fourthwatch.errors import IndexDamaged, Unavailable
from fourthwatch.limits import QUESTION_THREADS, QUESTIONS_WAITING_MAX
from fourthwatch.logs import log
from fourthwatch.store.index_reader import IndexReader
from fourthwatch.store.reader import LedgerReader

S = TypeVar("S")
T = TypeVar("T")
_SHOWN_AT_ONCE = 16
"""Views of events that are made before the loop looks at its sockets again: a fraction of a millisecond."""


class Readers(msgspec.Struct, frozen=True):
    """What a question may look into."""

    ledger: LedgerReader
    index: IndexReader


class Follower(Protocol):
    """Who keeps the index behind the ledger."""

    async def reached(self) -> None:
        """When the index has all that was durable when this was asked, or cannot have it soon."""
        ...

    def behind(self) -> int:
        """Events that are durable and not in the index yet."""
        ...

    def damaged(self) -> None:
        """Told when a question met damage."""
        ...


class Aside:
    """Lives on the loop; `close` when nothing is asked any more."""

    def __init__(self, directory: Path, follower: Follower) -> None:
        self._follower = follower
        self._threads = ThreadPoolExecutor(QUESTION_THREADS, thread_name_prefix="question")
        self._free: LifoQueue[Readers] = LifoQueue()
        self._all = [Readers(LedgerReader(directory), IndexReader(directory)) for _ in range(QUESTION_THREADS)]
        for readers in self._all:
            self._free.put(readers)
        self._waiting = 0
        self._showing = asyncio.Lock()

    async def ask(self, question: Callable[[Readers], T], *, fresh: bool = False) -> T:
        """The answer; raises what the question raises, and `Unavailable` when it cannot be asked now.

        `fresh` waits for the index to have all that is durable by now.
        """
        if fresh:
            await self._follower.reached()
        if self._waiting >= QUESTIONS_WAITING_MAX:
            raise Unavailable("too many questions are waiting; ask again shortly", retry_after_s=1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, question)
        except IndexDamaged as error:
            log.warning("index_damaged", reason=str(error))
            self._follower.damaged()
            raise Unavailable("the index is being made again; ask again shortly", retry_after_s=2) from error
        finally:
            self._waiting -= 1

    async def shown(self, found: Sequence[S], view: Callable[[S], T]) -> list[T]:
        """A view of each, made on the loop a few at a time and for one who asks at a time: events go on between."""
        views: list[T] = []
        for at in range(0, len(found), _SHOWN_AT_ONCE):
            async with self._showing:
                views += map(view, found[at : at + _SHOWN_AT_ONCE])
                await asyncio.sleep(0)
        return views

    def behind(self) -> int:
        """Events that are durable and not in the index yet."""
        return self._follower.behind()

    async def run(self, work: Callable[[], T]) -> T:
        """Something else that waits for the disk, on the same threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Close every reader."""
        self._threads.shutdown()
        for readers in self._all:
            readers.ledger.close()
            readers.index.close()

    def _answer(self, question: Callable[[Readers], T]) -> T:
        readers = self._free.get()
        try:
            return question(readers)
        finally:
            self._free.put(readers)
