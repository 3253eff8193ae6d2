"""What people wait for when they look around, with a long past stored: queue, lists, orders, search, links, timelines.

Asked over HTTP, idle and while orders come in at half of what is reached; and what the asking costs those.
"""

import http.client
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

from bench.figures import Figure, figure, ratios
from bench.peak import scratch, tag
from bench.program import KEY_HEADER, Program, new_key, ours
from bench.stored import copied, prepared
from bench.tools import Latencies, Tool, open_loop, own_burst
from fourthwatch.store.index_file import FILE_NAME, VERSION

_OPEN_ORDERS = 20_000
"""Sent beforehand and left undecided: about one in ten of them is to be reviewed."""
_QUESTIONS = 100
"""Of each kind, idle."""
_PAGE_WANTED_MS = 100.0
_SEARCH_WANTED_MS = 200.0
_GRAPH_WANTED_MS = 300.0
_P99_RATIO_WANTED = 1.25
_SAY_EVERY_S = 10.0
_PATIENCE_S = 60.0


class Question(NamedTuple):
    """Something that a page asks."""

    name: str
    path: Callable[[], str]
    wanted_ms: float | None
    is_rare: bool = False
    """Asked idle only: nobody looks at it every second."""


def measure_console(
    tool: Tool, reached: float | None, events: int, seconds: float, runs: int, *, anew: bool = False
) -> list[Figure]:
    """Server time of each kind of question, and the latency of orders with and without people who look around."""
    past = indexed(events, anew=anew)
    with scratch() as directory:
        stored = copied(past, directory / "console")
        reader = new_key(stored.directory, "read")
        with ours(stored.directory) as server:
            own_burst(server.url, stored.key, "orders", _OPEN_ORDERS, tag())
            _caught_up(server, reader)
            if reached is None:
                reached = tool.burst(server.url, stored.key, "orders", seconds, tag()).per_second
                _caught_up(server, reader)
            asked = _questions(server, reader)
            idle = {one.name: _asked(server, reader, one, _QUESTIONS) for one in asked}
            often = [one for one in asked if not one.is_rare]
            quiet, looked_at, under_load = _under_load(server, stored.key, reader, often, reached / 2, seconds, runs)
    size = f"with {events:,} events stored"
    figures = [
        figure(f"{one.name}, p95", [_p95(idle[one.name])], "ms", at_most=one.wanted_ms, note=f"idle, {size}")
        for one in asked
    ]
    figures += [
        figure(f"{one.name}, p95 at half load", [_p95(under_load[one.name])], "ms", at_most=one.wanted_ms,
               note=f"{reached / 2:,.0f} orders/s meanwhile, {len(under_load[one.name])} questions")
        for one in often
    ]  # fmt: skip
    p99 = ratios("p99 of orders: while people look around / alone", [one.p99_ms for one in looked_at],
                 [one.p99_ms for one in quiet])  # fmt: skip
    return [
        p99._replace(at_most=_P99_RATIO_WANTED),
        *figures,
        figure("p99 of orders while people look around", [one.p99_ms for one in looked_at], "ms"),
        figure("p99 of orders alone", [one.p99_ms for one in quiet], "ms", note=f"open loop, {size}"),
    ]


def indexed(events: int, *, anew: bool = False) -> Path:
    """The kept directory with this many events, and with an index; the index is made when it is not there."""
    place = prepared(events, anew=anew)
    mark = place / f"indexed-{VERSION}"
    if mark.exists() and (place / FILE_NAME).exists():
        return place
    key = new_key(place, "read")
    with ours(place) as server:
        _caught_up(server, key)
    mark.touch()
    return place


def _under_load(
    server: Program, key: str, reader: str, asked: list[Question], rate: float, seconds: float, runs: int
) -> tuple[list[Latencies], list[Latencies], dict[str, list[float]]]:
    """Orders alone and with somebody asking, in turns; and how long the questions took."""
    quiet: list[Latencies] = []
    looked_at: list[Latencies] = []
    took: dict[str, list[float]] = {one.name: [] for one in asked}
    for _ in range(runs):
        quiet.append(open_loop(server.url, key, rate, seconds, tag()))
        stop = threading.Event()
        asking = threading.Thread(target=_look_around, args=(server, reader, asked, took, stop))
        asking.start()
        looked_at.append(open_loop(server.url, key, rate, seconds, tag()))
        stop.set()
        asking.join()
    if sum(one.failures for one in (*quiet, *looked_at)):
        raise RuntimeError("some orders failed")
    return quiet, looked_at, took


def _look_around(
    server: Program, key: str, asked: list[Question], took: dict[str, list[float]], stop: threading.Event
) -> None:
    """About ten questions a second: more than a room full of analysts."""
    while not stop.is_set():
        for one in asked:
            took[one.name] += _asked(server, key, one, 1)
            if stop.wait(0.1):
                return


def _questions(server: Program, key: str) -> list[Question]:
    chance = Random(9)
    orders = [one["order_id"] for one in _get(server, key, "/api/v1/orders?limit=500&sort=risk")["orders"]]
    users = [one["user_id"] for one in _get(server, key, "/api/v1/orders?limit=500&sort=amount")["orders"]]

    def order() -> str:
        return quote(chance.choice(orders), safe="")

    def typed() -> str:
        texts = (order(), f"{chance.randrange(60_000)}", f"198.51.100.{chance.randrange(1, 49)}", "4111", "98765", "a")
        return chance.choice(texts)

    filters = ("flag=red", "state=fulfilled&sort=amount", "verdict=review&sort=risk", "sort=risk&order=asc",
               "min_amount=500000", "decision=none&state=held&sort=risk")  # fmt: skip
    return [
        Question("review queue", lambda: "/api/v1/queue?limit=50", _PAGE_WANTED_MS),
        Question("list of orders", lambda: f"/api/v1/orders?limit=50&{chance.choice(filters)}", _PAGE_WANTED_MS),
        Question("one order", lambda: f"/api/v1/orders/{order()}", _PAGE_WANTED_MS),
        Question("search", lambda: f"/api/v1/search?q={typed()}", _SEARCH_WANTED_MS),
        Question("graph of two hops", lambda: f"/api/v1/graph?order={order()}&hops=2", _GRAPH_WANTED_MS),
        Question("timeline of a user", lambda: f"/api/v1/entities/user/{chance.choice(users)}", None),
        Question("log of events", lambda: "/api/v1/events?kind=createOrder&limit=50", None),
        Question("insights by day", lambda: "/api/v1/insights/days", None, is_rare=True),
    ]


def _asked(server: Program, key: str, question: Question, times: int) -> list[float]:
    """Milliseconds of each time."""
    took = []
    for _ in range(times):
        path = question.path()
        began = time.monotonic()
        _get(server, key, path)
        took.append((time.monotonic() - began) * 1_000)
    return took


def _caught_up(server: Program, key: str) -> None:
    """Wait for the index."""
    for behind in _behind(server, key):
        if not behind:
            return


def _behind(server: Program, key: str) -> Iterator[int]:
    said = time.monotonic()
    while True:
        told = _get(server, key, "/api/v1/index")
        if time.monotonic() - said > _SAY_EVERY_S:
            said = time.monotonic()
            print(f"  making the index: {told['position']:,} of {told['newest']:,}", file=sys.stderr, flush=True)
        yield told["behind_events"]
        time.sleep(0.5)


def _get(server: Program, key: str, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", path, headers={KEY_HEADER: key})
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"{path}: {reply.status} {body[:200]!r}")
        return json.loads(body)
    finally:
        connection.close()


def _p95(values: list[float]) -> float:
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]
