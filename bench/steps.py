"""CPU per event by step: the real walk in one thread of this process, with a stopwatch around the functions it calls.

Batches with and without the stopwatch take turns: the whole is measured without. What HTTP, the event loop and the
hand-over between threads cost is not in here: it is the served program's CPU per decision less the whole of this table.
Thread CPU time: waiting for the disk does not count.
"""

import cProfile
import os
import pstats
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any, ParamSpec, TypeVar

from bench.figures import Figure, figure
from bench.load import Load
from bench.peak import scratch, tag
from bench.tools import Mode
from fourthwatch.clock import Millis, SystemClock
from fourthwatch.decision import Policy
from fourthwatch.engine import judging
from fourthwatch.engine import walk as walking
from fourthwatch.engine.walk import Answer, Submission, Walk
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.features.windows import Windows
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.ledger import Ledger
from fourthwatch.wire.decode import decode_event
from fourthwatch.wire.reply import encode

P = ParamSpec("P")
R = TypeVar("R")

TENANT = 1
_BATCH = 32
"""About what waits behind one commit with 64 connections."""
_WARM = 4_096
_EVENTS = 4_096
_CALIBRATION = 20_000

_STEPS = (
    ("decode", ()),
    ("identity and find", ("identity_of", "by_identity", "newest_of")),
    ("entities", ("involved_in",)),
    ("features read", ("answers", "read")),
    ("rules and decision", ("judged", "decide")),
    ("features add", ("add",)),
    ("encode", ("encode", "receipt_of")),
    ("ledger append", ("sealed", "write")),
)  # fmt: skip
"""Steps and the functions that belong to them, beside what the loop here calls itself."""
_OF_MODULE = ("identity_of", "involved_in", "encode", "receipt_of")


class Stopwatch:
    """CPU nanoseconds by name, less what looking at the clock costs."""

    def __init__(self) -> None:
        self.spent_ns: dict[str, float] = {}
        self.own_ns = 0.0
        blank = self.timed("blank", lambda: None)
        for _ in range(_CALIBRATION):
            blank()
        self.own_ns = self.spent_ns.pop("blank") / _CALIBRATION

    def timed(self, name: str, function: Callable[P, R]) -> Callable[P, R]:
        """The function, with its time added under the name."""
        spent, clock = self.spent_ns, time.thread_time_ns
        spent.setdefault(name, 0)

        def run(*positional: P.args, **named: P.kwargs) -> R:
            began = clock()
            try:
                return function(*positional, **named)
            finally:
                spent[name] += clock() - began - self.own_ns

        return run


class Bench:
    """A walk over an empty ledger, fed by the load."""

    def __init__(self, directory: Path, mode: Mode, load: Load | None = None) -> None:
        KeyStore(directory, SystemClock()).close()
        self.walk = Walk(Ledger(directory), Windows(), Policy(), os.urandom)
        self._load = Load(Random(1), tag()) if load is None else load
        self._mode = mode

    def bodies(self) -> list[tuple[str, bytes]]:
        """What one batch is made of."""
        now_ms = SystemClock().now_ms()
        if self._mode == "orders":
            return [("createOrder", self._load.order(now_ms)) for _ in range(_BATCH)]
        return [self._load.light(now_ms) for _ in range(_BATCH)]

    def take(self, bodies: list[tuple[str, bytes]], watch: Stopwatch | None = None) -> int:
        """Everything from bytes to bytes; returns the CPU nanoseconds of it."""
        began = time.thread_time_ns()
        submissions = [self._submission(name, body) for name, body in bodies]
        decoded = time.thread_time_ns()
        outcomes = self.walk.run(submissions)
        walked = time.thread_time_ns()
        for outcome in outcomes:
            assert isinstance(outcome, Answer)
            encode(outcome.receipt)
        ended = time.thread_time_ns()
        if watch is not None:
            watch.spent_ns["decode"] = watch.spent_ns.get("decode", 0) + decoded - began
            watch.spent_ns["encode"] += ended - walked
        return ended - began

    def close(self) -> None:
        self.walk.ledger.close()

    def _submission(self, name: str, body: bytes) -> Submission:
        received_ms = Millis(int(time.time() * 1_000))
        decoded = decode_event(body, KIND_OF_NAME[name], received_ms)
        return Submission(tenant=TENANT, decoded=decoded, received_ms=received_ms)


def measure_steps(runs: int) -> list[Figure]:
    """Orders and light events, step by step."""
    return [*_by_step("orders", "order", runs), *_by_step("events", "light event", runs)]


def profile(mode: Mode = "orders", rows: int = 45) -> None:
    """Where the time of the same loop goes, function by function; the profiler's own cost included."""
    with scratch() as directory:
        bench = Bench(directory, mode)
        for _ in range(_WARM // _BATCH):
            bench.take(bench.bodies())
        prepared = [bench.bodies() for _ in range(_EVENTS // _BATCH)]
        profiler = cProfile.Profile()
        profiler.enable()
        for bodies in prepared:
            bench.take(bodies)
        profiler.disable()
        bench.close()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(rows)


def _by_step(mode: Mode, noun: str, runs: int) -> list[Figure]:
    columns: dict[str, list[float]] = {name: [] for name, _ in _STEPS}
    rest: list[float] = []
    whole: list[float] = []
    with scratch() as directory:
        bench = Bench(directory, mode)
        for _ in range(_WARM // _BATCH):
            bench.take(bench.bodies())
        for _ in range(runs):
            watch, spent_ns = Stopwatch(), 0
            for _ in range(_EVENTS // _BATCH):
                spent_ns += bench.take(bench.bodies())
                bodies = bench.bodies()
                with _watched(bench.walk, watch):
                    bench.take(bodies, watch)
            whole.append(spent_ns / _EVENTS / 1_000)
            steps = _summed(watch)
            for name, value in steps.items():
                columns[name].append(value)
            rest.append(max(0.0, whole[-1] - sum(steps.values())))
        bench.close()
    figures = [figure(f"CPU per {noun}: {name}", values, "µs") for name, values in columns.items()]
    figures.append(figure(f"CPU per {noun}: rest of the walk", rest, "µs"))
    figures.append(figure(f"CPU per {noun}: whole walk", whole, "µs", note="without HTTP and threads"))
    return figures


def _summed(watch: Stopwatch) -> dict[str, float]:
    return {
        step: sum(watch.spent_ns.get(name, 0) for name in {step, *names}) / _EVENTS / 1_000 for step, names in _STEPS
    }


@contextmanager
def _watched(walk: Walk, watch: Stopwatch) -> Iterator[None]:
    places: list[tuple[Any, str]] = [(walking, name) for name in _OF_MODULE]
    places += [(walk._recent, name) for name in ("by_identity", "newest_of")]
    places += [(walk.windows, name) for name in ("answers", "add")]
    places += [(walk.rulings.of(TENANT).ruling, name) for name in ("read", "judged")] + [(judging, "decide")]
    places += [(walk.ledger, name) for name in ("sealed", "write")]
    with ExitStack() as undo:
        for place, name in places:
            plain = getattr(place, name)
            setattr(place, name, watch.timed(name, plain))
            undo.callback(setattr, place, name, plain)
        yield
