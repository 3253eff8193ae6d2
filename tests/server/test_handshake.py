"""A client that begins no TLS handshake is cut off as one that sends no headers is."""

import asyncio
import ssl
from pathlib import Path

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
