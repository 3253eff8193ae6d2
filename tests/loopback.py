"""Servers of the tests' own on loopback. When one is closed nothing of it is left: no thread, and no open socket.

What one test leaves open is found by the garbage collector during another one, which fails for it.
"""

import socket
import socketserver
import ssl
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

PATIENCE_S = 60.0

Taken = list[tuple[socket.socket, threading.Thread]]
"""Connections that were accepted, and who serves them."""


def hang_up(taken: Taken, *ways: int) -> None:
    """End connections and their threads, one way after the other; only then is a socket's number free again."""
    for way in ways:
        for sock, _ in taken:
            with suppress(OSError):  # it may be closed already, or its other end
                sock.shutdown(way)
        for _, thread in taken:
            thread.join(PATIENCE_S)
    for sock, thread in taken:
        sock.close()
        assert not thread.is_alive(), "who serves a connection that was ended has to end"


class Handler(BaseHTTPRequestHandler):
    """Keeps connections, says nothing of its own, and lets go of a client that has hung up."""

    protocol_version = "HTTP/1.1"

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.rfile.close()  # else it stays open, and its socket too, when the last bytes find nobody

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _TlsSocket(ssl.SSLSocket):
    def recv(self, *arguments: Any, **options: Any) -> bytes:
        """`ssl` itself calls this on a socket that was reset before TLS began, and then forgets to close it."""
        try:
            return super().recv(*arguments, **options)
        except OSError:
            self.close()
            raise


class Loopback(socketserver.TCPServer):
    """An HTTP server on a free port, with a thread for each connection."""

    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, handler: type[Handler], tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._tls = tls
        if tls is not None:
            tls.sslsocket_class = _TlsSocket
        self._taken: Taken = []
        """The accepting thread's own until that has ended."""
        self._accepting = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self.port: int = self.socket.getsockname()[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Accept connections."""
        self._accepting.start()

    def close(self) -> None:
        """Accept no more, answer what has come, and hang up."""
        self.shutdown()
        self._accepting.join()
        self.server_close()
        hang_up(self._taken, socket.SHUT_RD, socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(target=self._serve, args=(request, client_address), daemon=True)
        self._taken.append((request, thread))
        thread.start()

    def _serve(self, sock: socket.socket, address: Any) -> None:
        # Whoever hangs up in the middle has his reasons.
        with sock, suppress(Exception):
            if self._tls is None:
                self.finish_request(sock, address)
                return
            with self._tls.wrap_socket(sock.dup(), server_side=True) as wrapped:
                self.finish_request(wrapped, address)
