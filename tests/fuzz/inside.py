"""The real application with a real ledger in this process, called as the HTTP server calls it; and what is checked.

Only the socket and the HTTP parser are left out: a request is an ASGI scope and a body in one to three pieces.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable, MutableMapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from fourthwatch.api.intake import Intake, settle
from fourthwatch.clock import SystemClock
from fourthwatch.decision import Policy
from fourthwatch.engine.corridor import Corridor, CorridorSettings
from fourthwatch.events import KIND_OF_NUMBER
from fourthwatch.limits import HEADER_BYTES_MAX
from fourthwatch.server.assembly import Assembly, MakeIntake
from fourthwatch.settings import Settings
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.reader import LedgerReader
from fourthwatch.wire.decode import read_stored
from fuzz.mutation import Mutator, Request

_IN_FLIGHT = 256
_SHOWN_MAX = 20
_HEADERS_SURELY_TAKEN = HEADER_BYTES_MAX // 4
_STATUSES = frozenset({200, 400, 401, 404, 413, 422})


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Findings:
    """What is known from the replies; `problems` is what should not have been."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.problems: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.new_ids: set[str] = set()
        self.known_ids: set[str] = set()
        """Of receipts that say the event had been here before."""

    def note(self, number: int, request: Request, reply: Reply) -> None:
        """Look at one reply."""
        self.statuses[reply.status] += 1
        problem = self._problem(request, reply)
        if problem is not None and len(self.problems) < _SHOWN_MAX:
            shown = f"{request.method} {request.path}?{request.query} {request.headers} {request.body[:600]!r}"
            self.problems.append(f"seed {self.seed}, request {number}: {problem}\n  {shown}\n  {reply.body[:300]!r}")

    def compare(self, directory: Path) -> None:
        """Look at what the ledger kept: exactly the events that were acknowledged, each of them readable again."""
        reader = LedgerReader(directory)
        try:
            tenant, kept = 1, set()
            for row in reader.export(tenant):
                kept.add(row.event_id)
                read_stored(KIND_OF_NUMBER[row.kind], row.body)
            if reader.count() != len(kept) or sum(1 for _ in reader.verify()) != len(kept):
                self.problems.append("positions of the ledger have gaps, or its chain is not whole")
        finally:
            reader.close()
        for what, ids in (
            ("kept though not acknowledged", kept - self.new_ids),
            ("acknowledged and not kept", self.new_ids - kept),
            ("said to have been here before, and was not", self.known_ids - kept),
        ):
            if ids:
                self.problems.append(f"seed {self.seed}: {len(ids)} events were {what}, as {sorted(ids)[:3]}")

    def _problem(self, request: Request, reply: Reply) -> str | None:
        if reply.status >= 500:
            return f"a {reply.status}"
        if reply.status == 431 and len(request.path) + len(request.query) > _HEADERS_SURELY_TAKEN:
            return None  # before anything of ours has seen it
        if reply.status not in _STATUSES or (request.is_event and reply.status == 404):
            return f"an unexpected {reply.status}"
        if request.with_key and reply.status == 401 and request.is_event:
            return "a good key was refused"
        try:
            body = json.loads(reply.body)
        except ValueError:
            return "a reply that is not JSON"
        if reply.headers.get(b"content-type") != b"application/json" or not isinstance(body, dict):
            return "a reply that is not a JSON object"
        if reply.status == 200 and request.method == "GET":
            return None if isinstance(body.get("score"), int) else "a score without a score"
        for key in ("status" if reply.status == 200 else "error", "message"):
            if not isinstance(body.get(key), str):
                return f"a reply in which {key} is not a string"
        return self._receipt_problem(request, reply, body) if reply.status == 200 else None

    def _receipt_problem(self, request: Request, reply: Reply, body: dict[str, Any]) -> str | None:
        event_id = body.get("event_id")
        if event_id is None:
            return "a receipt without an event_id" if request.is_event else None
        if not request.is_event:
            # Orders and decisions of the old endpoints do not say whether they are repetitions.
            self.new_ids.add(event_id)
        elif reply.headers.get(b"fourthwatch-replayed") == b"true":
            self.known_ids.add(event_id)
        elif event_id in self.new_ids:
            return "two events with one id"
        else:
            self.new_ids.add(event_id)
        return None


class Inside:
    """The application, from an empty directory to a clean stop, on the running loop; `key` may send events."""

    def __init__(self, directory: Path, make_intake: MakeIntake = Intake) -> None:
        clock = SystemClock()
        self._loop = asyncio.get_running_loop()
        settings = CorridorSettings(
            directory=directory, policy=Policy(deadline_ms=0), disk_reserve_bytes=0, snapshot_every_events=20_000
        )
        self._corridor = Corridor(settings, clock, os.urandom, settle, lambda: None, self._post)
        self._corridor.start()
        keys = KeyStore(directory, clock)
        self.key = keys.create("fuzz", ["ingest"])
        keys.close()
        self._assembly = Assembly(directory, clock, self._corridor, Settings(), make_intake)
        self._application = self._assembly.application

    def stop(self) -> None:
        """Drain and close everything."""
        self._corridor.stop()
        self._assembly.close()

    def _post(self, call: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(call)

    async def send(self, request: Request) -> Reply:
        """One request; an exception that comes out of the application is what the HTTP server makes a 500 of."""
        size = len(request.body)
        cuts = [0, size] if size % 3 else [0, size // 3, size // 2, size]
        pieces = [request.body[start:end] for start, end in pairwise(cuts)]
        messages: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        headers = [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
        headers.append((b"x-thirdwatch-api-key", (self.key if request.with_key else "fw_nobody").encode()))
        scope: dict[str, Any] = {
            "type": "http", "http_version": "1.1", "method": request.method, "scheme": "http", "path": request.path,
            "raw_path": request.path.encode(), "query_string": request.query.encode("latin-1"), "headers": headers,
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 1),
        }  # fmt: skip
        try:
            await self._application(scope, receive, send)
        except Exception as fault:
            return Reply(500, {}, repr(fault).encode())
        start = next((message for message in messages if message["type"] == "http.response.start"), None)
        if start is None:
            return Reply(500, {}, b"no reply at all")
        body = b"".join(message.get("body", b"") for message in messages if message["type"] == "http.response.body")
        return Reply(start["status"], dict(start["headers"]), body)


def fuzz(
    directory: Path,
    seed: int,
    count: int,
    *,
    make_intake: MakeIntake = Intake,
    watch: Callable[[int], None] = lambda number: None,
) -> Findings:
    """Send `count` requests, many at a time, and compare with the ledger; `watch` is told the number of each."""
    findings = Findings(seed)
    mutator = Mutator(seed)

    async def run() -> None:
        inside = Inside(directory, make_intake)
        numbers = iter(range(count))

        async def sender() -> None:
            for number in numbers:
                request = next(mutator)
                watch(number)
                findings.note(number, request, await inside.send(request))

        try:
            await asyncio.gather(*(sender() for _ in range(_IN_FLIGHT)))
        finally:
            await asyncio.to_thread(inside.stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    findings.compare(directory)
    return findings
