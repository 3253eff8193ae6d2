"""Keeping the index right behind the ledger: a process of its own reads and writes, and is told when.

On the loop stays what is known of sessions: whoever the ledger alone does not tell.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

from fourthwatch.clock import SystemClock
from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.filing import filing_for
from fourthwatch.engine.indexing import Doubt
from fourthwatch.engine.walk import Walk
from fourthwatch.errors import IndexDamaged, LedgerError, LedgerFull, Unavailable
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.features.recognition import who_acts
from fourthwatch.logs import log
from fourthwatch.server.filer import Filer, FilerEnded, FilerStarved, lock_index
from fourthwatch.server.index_talk import Acting, BeginAgain, Follow

_SLICE = 64
"""Questions between two looks of the loop at its sockets: well under a millisecond."""
_FEW = 256
"""Events that the index lacks; fewer take it no time worth speaking of."""
_MANY = 24
"""Events in hand are what full load looks like."""
_STARVED_S = 5.0
"""For so long a patient process may be without an answer; it takes a third of a second by itself."""
_IMPATIENT_S = 600.0
"""After that it is not asked to be patient."""
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
        self._position = 0
        """Everything up to here is in the index, durable."""
        self._is_checked = False
        with contextlib.suppress(LedgerFull):  # then it is looked at when there is room
            self._check()
        self._is_damaged = False
        self._held_up_by = ""
        self._clock = SystemClock()
        self._impatient_until_s = 0.0
        self._kick = asyncio.Event()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    async def reached(self) -> None:
        """When the index has all that is durable by now; returns after two seconds, whether it has or not."""
        wanted = self._corridor.definitions.walk.ledger.last_seq
        if self._position >= wanted:
            return
        waiting = (wanted, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._kick.set()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await waiting[1]
        except TimeoutError:
            pass
        finally:  # whoever has given up presses no more
            with contextlib.suppress(ValueError):
                self._waiting.remove(waiting)

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
                self._check()
                filer = await Filer.started(self._directory)
                await filer.begun(DECIDING)
                self._position = filer.position
                await self._follow(filer)
            except FilerEnded as error:
                log.warning("index_process_ended", reason=str(error))
                if isinstance(error, FilerStarved):
                    self._impatient_until_s = self._clock.monotonic_s() + _IMPATIENT_S
                again_s = _AGAIN_FIRST_S if self._position > began_at else min(2 * again_s, _AGAIN_MAX_S)
            except LedgerError as error:  # before it could begin
                log.warning("index_waits", reason=str(error))
                again_s = _TROUBLE_REST_S
            finally:
                if filer is not None:
                    await filer.stop()
            await asyncio.sleep(again_s)

    def _check(self) -> None:
        if not self._is_checked:
            self._position = _checked(self._directory, self._corridor.definitions.walk)
            self._is_checked = True

    async def _follow(self, filer: Filer) -> None:
        while True:
            try:
                is_behind = not self._stands_back() and await self._step(filer)
            except (LedgerError, Unavailable) as error:  # there is no room, or the corridor begins again, or ends
                if isinstance(error, LedgerError) and str(error) != self._held_up_by:
                    self._held_up_by = str(error)
                    log.warning("index_held_up", reason=self._held_up_by)
                await asyncio.sleep(_TROUBLE_REST_S)
            except IndexDamaged as error:
                log.warning("index_damaged", reason=str(error))
                await asyncio.sleep(_TROUBLE_REST_S if self._is_damaged else 0)  # if it cannot even be begun again
                self._is_damaged = True
            else:
                self._held_up_by = ""
                await self._rest(0 if is_behind else _REST_S)

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits for it to have all that there is."""
        return bool(self._waiting)

    def _stands_back(self) -> bool:
        is_wanted = self.is_waited_for or self._is_damaged
        return not is_wanted and self._corridor.in_hand >= _MANY and self.behind() < _FAR_BEHIND

    def _may_be_patient(self) -> bool:
        """Whether events come in so fast that they go before, and nobody waits for the index."""
        is_busy = self._corridor.in_hand > 0 and self.behind() >= _FEW
        return is_busy and not self.is_waited_for and self._clock.monotonic_s() >= self._impatient_until_s

    async def _step(self, filer: Filer) -> bool:
        """Let the next few events be taken in; whether there are more of them already."""
        walk = self._corridor.definitions.walk
        if self._is_damaged:
            await filer.told(BeginAgain())
            self._is_damaged = False
            self._position = filer.position
            log.info("index_begun", events=walk.ledger.last_seq)
        if self.behind():
            is_patient = self._may_be_patient()
            within_s = _STARVED_S if is_patient else None
            asked = await filer.told(Follow(walk.ledger.last_seq, is_patient), within_s)
            while asked is not None:
                asked = await filer.told(Acting(await self._acting(asked.doubts)), within_s)
        self._position = filer.position
        return self.behind() > 0

    async def _acting(self, doubts: Sequence[Doubt]) -> list[tuple[str | None, str | None]]:
        """User and session of each event, a few at a time."""
        who: list[tuple[str | None, str | None]] = []
        for at in range(0, len(doubts), _SLICE):
            windows = self._corridor.definitions.walk.windows
            who += [who_acts(windows, one.tenant, one.seq, one.user, one.session) for one in doubts[at : at + _SLICE]]
            await asyncio.sleep(0)  # others have their turn
        return who

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
            async with asyncio.timeout(seconds):
                await self._kick.wait()


def _checked(directory: Path, walk: Walk) -> int:
    """The position of the index, which is of this ledger; one that is not is begun again."""
    lock = lock_index(directory)
    assert lock is not None
    with lock:
        filing = filing_for(directory, walk.ledger)
        position, _ = filing.position()
        filing.close()
        return position
