"""A stop cuts nobody off: who has a connection open is answered once more and told that it was the last time."""

import contextlib
import http.client
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from served import KEY_HEADER, Served

pytestmark = pytest.mark.slow

_PATIENT = (
    sys.executable,
    "-c",
    "import sys; from fourthwatch.cli.main import main; from fourthwatch.server import serve;"
    "serve.GentleServer.last_requests_s = 60; sys.exit(main())",
)
"""Waits so long for last requests that a slow machine does not matter; whoever closes ends the wait."""


def _until_refused(port: int) -> None:
    """Until nobody listens: a connection that waited to be taken is reset, one that comes later refused."""
    with contextlib.suppress(ConnectionError):
        while True:
            socket.create_connection(("127.0.0.1", port), 60).close()


def _asked(connection: http.client.HTTPConnection, key: str, method: str, path: str, body: str | None = None) -> str:
    """The reply's `Connection` header; the request has to be answered."""
    connection.request(method, path, body, {KEY_HEADER: key})
    reply = connection.getresponse()
    assert reply.read()
    assert reply.status == 200
    return reply.headers.get("connection", "")


def test_a_request_that_was_on_its_way_when_the_server_was_stopped_is_answered(tmp_path: Path) -> None:
    with Served(tmp_path, program=_PATIENT) as shop:
        key = shop.key()
        event = ("POST", "/event/v1/createOrder", '{"_userId": "u", "_orderId": "o"}')
        reading = ("GET", "/api/v1/orders/o")
        kept, known, reader, silent = [shop.connection() for _ in range(4)]
        silent.connect()
        # The head of an event is remembered when it has come twice; each way of taking one has to say the same.
        assert [_asked(one, key, *event) for one in (kept, known, known)] == ["", "", ""]
        assert _asked(reader, key, *reading) == ""
        os.kill(shop.pid, signal.SIGTERM)
        _until_refused(shop.port)
        assert _asked(known, key, *event) == "close"
        assert _asked(kept, key, "POST", "/event/v1/createOrder", '{"_userId": "u", "_orderId": "o2"}') == "close"
        assert _asked(reader, key, *reading) == "close"
        silent.close()
        assert shop.wait() == 0
    with Served(tmp_path) as again:
        assert again.get(key, "/api/v1/orders/o2").status == 200


def test_a_second_signal_waits_for_nobody(tmp_path: Path) -> None:
    with Served(tmp_path, program=_PATIENT) as shop, contextlib.closing(shop.connection()) as silent:
        silent.connect()
        os.kill(shop.pid, signal.SIGTERM)
        _until_refused(shop.port)
        os.kill(shop.pid, signal.SIGTERM)
        assert shop.wait() == 0
