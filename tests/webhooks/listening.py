"""Receivers on loopback: one that answers as it is told, and one that does what it likes with its connections."""

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple, Self

PATIENCE_S = 30.0
LOST = 0
"""Instead of a status: the connection is closed, and nothing is answered."""


class Heard(NamedTuple):
    """A request that came in; header names are in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes


class Told(NamedTuple):
    """What to answer."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = MappingProxyType({})


Answering = Callable[[Heard], Told]


class Receiver:
    """Answers each request as `answer` says, and remembers it."""

    def __init__(self, answer: Answering = lambda heard: Told(), *, tls: ssl.SSLContext | None = None) -> None:
        self.heard: list[Heard] = []
        self._arrival = threading.Condition()
        self.answer = answer
        outside = self

        class _Request(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                heard = Heard(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                with outside._arrival:
                    outside.heard.append(heard)
                    outside._arrival.notify_all()
                told = outside.answer(heard)
                if told.status == LOST:
                    self.close_connection = True
                    return
                self.send_response(told.status)
                for name, value in {**told.headers, "Content-Length": str(len(told.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(told.body)

            def log_message(self, *args: Any) -> None:
                pass

        class _Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *args: Any) -> None:
                pass  # whoever hung up has its reasons

        self._server = _Server(("127.0.0.1", 0), _Request)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def named(self) -> frozenset[tuple[str, int]]:
        """As the operator names it."""
        return frozenset({("127.0.0.1", self.port)})

    def wait_for(self, is_it: Callable[[Heard], bool]) -> Heard:
        """The first request that is the one; fails when it does not come in time."""
        with self._arrival:
            self._arrival.wait_for(lambda: any(map(is_it, self.heard)), PATIENCE_S)
            return next(filter(is_it, self.heard))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Rogue:
    """Hands each connection, once the request's head has come, to a function that may do anything with it."""

    def __init__(self, act: Callable[[socket.socket], None], host: str = "127.0.0.1") -> None:
        self.connections = 0
        self._act = act
        self._sock = socket.create_server((host, 0))
        self.port: int = self._sock.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self.named = frozenset({(host, self.port)})
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        for sock in self._open:
            sock.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._sock.accept()
            except OSError:
                return
            self.connections += 1
            sock.settimeout(PATIENCE_S)
            self._open.append(sock)
            thread = threading.Thread(target=self._one, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _one(self, sock: socket.socket) -> None:
        try:
            sock.recv(65_536)
            self._act(sock)
        except OSError:
            pass  # the other end has had enough
