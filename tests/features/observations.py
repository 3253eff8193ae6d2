"""Invented streams of observations, and a naive oracle that keeps all of them and answers by looking at all."""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.features import kernel as chosen
from fourthwatch.features import specification
from fourthwatch.features.modes import ALL, Entity, Mode, Observation, Op, Query, RawEntry, refusal

KERNELS: dict[str, Any] = {"specification": specification.Kernel, "chosen": chosen.Kernel}
"""The second is the compiled one wherever it could be built; `test_the_compiled_kernel_was_built` says whether."""

START_MS = 1_790_000_000_000
"""In 2026, so that times are of the size they have."""
MODES = [0, *Mode]
"""Series and mode have the same number."""
KIND, ALWAYS_KIND = 7, 8
SERIES = [int(mode) for mode in Mode]

State = dict[int, tuple[int | None, int | None, list[RawEntry]]]


class Event(NamedTuple):
    """One addition."""

    seq: int
    at_ms: int
    entities: list[Entity]
    observations: list[Observation]


def made(name: str) -> Any:
    """An empty kernel with a series of each mode."""
    kernel = KERNELS[name](MODES)
    kernel.route(KIND, SERIES, False)
    kernel.route(ALWAYS_KIND, SERIES[:2], True)
    return kernel


def feed(kernel: Any, events: list[Event]) -> None:
    """Add them in this order."""
    for event in events:
        kernel.add(*event)


def state(kernel: Any, keys: range) -> State:
    """All that can be seen of entities."""
    return {
        key: (kernel.first_seq(key), kernel.first_ms(key), kernel.entries(key)) for key in keys if kernel.knows(key)
    }


def some_amount(random: Random) -> int:
    return random.choice(
        (0, 1, random.randint(-500, 500), random.randint(0, 10**9), random.randint(-(2**63), 2**63 - 1))
    )


def stream(random: Random, number: int, keys: int, span_ms: int, marks: int) -> list[Event]:
    """Events in the order of their ledger. Marks come again, but those of ADD and PEAK only if they all fit."""
    fits = marks <= 32
    grid_ms = random.choice((1, 1, 10 * MINUTE_MS, 2 * HOUR_MS))  # so that ages meet the edges of buckets
    events = []
    for seq in range(number):
        observations = []
        for series in random.sample(SERIES, random.randint(0, 4)):
            comes_again = fits or series not in (Mode.ADD, Mode.PEAK)
            mark = random.choice((1, -1)) * random.randint(1, marks) if comes_again else seq + 1
            observations.append((series, mark, some_amount(random)))
        entities = [
            (KIND if key % 3 else ALWAYS_KIND, key)
            for key in (random.randint(0, keys) for _ in range(random.randint(1, 3)))
        ]
        at_ms = START_MS + random.randint(0, span_ms)
        events.append(Event(seq, at_ms - at_ms % grid_ms, entities, observations))
    return events


SPANS_MS = (50, HOUR_MS, 3 * HOUR_MS, 3 * DAY_MS, 90 * DAY_MS, 500 * DAY_MS)


def some_queries(random: Random, number: int, span_ms: int) -> list[Query]:
    """Queries over source 0, each of which its series can answer."""
    queries: list[Query] = []
    while len(queries) < number:
        series, op = random.choice(SERIES), random.choice(tuple(Op))
        if refusal(series, op) is None:
            to_age_ms = random.choice((0, 0, random.randint(0, span_ms)))
            from_age_ms = random.choice((0, to_age_ms + random.randint(1, span_ms), to_age_ms + HOUR_MS))
            if op in (Op.LATEST_AMOUNT, Op.LATEST_MARK):
                to_age_ms = random.randint(0, 3)
            without = 0 if op == Op.HOLDS else random.choice((-1, 0, 1))
            queries.append((0, series, op, from_age_ms, to_age_ms, without))
    return queries


class Naive:
    """Everything of one entity is kept; what is exact while little was seen."""

    def __init__(self) -> None:
        self.seen: dict[int, list[tuple[int, int, int]]] = {series: [] for series in SERIES}
        self.first_ms: int | None = None

    def feed(self, events: list[Event], key: int) -> None:
        """Take in what concerns the entity."""
        for _, at_ms, entities, observations in events:
            for kind in {kind for kind, of in entities if of == key}:
                kept = [o for o in observations if kind == KIND or o[0] in SERIES[:2]]
                for series, mark, amount in kept:
                    self.seen[series].append((at_ms, mark, amount))
                if kept or kind == ALWAYS_KIND:
                    self.first_ms = at_ms if self.first_ms is None else min(self.first_ms, at_ms)

    def things(self, series: int) -> list[tuple[int, int, int]]:
        """`(at_ms, mark, amount)`, as the mode says, in order."""
        seen = self.seen[series]
        if series in (Mode.ADD, Mode.PEAK, Mode.DISTINCT):
            latest = {mark: max((t, a) for t, m, a in seen if m == mark) for mark in {m for _, m, _ in seen}}
            return sorted((at_ms, mark, amount) for mark, (at_ms, amount) in latest.items())
        greatest = {(t, m): max(a for u, n, a in seen if (u, n) == (t, m)) for t, m, _ in seen}
        ordered = sorted((at_ms, mark, amount) for (at_ms, mark), amount in greatest.items())
        return ordered[-4:] if series == Mode.LATEST else ordered[:1]

    def answer(self, query: Query, until_ms: int, marks: list[int]) -> int | float | None:
        """What is exactly right."""
        _, series, op, from_age_ms, to_age_ms, place = query
        if op == Op.AGE:
            return None if self.first_ms is None or self.first_ms > until_ms else until_ms - self.first_ms
        things = [thing for thing in self.things(series) if thing[0] <= until_ms]
        mark = marks[place] if place >= 0 else 0
        window = [t for t in things if not from_age_ms or t[0] > until_ms - from_age_ms]
        if op in (Op.LATEST_AMOUNT, Op.LATEST_MARK):
            return window[-1 - to_age_ms][1 if op == Op.LATEST_MARK else 2] if to_age_ms < len(window) else None
        window = [thing for thing in window if thing[0] <= until_ms - to_age_ms]
        counted = [thing for thing in window if thing[1] != mark]
        amounts = [thing[2] for thing in counted]
        total = max(-(2**63), min(2**63 - 1, sum(amounts)))
        ended_ms = max((at_ms for at_ms, of, _ in things if of == ALL), default=-1)
        found: dict[Op, Callable[[], int | float | None]] = {
            Op.COUNT: lambda: len(counted),
            Op.SUM: lambda: total,
            Op.MEAN: lambda: float(sum(amounts)) / len(amounts) if amounts else None,
            Op.PEAK: lambda: max(amounts, default=None),
            Op.SINCE_LAST: lambda: until_ms - window[-1][0] if window else None,
            Op.SINCE_FIRST: lambda: until_ms - window[0][0] if window else None,
            Op.HOLDS: lambda: int(mark in [t[1] for t in window]) if things and mark else None,
            Op.STANDING: lambda: len([t for t in window if t[1] != ALL and t[2] > 0 and t[0] > ended_ms]),
        }
        return found[Op(op)]()
