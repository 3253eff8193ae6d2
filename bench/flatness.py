"""What it costs to read and to add with 10,000 to 10,000,000 events counted already; takes minutes and 4 GB.

Histories are as long at each size, only more of them, so that what grows is what no longer fits into the processor's
caches. In one thread, CPU time; the events that are timed are made in small portions just before, as on their walk.
"""

import time
from collections.abc import Callable
from random import Random
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from bench.figures import Figure, figure
from bench.windows import ENTITIES, NOW_MS, VISIT_EVENTS, kernel_with_routes, plan_of_windows, visits
from fourthwatch.events import CreateOrder
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.features.kernel import Kernel
from fourthwatch.features.keyer import signed_keys
from fourthwatch.features.observe import Present
from fourthwatch.features.windows import Windows

_STORED = (10_000, 100_000, 1_000_000, 10_000_000)
_EVENTS_PER_ENTITY = 40
_VISITS_PER_PERSON = 40
_TIMED = 20_000
_PORTION = 100
_STEP_MS = 500
_PATTERNS = 300
_MIX = 0x9E3779B97F4A7C15
_KEY_MAX = (1 << 64) - 1


class _Work(Protocol):
    def __call__(self, seq: int, whos: int, *, reads: bool) -> float:
        """Counts a portion of events from a position on, of so many people; microseconds of CPU."""


class _Costs(NamedTuple):
    us: dict[int, float]
    """Per event, by how many were counted before."""
    held_mb: float


def measure_flatness() -> list[Figure]:
    """The kernel by itself, and all that the default rule set reads."""
    kernel, windows = kernel_with_routes(), Windows()
    of_kernel = _costs(_kernel_work(kernel), _EVENTS_PER_ENTITY, 1, kernel.memory_bytes)
    entities = len(kernel)
    del kernel
    events_each = _VISITS_PER_PERSON * VISIT_EVENTS
    of_orders = _costs(_visits_work(windows), events_each, 1 / VISIT_EVENTS, lambda: windows.memory_bytes)
    return [
        *_figures("kernel: reading 120 answers and adding to 8 entities", of_kernel, entities),
        *_figures("windows: reading and adding an order, default rule set", of_orders, len(windows)),
    ]


def _costs(work: _Work, events_each: int, timed_share: float, held: Callable[[], int]) -> _Costs:
    """`events_each` is of one person at each size, `timed_share` of the last events what `work` times."""
    costs: dict[int, float] = {}
    seq = 0
    for stored in _STORED:
        whos = stored // events_each
        timed = min(_TIMED, stored // 2)
        for at in range(seq, stored - timed, _PORTION):
            work(at, whos, reads=False)
        costs[stored] = sum(work(at, whos, reads=True) for at in range(stored - timed, stored, _PORTION))
        costs[stored] /= timed * timed_share
        seq = stored
    return _Costs(costs, held() / 2**20)


def _figures(name: str, costs: _Costs, entities: int) -> list[Figure]:
    few, some, *_, many = costs.us
    return [
        figure(f"{name}: {many:,} / {few:,} events stored", [costs.us[many] / costs.us[few]], is_ratio=True,
               note="the first fits into the processor's caches"),
        figure(f"{name}: {many:,} / {some:,} events stored", [costs.us[many] / costs.us[some]], is_ratio=True),
        *[figure(f"{name}, {stored:,} events stored", [us], "µs") for stored, us in costs.us.items()],
        figure(f"{name}: memory with {many:,} events stored", [costs.held_mb], "MB", note=f"{entities:,} entities"),
    ]  # fmt: skip


def _kernel_work(kernel: Kernel) -> _Work:
    plan, random = plan_of_windows(kernel), Random(2)

    def work(seq: int, whos: int, *, reads: bool) -> float:
        events = []
        for at in range(seq + 1, seq + _PORTION + 1):
            keys = [random.randrange(whos) * ENTITIES + kind for kind in range(1, ENTITIES + 1)]
            seen = [(1, at + 2, 5), (2, at % 977 + 2, 0)]
            events.append((at, NOW_MS + at * _STEP_MS, keys, list(enumerate(keys)), seen))
        began = time.thread_time_ns()
        for at, at_ms, keys, entities, seen in events:
            if reads:
                kernel.read(plan, at_ms, keys, ())
            kernel.add(at, at_ms, entities, seen)
        return (time.thread_time_ns() - began) / 1_000

    return work


def _visits_work(windows: Windows) -> _Work:
    """Whole visits; what is timed is the order of each."""
    names = [name for name in DECIDING if (one := windows.book.get(name)) is not None and one.checked is not None]
    reading, plan = windows.reading_of(windows.book, names)
    patterns, random = visits(0, _PATTERNS), Random(2)
    for pattern in (one for visit in patterns for one in visit):  # so that each has the keys that will be asked of it
        windows.read(reading, plan, pattern)
        windows.add(pattern)
    first = _PATTERNS * VISIT_EVENTS + 1

    def work(seq: int, whos: int, *, reads: bool) -> float:
        spent_ns = 0
        for at in range(seq, seq + _PORTION, VISIT_EVENTS):
            who, visit = random.randrange(whos), patterns[at // VISIT_EVENTS % len(patterns)]
            for number, one in enumerate(visit):
                present = _of_somebody_else(one, first + at + number, who)
                if not reads or type(one.subject.event) is not CreateOrder:
                    windows.add(present)
                    continue
                began = time.thread_time_ns()
                windows.read(reading, plan, present)
                windows.add(present)
                spent_ns += time.thread_time_ns() - began
        return spent_ns / 1_000

    return work


def _of_somebody_else(one: Present, seq: int, who: int) -> Present:
    """The same event at another time, with other things in it: those of `who`."""
    keys = {name: tuple([(key ^ who * _MIX) & _KEY_MAX or 1 for key in of]) for name, of in one.keys.items()}
    told = {name: signed_keys(keys[name]) if name in keys else marks for name, marks in one.told.items()}
    subject = replace(one.subject, seq=seq, occurred_ms=NOW_MS + seq * _STEP_MS)
    return Present(subject=subject, keys=keys, told=told, own_mark=seq + 2, own_order=seq + 2)
