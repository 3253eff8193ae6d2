"""The bounded queue in front of the walk, and the one thread that commits.

The walk runs on the owner's thread, the event loop's; only what waits for the disk runs beside it. While one batch is
being written the next one walks: alone an event waits for nobody, under load a sync serves many. Nothing is answered
before its batch is durable; when a batch fails, everyone in it and behind it hears so.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from fourthwatch.clock import Clock
from fourthwatch.engine.aftermath import Aftermath
from fourthwatch.engine.brake import Brake
from fourthwatch.engine.definitions import AT_REST, BESIDE_A_BATCH, Definitions
from fourthwatch.engine.flight import CorridorSettings, Edit, Edited, Flight, Settled, State, Ticket, unavailable
from fourthwatch.engine.opening import Opened, open_walk
from fourthwatch.engine.pace import Later, Pace
from fourthwatch.engine.queues import Queues, crowded
from fourthwatch.engine.roster import Roster
from fourthwatch.engine.rulings import InForce, Ready
from fourthwatch.engine.upkeep import Upkeep
from fourthwatch.engine.walk import Submission, Walk
from fourthwatch.errors import Internal, LedgerBusy, LedgerError, LedgerFull, Refused
from fourthwatch.features.definition import Feature
from fourthwatch.limits import BATCH_MAX, BATCH_WELL_FILLED
from fourthwatch.logs import log
from fourthwatch.metrics import BATCH_EVENTS, COMMIT_SECONDS, ENTITIES, EVENTS_STORED, QUEUE_WAITING

__all__ = ["Corridor", "CorridorSettings", "Settled", "State", "Ticket"]


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
        later: Later | None = None,
    ) -> None:
        self._state: State = "starting"
        self._settings = settings
        self._clock = clock
        self._random_bytes = random_bytes
        self._settle = settle
        self._on_broken = on_broken
        self._post = post
        self._pace = Pace(clock, later)
        self._queues = Queues()
        self._aftermath = Aftermath(self._queues, settings.directory, clock)
        self._walking: Flight | None = None
        self._writing: Flight | None = None
        self._faulty: tuple[list[tuple[Submission, Ticket]], Exception] | None = None  # found while another was written
        self._walk: Walk | None = None
        self._opened: Opened | None = None
        self._stopping = False
        self._turn_is_posted = False
        self._drained = threading.Event()
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._upkeep = Upkeep(
            settings.directory, settings.snapshot_every_events, lambda error: self._post(lambda: self._give_up(error))
        )

    @property
    def state(self) -> State:
        """Whether events are taken; a full disk is looked at again each time."""
        if self._state == "full" and not self._pace.is_resting and self._settings.has_room:
            self._state = "ready"
            log.info("disk_has_room")
            self._post_turn()  # for what nobody waits for
        return self._state

    def start(self) -> None:
        """Read the past, on the thread that calls; raises what kept it from it."""
        self._walk = self._recover()
        self._state = "ready"
        self._post_turn()

    @property
    def in_hand(self) -> int:
        """Events that wait to be walked, or are not durable yet: what is not for them should give way."""
        under_way = (self._walking, self._writing)
        return len(self._queues.waiting) + sum(len(one.batch) for one in under_way if one is not None)

    def _there(self) -> Opened:
        if self._opened is None or self._state in ("starting", "broken", "stopped"):
            raise unavailable(self._state)
        return self._opened

    @property
    def definitions(self) -> Definitions:
        """Features and their state, to be asked on the owner's thread; raises `Unavailable` while there are none."""
        return self._there().definitions

    @property
    def roster(self) -> Roster:
        """The same for lists, which are edited by `edit`."""
        return self._there().roster

    def define(self, feature: Feature) -> None:
        """Take in a feature that was checked and stored, between two events."""
        self.definitions.define(feature)
        self._post_turn()

    def publish(self, tenant: int, in_force: InForce, ready: Ready | None = None) -> None:
        """Let a rule set judge from the next event on; what is written of it must be on its way to the disk."""
        definitions = self.definitions
        if definitions.ask(tenant, in_force.checked.asking):
            self._upkeep.drop()  # as in `adjust`
        definitions.walk.rulings.put(tenant, in_force, ready)
        self._post_turn()

    def withdraw(self, tenant: int, name: str) -> None:
        """Take out a feature that is no longer stored."""
        self.adjust(lambda definitions: definitions.withdraw(tenant, name))

    def adjust(self, change: Callable[[Definitions], bool]) -> None:
        """Let what is kept for models change; `change` says whether something was forgotten."""
        if change(self.definitions):
            self._upkeep.drop()  # the one under way would hold what is now forgotten only in part
        self._post_turn()

    def look(self, *, is_bulk: bool, ahead: int = 0) -> None:
        """Raises what `submit` would behind so many more, before anything is done for an event that cannot be taken."""
        if self._state != "ready" and self.state != "ready":
            raise unavailable(self._state)
        if not self._queues.has_place(is_bulk=is_bulk, ahead=ahead):
            raise crowded()

    def is_crowded(self, *, is_bulk: bool, ahead: int = 0) -> bool:
        """Whether `look` would raise because too many wait, told without raising."""
        return self._state == "ready" and not self._queues.has_place(is_bulk=is_bulk, ahead=ahead)

    def submit(self, submission: Submission, ticket: Ticket) -> None:
        """Join the queue; `settle` will be called with the ticket. Raises `Unavailable` at once when that cannot be."""
        if self._state != "ready" and self.state != "ready":
            raise unavailable(self._state)
        self._queues.add(submission, ticket)
        self._post_turn()

    def edit(self, edit: Edit, ticket: Ticket) -> None:
        """Let a change take effect between two events, and be written there; else as `submit`."""
        if self._state != "ready" and self.state != "ready":
            raise unavailable(self._state)
        self._queues.add_edit(edit, ticket)
        self._post_turn()

    def stop(self) -> None:
        """Finish what waits, write a snapshot, close the ledger; to be called on another thread than the owner's."""
        self._stopping = True
        if self._walk is not None:
            self._post(self._turn)
            self._drained.wait()
        self._committer.shutdown()
        self._upkeep.close()
        walk = self._walk
        if walk is not None and self._state != "broken":
            self._upkeep.last_snapshot(walk)
            walk.ledger.close()

    def _post_turn(self) -> None:
        if not self._turn_is_posted:
            self._turn_is_posted = True
            self._post(self._turn)

    def _turn(self) -> None:
        """Let some of what waits walk, begin a commit when it is time; behind the requests that have just come in."""
        self._turn_is_posted = False
        walk = self._walk
        if walk is None or self._state in ("broken", "stopped"):
            return
        try:
            walked = self._walk_some(walk)
            self._write_when_due(walk, more=walked)
            if walked:
                self._post_turn()
            elif self._writing is None and self._walking is None:
                self._rest(walk)
        except Exception as error:  # noqa: BLE001 (whatever it was: nobody may wait for an answer that never comes)
            self._give_up(error)

    def _walk_some(self, walk: Walk) -> bool:
        """Whether anything was taken from the queue."""
        if self._walking is None and self._writing is None:
            self._upkeep.begin_when_due(walk)
        elif self._queues.alone or self._faulty is not None or self._upkeep.is_due(walk):
            return False  # these want the ledger and the windows to be at one
        flight = self._walking
        if flight is not None and flight.edit is not None:
            return False  # it is written by itself
        queues = self._queues
        is_edit = queues.edits and not queues.alone
        if is_edit and flight is not None:
            return False  # the batch that walks is written before it
        queue = queues.next
        if not queue and not is_edit:
            return False
        if flight is None:
            if self._pace.is_resting or not self._settings.has_room:
                if self._state != "full":
                    log.error("disk_full", do="make room; until there is, events are answered 503")
                self._state = "full"
                refused = queues.emptied() if self._stopping else queues.asked()
                self._refuse(refused, unavailable("full"))  # what is being written has its own answer
                return bool(refused)
            if is_edit:
                return self._take_edit(walk)
            flight = self._walking = Flight(self._clock.monotonic_s())
        room = 1 if queues.alone else min(queues.at_once, BATCH_MAX - len(flight.batch))
        some = [queue.popleft() for _ in range(min(len(queue), room))]
        QUEUE_WAITING.set(len(queues.waiting))
        walk.now_ms = self._clock.now_ms()
        flight.batch += some
        try:
            walk.take([submission for submission, _ in some], flight.taken)
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 (a fault of ours in one event must not stop all others)
            self._walking, self._faulty = None, (flight.batch, error)
            if self._writing is None:
                self._isolate()
        return bool(some)

    def _take_edit(self, walk: Walk) -> bool:
        """Let the next change take effect; events that walk after it see it, and are written behind it."""
        edit, ticket = self._queues.edits.popleft()
        try:
            edited = edit(walk.last_seq + 1)
        except Refused as refusal:
            edited = refusal
        except Exception as error:  # noqa: BLE001 (a fault of ours in one change must not stop all others)
            self._refuse([(None, ticket)], Internal("a fault of the server; it was logged, and nothing was changed"))
            self._faulty = ([], error)
            if self._writing is None:
                self._isolate()
            return True
        if isinstance(edited, Edited):
            self._walking = Flight(self._clock.monotonic_s(), (edited, ticket))
        else:
            self._settle([(ticket, edited)])
        return True

    def _write_when_due(self, walk: Walk, *, more: bool) -> None:
        """Begin a commit unless one is under way, or a few more events are sure to join, or likely to."""
        flight = self._walking
        may_wait = more and flight is not None and flight.edit is None and len(flight.batch) < BATCH_WELL_FILLED
        if flight is None or self._writing is not None or may_wait:
            return
        if flight.edit is not None or self._pace.is_time(len(flight.batch), self._post_turn):
            self._walking, self._writing = None, flight
            flight.taken.seal(walk.ledger)  # here: on its own thread it would ask for the interpreter's lock
            self._committer.submit(self._commit, walk, flight)

    def _commit(self, walk: Walk, flight: Flight) -> None:
        """On the committer's thread: the only part of a batch that waits for the disk."""
        failure: Exception | None = None
        try:
            if flight.edit is None:
                flight.taken.append_to(walk.ledger)
            else:
                walk.ledger.apply(flight.edit[0].change, self._clock.now_ms())
        except Exception as error:  # noqa: BLE001 (handed on to `_committed`)
            failure = error
        self._post(lambda: self._committed(walk, flight, failure))

    def _committed(self, walk: Walk, flight: Flight, failure: Exception | None) -> None:
        if flight is not self._writing:  # given up meanwhile
            return
        try:
            if isinstance(failure, LedgerFull | LedgerBusy):
                self._fill_up(failure)
            elif failure is not None:
                self._give_up(failure)
            else:
                self._writing = None
                more = bool(self._queues.waiting or self._queues.bulk)
                self._write_when_due(walk, more=more)  # the disk need not wait for answers
                self._answer(walk, flight)
                if self._faulty is not None:
                    self._isolate()
                self._post_turn()
        except Exception as error:  # noqa: BLE001 (as above)
            self._give_up(error, flight)

    def _answer(self, walk: Walk, flight: Flight) -> None:
        if flight.edit is not None:
            edited, ticket = flight.edit
            flight.is_answered = True
            self._settle([(ticket, edited.answer)])
            return
        outcomes = walk.answers(flight.taken)
        flight.is_answered = True
        self._settle([(ticket, outcome) for (_, ticket), outcome in zip(flight.batch, outcomes, strict=True)])
        self._queues.add_own(self._brake.after(walk, flight.taken.decisions), [])
        self._aftermath.follow(walk, self.roster, flight.taken)
        COMMIT_SECONDS.observe(self._clock.monotonic_s() - flight.started_s)
        BATCH_EVENTS.observe(len(flight.batch))
        EVENTS_STORED.set(walk.ledger.last_seq)
        ENTITIES.set(len(walk.windows))
        self._upkeep.checkpoint_when_due(walk)
        self._upkeep.advance()
        walk.windows.give_back()
        self._count_past(BESIDE_A_BATCH)

    @property
    def is_pressed(self) -> bool:
        """Whether so many events wait that work which can wait should not begin."""
        return self._queues.is_pressed

    def _rest(self, walk: Walk) -> None:
        """Nobody waits: use the time for a snapshot when one is under way, or for a past; a slice at a time."""
        if self._upkeep.is_writing_a_snapshot:
            self._upkeep.advance()
            self._post_turn()
            return
        if self._count_past(AT_REST) or (not self._stopping and self._aftermath.catch_up(walk, self.roster)):
            self._post_turn()
        elif self._stopping:
            self._state = "stopped"  # here: from now on nothing is taken, and this thread touches nothing any more
            self._drained.set()

    def _count_past(self, events: int) -> bool:
        """Whether there is more of it."""
        opened = self._opened
        if self._stopping or opened is None or not opened.definitions.is_counting:
            return False
        self._upkeep.has_new_past |= opened.definitions.advance(events)
        return opened.definitions.is_counting

    # When something goes wrong.

    def _fill_up(self, failure: LedgerFull | LedgerBusy) -> None:
        """Nothing of the batch was kept, so nothing behind it may be: all hear so, and the past is read again."""
        everyone = self._everyone()
        log.error("batch_failed", events=len(everyone), reason=str(failure))
        if isinstance(failure, LedgerFull):
            self._state = "full"
            self._pace.rest()
        self._refuse(everyone, unavailable("full" if isinstance(failure, LedgerFull) else "busy"))
        self._begin_again()

    def _give_up(self, error: Exception, answering: Flight | None = None) -> None:
        """After a failed sync nobody knows what the disk holds: answer no more, let the process be started anew."""
        log.error("giving_up", reason=str(error), exc_info=None if isinstance(error, LedgerError) else error)
        self._state = "broken"
        late = [] if answering is None else answering.everyone()
        self._refuse([*late, *self._everyone()], unavailable("broken"))
        self._upkeep.drop()
        self._drained.set()
        self._on_broken()

    def _begin_again(self) -> None:
        """The windows hold what the ledger does not: forget them and come back from the disk."""
        self._upkeep.drop()
        if self._walk is not None:
            self._walk.ledger.close()
        self._walk = self._recover()
        self._post_turn()

    def _isolate(self) -> None:
        """A batch met a fault of ours: take its events one by one, and refuse the one that brings it about."""
        assert self._faulty is not None
        batch, error = self._faulty
        log.error("walk_failed", events=len(batch), fault=type(error).__name__, exc_info=error)
        self._aftermath.leave_out(batch)
        self._begin_again()
        self._faulty = None
        if len(batch) == 1:
            self._refuse(batch, Internal("a fault of the server; it was logged, and nothing of the event was kept"))
        else:
            self._queues.alone.extend(batch)

    def _everyone(self) -> list[tuple[object, Ticket]]:
        """All who have no answer yet, taken from wherever they are."""
        everyone = [one for flight in (self._writing, self._walking) if flight is not None for one in flight.everyone()]
        if self._faulty is not None:
            everyone += self._faulty[0]
        self._writing = self._walking = self._faulty = None
        return everyone + self._queues.emptied()

    def _refuse(self, everyone: Sequence[tuple[object, Ticket]], refusal: Refused) -> None:
        self._settle([(ticket, refusal) for _, ticket in everyone])

    def _recover(self) -> Walk:
        opened = self._opened = open_walk(self._settings, self._clock, self._random_bytes)
        self._upkeep.snapshot_seq = opened.snapshot_seq
        self._brake = Brake(self._settings.directory, self._clock, self.publish)
        self._brake.learn(opened.walk, opened.tenants_with_rules)
        self._aftermath.follow(opened.walk, opened.roster, opened.left)
        EVENTS_STORED.set(opened.walk.ledger.last_seq)
        ENTITIES.set(len(opened.walk.windows))
        return opened.walk
