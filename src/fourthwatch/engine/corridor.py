"""The bounded queue in front of the walk, and the one thread that walks and commits.

Whatever is waiting when a commit ends becomes the next batch: alone an event waits for nobody, under load a sync serves
many. Nothing is answered before its batch is durable; when a batch fails, everyone in it hears so.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NewType

import msgspec

from fourthwatch.clock import Clock
from fourthwatch.decision import Policy
from fourthwatch.engine.recovery import SnapshotInSlices, read_again, recover_windows
from fourthwatch.engine.walk import Outcome, Submission, Walk
from fourthwatch.errors import Internal, LedgerError, LedgerFull, Refused, Unavailable
from fourthwatch.limits import BATCH_MAX, QUEUE_MAX
from fourthwatch.logs import log
from fourthwatch.metrics import (
    BATCH_EVENTS,
    COMMIT_SECONDS,
    ENTITIES,
    EVENTS_STORED,
    QUEUE_WAITING,
    SNAPSHOT_SEQ,
)
from fourthwatch.store.file import free_bytes
from fourthwatch.store.ledger import Ledger

State = Literal["starting", "ready", "full", "broken", "stopped"]
Ticket = NewType("Ticket", object)
"""Whatever the submitter needs to find its request again."""
Settled = list[tuple[Ticket, Outcome | Refused]]
Batch = Sequence[tuple[Submission, Ticket]]

_IDLE_S = 0.5


class CorridorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the corridor needs to know."""

    directory: Path
    policy: Policy
    disk_reserve_bytes: int
    """Below this much free space nothing is taken: the disk is never filled to the brim."""
    snapshot_every_events: int
    """A snapshot begins when so many events came since the last."""


class Corridor:
    """Starts in `start`, which returns when the past has been read; stops in `stop`, which drains."""

    def __init__(
        self,
        settings: CorridorSettings,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        settle: Callable[[Settled], None],
        on_broken: Callable[[], None],
    ) -> None:
        self.state: State = "starting"
        self._settings = settings
        self._clock = clock
        self._random_bytes = random_bytes
        self._settle = settle
        self._on_broken = on_broken
        self._waiting: deque[tuple[Submission, Ticket]] = deque()
        self._wake = threading.Event()
        self._started = threading.Event()
        self._stopping = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._live, name="engine", daemon=True)
        self._snapshot: SnapshotInSlices | None = None
        self._snapshot_seq = 0
        self._snapshot_tried_seq = 0

    def start(self, timeout_s: float | None = None) -> None:
        """Read the past; returns when ready. Raises what kept it from it."""
        self._thread.start()
        self._started.wait(timeout_s)
        if self._failure is not None:
            raise self._failure

    def submit(self, submission: Submission, ticket: Ticket) -> None:
        """Join the queue; `settle` will be called with the ticket. Raises `Unavailable` at once when that cannot be."""
        if self.state != "ready":
            raise _unavailable(self.state)
        if len(self._waiting) >= QUEUE_MAX:
            raise Unavailable("too many events are waiting; send this one again shortly", retry_after_s=1)
        self._waiting.append((submission, ticket))
        if not self._wake.is_set():
            self._wake.set()

    def stop(self) -> None:
        """Take nothing more, finish what is waiting, write a snapshot, close the ledger."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _live(self) -> None:
        try:
            walk = self._recover()
        except Exception as error:  # noqa: BLE001 (handed to whoever waits in `start`)
            self._failure = error
            self.state = "broken"
            self._started.set()
            return
        self.state = "ready"
        self._started.set()
        try:
            while not (self._stopping and not self._waiting):
                self._wake.wait(_IDLE_S)
                self._wake.clear()
                walk = self._work_off(walk)
                if self._snapshot is None and self._stopping is False:
                    self._begin_snapshot(walk)
            self._finish(walk)
        except Exception as error:  # noqa: BLE001 (whatever it was: nobody may wait for a thread that is gone)
            log.error("engine_stopped", reason=str(error), exc_info=None if isinstance(error, LedgerError) else error)
            self._give_up()

    def _work_off(self, walk: Walk) -> Walk:
        """Batch after batch until nobody waits; raises what ends this process, above all `LedgerBroken`."""
        idle = False
        while self._waiting or (self._snapshot is not None and not idle):
            if self._waiting:
                try:
                    walk = self._take(walk, self._next_batch())
                except LedgerFull:
                    self._refuse(self._everyone(), _unavailable("full"))
                    walk = self._begin_again(walk)
            elif self._stopping:
                idle = True
            self._continue_snapshot()
        if self.state == "full" and self._has_room():
            self.state = "ready"
        return walk

    def _take(self, walk: Walk, batch: Batch) -> Walk:
        """One batch, answered in any case; the walk to go on with. Raises `LedgerError`, with the batch refused."""
        try:
            self._run_batch(walk, batch)
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 (a fault of ours in one event must not stop all others)
            return self._isolate(walk, batch, error)
        return walk

    def _next_batch(self) -> Batch:
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(len(waiting), BATCH_MAX))]

    def _everyone(self) -> Batch:
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def _run_batch(self, walk: Walk, batch: Batch) -> None:
        if not self._has_room():
            self.state = "full"
            self._refuse(batch, _unavailable("full"))
            return
        started = self._clock.monotonic_s()
        try:
            outcomes = walk.run([submission for submission, _ in batch])
        except LedgerError as error:
            log.error("batch_failed", events=len(batch), reason=str(error))
            self.state = "full" if isinstance(error, LedgerFull) else "broken"
            self._refuse(batch, _unavailable(self.state))
            raise
        self._settle([(ticket, outcome) for (_, ticket), outcome in zip(batch, outcomes, strict=True)])
        COMMIT_SECONDS.observe(self._clock.monotonic_s() - started)
        BATCH_EVENTS.observe(len(batch))
        EVENTS_STORED.set(walk.ledger.last_seq)
        ENTITIES.set(len(walk.windows))
        QUEUE_WAITING.set(len(self._waiting))

    def _refuse(self, batch: Batch, refusal: Refused) -> None:
        self._settle([(ticket, refusal) for _, ticket in batch])

    def _recover(self) -> Walk:
        ledger = Ledger(self._settings.directory)
        windows, seq = recover_windows(ledger, self._settings.directory)
        walk = Walk(ledger, windows, self._settings.policy, self._random_bytes)
        self._snapshot_seq = self._snapshot_tried_seq = seq

        def say(done: int, total: int) -> None:
            log.info("reading_the_log", done=done, total=total)

        again = read_again(walk, seq, say)
        log.info("recovered", events=ledger.last_seq, entities=len(windows), read_again=again)
        EVENTS_STORED.set(ledger.last_seq)
        ENTITIES.set(len(windows))
        return walk

    def _begin_again(self, walk: Walk) -> Walk:
        """The windows hold what the ledger does not: forget them and come back from the disk."""
        self._drop_snapshot()
        walk.ledger.close()
        return self._recover()

    def _isolate(self, walk: Walk, batch: Batch, error: Exception) -> Walk:
        """A batch met a fault of ours: take its events one by one, and refuse the one that brings it about."""
        log.error("walk_failed", events=len(batch), fault=type(error).__name__, exc_info=error)
        left = deque(batch)
        try:
            walk = self._begin_again(walk)
            if len(batch) == 1:
                self._refuse(batch, Internal("a fault of the server; it was logged, and nothing of the event was kept"))
                return walk
            while left:
                walk = self._take(walk, [left.popleft()])
        except Exception as failure:
            self._refuse(tuple(left), _unavailable("full" if isinstance(failure, LedgerFull) else "broken"))
            walk.ledger.close()
            raise
        return walk

    def _give_up(self) -> None:
        """After a failed sync nobody knows what the disk holds: answer no more, and let the process be started anew."""
        self.state = "broken"
        self._drop_snapshot()
        self._refuse(self._everyone(), _unavailable("broken"))
        self._on_broken()

    def _has_room(self) -> bool:
        return free_bytes(self._settings.directory) >= self._settings.disk_reserve_bytes

    # Snapshots.

    def _begin_snapshot(self, walk: Walk) -> None:
        if walk.ledger.last_seq - self._snapshot_tried_seq < self._settings.snapshot_every_events:
            return
        if self.state == "ready":
            self._open_snapshot(walk)
            self._wake.set()

    def _open_snapshot(self, walk: Walk) -> None:
        self._snapshot_tried_seq = walk.ledger.last_seq  # one that fails is tried again when the next would be due
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
                self._snapshot_seq = snapshot.seq
                SNAPSHOT_SEQ.set(snapshot.seq)
                self._snapshot = None
        except OSError as error:
            log.warning("snapshot_failed", reason=str(error))
            self._drop_snapshot()

    def _drop_snapshot(self) -> None:
        if self._snapshot is not None:
            self._snapshot.abandon()
            self._snapshot = None

    def _finish(self, walk: Walk) -> None:
        self.state = "stopped"
        self._drop_snapshot()
        if walk.ledger.last_seq > self._snapshot_seq:
            self._open_snapshot(walk)
            while self._snapshot is not None:
                self._continue_snapshot()
        walk.ledger.close()


def _unavailable(state: str) -> Unavailable:
    message = {
        "starting": "the server is still reading its log",
        "full": "the disk of the server is nearly full; nothing is taken until there is room",
        "broken": "the server could not write its data file and has to be started again",
        "stopped": "the server is stopping",
    }[state]
    return Unavailable(f"{message}; send this again shortly", retry_after_s=5 if state == "full" else 1)
