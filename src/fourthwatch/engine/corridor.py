"""The bounded queue in front of the walk, and the one thread that commits.

The walk runs on the owner's thread, the event loop's; only what waits for the disk runs beside it. Whatever is waiting
when a commit ends becomes the next batch: alone an event waits for nobody, under load a sync serves many. Nothing is
answered before its batch is durable; when a batch fails, everyone in it hears so.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NewType

import msgspec

from fourthwatch.clock import Clock
from fourthwatch.decision import Policy
from fourthwatch.engine.recovery import SnapshotInSlices, read_again, recover_windows
from fourthwatch.engine.walk import Outcome, Submission, Taken, Walk
from fourthwatch.errors import Internal, LedgerError, LedgerFull, Refused, Unavailable
from fourthwatch.limits import BATCH_MAX, CHECKPOINT_EVERY_PAGES, QUEUE_MAX
from fourthwatch.logs import log
from fourthwatch.metrics import BATCH_EVENTS, COMMIT_SECONDS, ENTITIES, EVENTS_STORED, QUEUE_WAITING, SNAPSHOT_SEQ
from fourthwatch.store.checkpoint import Checkpointer
from fourthwatch.store.file import free_bytes
from fourthwatch.store.ledger import Ledger

State = Literal["starting", "ready", "full", "broken", "stopped"]
Ticket = NewType("Ticket", object)
"""Whatever the submitter needs to find its request again."""
Settled = list[tuple[Ticket, Outcome | Refused]]
Batch = Sequence[tuple[Submission, Ticket]]


class CorridorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the corridor needs to know."""

    directory: Path
    policy: Policy
    disk_reserve_bytes: int
    """Below this much free space nothing is taken: the disk is never filled to the brim."""
    snapshot_every_events: int
    """A snapshot begins when so many events came since the last."""


class Corridor:
    """Starts in `start`, which returns when the past has been read; stops in `stop`, which drains.

    `submit` and everything that follows from it happen on the owner's thread, which `post` reaches from any other.
    """

    def __init__(
        self,
        settings: CorridorSettings,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        settle: Callable[[Settled], None],
        on_broken: Callable[[], None],
        post: Callable[[Callable[[], None]], object],
    ) -> None:
        self._state: State = "starting"
        self._settings = settings
        self._clock = clock
        self._random_bytes = random_bytes
        self._settle = settle
        self._on_broken = on_broken
        self._post = post
        self._waiting: deque[tuple[Submission, Ticket]] = deque()
        self._alone: deque[tuple[Submission, Ticket]] = deque()
        """Events of a batch that met a fault; each walks by itself."""
        self._under_way: Batch = ()
        """The batch that is not answered yet."""
        self._walk: Walk | None = None
        self._is_turning = False
        self._idle = threading.Event()
        self._idle.set()
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._background = ThreadPoolExecutor(1, thread_name_prefix="background")
        self._background_is_free = True
        self._checkpointer = Checkpointer(settings.directory)
        self._checkpointed_pages = 0
        self._snapshot: SnapshotInSlices | None = None
        self._finishing: Future[None] | None = None
        self._snapshot_seq = 0

    @property
    def state(self) -> State:
        """Whether events are taken; a full disk is looked at again each time."""
        if self._state == "full" and self._has_room():
            self._state = "ready"
        return self._state

    def start(self) -> None:
        """Read the past, on the thread that calls; raises what kept it from it."""
        self._walk = self._recover()
        self._state = "ready"

    def submit(self, submission: Submission, ticket: Ticket) -> None:
        """Join the queue; `settle` will be called with the ticket. Raises `Unavailable` at once when that cannot be."""
        if self._state != "ready" and self.state != "ready":
            raise _unavailable(self._state)
        if len(self._waiting) >= QUEUE_MAX:
            raise Unavailable("too many events are waiting; send this one again shortly", retry_after_s=1)
        self._waiting.append((submission, ticket))
        if not self._is_turning:
            self._is_turning = True
            self._idle.clear()
            self._post(self._turn)

    def stop(self) -> None:
        """Finish what waits, write a snapshot, close the ledger; to be called on another thread than the owner's."""
        self._idle.wait()
        self._committer.shutdown()
        self._background.shutdown()
        self._checkpointer.close()
        walk = self._walk
        self._drop_snapshot()
        if walk is not None and self._state != "broken":
            self._state = "stopped"
            if walk.ledger.last_seq > self._snapshot_seq:  # what was written since the newest one began is not in it
                try:
                    self._snapshot = SnapshotInSlices(walk, self._settings.directory)
                    while not self._snapshot.advance():
                        pass
                    self._snapshot.finish()
                except (OSError, LedgerError) as error:
                    log.warning("snapshot_failed", reason=str(error))
                    self._drop_snapshot()
            walk.ledger.close()

    # One batch after the other.

    def _turn(self) -> None:
        """Walk the next batch and hand it to the committer; `_committed` goes on from there."""
        try:
            self._begin_batch()
        except Exception as error:  # noqa: BLE001 (whatever it was: nobody may wait for an answer that never comes)
            self._give_up(error)

    def _begin_batch(self) -> None:
        walk = self._walk
        assert walk is not None
        waiting = self._waiting
        if self._alone:
            batch = [self._alone.popleft()]
        elif waiting:
            batch = [waiting.popleft() for _ in range(min(len(waiting), BATCH_MAX))]
        else:
            self._rest(walk)
            return
        self._under_way = batch
        QUEUE_WAITING.set(len(waiting))
        if not self._has_room():
            self._state = "full"
            self._refuse(batch, _unavailable("full"))
            self._post(self._turn)
            return
        started_s = self._clock.monotonic_s()
        try:
            taken = walk.take([submission for submission, _ in batch])
        except LedgerError as failure:
            self._failed(batch, failure)
            return
        except Exception as error:  # noqa: BLE001 (a fault of ours in one event must not stop all others)
            self._isolate(batch, error)
            return
        self._committer.submit(self._commit, walk, batch, taken, started_s)

    def _commit(self, walk: Walk, batch: Batch, taken: Taken, started_s: float) -> None:
        """On the committer's thread: the only part of a batch that waits for the disk."""
        failure: Exception | None = None
        try:
            taken.append_to(walk.ledger)
        except Exception as error:  # noqa: BLE001 (handed on to `_committed`)
            failure = error
        self._post(lambda: self._committed(walk, batch, taken, started_s, failure))

    def _committed(self, walk: Walk, batch: Batch, taken: Taken, started_s: float, failure: Exception | None) -> None:
        try:
            if failure is None:
                self._answer(walk, batch, taken, started_s)
            elif isinstance(failure, LedgerError):
                self._failed(batch, failure)
            else:
                self._give_up(failure)
        except Exception as error:  # noqa: BLE001 (as above)
            self._give_up(error)

    def _answer(self, walk: Walk, batch: Batch, taken: Taken, started_s: float) -> None:
        outcomes = walk.answers(taken)
        self._settle([(ticket, outcome) for (_, ticket), outcome in zip(batch, outcomes, strict=True)])
        self._under_way = ()
        COMMIT_SECONDS.observe(self._clock.monotonic_s() - started_s)
        BATCH_EVENTS.observe(len(batch))
        EVENTS_STORED.set(walk.ledger.last_seq)
        ENTITIES.set(len(walk.windows))
        self._checkpoint_when_due(walk)
        self._begin_snapshot_when_due(walk)
        self._continue_snapshot()
        self._post(self._turn)  # behind the requests that were just woken: they answer before others walk

    def _rest(self, walk: Walk) -> None:
        """Nobody waits: use the time for a snapshot when one is due, a slice at a time."""
        self._begin_snapshot_when_due(walk)
        if self._snapshot is not None:
            self._continue_snapshot()
            self._post(self._turn)
            return
        self._is_turning = False
        self._idle.set()

    # When something goes wrong.

    def _failed(self, batch: Batch, failure: LedgerError) -> None:
        if not isinstance(failure, LedgerFull):
            self._give_up(failure)
            return
        log.error("batch_failed", events=len(batch), reason=str(failure))
        self._state = "full"
        self._refuse([*batch, *self._everyone()], _unavailable("full"))
        self._under_way = ()
        self._begin_again()
        self._turn()

    def _give_up(self, error: Exception) -> None:
        """After a failed sync nobody knows what the disk holds: answer no more, let the process be started anew."""
        log.error("giving_up", reason=str(error), exc_info=None if isinstance(error, LedgerError) else error)
        self._state = "broken"
        self._refuse([*self._under_way, *self._everyone()], _unavailable("broken"))
        self._under_way = ()
        self._drop_snapshot()
        self._idle.set()
        self._on_broken()

    def _begin_again(self) -> None:
        """The windows hold what the ledger does not: forget them and come back from the disk."""
        self._drop_snapshot()
        if self._walk is not None:
            self._walk.ledger.close()
        self._walk = self._recover()

    def _isolate(self, batch: Batch, error: Exception) -> None:
        """A batch met a fault of ours: take its events one by one, and refuse the one that brings it about."""
        log.error("walk_failed", events=len(batch), fault=type(error).__name__, exc_info=error)
        self._begin_again()
        if len(batch) == 1:
            self._refuse(batch, Internal("a fault of the server; it was logged, and nothing of the event was kept"))
        else:
            self._alone.extend(batch)
        self._under_way = ()
        self._post(self._turn)  # and not from here: a queue full of such events would be as many calls deep

    def _everyone(self) -> Batch:
        everyone = [*self._alone, *self._waiting]
        self._alone.clear()
        self._waiting.clear()
        return everyone

    def _refuse(self, batch: Batch, refusal: Refused) -> None:
        self._settle([(ticket, refusal) for _, ticket in batch])

    def _has_room(self) -> bool:
        return free_bytes(self._settings.directory) >= self._settings.disk_reserve_bytes

    # The past, and snapshots of it.

    def _recover(self) -> Walk:
        ledger = Ledger(self._settings.directory)
        windows, seq = recover_windows(ledger, self._settings.directory)
        walk = Walk(ledger, windows, self._settings.policy, self._random_bytes)
        self._snapshot_seq = seq

        def say(done: int, total: int) -> None:
            log.info("reading_the_log", done=done, total=total)

        again = read_again(walk, seq, say)
        log.info("recovered", events=ledger.last_seq, entities=len(windows), read_again=again)
        EVENTS_STORED.set(ledger.last_seq)
        ENTITIES.set(len(windows))
        return walk

    def _begin_snapshot_when_due(self, walk: Walk) -> None:
        if self._snapshot is not None or (self._finishing is not None and not self._finishing.done()):
            return
        if walk.ledger.last_seq - self._snapshot_seq < self._settings.snapshot_every_events:
            return
        self._snapshot_seq = walk.ledger.last_seq
        try:
            self._snapshot = SnapshotInSlices(walk, self._settings.directory)
        except OSError as error:
            log.warning("snapshot_failed", reason=str(error))

    def _continue_snapshot(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            return
        try:
            if snapshot.advance():
                self._snapshot = None
                self._finishing = self._background.submit(self._finish_snapshot, snapshot)
        except OSError as error:
            log.warning("snapshot_failed", reason=str(error))
            self._drop_snapshot()

    def _finish_snapshot(self, snapshot: SnapshotInSlices) -> None:
        """On a thread of its own: syncing a large file takes its time."""
        try:
            snapshot.finish()
            SNAPSHOT_SEQ.set(snapshot.seq)
        except OSError as error:
            log.warning("snapshot_failed", reason=str(error))

    def _checkpoint_when_due(self, walk: Walk) -> None:
        pages = walk.ledger.log_pages
        self._checkpointed_pages = min(self._checkpointed_pages, pages)  # the log file may have begun anew
        if pages - self._checkpointed_pages >= CHECKPOINT_EVERY_PAGES and self._background_is_free:
            self._checkpointed_pages = pages
            self._background_is_free = False
            self._background.submit(self._checkpoint)

    def _checkpoint(self) -> None:
        try:
            self._checkpointer.run()
        except LedgerFull as error:
            log.warning("checkpoint_failed", reason=str(error))
        except LedgerError as error:
            failure = error
            self._post(lambda: self._give_up(failure))
        finally:
            self._background_is_free = True

    def _drop_snapshot(self) -> None:
        if self._snapshot is not None:
            self._snapshot.abandon()
            self._snapshot = None


def _unavailable(state: str) -> Unavailable:
    message = {
        "starting": "the server is still reading its log",
        "full": "the disk of the server is nearly full; nothing is taken until there is room",
        "broken": "the server could not write its data file and has to be started again",
        "stopped": "the server is stopping",
    }[state]
    return Unavailable(f"{message}; send this again shortly", retry_after_s=5 if state == "full" else 1)
