"""What people and plugins change while the disk is full or the data file is held: 503, and nothing of it stays."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest
from starlette.types import Message

from fourthwatch.api.app import Application
from fourthwatch.clock import SystemClock
from fourthwatch.decision import Policy
from fourthwatch.engine.corridor import Corridor, CorridorSettings
from fourthwatch.server.assembly import Assembly
from fourthwatch.settings import Settings
from fourthwatch.store import file as files
from fourthwatch.store.file import open_file
from fourthwatch.store.keys import KeyStore

ROOM = 1 << 30
CHANGES = [
    ("/neo/v1/addpostbackurl", {"score_postback": "http://shop.example/score"}),
    ("/api/v1/webhook-endpoints", {"url": "https://shop.example/hook", "types": ["order.scored"]}),
    ("/api/v1/views", {"page": "orders", "name": "mine", "query": "verdict=review", "shared": False}),
    ("/api/v1/keys", {"name": "another", "scopes": ["read"]}),
    ("/api/v1/console-users", {"name": "asha", "role": "analyst"}),
]


class House(NamedTuple):
    """The application as `serve` puts it together, without a server in front, and its connections."""

    directory: Path
    application: Application
    key: str
    connections: list[apsw.Connection]

    def may_have(self, pages: int) -> None:
        """Let no file grow beyond so many, or beyond what it has."""
        for connection in self.connections:
            with suppress(apsw.ConnectionClosedError):
                connection.pragma("max_page_count", pages)

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[bytes, bytes], dict[str, Any]]:
        sent: list[Message] = []
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"x-thirdwatch-api-key", self.key.encode()), (b"content-type", b"application/json")],
        }  # fmt: skip

        async def receive() -> Message:
            return {"type": "http.request", "body": json.dumps(body).encode()}

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(self.application(scope, receive, send))
        return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(files, "BUSY_MS", 1)
    clock, connections, connect = SystemClock(), [], apsw.Connection

    def noted(*arguments: Any, **options: Any) -> apsw.Connection:
        connections.append(connect(*arguments, **options))
        return connections[-1]

    settings = CorridorSettings(
        directory=tmp_path, policy=Policy(deadline_ms=0), disk_reserve_bytes=0, snapshot_every_events=1_000_000
    )  # fmt: skip
    corridor = Corridor(settings, clock, bytes, lambda settled: None, lambda: None, lambda call: call())
    corridor.start()
    keys = KeyStore(tmp_path, clock)
    key = keys.create("manager", ["ingest", "read", "manage"])
    keys.close()
    monkeypatch.setattr(apsw, "Connection", noted)
    assembly = Assembly(tmp_path, clock, corridor, Settings())
    monkeypatch.undo()
    monkeypatch.setattr(files, "BUSY_MS", 1)
    yield House(tmp_path, assembly.application, key, connections)
    corridor.stop()
    assembly.close()


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/neo/v1/addpostbackurl", "/api/v1/webhook-endpoints"])
def test_a_change_that_does_not_fit_is_503_and_is_taken_when_there_is_room(house: House, path: str) -> None:
    """A file at its end still has room in its last pages: so many changes are sent that it is used up."""
    house.may_have(1)
    key = "score_postback" if path.startswith("/neo") else "url"
    for number in range(40):
        body = {key: f"https://shop.example/{number}/{'x' * 1_900}", "types": ["order.scored"]}
        status, headers, reply = house.post(path, body)
        if status >= 300:
            break
    assert (status, headers.get(b"retry-after")) == (503, b"5"), reply
    house.may_have(ROOM)
    assert house.post(path, body)[0] < 300


@pytest.mark.slow
@pytest.mark.parametrize(("path", "body"), CHANGES)
def test_a_change_while_another_program_holds_the_file_is_503_and_is_taken_afterwards(
    house: House, path: str, body: dict[str, Any]
) -> None:
    holder = open_file(house.directory)
    holder.execute("BEGIN IMMEDIATE")
    status, headers, reply = house.post(path, body)
    assert (status, headers.get(b"retry-after")) == (503, b"5"), reply
    holder.execute("ROLLBACK")
    holder.close()
    assert house.post(path, body)[0] < 300
