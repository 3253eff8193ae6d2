"""A receiver for a developer at work: takes what arrives on loopback, verifies it, and hands it on to be shown."""

from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec

from fourthwatch.clock import SECOND_MS, Clock
from fourthwatch.limits import BODY_BYTES_MAX
from fourthwatch.webhooks.payloads import KEY_HEADER
from fourthwatch.webhooks.signing import fault_of

_READ_S = 10.0


class Arrival(msgspec.Struct, frozen=True):
    """A request that came in."""

    path: str
    kind: str
    """`webhook` or `postback`."""
    verdict: str
    """`verified`, or why not."""
    message_id: str | None
    body: bytes


def listener(
    port: int, secrets: Sequence[str], key: str | None, clock: Clock, show: Callable[[Arrival], None], answer: int
) -> HTTPServer:
    """A server on 127.0.0.1; 0 takes any free port. It answers every request with `answer`."""

    class _Request(BaseHTTPRequestHandler):
        timeout = _READ_S

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not (length.isascii() and length.isdigit()) or int(length) > BODY_BYTES_MAX:
                self._reply(413)
                return
            body = self.rfile.read(int(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            show(_arrival(self.path, headers, body))
            self._reply(answer)

        def _reply(self, status: int) -> None:
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """What arrives is shown by whoever asked for it."""

    def _arrival(path: str, headers: dict[str, str], body: bytes) -> Arrival:
        if "webhook-id" not in headers:
            given = headers.get(KEY_HEADER.lower())
            told = "the key was not looked at" if key is None else "verified" if given == key else "another key"
            return Arrival(path, "postback", told, None, body)
        if not secrets:
            return Arrival(path, "webhook", "the signature was not looked at", headers["webhook-id"], body)
        fault = fault_of(headers, body, secrets, clock.now_ms() / SECOND_MS)
        return Arrival(path, "webhook", fault or "verified", headers["webhook-id"], body)

    return HTTPServer(("127.0.0.1", port), _Request)
