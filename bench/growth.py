"""What a long past costs: CPU per decision, memory and the way back to readiness, with many events stored."""

from pathlib import Path

from bench.figures import Figure, figure, ratios
from bench.peak import scratch, tag
from bench.program import Program, ours
from bench.stored import SMALL, Stored, copied, prepared
from bench.tools import own_burst

_ORDERS = 10_000
_WARM_ORDERS = 1_000
_TAIL = 19_000
"""Events after the newest snapshot when the server is killed: nearly as many as there can be."""
_COST_RATIO_WANTED = 1.2
_READY_WANTED_S = 5.0


def measure_growth(events: int, runs: int, *, anew: bool = False) -> list[Figure]:
    """CPU per decision with `events` stored against 10,000, taking turns; snapshots that fall due are in it."""
    large, small = prepared(events, anew=anew), prepared(SMALL, anew=anew)
    costs_large: list[float] = []
    costs_small: list[float] = []
    with scratch() as directory:
        past = copied(large, directory / "large")
        with ours(past.directory) as veteran:
            own_burst(veteran.url, past.key, "orders", _WARM_ORDERS, tag())
            for _ in range(runs):
                costs_large.append(_cost_us(veteran, past))
                beginning = copied(small, directory / "small")
                with ours(beginning.directory) as novice:
                    own_burst(novice.url, beginning.key, "orders", _WARM_ORDERS, tag())
                    costs_small.append(_cost_us(novice, beginning))
    size, name = f"{events:,}", "CPU per decision"
    whole = sum(costs_large) / sum(costs_small)
    return [
        figure(f"{name}: {size} / 10,000 stored", [whole], at_most=_COST_RATIO_WANTED, is_ratio=True,
               note=f"whole of {runs} × {_ORDERS:,} orders, snapshots included"),
        ratios(f"{name}: {size} / 10,000 stored, run by run", costs_large, costs_small),
        figure(f"{name} at {size} stored", costs_large, "µs"),
        figure(f"{name} at 10,000 stored", costs_small, "µs"),
    ]  # fmt: skip


def measure_restart(events: int, runs: int, *, anew: bool = False) -> list[Figure]:
    """From the start of the process to `listening on`, and what it then holds in memory."""
    large, small = prepared(events, anew=anew), prepared(SMALL, anew=anew)
    with scratch() as directory:
        past = copied(large, directory / "large")
        clean, large_bytes, large_entities = _starts(past.directory, runs, kill=False)
        _, small_bytes, small_entities = _starts(copied(small, directory / "small").directory, runs, kill=False)
        expected = _killed_with_tail(past)
        killed, _, _ = _starts(past.directory, runs, kill=True, expected=expected)
        on_disk = sum(file.stat().st_size for file in past.directory.iterdir())
    grown = (large_entities - small_entities) / 100_000
    per_entities = [(a - b) / 2**20 / grown for a, b in zip(large_bytes, small_bytes, strict=True)]
    size = f"{events:,}"
    return [
        figure(f"ready again with {size} stored, after SIGTERM", clean, "s", at_most=_READY_WANTED_S),
        figure(f"ready again with {size} stored, after SIGKILL", killed, "s", at_most=_READY_WANTED_S,
               note=f"{_TAIL:,} events after the newest snapshot"),
        figure("memory per 100,000 entities", per_entities, "MB", note=f"{large_entities:,} in all"),
        figure(f"resident memory with {size} stored", [one / 2**20 for one in large_bytes], "MB", note="when ready"),
        figure(f"on disk with {size} stored", [on_disk / 2**20], "MB"),
    ]  # fmt: skip


def _cost_us(server: Program, stored: Stored) -> float:
    before_s = server.cpu_s()
    burst = own_burst(server.url, stored.key, "orders", _ORDERS, tag())
    if burst.failures:
        raise RuntimeError(f"{burst.failures} of {burst.requests} requests failed")
    return (server.cpu_s() - before_s) / _ORDERS * 1e6


def _killed_with_tail(past: Stored) -> int:
    server = ours(past.directory).start()
    before = server.stored()
    own_burst(server.url, past.key, "orders", _TAIL, tag())
    server.kill()
    return before + _TAIL


def _starts(
    directory: Path, runs: int, *, kill: bool, expected: int | None = None
) -> tuple[list[float], list[int], int]:
    """Seconds and resident bytes of each start, and how many entities there are."""
    seconds: list[float] = []
    resident: list[int] = []
    entities = 0
    for _ in range(runs):
        server = ours(directory).start()
        seconds.append(server.ready_s)
        resident.append(server.resident_bytes())
        entities = int(server.metric("fourthwatch_entities"))
        stored = server.stored()
        if kill:
            server.kill()
        else:
            server.stop()
        if expected is not None and stored != expected:
            raise RuntimeError(f"{expected:,} events were acknowledged and {stored:,} are stored")
    return seconds, resident, entities
