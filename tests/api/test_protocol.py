"""The limits in front of the HTTP parser, on a real server, spoken to in raw bytes."""

import asyncio
import datetime
import ipaddress
import json
import queue
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

from fourthwatch import limits
from fourthwatch.api.protocol import BoundedHttpProtocol

pytestmark = pytest.mark.slow

PATIENCE_S = 60.0
"""A test that waits longer than this on a socket fails; nothing is measured against it."""
HEAD = b"Host: shop.example.com\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


class ImpatientProtocol(BoundedHttpProtocol):
    """Short deadlines, so that a test can see each of them pass; on a busy machine it must speak before they do."""

    header_deadline_s = 1.0
    body_deadline_s = 1.0
    drain_deadline_s = 1.0


class LingeringProtocol(BoundedHttpProtocol):
    """Drains for longer than any test waits, so that whatever else ends a connection can be seen."""

    drain_deadline_s = 3 * PATIENCE_S


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def error(self) -> str:
        """The code of an error body, whose shape is checked on the way."""
        assert self.headers["content-type"] == "application/json"
        content = json.loads(self.body)
        assert set(content) == {"error", "message", "code"}
        assert all(isinstance(text, str) and text for text in content.values())
        return str(content["code"])


class App:
    """Answers by path; `seen` gets a line for everything a test may want to wait for."""

    def __init__(self) -> None:
        self.seen: queue.Queue[str] = queue.Queue()
        self.release = threading.Event()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        assert scope["type"] == "http"
        path = scope["path"]
        self.seen.put(f"{scope['method']} {path}")
        if path == "/early":
            await _answer(send, 401, b"early")
            return
        if path == "/boom":
            raise ValueError("broken on purpose")
        if path == "/silent":
            return
        if path == "/late":
            while not self.release.is_set():
                await asyncio.sleep(0.01)
            await _answer(send, 200, b"late answer")
            self.seen.put("answered /late")
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                self.seen.put(f"{message['type']} {path}")
                await _answer(send, 200, b"late answer")
                return
            body += message["body"]
            if not message["more_body"]:
                break
        if path == "/held":
            while not self.release.is_set():
                await asyncio.sleep(0.01)
        if path == "/large":
            await _answer(send, 200, b"a" * 16_000_000)
            self.seen.put("answered /large")
            return
        if path == "/endless":
            await self._answer_without_end(receive, send)
            return
        names = [name.decode() for name, _ in scope["headers"]]
        told = {
            "method": scope["method"],
            "path": path,
            "body_bytes": len(body),
            "body": body[:64].decode("latin-1"),
        }
        told |= {"query": scope["query_string"].decode(), "version": scope["http_version"], "names": names}
        await _answer(send, 200, json.dumps(told).encode())

    async def _answer_without_end(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        gone = asyncio.ensure_future(receive())
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": False})
        while not gone.done():
            await send({"type": "http.response.body", "body": b"a" * 65536, "more_body": True})
            await asyncio.sleep(0)
        self.seen.put(f"{gone.result()['type']} /endless")


async def _answer(send: ASGISendCallable, status: int, body: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class Peer:
    """A client that says exactly what it is told to."""

    def __init__(self, wire: socket.socket) -> None:
        self.wire = wire
        self.received = b""

    def say(self, data: bytes) -> None:
        self.wire.sendall(data)

    def answer(self) -> Answer:
        """The next response; HEAD and 1xx are read as what they are."""
        while b"\r\n\r\n" not in self.received:
            self._more()
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", "0"))
        while len(self.received) < length:
            self._more()
        body, self.received = self.received[:length], self.received[length:]
        return Answer(int(lines[0].split(" ")[1]), headers, body)

    def is_closed(self) -> bool:
        """Waits for the server to end the connection; False if it says anything more instead."""
        if self.received:
            return False
        try:
            return self.wire.recv(1) == b""
        except ConnectionResetError:
            return True

    def hears(self, seconds: float) -> bool:
        """Whether there is something to read; waits for it at most this long."""
        return bool(select.select([self.wire], [], [], seconds)[0])

    def _more(self) -> None:
        data = self.wire.recv(65536)
        assert data, f"closed after {self.received!r}"
        self.received += data


class Served:
    """A running server and its clients."""

    def __init__(self, protocol: type[BoundedHttpProtocol], **chosen: Any) -> None:
        self.app = App()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self.listener.getsockname()[1]
        self.peers: list[Peer] = []
        options: dict[str, Any] = {
            "timeout_keep_alive": 30,
            "log_level": "critical",
            "lifespan": "off",
            "ws": "none",
        } | chosen
        config = uvicorn.Config(self.app, http=protocol, loop="uvloop", access_log=False, **options)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]})
        self.thread.start()

    def connect(self) -> Peer:
        # The socket has been listening since before the thread began: nothing to wait for.
        wire = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peers.append(Peer(wire))
        return self.peers[-1]

    def ask(self, data: bytes) -> Answer:
        """One answer to `data`, on a connection of its own."""
        peer = self.connect()
        peer.say(data)
        return peer.answer()

    def waits_for(self, line: str) -> None:
        """Until the application has seen `line`."""
        while self.app.seen.get(timeout=PATIENCE_S) != line:
            pass

    def stop(self) -> None:
        self.app.release.set()
        for peer in self.peers:
            peer.wire.close()
        self.server.should_exit = True
        self.thread.join(PATIENCE_S)
        self.listener.close()
        assert not self.thread.is_alive()


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[Served] = []

    def start(protocol: type[BoundedHttpProtocol] = BoundedHttpProtocol, **options: Any) -> Served:
        running.append(Served(protocol, **options))
        return running[-1]

    yield start
    for served in running:
        served.stop()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """One server with the house's own limits, for everything that needs no other."""
    running = Served(BoundedHttpProtocol)
    yield running
    running.stop()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _head_of(size: int) -> bytes:
    """A request whose head is exactly `size` bytes."""
    start = b"GET /x HTTP/1.1\r\n" + HEAD + b"X-Long: "
    return start + b"a" * (size - len(start) - 4) + b"\r\n\r\n"


def _flood(peer: Peer, start: bytes, unit: bytes, total: int) -> int:
    """Send `unit` again and again until `total` bytes or until the server breaks off; memory growth."""
    before = peak = _resident_bytes()
    sent = 0
    try:
        peer.say(start)
        while sent < total:
            peer.say(unit)
            sent += len(unit)
            peak = max(peak, _resident_bytes())
    except OSError:
        assert sent < total
    return peak - before


def _breaks_off(peer: Peer, tries: int = 500) -> bool:
    """Whether the server stops taking bytes while it is sent one now and then."""
    try:
        for _ in range(tries):
            peer.say(b"a")
            select.select([], [], [], 0.02)
    except OSError:
        return True
    return False


# Heads.


def test_a_head_of_exactly_the_limit_passes_and_one_byte_more_is_431(served: Served) -> None:
    assert served.ask(_head_of(limits.HEADER_BYTES_MAX)).status == 200
    refused = served.connect()
    refused.say(_head_of(limits.HEADER_BYTES_MAX + 1))
    answer = refused.answer()
    assert (answer.status, answer.error(), answer.headers["connection"]) == (
        431,
        "headers_too_large",
        "close",
    )
    assert refused.is_closed()


def test_a_head_over_the_limit_is_431_however_it_is_cut(served: Served) -> None:
    head = _head_of(limits.HEADER_BYTES_MAX + 1)
    for cut in (1, 20, limits.HEADER_BYTES_MAX - 1, limits.HEADER_BYTES_MAX):
        peer = served.connect()
        peer.say(head[:cut])
        peer.hears(0.02)
        peer.say(head[cut:])
        assert peer.answer().status == 431, cut


def test_a_head_that_arrives_byte_by_byte_is_read_as_one_request(served: Served) -> None:
    peer = served.connect()
    for byte in (
        b"POST /slow?a=1 HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\n\r\nhiGET /next HTTP/1.1\r\n" + HEAD + b"\r\n"
    ):
        peer.say(bytes([byte]))
    assert json.loads(peer.answer().body)["body"] == "hi"
    assert json.loads(peer.answer().body)["path"] == "/next"


def test_a_request_line_over_the_limit_is_431(served: Served) -> None:
    answer = served.ask(b"GET /" + b"a" * limits.HEADER_BYTES_MAX + b" HTTP/1.1\r\n")
    assert (answer.status, answer.error()) == (431, "headers_too_large")


def test_one_hundred_fields_pass_and_one_more_is_431(served: Served) -> None:
    fields = b"".join(b"X-%d: 1\r\n" % i for i in range(limits.HEADER_COUNT_MAX - 1))
    assert served.ask(b"GET / HTTP/1.1\r\n" + HEAD + fields + b"\r\n").status == 200
    assert served.ask(b"GET / HTTP/1.1\r\n" + HEAD + fields + b"X: 1\r\n\r\n").error() == "headers_too_large"


def test_the_second_request_of_a_connection_has_the_same_header_limits(served: Served) -> None:
    for second in (
        _head_of(limits.HEADER_BYTES_MAX + 1),
        b"GET / HTTP/1.1\r\n" + HEAD + b"X: 1\r\n" * 100 + b"\r\n",
    ):
        peer = served.connect()
        peer.say(b"GET /first HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert peer.answer().status == 200
        peer.say(second)
        assert peer.answer().status == 431
        assert peer.is_closed()


def test_heads_of_pipelined_requests_are_counted_one_by_one(served: Served) -> None:
    fits = _head_of(limits.HEADER_BYTES_MAX - 10)
    peer = served.connect()
    peer.say(fits * 3 + _head_of(limits.HEADER_BYTES_MAX + 1))
    assert [peer.answer().status for _ in range(4)] == [200, 200, 200, 431]


@pytest.mark.parametrize(
    "trailers",
    [b"X: " + b"a" * (limits.HEADER_BYTES_MAX + 32 * 1024), b"X: 1\r\n" * 100],
    ids=["bytes", "fields"],
)
def test_trailers_over_the_limits_are_431(served: Served, trailers: bytes) -> None:
    peer = served.connect()
    peer.say(b"POST / HTTP/1.1\r\n" + CHUNKED + b"2\r\nhi\r\n0\r\n")
    served.waits_for("POST /")
    peer.say(trailers)
    answer = peer.answer()
    assert (answer.status, answer.error()) == (431, "headers_too_large")


def test_a_trailer_does_not_become_a_header_of_its_request(served: Served) -> None:
    answer = served.ask(b"POST / HTTP/1.1\r\n" + CHUNKED + b"2\r\nhi\r\n0\r\nX-Api-Key: stolen\r\n\r\n")
    assert json.loads(answer.body)["names"] == ["host", "transfer-encoding"]


def test_a_header_of_200_megabytes_does_not_grow_memory(served: Served) -> None:
    peer = served.connect()
    grown = _flood(peer, b"GET / HTTP/1.1\r\nX: ", b"a" * 1_000_000, 200_000_000)
    assert grown < 20_000_000
    assert peer.answer().status == 431


# Bodies.


def test_a_body_of_exactly_the_limit_passes_declared_or_chunked(served: Served) -> None:
    size = limits.BODY_BYTES_MAX
    declared = b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % size + b"a" * size
    chunked = b"POST / HTTP/1.1\r\n" + CHUNKED + (b"400\r\n" + b"\r\n" * 512 + b"\r\n") * (size // 1024) + b"0\r\n\r\n"
    for request in (declared, chunked):
        assert json.loads(served.ask(request).body)["body_bytes"] == size


def test_a_declared_length_over_the_limit_is_413_before_any_body_and_without_the_application(
    serve: Serve,
) -> None:
    served = serve()
    peer = served.connect()
    peer.say(b"POST /big HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % (limits.BODY_BYTES_MAX + 1))
    answer = peer.answer()
    assert (answer.status, answer.error()) == (413, "too_large")
    served.ask(b"GET /after HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert served.app.seen.get(timeout=PATIENCE_S) == "GET /after"


def test_a_chunked_body_over_the_limit_is_413_and_its_application_is_told(served: Served) -> None:
    peer = served.connect()
    peer.say(b"POST /told HTTP/1.1\r\n" + CHUNKED)
    for _ in range(limits.BODY_BYTES_MAX // 4096):
        peer.say(b"1000\r\n" + b"a" * 4096 + b"\r\n")
    assert not peer.hears(0.05)
    peer.say(b"1\r\na\r\n")
    answer = peer.answer()
    assert (answer.status, answer.error(), answer.headers["connection"]) == (413, "too_large", "close")
    served.waits_for("http.disconnect /told")
    assert peer.is_closed()  # and not "late answer"


def test_chunk_extensions_count(served: Served) -> None:
    peer = served.connect()
    peer.say(b"POST / HTTP/1.1\r\n" + CHUNKED + b"1;")
    peer.say(b"x" * (limits.HEADER_BYTES_MAX + 32 * 1024))
    assert peer.answer().status == 431


def test_a_chunked_body_of_mostly_framing_is_413(served: Served) -> None:
    peer = served.connect()
    grown = _flood(peer, b"POST / HTTP/1.1\r\n" + CHUNKED, (b"1;" + b"x" * 58 + b"\r\na\r\n") * 100, 4_000_000)
    assert grown < 20_000_000
    assert peer.answer().status == 413


def test_a_refused_upload_can_read_its_answer_after_having_sent_everything(served: Served) -> None:
    for _ in range(20):
        peer = served.connect()
        peer.say(b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 900000\r\n\r\n" + b"a" * 450_000)
        peer.say(b"a" * 450_000)  # a reset would break this off, or the reading after it
        assert peer.answer().error() == "too_large"
        assert peer.wire.recv(1) == b""


def test_a_chunked_body_of_300_megabytes_does_not_grow_memory(served: Served) -> None:
    chunk = b"f4240\r\n" + b"a" * 1_000_000 + b"\r\n"
    peer = served.connect()
    grown = _flood(peer, b"POST / HTTP/1.1\r\n" + CHUNKED, chunk, 300_000_000)
    assert grown < 20_000_000
    assert peer.answer().status == 413


def test_a_drain_ends_by_bytes_and_by_time(serve: Serve) -> None:
    served = serve(ImpatientProtocol)
    peer = served.connect()
    peer.say(b"GARBAGE\r\n\r\n")
    assert peer.answer().status == 400
    assert _breaks_off(peer)  # so few bytes that time alone can end it
    peer = serve(LingeringProtocol).connect()
    peer.say(b"GARBAGE\r\n\r\n")
    with pytest.raises(OSError):  # noqa: PT011 - so long a time that bytes alone can end it
        peer.say(b"a" * 100_000_000)
    assert peer.answer().status == 400


def test_an_application_is_told_at_once_that_its_request_was_refused(serve: Serve) -> None:
    served = serve(LingeringProtocol)
    peer = served.connect()
    peer.say(b"POST /told HTTP/1.1\r\n" + CHUNKED + b"5\r\nhello\r\nbroken\r\n")
    assert peer.answer().error() == "malformed_http"
    served.waits_for("http.disconnect /told")


def test_a_connection_that_ends_in_order_is_not_kept_for_draining(serve: Serve) -> None:
    peer = serve(LingeringProtocol).connect()
    peer.say(b"GET /old HTTP/1.0\r\n\r\n")
    assert peer.answer().status == 200
    assert _breaks_off(peer)


def test_a_peer_that_has_said_all_it_will_still_hears_its_answer(serve: Serve) -> None:
    """As `nc -N` and some proxies do: they close their half of the connection behind the request."""
    served = serve(BoundedHttpProtocol)
    peer = served.connect()
    peer.say(b"POST /held HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\n\r\nhi")
    peer.wire.shutdown(socket.SHUT_WR)
    assert not peer.hears(0.2)
    served.app.release.set()
    assert peer.answer().status == 200
    assert peer.is_closed()


# Time.


def test_a_client_that_says_nothing_is_closed_without_a_word(serve: Serve) -> None:
    assert serve(ImpatientProtocol).connect().is_closed()


@pytest.mark.parametrize("start", [b"", b"GET /first HTTP/1.1\r\n" + HEAD + b"\r\n"], ids=["first", "second"])
def test_a_head_that_trickles_is_cut_with_408(serve: Serve, start: bytes) -> None:
    peer = serve(ImpatientProtocol).connect()
    if start:
        peer.say(start)
        assert peer.answer().status == 200
    # One byte at a time, each well within any idle deadline; if only silence were cut, this would end in 200.
    for byte in b"GET / HTTP/1.1\r\n" + HEAD + b"X: " + b"a" * 400 + b"\r\n\r\n":
        if peer.hears(0.03):
            break
        peer.say(bytes([byte]))
    answer = peer.answer()
    assert (answer.status, answer.error(), answer.headers["connection"]) == (408, "header_timeout", "close")


@pytest.mark.parametrize("framing", [b"Content-Length: 400\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n190\r\n"])
def test_a_body_that_trickles_is_cut_with_408_and_its_application_is_told(serve: Serve, framing: bytes) -> None:
    served = serve(ImpatientProtocol)
    peer = served.connect()
    peer.say(b"POST /trickle HTTP/1.1\r\n" + HEAD + framing)
    for _ in range(400):
        if peer.hears(0.03):
            break
        peer.say(b"a")
    answer = peer.answer()
    assert (answer.status, answer.error()) == (408, "body_timeout")
    served.waits_for("http.disconnect /trickle")


def test_an_answer_that_takes_longer_than_the_deadlines_is_not_cut(serve: Serve) -> None:
    served = serve(ImpatientProtocol)
    peer = served.connect()
    peer.say(b"POST /held HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\n\r\nhi")
    assert not peer.hears(2.0)
    served.app.release.set()
    assert peer.answer().status == 200


def test_an_idle_connection_outlives_the_request_deadlines_and_ends_at_its_own(serve: Serve) -> None:
    peer = serve(ImpatientProtocol, timeout_keep_alive=3).connect()
    peer.say(b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert peer.answer().status == 200
    assert not peer.hears(1.5)
    peer.say(b"GET /again HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert peer.answer().status == 200
    assert peer.is_closed()


def test_fifty_slow_connections_do_not_keep_the_others_waiting(serve: Serve) -> None:
    served = serve(type("Slow", (BoundedHttpProtocol,), {"header_deadline_s": 2.0, "body_deadline_s": 2.0}))
    slow: list[Peer] = []
    for n in range(50):
        slow.append(peer := served.connect())
        peer.say(b"GET / HT" if n % 2 else b"POST /slow HTTP/1.1\r\n" + HEAD + b"Content-Length: 5\r\n\r\na")
    normal = served.connect()
    for _ in range(50):
        normal.say(b"GET /normal HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert normal.answer().status == 200
    assert [peer.answer().status for peer in slow] == [408] * 50


def test_a_peer_that_never_reads_its_answer_is_cut(serve: Serve) -> None:
    served = serve(timeout_keep_alive=1)
    served.connect().say(b"GET /endless HTTP/1.1\r\n" + HEAD + b"\r\n")
    served.waits_for("http.disconnect /endless")


def test_a_peer_that_asks_on_and_never_reads_is_cut(serve: Serve) -> None:
    served = serve(timeout_keep_alive=1)
    served.connect().say((b"GET /large HTTP/1.1\r\n" + HEAD + b"\r\n") * 2)
    served.waits_for("answered /large")
    served.waits_for("answered /large")  # which had to wait for the one before, until the peer was cut off


# Framing.

MALFORMED = {
    "garbage": b"\x16\x03\x01\x02\x00\x01",
    "no method": b" / HTTP/1.1\r\n",
    "lower-case method": b"get / HTTP/1.1\r\n" + HEAD + b"\r\n",
    "length and chunked": b"POST / HTTP/1.1\r\nContent-Length: 3\r\n" + CHUNKED + b"0\r\n\r\n",
    "chunked and length": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    "two equal lengths": b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
    "two lengths": b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
    "a list of lengths": b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 2, 2\r\n\r\nhi",
    "a signed length": b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: +2\r\n\r\nhi",
    "a negative length": b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: -2\r\n\r\nhi",
    "an endless length": b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
    "xchunked": b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "gzip, chunked": b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "two encodings": b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n" + CHUNKED + b"0\r\n\r\n",
    "identity": b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: identity\r\n\r\n",
    "encoding before colon": b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "vertical tab": b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: shop.example.com\n\n",
    "folded header": b"GET / HTTP/1.1\r\n" + HEAD + b"X: a\r\n b\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\n" + HEAD + b"X: a\x00b\r\n\r\n",
    "header without colon": b"GET / HTTP/1.1\r\n" + HEAD + b"X\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\n" + HEAD + HEAD + b"\r\n",
    "version 1.2": b"GET / HTTP/1.2\r\n" + HEAD + b"\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "raw byte in the path": b"GET /\xff HTTP/1.1\r\n" + HEAD + b"\r\n",
    "chunk size with blank": b"POST / HTTP/1.1\r\n" + CHUNKED + b"2 \r\nhi\r\n0\r\n\r\n",
    "chunk size 0x2": b"POST / HTTP/1.1\r\n" + CHUNKED + b"0x2\r\nhi\r\n0\r\n\r\n",
    "chunk longer than said": b"POST / HTTP/1.1\r\n" + CHUNKED + b"2\r\nhii\r\n0\r\n\r\n",
    "bare line feeds in chunks": b"POST / HTTP/1.1\r\n" + CHUNKED + b"2\nhi\n0\n\n",
}


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED.keys())
def test_ambiguous_or_broken_framing_is_400_and_nothing_behind_it_is_answered(
    served: Served, request_bytes: bytes
) -> None:
    peer = served.connect()
    peer.say(request_bytes + b"GET /smuggled HTTP/1.1\r\n" + HEAD + b"\r\n")
    answer = peer.answer()
    assert answer.error() == "malformed_http"
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert peer.is_closed()


UPGRADES = {
    "CONNECT": b"CONNECT shop.example.com:443 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "websocket": b"GET / HTTP/1.1\r\n" + HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
}


def test_an_offer_of_http_2_is_passed_over_and_the_request_answered(serve: Serve) -> None:
    peer = serve().connect()
    peer.say(
        b"POST / HTTP/1.1\r\n" + HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nContent-Length: 2\r\n"
        b"Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n\r\n{}"
    )
    assert peer.answer().status == 200


@pytest.mark.parametrize("request_bytes", UPGRADES.values(), ids=UPGRADES.keys())
def test_an_upgrade_is_refused_without_asking_the_application(serve: Serve, request_bytes: bytes) -> None:
    served = serve()
    peer = served.connect()
    peer.say(request_bytes)
    answer = peer.answer()
    assert (answer.status, answer.error(), answer.headers["connection"]) == (400, "upgrade_refused", "close")
    assert peer.is_closed()
    served.ask(b"GET /after HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert served.app.seen.get(timeout=PATIENCE_S) == "GET /after"


@pytest.mark.parametrize("line", [b"GET / HTTP/2.0\r\n", b"GET / HTTP/0.9\r\n", b"GET /\r\n"])
def test_other_versions_of_http_are_505(served: Served, line: bytes) -> None:
    answer = served.ask(line + HEAD + b"\r\n")
    assert (answer.status, answer.error()) == (505, "http_version")


def test_a_target_may_name_the_server_too_as_it_does_for_a_proxy(served: Served) -> None:
    told = json.loads(served.ask(b"GET http://shop.example.com/a/b?c=d HTTP/1.1\r\n" + HEAD + b"\r\n").body)
    assert (told["path"], told["query"]) == ("/a/b", "c=d")


def test_bytes_behind_a_body_are_the_next_request_and_bytes_in_it_are_not(served: Served) -> None:
    inner = b"GET /inner HTTP/1.1\r\n" + HEAD + b"\r\n"
    chunked = b"POST /2 HTTP/1.1\r\n" + CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner)
    declared = b"POST /1 HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(inner), inner)
    peer = served.connect()
    peer.say((declared + chunked + b"GET /3 HTTP/1.1\r\n" + HEAD + b"\r\n") * 20)
    paths = [json.loads(peer.answer().body)["path"] for _ in range(60)]
    assert paths == ["/1", "/2", "/3"] * 20


def test_pipelined_requests_are_answered_in_order_wherever_the_bytes_are_cut(served: Served) -> None:
    stream = (
        b"POST /a HTTP/1.1\r\n"
        + CHUNKED
        + b"2\r\nhi\r\n0\r\nT: 1\r\n\r\n"
        + b"\r\nGET /b HTTP/1.1\r\n"
        + HEAD
        + b"\r\n"
    )
    for cut in range(1, len(stream)):
        peer = served.connect()
        peer.say(stream[:cut])
        peer.hears(0.005)  # or both parts would often be read as one
        peer.say(stream[cut:])
        assert [json.loads(peer.answer().body)["path"] for _ in range(2)] == ["/a", "/b"], cut
        peer.wire.close()


def test_a_peer_that_sends_requests_faster_than_they_are_answered_is_held_back(served: Served) -> None:
    peer = served.connect()
    flood = (b"GET /fast HTTP/1.1\r\n" + HEAD + b"\r\n") * 1_300_000  # 60 MB, of which 500 requests are waited for
    sender = threading.Thread(target=_flood, args=(peer, b"", flood, len(flood) + 1))
    before = _resident_bytes()
    sender.start()
    assert all(peer.answer().status == 200 for _ in range(500))
    grown = _resident_bytes() - before
    peer.wire.shutdown(socket.SHUT_RDWR)
    sender.join(PATIENCE_S)
    assert grown < 20_000_000


def test_http_1_0_without_host_is_answered_and_closed(served: Served) -> None:
    peer = served.connect()
    peer.say(b"POST /old HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi")
    answer = peer.answer()
    assert (answer.status, json.loads(answer.body)["version"]) == (200, "1.0")
    assert peer.is_closed()


def test_a_compressed_body_passes_untouched(served: Served) -> None:
    answer = served.ask(
        b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08"
    )
    assert json.loads(answer.body)["body"] == "\x1f\x8b\x08"


# Answers given before the body is read.


def test_an_early_answer_reaches_its_sender_and_the_rest_of_the_body_is_no_request(served: Served) -> None:
    inner = b"GET /inner HTTP/1.1\r\n" + HEAD + b"\r\n"
    for framing in (
        b"Content-Length: %d\r\n\r\n" % len(inner),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(inner),
    ):
        peer = served.connect()
        peer.say(b"POST /early HTTP/1.1\r\n" + HEAD + framing)
        assert peer.answer().status == 401
        peer.say(
            inner + (b"\r\n0\r\n\r\n" if b"chunked" in framing else b"") + b"GET /next HTTP/1.1\r\n" + HEAD + b"\r\n"
        )
        assert json.loads(peer.answer().body)["path"] == "/next"


@pytest.mark.parametrize("head", [b"HTTP/1.0\r\n", b"HTTP/1.1\r\nConnection: close\r\n" + HEAD])
def test_an_early_answer_that_closes_reads_on_before_it_does(served: Served, head: bytes) -> None:
    for _ in range(10):
        peer = served.connect()
        peer.say(b"POST /early " + head + b"Content-Length: 250000\r\n\r\n")
        assert peer.hears(PATIENCE_S)
        peer.say(b"a" * 125_000)
        peer.say(b"a" * 125_000)
        assert peer.answer().status == 401
        assert peer.wire.recv(1) == b""


def test_a_body_that_trickles_on_after_an_early_answer_is_cut_without_a_second_answer(serve: Serve) -> None:
    peer = serve(ImpatientProtocol).connect()
    peer.say(b"POST /early HTTP/1.1\r\n" + HEAD + b"Content-Length: 400\r\n\r\n")
    assert peer.answer().status == 401
    for _ in range(400):
        if peer.hears(0.03):
            break
        peer.say(b"a")
    assert peer.is_closed()


def test_a_client_may_ask_before_it_sends_the_body(served: Served) -> None:
    peer = served.connect()
    peer.say(b"POST / HTTP/1.1\r\n" + HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert peer.answer().status == 100
    peer.say(b"hi")
    assert json.loads(peer.answer().body)["body"] == "hi"


def test_a_client_that_was_told_not_to_send_its_body_gets_no_second_request_in(served: Served) -> None:
    peer = served.connect()
    peer.say(b"POST /early HTTP/1.1\r\n" + HEAD + b"Expect: 100-continue\r\nContent-Length: 200\r\n\r\n")
    answer = peer.answer()
    assert (answer.status, answer.headers["connection"]) == (401, "close")
    peer.say(b"GET /next HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert peer.is_closed()


def test_a_body_too_large_is_refused_instead_of_continued(served: Served) -> None:
    answer = served.ask(b"POST / HTTP/1.1\r\n" + HEAD + b"Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n")
    assert answer.error() == "too_large"


# The application and the house.


@pytest.mark.parametrize("path", [b"/boom", b"/silent"])
def test_an_application_that_breaks_is_a_json_500(served: Served, path: bytes) -> None:
    answer = served.ask(b"GET " + path + b" HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert (answer.status, answer.error()) == (500, "internal")


def test_connections_over_the_limit_get_503_and_the_others_are_served(serve: Serve) -> None:
    served = serve(type("Small", (BoundedHttpProtocol,), {"connections_max": 3}))
    ask = b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n"
    inside = [served.connect() for _ in range(3)]
    for peer in inside:
        peer.say(ask)
        assert peer.answer().status == 200
    for _ in range(10):
        outside = served.connect()
        outside.say(ask)
        answer = outside.answer()
        assert (answer.status, answer.error(), answer.headers["retry-after"]) == (503, "unavailable", "1")
        assert outside.is_closed()
    for peer in inside:
        peer.say(ask)
        assert peer.answer().status == 200
    inside[0].wire.close()
    assert any(served.ask(ask).status == 200 for _ in range(1_000)), "the free place was never given away"


def test_connections_turned_away_do_not_linger_without_bound(serve: Serve) -> None:
    served = serve(
        type(
            "Tiny",
            (BoundedHttpProtocol,),
            {"connections_max": 0, "turned_away_max": 2, "drain_deadline_s": 60.0},
        )
    )
    waiting = [served.connect() for _ in range(2)]
    assert [peer.answer().status for peer in waiting] == [503, 503]
    third = served.connect()
    assert third.answer().status == 503
    assert third.is_closed()
    assert _breaks_off(third)
    assert not any(_breaks_off(peer, tries=5) for peer in waiting)
    for peer in waiting:
        peer.wire.close()
    assert any(not _breaks_off(served.connect(), tries=5) for _ in range(100)), "their places were not given back"


def test_all_of_it_works_over_tls(serve: Serve, tmp_path: Path) -> None:
    certificate, key = _self_signed(tmp_path)
    served = serve(ImpatientProtocol, ssl_certfile=str(certificate), ssl_keyfile=str(key))
    context = ssl.create_default_context(cafile=str(certificate))

    def connect() -> Peer:
        peer = served.connect()
        peer.wire = context.wrap_socket(peer.wire, server_hostname="localhost")
        return peer

    peer = connect()
    for path in (b"/one", b"/two"):
        peer.say(b"POST " + path + b" HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\n\r\nhi")
        assert json.loads(peer.answer().body)["path"] == path.decode()
    for start, status in (
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * limits.HEADER_BYTES_MAX, 431),
        (b"GET / HTTP/1.1\r\n", 408),
        (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 900000\r\n\r\n" + b"a" * 900_000, 413),
    ):
        peer = connect()
        peer.say(start)
        assert peer.answer().status == status
        assert peer.is_closed()
    peer = connect()
    peer.say(b"POST /late HTTP/1.1\r\n" + CHUNKED + b"broken\r\n")
    assert peer.answer().status == 400
    served.app.release.set()
    served.waits_for("answered /late")
    assert peer.is_closed()  # and the application's answer was kept from it


def _self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = (folder / "certificate.pem", folder / "key.pem")
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def test_a_server_that_stops_lets_a_running_answer_finish(serve: Serve) -> None:
    served = serve()
    idle = served.connect()
    idle.say(b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert idle.answer().status == 200
    busy = served.connect()
    busy.say(b"POST /held HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\n\r\nhi")
    served.waits_for("POST /held")
    served.server.should_exit = True
    assert idle.is_closed()
    served.app.release.set()
    assert busy.answer().status == 200
    assert busy.is_closed()
