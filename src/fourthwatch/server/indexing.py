"""Keeping the index right behind the ledger: small pieces of work on the loop, the writing in a process of its own."""

import asyncio
import contextlib
from pathlib import Path

from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.filing import BeginAgain, Commit, Derived, filing_for
from fourthwatch.engine.indexing import Indexer
from fourthwatch.engine.walk import Walk
from fourthwatch.errors import IndexDamaged, LedgerError, Unavailable
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.logs import log
from fourthwatch.metrics import INDEX_BEHIND
from fourthwatch.server.filer import Filer, FilerEnded, framed, lock_index

_SLICE = 8
"""Events between two looks of the loop at its sockets: well under a millisecond."""
_FEW, _MANY = 4, 16
"""Events in hand: fewer than a few are no reason to wait, many are what full load looks like."""
_GIVING_WAY_S = 0.01
"""Between two slices while there are some events in hand."""
_STANDING_BACK_S = 0.1
"""While there are many: nobody waits for the index, and at full load it falls behind rather than take a third of it."""
_FAR_BEHIND = 100_000
"""Events, about half a minute of full load; from then on the index gets its share all the same."""
_REST_S = 0.2
"""Between two batches when the index has come to the end: many events at a time cost less than one by one."""
_TROUBLE_REST_S = 2.0
_AGAIN_FIRST_S = 0.1
_AGAIN_MAX_S = 30.0
"""Before a process that ended is started again; longer each time, until it gets something done."""
_PATIENCE_S = 2.0


class Indexing:
    """Runs as a task on the loop from when the corridor has started until it is cancelled."""

    def __init__(self, directory: Path, corridor: Corridor) -> None:
        """Raises `IndexDamaged` when the index can neither be opened nor begun anew."""
        self._directory = directory
        self._corridor = corridor
        self._walk = corridor.definitions.walk
        self._indexer = Indexer(corridor.feed, DECIDING)
        self._position = _checked(directory, self._walk)
        """Everything up to here is in the index, durable."""
        self._is_damaged = False
        self._is_torn = False
        """Whether something was derived that was not filed."""
        self._is_filing = False
        """Whether the process has been told to commit, and has not answered yet."""
        self._kick = asyncio.Event()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        INDEX_BEHIND.set(self.behind())

    async def reached(self) -> None:
        """When the index has all that is durable by now; returns after two seconds, whether it has or not."""
        wanted = self._corridor.definitions.walk.ledger.last_seq
        if self._position >= wanted:
            return
        reached = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, reached))
        self._kick.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reached, _PATIENCE_S)

    def behind(self) -> int:
        """Events that are durable and not in the index yet."""
        return self._corridor.definitions.walk.ledger.last_seq - self._position

    def damaged(self) -> None:
        """Somebody met damage in the index: it is made again."""
        self._is_damaged = True

    async def run(self) -> None:
        """For ever."""
        again_s = _AGAIN_FIRST_S
        while True:
            filer: Filer | None = None
            began_at = self._position
            try:
                filer = await Filer.started(self._directory)
                await filer.stood()
                self._begin_at(filer.position)
                await self._follow(filer)
            except FilerEnded as error:
                log.warning("index_process_ended", reason=str(error))
                again_s = _AGAIN_FIRST_S if self._position > began_at else min(2 * again_s, _AGAIN_MAX_S)
            finally:
                if filer is not None:
                    await filer.stop()
            await asyncio.sleep(again_s)

    async def _follow(self, filer: Filer) -> None:
        while True:
            try:
                is_behind = await self._step(filer)
            except (LedgerError, Unavailable):  # there is no room, or the corridor begins again, or ends
                await asyncio.sleep(_TROUBLE_REST_S)
                self._is_torn = True
            except IndexDamaged as error:
                log.warning("index_damaged", reason=str(error))
                self._is_filing = False
                await asyncio.sleep(_TROUBLE_REST_S if self._is_damaged else 0)  # if it cannot even be begun again
                self._is_damaged = True
            else:
                await self._rest(0 if is_behind else _REST_S)

    async def _step(self, filer: Filer) -> bool:
        """Take the next few events in; whether there are more of them already. One batch is filed meanwhile."""
        walk = self._corridor.definitions.walk
        if self._is_damaged:
            await self._begin_again(filer)
            log.info("index_begun", events=walk.ledger.last_seq)
        if self._is_torn or walk is not self._walk:
            await self._filed(filer)
            self._walk = walk
            self._begin_at(self._position)
        derived = await self._derived(walk)
        await self._filed(filer)
        if derived:
            chain = walk.ledger.chain_at(self._indexer.position)
            filer.tell([*derived, framed(Commit(chain))])
            self._is_filing = True
        INDEX_BEHIND.set(self.behind())
        return self._is_filing

    async def _derived(self, walk: Walk) -> list[bytes]:
        """Messages about the next few events, made a few events at a time."""
        messages: list[bytes] = []
        piece = Derived(self._indexer.position)
        for number, fresh in enumerate(self._indexer.next_events(walk), 1):
            self._indexer.derive(fresh, piece)
            if number % _SLICE == 0:
                messages.append(framed(piece))
                piece = Derived(piece.last_seq)
                await asyncio.sleep(self._pause_s())
        if piece.entries:
            messages.append(framed(piece))
        self._indexer.position = piece.last_seq
        return messages

    async def _filed(self, filer: Filer) -> None:
        """When what was handed over is durable."""
        if self._is_filing:
            self._is_filing = False
            self._is_torn = True
            await filer.stood()
            self._is_torn = False
            self._position = filer.position

    async def _begin_again(self, filer: Filer) -> None:
        with contextlib.suppress(IndexDamaged):
            await self._filed(filer)
        filer.tell([framed(BeginAgain())])
        await filer.stood()
        self._begin_at(filer.position)
        self._is_damaged = False

    def _begin_at(self, position: int) -> None:
        self._position = position
        self._is_filing = self._is_torn = False
        self._indexer.begin_at(position)
        INDEX_BEHIND.set(self.behind())

    async def _rest(self, seconds: float) -> None:
        waiting, self._waiting = self._waiting, []
        for wanted, reached in waiting:
            if wanted > self._position:
                self._waiting.append((wanted, reached))
            elif not reached.done():
                reached.set_result(None)
        self._kick.clear()
        if self._waiting or not seconds:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._kick.wait(), seconds)

    def _pause_s(self) -> float:
        """Until the next slice."""
        in_hand = self._corridor.in_hand
        if self._waiting or in_hand < _FEW:
            return 0
        return _STANDING_BACK_S if in_hand >= _MANY and self.behind() < _FAR_BEHIND else _GIVING_WAY_S


def _checked(directory: Path, walk: Walk) -> int:
    """The position of the index, which is of this ledger; one that is not is begun again."""
    lock = lock_index(directory)
    assert lock is not None
    with lock:
        filing = filing_for(directory, walk.ledger)
        position, _ = filing.position()
        filing.close()
        return position
