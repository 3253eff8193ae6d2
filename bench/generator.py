"""Our own load generator, a process of its own: a closed loop for a number of events, and an open loop at a fixed rate.

In the open loop a request is due at its moment whether or not the server has answered the ones before, and its latency
counts from that moment: waiting for a free connection is part of it, so that a stalled server cannot hide.
Run as `python -m bench.generator closed|open …`; prints one line, `RESULT {…}`.
"""

import argparse
import asyncio
import gc
import json
import re
import time
from collections import deque
from collections.abc import Iterator
from random import Random
from typing import cast
from urllib.parse import urlsplit

import uvloop

from bench.load import Load
from bench.program import KEY_HEADER
from bench.tools import CONNECTIONS

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_TICK_S = 0.001
_VISIT_MS = 10_000
_STUCK_S = 60.0


class Line(asyncio.Protocol):
    """One connection: one request at a time."""

    def __init__(self, crew: "Crew") -> None:
        self._crew = crew
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._due_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self._crew.free(self)

    def ask(self, request: bytes, due_s: float) -> None:
        """Send; the crew is told when the answer is whole."""
        assert self._transport is not None
        self._due_s = due_s
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        head = received.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(received, 0, head + 2)
        if length is None or len(received) < head + 4 + int(length[1]):
            return
        self._received = b""
        self._crew.answered(self, self._due_s, is_good=received[9:10] == b"2")

    def connection_lost(self, exc: Exception | None) -> None:
        self._crew.lost()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Crew:
    """All connections, what waits for a free one, and what was seen."""

    def __init__(self) -> None:
        self._idle: deque[Line] = deque()
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._unanswered = 0
        self._is_over = False
        self._changed = asyncio.Event()
        self.latencies_s: list[float] = []
        self.failures = 0

    def send(self, request: bytes, due_s: float) -> None:
        """At once if a connection is free, else as soon as one is."""
        self._unanswered += 1
        if self._idle:
            self._idle.popleft().ask(request, due_s)
        else:
            self._waiting.append((request, due_s))

    def free(self, line: Line) -> None:
        """A connection can take the next request."""
        if self._waiting:
            line.ask(*self._waiting.popleft())
        else:
            self._idle.append(line)
            self._changed.set()

    def answered(self, line: Line, due_s: float, *, is_good: bool) -> None:
        """An answer is whole."""
        self.latencies_s.append(time.monotonic() - due_s)
        self.failures += not is_good
        self._unanswered -= 1
        self.free(line)

    def lost(self) -> None:
        """The server closed a connection on us."""
        if not self._is_over:
            self.failures += 1
            self._changed.set()

    async def room(self) -> None:
        """Until a connection is free."""
        while not self._idle:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), _STUCK_S)

    async def finish(self) -> None:
        """Until everything is answered; what is not after a while has failed."""
        began = time.monotonic()
        while self._unanswered and time.monotonic() - began < _STUCK_S:
            await asyncio.sleep(_TICK_S)
        self.failures += self._unanswered
        self._is_over = True


def requests(url: str, key: str, mode: str, tag: str) -> Iterator[bytes]:
    """Whole requests, each with a new body; the sender's time is that of their making."""
    load = Load(Random(tag), tag)
    host = urlsplit(url).netloc
    head = f" HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{KEY_HEADER}: {key}\r\nContent-Length: "
    for name, body in _bodies(load, mode):
        yield f"POST /event/v1/{name}{head}{len(body)}\r\n\r\n".encode() + body


def _bodies(load: Load, mode: str) -> Iterator[tuple[str, bytes]]:
    while True:
        now_ms = int(time.time() * 1_000)
        if mode == "visits":
            yield from load.visit(now_ms - _VISIT_MS)
        else:
            yield ("createOrder", load.order(now_ms)) if mode == "orders" else load.light(now_ms)


async def closed(crew: Crew, source: Iterator[bytes], count: int | None, seconds: float) -> None:
    """Every connection sends its next request when the last is answered, for a number of requests or a time."""
    began = time.monotonic()
    sent = 0
    while sent < count if count is not None else time.monotonic() - began < seconds:
        await crew.room()
        crew.send(next(source), time.monotonic())
        sent += 1


async def opened(crew: Crew, made: list[bytes], rate: float) -> None:
    """One request after the other at equal distances, each when it is due."""
    began = time.monotonic()
    sent = 0
    while sent < len(made):
        due = min(len(made), int((time.monotonic() - began) * rate) + 1)
        for at in range(sent, due):
            crew.send(made[at], began + at / rate)
        sent = max(sent, due)
        await asyncio.sleep(_TICK_S)


async def _run(asked: argparse.Namespace) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    address = urlsplit(asked.url)
    source = requests(asked.url, asked.key, asked.mode, asked.tag)
    made = [next(source) for _ in range(int(asked.rate * asked.seconds))] if asked.loop == "open" else []
    gc.collect()
    gc.disable()  # a pause of ours would look like one of the server's
    crew = Crew()
    lines = [
        (await loop.create_connection(lambda: Line(crew), address.hostname, address.port))[1]
        for _ in range(CONNECTIONS)
    ]  # fmt: skip
    began = time.monotonic()
    if asked.loop == "open":
        await opened(crew, made, asked.rate)
    else:
        await closed(crew, source, asked.count, asked.seconds)
    await crew.finish()
    duration_us = (time.monotonic() - began) * 1e6
    for line in lines:
        line.close()
    ordered = sorted(crew.latencies_s) or [0.0]
    return {
        "requests": len(crew.latencies_s),
        "duration_us": duration_us,
        "not_2xx": crew.failures,
        "p50_ms": ordered[len(ordered) // 2] * 1_000,
        "p99_ms": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1_000,
        "max_ms": ordered[-1] * 1_000,
    }


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("loop", choices=["closed", "open"])
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--mode", choices=["orders", "events", "visits"], default="orders")
    parser.add_argument("--tag", required=True)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--count", type=int, help="closed loop: this many instead of a time")
    parser.add_argument("--rate", type=float, default=1_000.0, help="open loop: requests per second")
    asked = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print("RESULT " + json.dumps(runner.run(_run(asked))))


if __name__ == "__main__":
    main()
