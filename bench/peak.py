"""Decisions and events per second over HTTP, durable, at full speed, beside the bare application on the same server."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import Figure, figure, ratios
from bench.program import Program, bare, new_key, ours
from bench.tools import CACHE, Burst, Mode, Tool

_WARM_S = 2.0
DECISIONS = "durable decisions"
DECISIONS_WANTED = 4_000
_SHARE_WANTED = 0.2


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory on the disk that is measured, gone afterwards."""
    (CACHE / "bench").mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="run-", dir=CACHE / "bench"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def tag() -> str:
    """Keeps the order ids of two bursts apart."""
    return f"{time.time_ns():x}"


def measure_peak(tool: Tool, seconds: float, runs: int) -> list[Figure]:
    """Ours, bare, ours, bare …; on an empty ledger that fills meanwhile."""
    decisions: list[float] = []
    events: list[float] = []
    limits: list[float] = []
    light_limits: list[float] = []
    ours_us: list[float] = []
    events_us: list[float] = []
    bare_us: list[float] = []
    as_it_comes: list[float] = []
    indexed_us: list[float] = []
    with scratch() as directory:
        key = new_key(directory)
        with ours(directory) as server, bare() as limit, bare(as_it_comes=True) as plain:
            tool.burst(server.url, key, "orders", _WARM_S, tag())
            server.settle()
            tool.burst(limit.url, key, "orders", _WARM_S, tag())
            tool.burst(plain.url, key, "orders", _WARM_S, tag())
            for _ in range(runs):
                before_s = server.cpu_s_of_all()
                burst = _measured(tool, server, key, "orders", seconds, decisions, ours_us)
                server.settle()
                indexed_us.append((server.cpu_s_of_all() - before_s) / burst.requests * 1e6)
                _measured(tool, limit, key, "orders", seconds, limits, bare_us)
                _measured(tool, plain, key, "orders", seconds, as_it_comes, [])
                _measured(tool, server, key, "events", seconds, events, events_us)
                server.settle()
                _measured(tool, limit, key, "events", seconds, light_limits, [])
            memory = server.resident_bytes() / 2**20
            stored = server.stored()
            commits = server.metric("fourthwatch_batch_events_count")
    sent = sum(decisions + events) * seconds
    if stored < sent * 0.9:
        raise RuntimeError(f"about {sent:,.0f} events were acknowledged and only {stored:,} are stored")
    note = f"{tool.name}, 64 connections, {runs} runs of {seconds:g} s"
    return [
        ratios("decisions: ours / bare application", decisions, limits, at_least=_SHARE_WANTED),
        ratios(
            "decisions: ours / the same on uvicorn as it comes", decisions, as_it_comes, note="its own parser, ADR 7"
        ),
        ratios("light events: ours / bare application", events, light_limits, at_least=_SHARE_WANTED),
        ratios("CPU per order: bare / ours", bare_us, ours_us, note="hardly disturbed by other work"),
        figure(DECISIONS, decisions, "/s", at_least=DECISIONS_WANTED, note=note),
        figure("durable light events", events, "/s", note="add_to_cart, login, custom"),
        figure("bare application, same orders", limits, "/s"),
        figure("the same on uvicorn as it comes", as_it_comes, "/s"),
        figure("bare application, same light events", light_limits, "/s"),
        figure("server CPU per decision", ours_us, "µs", note="all threads, HTTP included"),
        figure("the same, until the index has it all", indexed_us, "µs", note="with the process that writes it"),
        figure("server CPU per light event", events_us, "µs"),
        figure("bare server's CPU per order", bare_us, "µs"),
        figure("events per commit", [stored / commits]),
        figure("resident memory after the bursts", [memory], "MB", note=f"{stored:,} events stored"),
    ]


def _measured(
    tool: Tool, server: Program, key: str, mode: Mode, seconds: float, rates: list[float], cpu_us: list[float]
) -> Burst:
    before_s = server.cpu_s()
    burst = tool.burst(server.url, key, mode, seconds, tag())
    if burst.failures:
        raise RuntimeError(f"{burst.failures} of {burst.requests} requests failed")
    rates.append(burst.per_second)
    cpu_us.append((server.cpu_s() - before_s) / burst.requests * 1e6)
    return burst
