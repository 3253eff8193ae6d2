"""A client that begins no TLS handshake is cut off as one that sends no headers is, and none leaves anything behind."""

import asyncio
import gc
import ssl
import weakref
from pathlib import Path

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from fourthwatch.api.protocol import BoundedHttpProtocol
from fourthwatch.clock import ManualClock
from fourthwatch.limits import HEADER_DEADLINE_S
from fourthwatch.server.certificate import self_signed
from fourthwatch.server.serve import BoundedLoop


class ImpatientLoop(BoundedLoop):
    handshake_deadline_s = 0.1


async def heard(directory: Path) -> bytes:
    """What a client hears that says nothing; it waits until the server hangs up."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*self_signed(directory, ManualClock(1_790_000_000_000)))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    told = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    server.close()
    return told


def test_who_never_begins_the_handshake_is_cut_off(tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=ImpatientLoop) as runner:
        assert runner.run(heard(tmp_path)) == b""


def test_a_handshake_may_take_as_long_as_headers() -> None:
    assert BoundedLoop.handshake_deadline_s == HEADER_DEADLINE_S


async def unasked(_scope: object, _receive: object, _send: object) -> None:
    """An application to which nothing comes."""


async def until_gone(directory: Path, words: bytes) -> None:
    """Returns once nothing is left of a connection whose handshake failed, with no look of the garbage collector."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*self_signed(directory, ManualClock(1_790_000_000_000)))
    config = Config(unasked, http=BoundedHttpProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    gone = asyncio.Event()
    made: list[weakref.ref[BoundedHttpProtocol]] = []

    def connection() -> BoundedHttpProtocol:
        protocol = BoundedHttpProtocol(config, ServerState(), {})
        made.append(weakref.ref(protocol, lambda _: gone.set()))
        return protocol

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0, ssl=context)
    _, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    writer.write(words)
    writer.close()
    try:
        await asyncio.wait_for(gone.wait(), 20)
    finally:
        server.close()
    assert len(made) == 1


@pytest.mark.parametrize("words", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"])
def test_nothing_is_left_of_a_handshake_that_fails(tmp_path: Path, words: bytes) -> None:
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=ImpatientLoop) as runner:
            runner.run(until_gone(tmp_path, words))
    finally:
        gc.enable()
