"""What a long past costs: CPU per decision, latency, memory and the way back to readiness, with many events stored."""

from pathlib import Path
from typing import Literal, NamedTuple

from bench.console import indexed
from bench.figures import Figure, figure, ratios
from bench.peak import scratch, tag
from bench.program import Program, ours
from bench.stored import SMALL, Stored, copied, prepared
from bench.tools import Latencies, open_loop, own_burst

_ORDERS = 10_000
_WARM_ORDERS = 1_000
_TAIL = 19_000
"""Events after the newest snapshot when the server is killed: nearly as many as there can be."""
_COST_RATIO_WANTED = 1.2
_RATE = 2_500.0
"""Orders per second of the open loop when it is not known what half load is."""
_READY_WANTED_S = 5.0


class Starts(NamedTuple):
    """What was seen at each of several starts."""

    seconds: list[float]
    """From the start of the process to `listening on`."""
    cpu_s: list[float]
    resident: list[int]
    """Bytes, when ready."""
    entities: int


def measure_growth(
    events: int, reached: float | None, seconds: float, runs: int, *, anew: bool = False
) -> list[Figure]:
    """CPU per decision, and latency at half of `reached` decisions/s, with `events` stored against 10,000, in turns.

    Snapshots that fall due are in it.

    The index of both is there: making one of a whole past is another thing, and happens once."""
    rate = _RATE if reached is None else reached / 2
    large, small = indexed(events, anew=anew), indexed(SMALL, anew=anew)
    costs_large: list[float] = []
    costs_small: list[float] = []
    seen_large: list[Latencies] = []
    seen_small: list[Latencies] = []
    with scratch() as directory:
        past = copied(large, directory / "large")
        with ours(past.directory) as veteran:
            _send(veteran, past, "orders", _WARM_ORDERS)
            for _ in range(runs):
                costs_large.append(_cost_us(veteran, past))
                seen_large.append(_at_half_load(veteran, past, rate, seconds))
                beginning = copied(small, directory / "small")
                with ours(beginning.directory) as novice:
                    _send(novice, beginning, "orders", _WARM_ORDERS)
                    costs_small.append(_cost_us(novice, beginning))
                    seen_small.append(_at_half_load(novice, beginning, rate, seconds))
    size, name = f"{events:,}", "CPU per decision"
    whole = sum(costs_large) / sum(costs_small)
    return [
        figure(f"{name}: {size} / 10,000 stored", [whole], at_most=_COST_RATIO_WANTED, is_ratio=True,
               note=f"whole of {runs} × {_ORDERS:,} orders, snapshots included"),
        ratios(f"{name}: {size} / 10,000 stored, run by run", costs_large, costs_small),
        figure(f"{name} at {size} stored", costs_large, "µs"),
        figure(f"{name} at 10,000 stored", costs_small, "µs"),
        figure(f"latency at half load with {size} stored, p50", [one.p50_ms for one in seen_large], "ms",
               note=f"open loop, {rate:,.0f} orders/s, {runs} runs of {seconds:g} s"),
        figure(f"latency at half load with {size} stored, p99", [one.p99_ms for one in seen_large], "ms"),
        figure("the same with 10,000 stored, p50", [one.p50_ms for one in seen_small], "ms"),
        figure("the same with 10,000 stored, p99", [one.p99_ms for one in seen_small], "ms"),
    ]  # fmt: skip


def measure_restart(events: int, runs: int, *, anew: bool = False) -> list[Figure]:
    """From the start of the process to `listening on`, and what it then holds in memory."""
    large, small = prepared(events, anew=anew), prepared(SMALL, anew=anew)
    with scratch() as directory:
        past = copied(large, directory / "large")
        clean = _starts(past.directory, runs, kill=False)
        few = _starts(copied(small, directory / "small").directory, runs, kill=False)
        expected = _killed_with_tail(past, "visits")
        visits = _starts(past.directory, runs, kill=True, expected=expected)
        _starts(past.directory, 1, kill=False, expected=expected)  # leaves a new snapshot behind
        expected = _killed_with_tail(past, "orders")
        orders = _starts(past.directory, runs, kill=True, expected=expected)
        on_disk = sum(file.stat().st_size for file in past.directory.iterdir())
    grown = (clean.entities - few.entities) / 100_000
    per_entities = [(a - b) / 2**20 / grown for a, b in zip(clean.resident, few.resident, strict=True)]
    size = f"{events:,}"
    name = f"ready again with {size} stored"
    tail = f"{_TAIL:,} events of visits after the newest snapshot"
    return [
        figure(f"{name}, after SIGTERM", clean.seconds, "s", at_most=_READY_WANTED_S),
        figure(f"{name}, after SIGKILL", visits.seconds, "s", at_most=_READY_WANTED_S, note=tail),
        figure("the same, when all of these are orders", orders.seconds, "s", at_most=_READY_WANTED_S),
        figure("CPU until ready, after SIGTERM", clean.cpu_s, "s"),
        figure("CPU until ready, after SIGKILL", visits.cpu_s, "s"),
        figure("memory per 100,000 entities", per_entities, "MB", note=f"{clean.entities:,} in all"),
        figure(f"resident memory with {size} stored", [one / 2**20 for one in clean.resident], "MB", note="when ready"),
        figure(f"on disk with {size} stored", [on_disk / 2**20], "MB"),
    ]


def _cost_us(server: Program, stored: Stored) -> float:
    before_s = server.cpu_s()
    _send(server, stored, "orders", _ORDERS)
    return (server.cpu_s() - before_s) / _ORDERS * 1e6


def _at_half_load(server: Program, stored: Stored, rate: float, seconds: float) -> Latencies:
    server.settle()
    seen = open_loop(server.url, stored.key, rate, seconds, tag())
    server.settle()
    if seen.failures:
        raise RuntimeError(f"{seen.failures} requests of the open loop failed")
    return seen


def _killed_with_tail(past: Stored, mode: Literal["orders", "visits"]) -> int:
    server = ours(past.directory).start()
    before = server.stored()
    _send(server, past, mode, _TAIL)
    server.kill()
    return before + _TAIL


def _send(server: Program, stored: Stored, mode: Literal["orders", "visits"], count: int) -> None:
    burst = own_burst(server.url, stored.key, mode, count, tag())
    if burst.failures:
        raise RuntimeError(f"{burst.failures} of {burst.requests} requests failed")


def _starts(directory: Path, runs: int, *, kill: bool, expected: int | None = None) -> Starts:
    starts = Starts([], [], [], 0)
    for _ in range(runs):
        server = ours(directory).start()
        starts.seconds.append(server.ready_s)
        starts.cpu_s.append(server.cpu_s())
        starts.resident.append(server.resident_bytes())
        starts = starts._replace(entities=int(server.metric("fourthwatch_entities")))
        stored = server.stored()
        if kill:
            server.kill()
        else:
            server.stop()
        if expected is not None and stored != expected:
            raise RuntimeError(f"{expected:,} events were acknowledged and {stored:,} are stored")
    return starts
