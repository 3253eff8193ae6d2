"""A shop on the other side of the wire: a served program, keys, and requests down to single bytes.

One server is shared by many tests, so every test takes ids of its own from `fresh`.
"""

import http.client
import itertools
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

from fourthwatch.store.reader import LedgerReader
from served import KEY_HEADER, Reply, Served

PATIENCE_S = 60.0
"""A test that waits longer than this on a socket fails; nothing is measured against it."""
_numbers = itertools.count(1)


def fresh(prefix: str = "id") -> str:
    """An id that no other test uses."""
    return f"{prefix}-{next(_numbers)}"


class Shop(NamedTuple):
    """One merchant at one server."""

    served: Served
    key: str
    """May do everything."""

    def send(self, event: str, body: Mapping[str, Any], *, query: str = "", **headers: str) -> Reply:
        """One event with the shop's key; header names are given with underscores."""
        return self.served.send(self.key, event, body, query=query, **headers)

    def taken(self, event: str, body: Mapping[str, Any], *, query: str = "", **headers: str) -> dict[str, Any]:
        """As `send`, for an event that must be taken; its receipt."""
        reply = self.send(event, body, query=query, **headers)
        assert reply.status == 200, (event, reply.body)
        receipt: dict[str, Any] = reply.json
        return receipt

    def refused(self, event: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """As `send`, for an event that must be refused with 400 and of which nothing may be kept; the error."""
        before = self.stored()
        reply = self.send(event, body)
        assert reply.status == 400, (event, reply.body)
        assert self.stored() == before
        error: dict[str, Any] = reply.json
        return error

    def get(self, path: str) -> Reply:
        """One GET with the shop's key."""
        return self.served.get(self.key, path)

    def event(self, event_id: str) -> dict[str, Any]:
        """A stored event as the management API shows it."""
        return _found(self.get(f"/api/v1/events/{event_id}"))

    def order(self, order_id: str) -> dict[str, Any]:
        """An order as the management API shows it."""
        return _found(self.get(f"/api/v1/orders/{order_id}"))

    def features(self, order_id: str) -> dict[str, Any]:
        """The features behind the newest decision on an order."""
        features: dict[str, Any] = self.order(order_id)["decision"]["features"]
        return features

    def score(self, order_id: str) -> dict[str, Any]:
        """The score API's answer."""
        return _found(self.get(f"/neo/v1/score?order_id={order_id}"))

    def stored(self) -> int:
        """Events in the ledger, of all merchants."""
        reader = LedgerReader(self.served.directory)
        try:
            return reader.count()
        finally:
            reader.close()

    def raw(self, request: bytes) -> Reply:
        """Bytes as they are, on a connection of their own; the first reply."""
        with socket.create_connection(("127.0.0.1", self.served.port), PATIENCE_S) as sock:
            sock.sendall(request)
            reply = http.client.HTTPResponse(sock)
            reply.begin()
            return Reply(reply.status, {key.lower(): value for key, value in reply.getheaders()}, reply.read())

    def post(self, path: str, body: bytes | str, **headers: str) -> Reply:
        """A POST of exactly these bytes with the shop's key."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.served.request("POST", path, body, {KEY_HEADER: self.key, **named})


def http_10(path: str, body: bytes, content_type: str = "application/json; charset=utf-8") -> bytes:
    """A POST as WordPress sends it to `/neo`: HTTP/1.0, and no header with a key."""
    head = (
        f"POST {path} HTTP/1.0\r\nUser-Agent: WordPress/4.9; https://shop.example.com\r\nAccept: */*\r\n"
        f"Host: 127.0.0.1\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


_PROBLEM_KEYS = frozenset({"type", "title", "status", "detail", "code", "pointer", "errors", "diagnostics", "rendered"})


def assert_error(reply: Reply, status: int) -> dict[str, Any]:
    """That this is a refusal that every old client can digest, or a problem document; its body."""
    assert reply.status == status, reply.body
    error: dict[str, Any] = reply.json
    if reply.headers["content-type"] == "application/problem+json":
        assert set(error) <= _PROBLEM_KEYS
        if "pointer" in error:
            assert error["errors"][0]["pointer"] == error["pointer"]
            assert error["errors"][0]["code"] == error["code"]
        assert all(set(one) == {"pointer", "code", "message"} for one in error.get("errors", ()))
        assert (error["status"], error["type"]) == (status, "urn:fourthwatch:problem:" + error["code"])
        assert all(isinstance(error[key], str) and error[key] for key in ("title", "detail", "code"))
        return error
    assert reply.headers["content-type"] == "application/json"
    assert set(error) <= {"error", "message", "code", "pointer"}
    assert all(isinstance(error[key], str) and error[key] for key in ("error", "message", "code"))
    return error


def _found(reply: Reply) -> dict[str, Any]:
    assert reply.status == 200, reply.body
    shown: dict[str, Any] = reply.json
    return shown
