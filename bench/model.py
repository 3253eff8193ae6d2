"""What a model costs: one row, its exact contributions, and how many decisions are made with a champion beside without.

The walk with and without a champion takes turns, batch by batch in one process, and so do two served programs, burst by
burst. Every walk has shoppers of its own: what they wrote has not been brought into its normal form for another's
orders before. Of the walk thread CPU time counts.
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec
import numpy as np

from bench.figures import Figure, figure, ratios
from bench.learned import CHOSEN, MODEL, RED_SHARE, TREES, learned
from bench.load import USERS, Load
from bench.peak import scratch, tag
from bench.program import new_key, ours
from bench.steps import TENANT, Bench
from bench.tools import Tool, own_burst
from fourthwatch.clock import SystemClock
from fourthwatch.decision import Policy
from fourthwatch.engine.definitions import Shelf
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.model.manifest import Package, read_manifest
from fourthwatch.model.serving import LiveModel
from fourthwatch.store.history import History
from fourthwatch.store.models import ModelFiles, ModelStore

_ROWS, _EXPLAINED = 2_000, 200
_LEARNED = 8_192
"""Orders that a model is learned from."""
_WARM, _BATCHES = 160, 96
_WARM_S, _WARM_ORDERS = 2.0, 1_000
_JUDGED = f'fourthwatch_model_decisions_total{{model="{MODEL}"}}'
_WANTED = 0.8


def measure_model(tool: Tool, seconds: float, runs: int) -> list[Figure]:
    """The rows of the table."""
    shares = _Shares(4 * runs + 1)
    package, plain = _of_the_walk(shares)
    walks = [_walks(package, shares, turn) for turn in range(runs)]
    plainer = [_walks(plain, shares, turn) for turn in range(runs)]
    judged, explained = _rows(package, runs)
    shared = sum(name in DECIDING for name in CHOSEN)
    note = f"{len(CHOSEN)} features, {shared} of them the scorecard's"
    return [
        figure(f"model: CPU per order, {TREES} trees", judged, "µs", at_most=40, note=note),
        figure("model: exact contributions, where given", explained, "µs", at_most=1_500),
        _ratio("of the walk, with a champion / without", walks, _WANTED),
        _ratio("of the walk, with one that reads as the scorecard does / without", plainer, None),
        figure("model: CPU per order of the walk without", [without for without, _, _ in walks], "µs"),
        figure("model: CPU per order of the walk with a champion", [beside for _, beside, _ in walks], "µs"),
        figure("model: red in the walk", [red for _, _, red in walks], note=f"about {RED_SHARE:g} meant"),
        *_served(tool, seconds, runs),
    ]  # fmt: skip


def _ratio(what: str, walks: Sequence[tuple[float, float, float]], at_least: float | None) -> Figure:
    without, beside = [one[0] for one in walks], [one[1] for one in walks]
    return ratios(f"model: decisions per CPU second {what}", without, beside, at_least=at_least)


class _Shares:
    """Shoppers of the load, shared out so that nobody is of two walks."""

    def __init__(self, walks: int) -> None:
        self._left = [range(at, USERS, walks) for at in range(walks)]

    def load(self) -> Load:
        """For the next walk."""
        shoppers = self._left.pop()
        return Load(Random(shoppers.start), tag(), shoppers)


def _of_the_walk(shares: _Shares) -> tuple[Package, Package]:
    """A model as it is learned, and one of what the scorecard reads."""
    with scratch() as directory:
        bench = Bench(directory, "orders", shares.load())
        while bench.walk.last_seq < _LEARNED:
            bench.take(bench.bodies())
        bench.close()
        return learned(directory), learned(directory, DECIDING, "amount")


def _walks(package: Package, shares: _Shares, turn: int) -> tuple[float, float, float]:
    """µs per order without and with a champion, and the share of red ones with it."""
    with scratch() as plain, scratch() as judged:
        without, beside = Bench(plain, "orders", shares.load()), Bench(judged, "orders", shares.load())
        walk = beside.walk
        seat = walk.panel.admit(TENANT, LiveModel.of(read_manifest(package), package), Shelf(()).of(TENANT))
        walk.windows.need(walk.windows.want(seat.key, seat.wanted), complete=True)
        walk.panel.put(TENANT, seat, ())
        sides = (without, beside) if turn % 2 else (beside, without)
        spent_ns, orders = {without: 0, beside: 0}, 0
        for number in range(_WARM + _BATCHES):
            for one in sides:
                bodies = one.bodies()
                took = one.take(bodies)
                if number >= _WARM:
                    spent_ns[one] += took
                    orders += len(bodies)
        scores = [score for _, score in seat.recent]
        without.close()
        beside.close()
        seat.model.close()
    red = sum(score > Policy().red_above for score in scores) / len(scores)
    return spent_ns[without] / orders * 2 / 1_000, spent_ns[beside] / orders * 2 / 1_000, red


def _rows(package: Package, runs: int) -> tuple[list[float], list[float]]:
    """µs of a row, and of its contributions."""
    live = LiveModel.of(read_manifest(package), package)
    golden = np.frombuffer(package.golden).reshape(-1, len(CHOSEN) + 1)[:, :-1].tolist()
    rows = [tuple(None if one != one else one for one in golden[at % len(golden)]) for at in range(_ROWS)]
    judged, explained = [], []
    for _ in range(runs):
        began = time.thread_time_ns()
        for row in rows:
            live.judge(row)
        judged.append((time.thread_time_ns() - began) / _ROWS / 1_000)
        began = time.thread_time_ns()
        for row in rows[:_EXPLAINED]:
            live.contributions(row)
        explained.append((time.thread_time_ns() - began) / _EXPLAINED / 1_000)
    live.close()
    return judged, explained


def _served(tool: Tool, seconds: float, runs: int) -> list[Figure]:
    """Two programs that begin with the same orders, one of them with a champion that has learned from these."""
    with scratch() as plain, scratch() as judged:
        key = new_key(plain)
        with ours(plain) as server:
            own_burst(server.url, key, "orders", _LEARNED, tag())
            server.settle()
        shutil.copytree(plain, judged, dirs_exist_ok=True)
        _promote(judged, learned(plain))
        rates: dict[Path, list[float]] = {plain: [], judged: []}
        cpu_us: dict[Path, list[float]] = {plain: [], judged: []}
        with ours(plain) as without, ours(judged) as beside:
            sides = {plain: without, judged: beside}
            while beside.metric(_JUDGED) < _WARM_ORDERS:  # what it reads has to get its past first
                for server in sides.values():
                    tool.burst(server.url, key, "orders", _WARM_S, tag())
                    server.settle()
            for turn in range(runs):
                for directory, server in list(sides.items())[:: -1 if turn % 2 else 1]:
                    before_s = server.cpu_s()
                    burst = tool.burst(server.url, key, "orders", seconds, tag())
                    if burst.failures:
                        raise RuntimeError(f"{burst.failures} of {burst.requests} requests failed")
                    rates[directory].append(burst.per_second)
                    cpu_us[directory].append((server.cpu_s() - before_s) / burst.requests * 1e6)
                    server.settle()
        red = _red_share(judged)
    return [
        ratios(
            "model: decisions/s over HTTP, with a champion / without", rates[judged], rates[plain], at_least=_WANTED
        ),
        ratios("model: CPU per decision over HTTP, without a champion / with", cpu_us[plain], cpu_us[judged]),
        figure("model: decisions/s over HTTP with a champion", rates[judged], "/s"),
        figure("model: decisions/s over HTTP without", rates[plain], "/s"),
        figure("model: server CPU per decision with a champion", cpu_us[judged], "µs"),
        figure("model: server CPU per decision without", cpu_us[plain], "µs"),
        figure("model: red over HTTP", [red], note=f"about {RED_SHARE:g} meant"),
    ]


def _promote(directory: Path, package: Package) -> None:
    store = ModelStore(directory, SystemClock())
    store.add(TENANT, MODEL, package.manifest, ModelFiles(package.body, package.golden, b""), actor=MODEL)
    store.apply(store.moved(TENANT, MODEL, "champion", actor=MODEL, why="to be measured"))
    store.close()


class _Made(msgspec.Struct):
    model: str = ""


def _red_share(directory: Path) -> float:
    """Of the orders that the champion judged."""
    history = History(directory)
    made = [entry.decision for entry in history.entries() if entry.decision is not None]
    history.close()
    judged = [one.flag for one in made if msgspec.json.decode(one.detail, type=_Made).model == MODEL]
    return judged.count("red") / len(judged)
