"""Far more than it can decide (R-18), and half as many exports beside it (R-23): what is got through, and what is told.

wrk keeps 3,000 orders under way, more than the queue takes, and sends another as soon as one is answered or refused:
the offer is several times what can be done, for as long as it lasts. A probe of one order every 50 ms sees what a shop
sees. What was got through is counted in the ledger, not by the client.
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
from bench.tools import Tool, own_burst

_UNDER_WAY = 3_000
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


def measure_overload(tool: Tool, seconds: float, runs: int) -> list[Figure]:
    """Peak, overload, overload with exports, in turns."""
    peaks: list[float] = []
    alone: list[float] = []
    beside: list[float] = []
    probed: list[Answered] = []
    exports: list[Answered] = []
    recovered_s: list[float] = []
    if tool.name != "wrk":
        raise RuntimeError("this part needs wrk: nothing else keeps three thousand requests under way")
    with scratch() as directory:
        key, reading = new_key(directory), new_key(directory, "read")
        with ours(directory) as server:
            own_burst(server.url, key, "orders", 2_000, tag())
            server.settle()
            for _ in range(runs):
                peaks.append(tool.burst(server.url, key, "orders", seconds, tag()).per_second)
                server.settle()
                with _asked(server, "POST", "/event/v1/createOrder", key, 1, _EVERY_S) as probes:
                    alone.append(_goodput(tool, server, key, seconds))
                    recovered_s.append(_recovered_s(server, key))
                probed += probes
                server.settle()
                with _asked(server, "GET", "/api/v1/events?limit=500", reading, _EXPORTERS, 0.0) as asked:
                    beside.append(_goodput(tool, server, key, seconds))
                exports += asked
                server.settle()
            memory = server.resident_bytes() / 2**20
            stored = server.stored()
    taken = [one.ms for one in probed if one.status == 200]
    refused = [one for one in probed if one.status != 200]
    odd = {one.status for one in (*refused, *exports) if one.status not in (200, 429, 503)}
    if odd or not all(one.has_retry_after for one in refused):
        raise RuntimeError(f"refused with {odd or 'no word when to come again'}")
    note = f"wrk, {_UNDER_WAY:,} under way, {runs} runs of {seconds:g} s"
    away = sum(one.status != 200 for one in exports)
    return [
        ratios("overload: orders got through / at the peak", alone, peaks, at_least=_GOODPUT_WANTED, note=note),
        ratios("the same with exports asked for / without", beside, alone, at_least=_SHARE_KEPT_WANTED,
               note=f"{away:,} of {len(exports):,} exports put off"),
        figure("overload: a probe that is taken, p99", [_p99(taken)], "ms", note=f"{len(taken)} of {len(probed)}"),
        figure("overload: a probe that is refused, p99", [_p99([one.ms for one in refused])], "ms", at_most=_REFUSAL_MS,
               note="503 with Retry-After"),
        figure("overload: as quick as before again after", recovered_s, "s", at_most=_RECOVERY_S),
        figure("overload: resident memory", [memory], "MB", note=f"{stored:,} events stored"),
    ]  # fmt: skip


def _goodput(tool: Tool, server: Program, key: str, seconds: float) -> float:
    before, began = server.stored(), time.monotonic()
    tool.burst(server.url, key, "orders", seconds, tag(), _UNDER_WAY)
    return (server.stored() - before) / (time.monotonic() - began)


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
