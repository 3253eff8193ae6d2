"""Latency at half of what is reached: an open loop, beside the same on the bare application."""

from bench.figures import Figure, figure, ratios
from bench.peak import scratch, tag
from bench.program import bare, new_key, ours
from bench.tools import Tool, open_loop, own_burst

P99_WANTED_MS = 20.0
_WARM_ORDERS = 2_000


def measure_latency(tool: Tool, reached: float | None, seconds: float, runs: int) -> list[Figure]:
    """At half of `reached` decisions/s; without it, of what a burst reaches first."""
    with scratch() as directory:
        key = new_key(directory)
        with ours(directory) as server, bare() as limit:
            own_burst(server.url, key, "orders", _WARM_ORDERS, tag())
            server.settle()
            own_burst(limit.url, key, "orders", _WARM_ORDERS, tag())
            if reached is None:
                reached = tool.burst(server.url, key, "orders", seconds, tag()).per_second
                server.settle()
            seen, floor = [], []
            for _ in range(runs):
                seen.append(open_loop(server.url, key, reached / 2, seconds, tag()))
                server.settle()
                floor.append(open_loop(limit.url, key, reached / 2, seconds, tag()))
    failures = sum(one.failures for one in seen)
    if failures:
        raise RuntimeError(f"{failures} requests of the open loop failed")
    note = f"open loop, {reached / 2:,.0f} orders/s, {runs} runs of {seconds:g} s"
    return [
        ratios("p99 at half load: ours / bare", [one.p99_ms for one in seen], [one.p99_ms for one in floor]),
        figure("latency at half load, p50", [one.p50_ms for one in seen], "ms", note=note),
        figure("latency at half load, p99", [one.p99_ms for one in seen], "ms", at_most=P99_WANTED_MS),
        figure("latency at half load, max", [one.max_ms for one in seen], "ms"),
        figure("bare application at the same rate, p50", [one.p50_ms for one in floor], "ms"),
        figure("bare application at the same rate, p99", [one.p99_ms for one in floor], "ms"),
        figure("bare application at the same rate, max", [one.max_ms for one in floor], "ms"),
    ]
