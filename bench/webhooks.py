"""Postbacks per second, how soon they go out, and whether whoever waits for a decision notices.

The sender is the process that `serve` starts; the receiver is local and answers at once, on the same cores.
"""

import asyncio
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

from bench.figures import Figure, figure, ratios
from bench.load import Load
from bench.peak import scratch, tag
from bench.program import KEY_HEADER, Program, new_key, ours
from bench.tools import Tool
from fourthwatch.clock import SystemClock
from fourthwatch.limits import DELIVERY_LIFE_MS
from fourthwatch.store.changes import Configuration
from fourthwatch.store.deliveries import DeliveryQueue, NewDelivery, new_delivery_id
from fourthwatch.store.endpoints import Endpoint, EndpointStore, endpoint_added, new_endpoint_id

TENANT = 1
DELIVERIES = 5_000
WAITING = 100_000
ORDERS = 300
_ORDER_EVERY_S = 0.02
_WARM_S = 2.0
_CHUNK = 5_000
_ROUNDS_PER_RUN = 4
_PATIENCE_S = 300.0
_REPLY = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
_PERCENT = 99


class Arrived(NamedTuple):
    """A request that came in."""

    at_s: float
    body: bytes


class Receiver:
    """Takes whatever comes, on a thread of its own."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._take, "127.0.0.1", 0, backlog=512))
        self.port: int = self._server.sockets[0].getsockname()[1]
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
            body = await reader.readexactly(length)
            self.arrived.append(Arrived(time.monotonic(), body))
            writer.write(_REPLY)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def wait_for(self, count: int) -> None:
        """Until so many have come; raises `RuntimeError` when they do not."""
        ends = time.monotonic() + _PATIENCE_S
        while len(self.arrived) < count:
            if time.monotonic() > ends:
                raise RuntimeError(f"{len(self.arrived)} of {count} requests arrived")
            time.sleep(0.02)


def measure_webhooks(tool: Tool, seconds: float, runs: int) -> list[Figure]:
    """All of it; ratios first."""
    (rates, cpu_us), delays = _rates(runs), _delays()
    p99_ms = statistics.quantiles(delays, n=100)[_PERCENT - 1] * 1_000
    (free, waiting, told), (free_us, waiting_us, told_us) = _ingest(tool, seconds, runs)
    return [
        ratios(f"decisions: {WAITING:,} deliveries waiting / none", waiting, free, at_least=0.9,
               note="of a receiver that is down; short bursts there and back, for the other work of the machine"),
        ratios("decisions: every order told to an endpoint / none", told, free, note="the sender on the same cores"),
        ratios(f"server CPU per decision: none waiting / {WAITING:,}", free_us, waiting_us, at_least=0.9,
               note="hardly disturbed by other work"),
        ratios("server CPU per decision: none told / all told", free_us, told_us, note="hardly disturbed"),
        figure("sender CPU per delivery", cpu_us, "µs"),
        figure("postbacks to a local receiver", rates, "/s", note="sender and receiver on the same cores"),
        figure("from commit to first attempt, 99 %", [p99_ms], "ms", at_most=250, note=f"{ORDERS} orders, one by one"),
    ]  # fmt: skip


def listening(directory: Path, port: int, types: tuple[str, ...]) -> Endpoint:
    """An endpoint on a data directory, which the sender may call."""
    os.environ["FOURTHWATCH_PRIVATE_RECEIVERS"] = f"127.0.0.1:{port}"
    clock = SystemClock()
    endpoint = Endpoint(
        id=new_endpoint_id(), tenant=TENANT, url=f"http://127.0.0.1:{port}/", description="", types=types,
        ordering="none", created_ms=clock.now_ms(),
    )  # fmt: skip
    store, configuration = EndpointStore(directory, clock), Configuration(directory, clock)
    configuration.apply(endpoint_added(endpoint, store.seal, "bench"))
    store.close()
    configuration.close()
    return endpoint


def fill(directory: Path, endpoint: Endpoint, count: int) -> None:
    """So many deliveries that wait."""
    queue, now_ms = DeliveryQueue(directory), SystemClock().now_ms()
    for begin in range(0, count, _CHUNK):
        new = [
            NewDelivery(
                id=new_delivery_id(), tenant=TENANT, receiver=endpoint.id, type="list.changed", entity=f"list:{number}",
                seq=0, detail=b'{"list":"blocked","added":1}', line=None, not_before_ms=now_ms,
                expires_ms=now_ms + DELIVERY_LIFE_MS,
            )
            for number in range(begin, min(begin + _CHUNK, count))
        ]  # fmt: skip
        queue.fan_out((), new, (), now_ms)
    queue.close()


@contextmanager
def sender(directory: Path) -> Iterator[None]:
    """The process that `serve` would start."""
    command = [sys.executable, "-m", "fourthwatch.server.sender_process", str(directory)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(_PATIENCE_S)


def _rates(runs: int) -> tuple[list[float], list[float]]:
    """Deliveries per second, and the sender's CPU for each, its start included."""
    rates, cpu_us = [], []
    for _ in range(runs):
        with scratch() as directory:
            new_key(directory)
            receiver = Receiver()
            fill(directory, listening(directory, receiver.port, ("list.changed",)), DELIVERIES)
            before = os.times()
            with sender(directory):
                receiver.wait_for(DELIVERIES)
            after = os.times()
            spent_s = after.children_user + after.children_system - before.children_user - before.children_system
            cpu_us.append(spent_s / DELIVERIES * 1e6)
            begun, ended = receiver.arrived[0].at_s, receiver.arrived[DELIVERIES - 1].at_s
            rates.append(DELIVERIES / (ended - begun))
    return rates, cpu_us


def _delays() -> list[float]:
    """From the reply to an order to the arrival of what is told about it; a reply comes after the commit."""
    with scratch() as directory:
        key = new_key(directory)
        receiver = Receiver()
        listening(directory, receiver.port, ("order.scored",))
        replied: dict[str, float] = {}
        load, clock = Load(Random(1), tag()), SystemClock()
        with ours(directory) as server:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            for number in range(ORDERS + 1):
                order_id = f"delay-{number}"
                body = {**json.loads(load.order(clock.now_ms())), "_orderId": order_id}
                connection.request("POST", "/event/v1/createOrder", json.dumps(body), {KEY_HEADER: key})
                reply = connection.getresponse()
                reply.read()
                replied[order_id] = time.monotonic()
                if number == 0:
                    receiver.wait_for(1)  # the sender is there
                time.sleep(_ORDER_EVERY_S)
            receiver.wait_for(ORDERS + 1)
    delays = []
    for one in receiver.arrived[1:]:
        told = json.loads(one.body)
        delays.append(max(one.at_s - replied[told["data"]["order_id"]], 0.0))
    return delays


Three = tuple[list[float], list[float], list[float]]


def _ingest(tool: Tool, seconds: float, runs: int) -> tuple[Three, Three]:
    """Decisions per second, and the server's CPU for each: nothing told, deliveries that wait, everything told."""
    receiver, closed = Receiver(), _closed_port()
    named = f"127.0.0.1:{receiver.port},127.0.0.1:{closed}"
    rates: Three = ([], [], [])
    cpu_us: Three = ([], [], [])
    with scratch() as free, scratch() as waiting, scratch() as told:
        keys = [new_key(directory) for directory in (free, waiting, told)]
        listening(free, closed, ("webhook.disabled",))
        fill(waiting, listening(waiting, closed, ("webhook.disabled",)), WAITING)
        listening(told, receiver.port, ("order.scored",))
        os.environ["FOURTHWATCH_PRIVATE_RECEIVERS"] = named
        with ours(free) as first, ours(waiting) as second, ours(told) as third:
            servers: list[Program] = [first, second, third]
            for server, key in zip(servers, keys, strict=True):
                tool.burst(server.url, key, "orders", _WARM_S, tag())
            for number in range(runs * _ROUNDS_PER_RUN):
                places = [0, 1, 2] if number % 2 else [2, 1, 0]
                _round(tool, servers, keys, seconds / _ROUNDS_PER_RUN, [*places, *reversed(places)], rates, cpu_us)
    return rates, cpu_us


def _round(
    tool: Tool, servers: list[Program], keys: list[str], seconds: float, places: list[int], rates: Three, cpu_us: Three
) -> None:
    """Short bursts there and back, so that whatever else the machine does comes over all servers alike."""
    answered, took, spent = [0] * len(servers), [0.0] * len(servers), [0.0] * len(servers)
    for place in places:
        server, key = servers[place], keys[place]
        before_s = server.cpu_s()
        burst = tool.burst(server.url, key, "orders", max(seconds, 1.0), tag())
        if burst.failures:
            raise RuntimeError(f"{burst.failures} of {burst.requests} requests failed")
        answered[place] += burst.requests
        took[place] += burst.requests / burst.per_second
        spent[place] += server.cpu_s() - before_s
    for place in range(len(servers)):
        rates[place].append(answered[place] / took[place])
        cpu_us[place].append(spent[place] / answered[place] * 1e6)


def _closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
