"""A small server that takes events as the real one answers, and fails as it is told to."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from socket import SHUT_RDWR
from ssl import SSLContext

from loopback import Handler, Loopback

KEY = "fw_invented"


@dataclass
class Trouble:
    """What to do with the n-th request (from 1): `lose` takes it and answers nothing, a status answers so."""

    lose: bool = False
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    plain: bool = False


class Taker:
    """The server: `taken` are the bodies acknowledged or lost after taking, in order of arrival."""

    def __init__(self, tls: SSLContext | None = None) -> None:
        self.trouble: Callable[[int, str, bytes], Trouble | None] = lambda number, event, body: None
        self.taken: list[tuple[str, dict[str, object]]] = []
        self.acknowledged: Counter[str] = Counter()
        self.repeat_keys: list[tuple[str, str | None]] = []
        """The `_n` of each body that was taken, and the `Idempotency-Key` that it came with."""
        self.requests = 0
        self.connections = 0
        self._lock = threading.Lock()
        taker = self

        class Request(Handler):
            disable_nagle_algorithm = True
            wbufsize = -1

            def setup(self) -> None:
                super().setup()
                with taker._lock:
                    taker.connections += 1

            def do_POST(self) -> None:  # noqa: N802 (so it is called)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taker._answer(self, self.path.removeprefix("/event/v1/"), body)

            def do_GET(self) -> None:  # noqa: N802 (so it is called)
                taker._answer(self, self.path, b"{}")

        self._server = Loopback(Request, tls)
        self.url = self._server.url
        self._server.start()

    def close(self) -> None:
        self._server.close()

    def _answer(self, handler: BaseHTTPRequestHandler, event: str, body: bytes) -> None:
        with self._lock:
            self.requests += 1
            trouble = self.trouble(self.requests, event, body) or Trouble()
            if handler.headers.get("X-THIRDWATCH-API-KEY") != KEY:
                trouble = Trouble(status=401)
            parsed = json.loads(body)
            if trouble.status == 200:
                self.taken.append((event, parsed))
                self.repeat_keys.append((str(parsed.get("_n")), handler.headers.get("Idempotency-Key")))
            if trouble.lose:
                handler.close_connection = True
                with suppress(OSError):
                    handler.connection.shutdown(SHUT_RDWR)
                return
            if trouble.status == 200:
                self.acknowledged[str(parsed.get("_n"))] += 1
        reply: dict[str, object] = {"status": "ok", "message": "ok"}
        if trouble.status != 200:
            reply = {"error": f"trouble {trouble.status}", "message": f"trouble {trouble.status}"}
        elif event in ("createOrder", "transaction"):
            reply["score"] = 70 if event == "transaction" else 10
        text = b"hello" if trouble.plain else json.dumps(reply).encode()
        handler.send_response(trouble.status)
        for name, value in {**trouble.headers, "Content-Length": str(len(text))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text)
        handler.wfile.flush()


@contextmanager
def taking(tls: SSLContext | None = None) -> Iterator[Taker]:
    """A `Taker` that serves until the end."""
    taker = Taker(tls)
    try:
        yield taker
    finally:
        taker.close()
