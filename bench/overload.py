"""Three times what can be decided (R-18), and exports beside it (R-23): what is got through, and what is told.

As the promise is tested: an open loop of autocannon with 400 connections, which sends at its rate whatever becomes of
the orders. A probe of one order every 50 ms sees what a shop sees. What is got through are answers with a decision.
"""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from bench.figures import Figure, figure, ratios
from bench.peak import scratch, tag
from bench.program import KEY_HEADER, Program, new_key, ours
from bench.tools import Offered, find_tool, own_burst

_CONNECTIONS = 400
_TIMES_THE_PEAK = 3
_EVERY_S = 0.05
_EXPORTERS = 8
_PATIENCE_S = 30.0
_GOODPUT_WANTED = 0.9
_REFUSAL_MS = 20.0
_RECOVERY_S = 5.0
_DEADLINE_MS = 50.0
_SHARE_KEPT_WANTED = 0.95


class Answered(NamedTuple):
    """One order of the probe."""

    status: int
    has_retry_after: bool
    ms: float


class Asker:
    """Asks the same again and again from a thread of its own, on one connection."""

    def __init__(self, server: Program, method: str, path: str, key: str, every_s: float) -> None:
        self.answers: list[Answered] = []
        self._address = urlsplit(server.url)
        self._asked = (method, path)
        self._key = key
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when the last answer is there."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        method, path = self._asked
        number, mark = 0, tag()
        connection: http.client.HTTPConnection | None = None
        while not self._stopping.wait(self._every_s):
            number += 1
            body = None if method == "GET" else json.dumps({"_orderId": f"p-{mark}-{number}", "_userId": "probe"})
            began = time.monotonic()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(self._address.netloc, timeout=_PATIENCE_S)
                connection.request(method, path, body, {KEY_HEADER: self._key})
                reply = connection.getresponse()
                reply.read()
                told = Answered(reply.status, "retry-after" in reply.headers, (time.monotonic() - began) * 1e3)
                self.answers.append(told)
            except (OSError, http.client.HTTPException):
                connection = None


def measure_overload(seconds: float, runs: int) -> list[Figure]:
    """Peak, overload, overload with exports, in turns."""
    tool = find_tool("autocannon")
    if tool.name != "autocannon":
        raise RuntimeError("this part needs node and npm, for autocannon")
    peaks: list[float] = []
    alone: list[float] = []
    beside: list[float] = []
    offered: list[Offered] = []
    probed: list[Answered] = []
    exports: list[Answered] = []
    recovered_s: list[float] = []
    with scratch() as directory:
        key, reading = new_key(directory), new_key(directory, "read")
        with ours(directory) as server:
            own_burst(server.url, key, "orders", 2_000, tag())
            server.settle()

            def overload() -> float:
                rate = _TIMES_THE_PEAK * peaks[-1]
                offered.append(tool.offer(server.url, key, seconds, tag(), _CONNECTIONS, rate))
                return offered[-1].per_second

            for _ in range(runs):
                peaks.append(tool.burst(server.url, key, "orders", seconds, tag()).per_second)
                server.settle()
                with _asked(server, "POST", "/event/v1/createOrder", key, 1, _EVERY_S) as probes:
                    alone.append(overload())
                    recovered_s.append(_recovered_s(server, key))
                probed += probes
                server.settle()
                with _asked(server, "GET", "/api/v1/events?limit=500", reading, _EXPORTERS, 0.0) as asked:
                    beside.append(overload())
                exports += asked
                server.settle()
            memory = server.resident_bytes() / 2**20
            stored = server.stored()
    if stored < sum(one.taken for one in offered):
        raise RuntimeError(f"only {stored:,} events are stored")
    refused = [one for one in probed if one.status != 200]
    odd = {one.status for one in (*refused, *exports) if one.status not in (200, 429, 503)}
    if odd or not all(one.has_retry_after for one in refused):
        raise RuntimeError(f"refused with {odd or 'no word when to come again'}")
    note = f"autocannon, {_CONNECTIONS} connections, {_TIMES_THE_PEAK} times the peak, {runs} runs of {seconds:g} s"
    away = sum(one.status != 200 for one in exports)
    share = sum(one.refused for one in offered) / max(1, sum(one.taken + one.refused for one in offered))
    return [
        ratios("overload: orders got through / at the peak", alone, peaks, at_least=_GOODPUT_WANTED, note=note),
        ratios("the same with exports asked for / without", beside, alone, at_least=_SHARE_KEPT_WANTED,
               note=f"{away:,} of {len(exports):,} exports put off"),
        figure("overload: an order that is taken, p99", [one.taken_p99_ms for one in offered[::2]], "ms",
               at_most=_DEADLINE_MS, note="without exports, after the first second"),
        figure("overload: an order that is refused, p99", [one.refused_p99_ms for one in offered[::2]], "ms",
               at_most=_REFUSAL_MS, note=f"503 with Retry-After; {share:.0%} of all"),
        figure("overload: a probe that is taken, p99", [_p99([one.ms for one in probed if one.status == 200])], "ms"),
        figure("overload: a probe that is refused, p99", [_p99([one.ms for one in refused])], "ms"),
        figure("overload: as quick as before again after", recovered_s, "s", at_most=_RECOVERY_S),
        figure("overload: resident memory", [memory], "MB", note=f"{stored:,} events stored"),
    ]  # fmt: skip


def _recovered_s(server: Program, key: str) -> float:
    """From the end of the load to an order that is decided within the deadline of a decision."""
    began = time.monotonic()
    probe = Asker(server, "POST", "/event/v1/createOrder", key, 0.01)
    while time.monotonic() - began < _PATIENCE_S:
        if any(one.status == 200 and one.ms < _DEADLINE_MS for one in list(probe.answers)):
            break
        time.sleep(0.01)
    took_s = time.monotonic() - began
    probe.stop()
    return took_s


@contextmanager
def _asked(server: Program, method: str, path: str, key: str, askers: int, every_s: float) -> Iterator[list[Answered]]:
    """What is answered meanwhile, there at the end."""
    answers: list[Answered] = []
    asking = [Asker(server, method, path, key, every_s) for _ in range(askers)]
    try:
        yield answers
    finally:
        for one in asking:
            one.stop()
            answers += one.answers


def _p99(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if ordered else 0.0
