"""More orders than may wait: some are refused, the others decided, none is lost."""

import json
import socket
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from contract.shop import PATIENCE_S
from contract.test_shortcut import replies, told
from fourthwatch.store.reader import LedgerReader
from served import KEY_HEADER, Reply, Served

pytestmark = pytest.mark.slow

PATHS = ("/event/v1/createOrder", "/event/v1/createOrder/")
"""The short way and the long way."""
SHORT_QUEUE = (sys.executable, str(Path(__file__).parent / "short_queue.py"))
CONNECTIONS, AHEAD = 200, 5
"""The next request of each connection is there when the one before is answered, however slow this client is."""


def order(number: int, key: str) -> bytes:
    body = json.dumps({"_orderId": f"o-{number}", "_userId": f"u-{number % 50}"}).encode()
    head = f"POST {PATHS[number % 2]} HTTP/1.1\r\nHost: localhost\r\n{KEY_HEADER}: {key}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def under_overload(served: Served, key: str) -> dict[int, Reply]:
    answered: dict[int, Reply] = {}
    with ExitStack() as lines:
        address = ("127.0.0.1", served.port)
        socks = [lines.enter_context(socket.create_connection(address, PATIENCE_S)) for _ in range(CONNECTIONS)]
        for at, sock in enumerate(socks):
            sock.sendall(b"".join(order(at * AHEAD + number, key) for number in range(AHEAD)))
        for at, sock in enumerate(socks):
            answered |= enumerate(replies(sock, AHEAD), at * AHEAD)
    return answered


def test_what_is_too_much_is_refused_alike_on_both_ways_and_what_is_taken_is_stored(tmp_path: Path) -> None:
    with Served(tmp_path, program=SHORT_QUEUE) as served:
        key = served.key("ingest", "read")
        answered = under_overload(served, key)
        statuses = Counter(reply.status for reply in answered.values())
        assert set(statuses) == {200, 503}, statuses
        refused = [
            [told(reply) for at, reply in answered.items() if reply.status == 503 and at % 2 == way] for way in (0, 1)
        ]
        assert refused[0][0] == refused[1][0]
        assert all(one == refused[0][0] for way in refused for one in way)
        some = next(reply for reply in answered.values() if reply.status == 503)
        assert (some.headers["retry-after"], some.json["code"]) == ("1", "unavailable")
        after = served.send(key, "createOrder", {"_orderId": "after", "_userId": "u"})
        assert after.status == 200, after.body
    reader = LedgerReader(tmp_path)
    stored = {event.subject for event in reader.newest(1, 10**6)}
    reader.close()
    taken = {f"order:o-{at}" for at, reply in answered.items() if reply.status == 200}
    assert stored == {*taken, "order:after"}
