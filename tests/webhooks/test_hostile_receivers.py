"""A receiver cannot hurt us: whatever it does, the attempt fails in time and costs next to no memory."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from fourthwatch.clock import SystemClock
from fourthwatch.limits import REPLY_BYTES_MAX
from fourthwatch.server.certificate import self_signed
from fourthwatch.webhooks.transport import NotReplied, Replied, Transport
from webhooks.listening import Receiver, Rogue, Told

DEADLINE_S = 60.0
SHORT_S = 1.0
"""For whoever never says anything whole; nobody else is in a hurry."""
MEMORY_BYTES = 10 * 1024 * 1024
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def post(url: str, named: frozenset[tuple[str, int]], *, deadline_s: float = DEADLINE_S, **options: object) -> Replied:
    transport = Transport(named, deadline_s=deadline_s, **options)  # type: ignore[arg-type]
    return asyncio.run(transport.post(url, {"webhook-id": "msg_1"}, b'{"a":1}', plain_is_right=False))


@contextmanager
def growth() -> Iterator[list[int]]:
    """By how many bytes this process was ever larger than at the beginning; known at the end."""
    grown: list[int] = []
    Path("/proc/self/clear_refs").write_text("5")  # begins the high-water mark anew
    before = high_water()
    try:
        yield grown
    finally:
        grown.append(high_water() - before)


def high_water() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def endless(head: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    def act(sock: socket.socket) -> None:
        sock.sendall(head)
        while True:
            sock.sendall(piece)

    return act


def dripping(text: bytes) -> Callable[[socket.socket], None]:
    """A byte, and the next when the other end is still there: for ever."""

    def act(sock: socket.socket) -> None:
        sock.settimeout(0.05)
        while True:
            sock.sendall(text[:1])
            with suppress(TimeoutError):
                if sock.recv(1) == b"":
                    return

    return act


def silent(sock: socket.socket) -> None:
    sock.recv(1)  # until the other end has had enough


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def saying(text: bytes) -> Callable[[socket.socket], None]:
    def act(sock: socket.socket) -> None:
        sock.sendall(text)
        sock.shutdown(socket.SHUT_WR)

    return act


BOMB = gzip.compress(bytes(64 * 1024 * 1024))
LATE = f"no whole reply within {SHORT_S:g} s"
HOSTILE: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    "10 GB of body": (endless(HEAD + b"Content-Length: 10000000000\r\n\r\n", bytes(65_536)), "longer than"),
    "a body without end": (endless(HEAD + b"\r\n", bytes(65_536)), "longer than"),
    "chunks without end": (
        endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + bytes(65_536) + b"\r\n"), "longer than",
    ),
    "a chunk header without end": (endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 65_536), "not HTTP"),
    "trailers without end": (
        endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: " + b"a" * 1_000 + b"\r\n"), "not HTTP",
    ),
    "headers without end": (endless(HEAD, b"X-A: " + b"a" * 1_000 + b"\r\n"), "not HTTP"),
    "one header without end": (endless(HEAD + b"X-A: ", b"a" * 65_536), "not HTTP"),
    "a status line without end": (endless(b"HTTP/1.1 200 ", b"K" * 65_536), "not HTTP"),
    "interim replies without end": (endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100), "interim"),
    "a gzip bomb that is longer than a reply may be": (
        saying(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB)
        if len(BOMB) > REPLY_BYTES_MAX else endless(HEAD + b"Content-Encoding: gzip\r\n\r\n", BOMB), "longer than",
    ),
    "a byte at a time": (dripping(b"H"), LATE),
    "silence": (silent, LATE),
    "a reset": (reset, "no connection|closed"),
    "nothing": (saying(b""), "closed before|not HTTP"),
    "half a reply": (saying(HEAD + b"Content-Length: 100\r\n\r\nhalf"), "not HTTP|closed before"),
    "a line that is no header": (saying(HEAD + b"no header " + b"x" * 9_000 + b"\r\n\r\n"), "not HTTP"),
    "no HTTP": (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), "not HTTP"),
    "two lengths": (saying(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), "not HTTP"),
    "a status of four digits": (saying(b"HTTP/1.1 2000 OK\r\n\r\n"), "not HTTP"),
    "another protocol": (saying(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), "closed|interim|not HTTP"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_receiver_does_the_attempt_fails_and_costs_next_to_no_memory(name: str) -> None:
    act, why = HOSTILE[name]
    with Rogue(act) as rogue, pytest.raises(NotReplied, match=why) as caught, growth() as grown:
        post(rogue.url, rogue.named, deadline_s=SHORT_S if why == LATE else DEADLINE_S)
    assert grown[0] < MEMORY_BYTES
    assert caught.value.address == "127.0.0.1" or "no connection" in str(caught.value)
    assert len(str(caught.value)) < 300, "what a receiver says is not what we say of it"


class Boundless(Transport):
    """Broken on purpose: reads all there is."""

    async def post(self, url: str, *_: object, **__: object) -> Replied:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        writer.write(b"POST / HTTP/1.1\r\n\r\n")
        body = bytearray()
        while len(body) < 4 * MEMORY_BYTES:
            body += await reader.read(65_536)
        writer.transport.abort()
        return Replied(200, None, bytes(body), "127.0.0.1")


@pytest.mark.slow
def test_a_sender_that_reads_all_there_is_would_grow() -> None:
    with Rogue(HOSTILE["a body without end"][0]) as rogue:
        with growth() as grown:
            asyncio.run(Boundless().post(rogue.url))
        assert grown[0] > MEMORY_BYTES


def test_a_small_gzip_bomb_stays_packed() -> None:
    bomb = gzip.compress(bytes(8 * 1024 * 1024))
    with Receiver(lambda heard: Told(200, bomb, {"Content-Encoding": "gzip"})) as receiver:
        assert post(receiver.url, receiver.named).body == bomb


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_nobody_goes_there(status: int) -> None:
    with Receiver() as inside, Receiver(lambda heard: Told(status, b"", {"Location": inside.url})) as receiver:
        assert post(receiver.url, receiver.named | inside.named).status == status
        assert inside.heard == []


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    certificate, key = self_signed(tmp_path_factory.mktemp("certificate"), SystemClock())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def test_a_certificate_that_nobody_vouches_for_is_refused(tls: tuple[ssl.SSLContext, Path]) -> None:
    with Receiver(tls=tls[0]) as receiver:
        with pytest.raises(NotReplied, match="TLS failed"):
            post(receiver.url, receiver.named)
        assert receiver.heard == []


def test_a_certificate_for_another_name_is_refused_and_for_this_one_taken(tls: tuple[ssl.SSLContext, Path]) -> None:
    trust = ssl.create_default_context(cafile=str(tls[1]))

    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with Receiver(tls=tls[0]) as receiver:
        named = frozenset({("localhost", receiver.port), ("shop.example.com", receiver.port)})
        with pytest.raises(NotReplied, match="TLS failed"):
            post(f"https://shop.example.com:{receiver.port}/", named, trust=trust, resolve=resolve)
        assert post(f"https://localhost:{receiver.port}/", named, trust=trust, resolve=resolve).status == 200
    assert receiver.heard[0].headers["host"] == f"localhost:{receiver.port}"


def test_plain_text_where_tls_is_meant_is_refused() -> None:
    with Rogue(saying(HEAD + b"\r\n")) as rogue, pytest.raises(NotReplied, match=r"TLS failed|no connection"):
        post(rogue.url.replace("http:", "https:"), rogue.named)


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy, Receiver() as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert post(receiver.url, receiver.named).status == 200
        assert proxy.heard == []


def test_what_is_sent_is_one_request_with_one_meaning() -> None:
    with Receiver() as receiver:
        asyncio.run(
            Transport(receiver.named).post(
                receiver.url + "/a?b=c", {"X-One": "1"}, b'{"text":"\xc3\xa9"}', plain_is_right=False
            )
        )
        (heard,) = receiver.heard
    assert heard.path == "/a?b=c"
    assert heard.body == b'{"text":"\xc3\xa9"}'
    assert heard.headers == {
        "host": f"127.0.0.1:{receiver.port}", "x-one": "1", "content-length": "13", "connection": "close",
    }  # fmt: skip


def test_a_header_that_would_be_two_is_not_written() -> None:
    with Receiver() as receiver, pytest.raises(NotReplied, match="cannot be written"):
        asyncio.run(Transport(receiver.named).post(receiver.url, {"X": "a\r\nY: b"}, b"", plain_is_right=False))
