"""Receivers on loopback: one that answers as it is told, and one that does what it likes with its connections."""

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Self

from loopback import Handler, Loopback, Taken, hang_up

PATIENCE_S = 60.0
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

        class _Request(Handler):
            def do_POST(self) -> None:  # noqa: N802 (so it is called)
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

        self._server = Loopback(_Request, tls)
        self.port = self._server.port
        self.url = self._server.url

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
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()


class Rogue:
    """Hands each connection, once the request's head has come, to a function that may do anything with it."""

    def __init__(self, act: Callable[[socket.socket], None], host: str = "127.0.0.1") -> None:
        self.connections = 0
        self._act = act
        self._sock = socket.create_server((host, 0))
        self.port: int = self._sock.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self.named = frozenset({(host, self.port)})
        self._taken: Taken = []
        """The accepting thread's own until that has ended."""
        self._accepting = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._sock.close()
        hang_up(self._taken, socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._sock.accept()
            except OSError:
                return
            self.connections += 1
            sock.settimeout(PATIENCE_S)
            thread = threading.Thread(target=self._one, args=(sock,), daemon=True)
            self._taken.append((sock, thread))
            thread.start()

    def _one(self, sock: socket.socket) -> None:
        try:
            sock.recv(65_536)
            self._act(sock)
        except OSError:
            pass  # the other end has had enough
