"""The windows by themselves: what one order costs them, what an entity takes, how fast they are filled again.

In one thread of this process, CPU time. Orders are those of the load; what decoding and entities cost is not in here.
"""

import os
import time
from collections.abc import Callable, Sequence
from itertools import islice
from random import Random
from typing import Any, NamedTuple

import msgspec

from bench.figures import Figure, figure, ratios
from bench.load import Load
from bench.peak import scratch, tag
from fourthwatch.clock import DAY_MS, HOUR_MS, Millis, SystemClock
from fourthwatch.decision import Policy
from fourthwatch.engine.recovery import read_again
from fourthwatch.engine.subjects import Subjects
from fourthwatch.engine.walk import Submission, Walk
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.features.catalogue import DECIDING, built_in
from fourthwatch.features.kernel import COMPILED, Kernel, Mode, Op
from fourthwatch.features.observe import Present
from fourthwatch.features.reading import Reading
from fourthwatch.features.windows import Windows
from fourthwatch.limits import BATCH_MAX
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.ledger import Ledger
from fourthwatch.wire.decode import decode_event
from fourthwatch.workbench.simulator import DemoShop

TENANT = 1
VISIT_EVENTS = 10
_ORDERS = 6_000
ENTITIES = 8
_OBSERVATIONS = 10
_WINDOWS_MS = tuple(HOUR_MS * hours for hours in (1, 6, 24, 168, 720))
NOW_MS = 1_790_000_000_000
_US_WANTED = 25.0
_BYTES_WANTED = 600.0
_REBUILD_WANTED = 60_000.0
_HOT_RATIO_WANTED = 1.25
_KEYS = 20_000


def measure_windows(runs: int) -> list[Figure]:
    """What the default rule set costs per order, and the kernel by itself."""
    reads, adds, counts = [], [], []
    for run in range(runs):
        presents = orders(run)
        read_us, add_us = _walked(presents)
        reads.append(read_us)
        adds.append(add_us)
        counts.append(read_us + add_us)
    uniform, hot = [], []
    for run in range(runs):
        uniform.append(_kernel_us(run, hot_share=0.0))
        hot.append(_kernel_us(run, hot_share=0.5))
    rebuilt = _read_again(runs)
    kernel = "compiled kernel" if COMPILED else "PLAIN-PYTHON kernel"
    return [
        ratios("half of all traffic on one IP / uniform, kernel", hot, uniform, note=f"wanted ≤ {_HOT_RATIO_WANTED}"),
        figure("windows: CPU per order, reading and adding", counts, "µs", at_most=_US_WANTED,
               note=f"the {_asked()} expressions that the default rule set reads; keys included, facts not"),
        figure("windows: reading", reads, "µs"),
        figure("windows: adding", adds, "µs"),
        figure("kernel: 8 entities × 5 windows × count, sum, distinct, then 8 adds", uniform, "µs", note=kernel),
        figure("kernel: bytes of an entity with ten observations", [_entity_bytes()], at_most=_BYTES_WANTED),
        figure("kernel: rebuild", [_rebuilt_per_s(run) for run in range(runs)], "events/s", at_least=_REBUILD_WANTED,
               note="8 entities, 2 observations each; reading and decoding the ledger not included"),
        figure("rebuild from the ledger, a demo shop's events", rebuilt.rates, "events/s",
               at_least=_REBUILD_WANTED, note="reading, decoding, keys and observations included"),
        figure("windows: bytes of an entity, a demo shop's", [rebuilt.entity_bytes], at_most=_BYTES_WANTED,
               note=f"{rebuilt.entities:,} entities of {_ORDERS:,} events"),
    ]  # fmt: skip


def _asked() -> int:
    book = built_in()
    return sum(one.checked is not None for name in DECIDING if (one := book.get(name)) is not None)


def orders(seed: int) -> list[Present]:
    with scratch() as directory:
        KeyStore(directory, SystemClock()).close()
        ledger = Ledger(directory)
        subjects, load = Subjects(ledger, Windows()), Load(Random(seed), tag())
        presents = []
        for seq in range(1, _ORDERS + 1):
            at_ms = Millis(NOW_MS + seq * 20)
            decoded = decode_event(load.order(at_ms), KIND_OF_NAME["createOrder"], at_ms)
            presents.append(subjects.present(TENANT, seq, decoded.kind, decoded.event, decoded.occurred_ms))
        ledger.close()
    return presents


def visits(seed: int, number: int) -> list[list[Present]]:
    """So many visits of `VISIT_EVENTS` events each, of which one is the order."""
    with scratch() as directory:
        KeyStore(directory, SystemClock()).close()
        ledger = Ledger(directory)
        subjects, load = Subjects(ledger, Windows()), Load(Random(seed), tag())
        found, seq = [], 0
        for _ in range(number):
            presents = []
            for name, body in load.visit(Millis(NOW_MS + seq * 20)):
                seq += 1
                decoded = decode_event(body, KIND_OF_NAME[name], Millis(NOW_MS + seq * 20))
                presents.append(
                    subjects.present(TENANT, seq, decoded.kind, decoded.event, decoded.occurred_ms, decoded.name)
                )
            found.append(presents)
        ledger.close()
    return found


def _walked(presents: Sequence[Present]) -> tuple[float, float]:
    """Microseconds of reading the expressions among the default features, and of adding."""
    windows = Windows()
    book = windows.book
    names = [name for name in DECIDING if (one := book.get(name)) is not None and one.checked is not None]
    reading, plan = windows.reading_of(book, names)
    assert isinstance(reading, Reading)
    clock = time.thread_time_ns
    read_ns = add_ns = 0
    for present in presents:
        began = clock()
        windows.read(reading, plan, present)
        middle = clock()
        windows.add(present)
        add_ns += clock() - middle
        read_ns += middle - began
    return read_ns / len(presents) / 1_000, add_ns / len(presents) / 1_000


def kernel_with_routes() -> Kernel:
    kernel = Kernel([0, Mode.ADD, Mode.DISTINCT])
    for kind in range(ENTITIES):
        kernel.route(kind, [1, 2], False)
    return kernel


def _timed(work: Callable[[], None]) -> float:
    began = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - began) / 1_000


def plan_of_windows(kernel: Kernel) -> Any:
    return kernel.plan(
        [
            (source, 2 if op is Op.COUNT and distinct else 1, int(op), window_ms, 0, -1)
            for source in range(ENTITIES)
            for window_ms in _WINDOWS_MS
            for op, distinct in ((Op.COUNT, False), (Op.SUM, False), (Op.COUNT, True))
        ]
    )


def _kernel_us(seed: int, *, hot_share: float) -> float:
    kernel, random = kernel_with_routes(), Random(seed)
    plan = plan_of_windows(kernel)
    events = []
    for seq in range(1, 3 * _KEYS):
        keys = [random.randrange(1, _KEYS) * ENTITIES + kind for kind in range(ENTITIES)]
        if random.random() < hot_share:
            keys[0] = 1
        events.append((seq, NOW_MS + seq * 500, keys, list(enumerate(keys)), [(1, seq + 2, 5), (2, seq % 977 + 2, 0)]))

    def work() -> None:
        for seq, at_ms, keys, entities, observations in events:
            kernel.read(plan, at_ms, keys, ())
            kernel.add(seq, at_ms, entities, observations)

    return _timed(work) / len(events)


def _entity_bytes() -> float:
    kernel = kernel_with_routes()
    before = kernel.memory_bytes()
    for seq in range(_KEYS * _OBSERVATIONS // 2):
        kernel.add(seq, NOW_MS + seq, [(0, seq % _KEYS + 1)], [(1, seq + 2, 5), (2, seq % 977 + 2, 0)])
    return (kernel.memory_bytes() - before) / _KEYS


def _rebuilt_per_s(seed: int) -> float:
    kernel, random = kernel_with_routes(), Random(seed)
    events = [
        (seq, [(kind, random.randrange(1, _KEYS) * ENTITIES + kind) for kind in range(ENTITIES)])
        for seq in range(1, 3 * _KEYS)
    ]

    def work() -> None:
        for seq, entities in events:
            kernel.add(seq, NOW_MS + seq, entities, [(1, seq + 2, 5), (2, seq % 977 + 2, 0)])

    return len(events) / (_timed(work) / 1e6)


class _Rebuilt(NamedTuple):
    rates: list[float]
    """Events a second of each run."""
    entities: int
    entity_bytes: float


def _read_again(runs: int) -> _Rebuilt:
    """A shop's events as they come, orders among them, walked into a ledger once and read from it again."""
    with scratch() as directory:
        KeyStore(directory, SystemClock()).close()
        ledger = Ledger(directory)
        walk = Walk(ledger, Windows(), Policy(), os.urandom)
        shop = DemoShop(seed=1, start_ms=NOW_MS, orders_per_hour=60)
        batch: list[Submission] = []
        for event in islice(shop.events(NOW_MS + 40 * DAY_MS), _ORDERS):
            at_ms = Millis(event.at_ms)
            decoded = decode_event(msgspec.json.encode(event.body), KIND_OF_NAME[event.event], at_ms)
            batch.append(Submission(tenant=TENANT, decoded=decoded, received_ms=at_ms))
            if len(batch) == BATCH_MAX:
                walk.run(batch)
                batch.clear()
        walk.run(batch)
        rates = []
        for _ in range(runs):
            again = Walk(ledger, Windows(), Policy(), os.urandom)
            began = time.thread_time_ns()
            read = read_again(again, 0, lambda _done, _total: None)
            rates.append(read / ((time.thread_time_ns() - began) / 1e9))
        ledger.close()
        return _Rebuilt(rates, len(again.windows), again.windows.memory_bytes / len(again.windows))
