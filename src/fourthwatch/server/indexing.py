"""Keeping the index behind the ledger: small pieces of work on the loop, the writing beside it."""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.indexing import Derived, Indexer
from fourthwatch.engine.walk import Walk
from fourthwatch.errors import IndexDamaged, LedgerError, Unavailable
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.logs import log
from fourthwatch.metrics import INDEX_BEHIND

_SLICE = 8
"""Events between two looks of the loop at its sockets: well under a millisecond."""
_FEW, _MANY = 8, 32
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
_PATIENCE_S = 2.0


class Indexing:
    """Runs as a task on the loop from when the corridor has started until it is cancelled."""

    def __init__(self, directory: Path, corridor: Corridor) -> None:
        """Raises `IndexDamaged` when the index can neither be opened nor begun anew."""
        self._corridor = corridor
        self._walk = corridor.definitions.walk
        self._indexer = Indexer(directory, self._walk, corridor.feed, DECIDING)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="index")
        self._is_damaged = False
        self._kick = asyncio.Event()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    async def reached(self) -> None:
        """When the index has all that is durable by now; returns after two seconds, whether it has or not."""
        wanted = self._corridor.definitions.walk.ledger.last_seq
        if self._indexer.position >= wanted:
            return
        reached = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, reached))
        self._kick.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reached, _PATIENCE_S)

    def behind(self) -> int:
        """Events that are durable and not in the index yet."""
        return self._corridor.definitions.walk.ledger.last_seq - self._indexer.position

    def damaged(self) -> None:
        """Somebody met damage in the index: it is made again."""
        self._is_damaged = True

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                is_behind = await self._step()
            except IndexDamaged as error:
                log.warning("index_damaged", reason=str(error))
                # Damaged again before it was begun: it cannot be, so there is no hurry.
                await asyncio.sleep(_TROUBLE_REST_S if self._is_damaged else 0)
                self._is_damaged = True
                continue
            except (LedgerError, Unavailable):  # the corridor begins again, or ends; or the disk is full
                self._indexer.forget()
                await asyncio.sleep(_TROUBLE_REST_S)
                continue
            await self._rest(0 if is_behind else _REST_S)

    async def _rest(self, seconds: float) -> None:
        waiting, self._waiting = self._waiting, []
        for wanted, reached in waiting:
            if wanted > self._indexer.position:
                self._waiting.append((wanted, reached))
            elif not reached.done():
                reached.set_result(None)
        self._kick.clear()
        if self._waiting or not seconds:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._kick.wait(), seconds)

    def close(self) -> None:
        """Close the index; what it lacks it gets at the next start."""
        self._thread.shutdown()
        self._indexer.close()

    async def _step(self) -> bool:
        """Take the next few events in; whether there are more of them already."""
        walk = self._corridor.definitions.walk
        if walk is not self._walk:
            self._walk = walk
            self._indexer.forget()
        if self._is_damaged:
            self._indexer.begin_again()
            self._is_damaged = False
            log.info("index_begun", events=walk.ledger.last_seq)
        derived = await self._derived(walk)
        if derived.last_seq > self._indexer.position:
            chain = walk.ledger.chain_at(derived.last_seq)
            await asyncio.get_running_loop().run_in_executor(self._thread, self._indexer.write, derived, chain)
        behind = walk.ledger.last_seq - self._indexer.position
        INDEX_BEHIND.set(behind)
        return behind >= _SLICE

    async def _derived(self, walk: Walk) -> Derived:
        derived = Derived(self._indexer.position)
        for number, fresh in enumerate(self._indexer.next_events(walk), 1):
            self._indexer.derive(fresh, derived)
            if number % _SLICE == 0:
                await asyncio.sleep(self._pause_s())
        return derived

    def _pause_s(self) -> float:
        """Until the next slice."""
        in_hand = self._corridor.in_hand
        if self._waiting or in_hand < _FEW:
            return 0
        return _STANDING_BACK_S if in_hand >= _MANY and self.behind() < _FAR_BEHIND else _GIVING_WAY_S
