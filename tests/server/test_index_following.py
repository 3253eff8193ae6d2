"""The server's side of the index: who waits for it, and what holds it up."""

import asyncio
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from engine.test_corridor import Owner
from engine.till import submission
from fourthwatch.server.indexing import Indexing
from fourthwatch.store.file import FILE_NAME
from logged import logged
from served import PATIENCE_S
from story import NOW_MS

pytestmark = pytest.mark.slow
LONG = "invented " * 2_000
"""So long that an event has pages of its own."""


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    made = Owner(tmp_path)
    made.corridor.start()
    made.submit(submission("createOrder", NOW_MS, _orderId="ord-1", _customInfo={"note": LONG + "marmalade"}))
    made.work(until=1)
    return made


def test_whoever_gave_up_waiting_for_the_index_keeps_it_from_standing_back_no_longer(owner: Owner) -> None:
    indexing = Indexing(owner.directory, owner.corridor)
    asyncio.run(indexing.reached())  # nobody writes it
    assert indexing.behind() == 1
    assert not indexing.is_waited_for
    owner.stop()


def test_the_log_says_once_what_holds_the_index_up(owner: Owner) -> None:
    spoil(owner)

    async def follow(indexing: Indexing) -> list[str]:
        following = asyncio.create_task(indexing.run())
        async with asyncio.timeout(PATIENCE_S):
            with logged() as said:
                while not said:
                    await indexing.reached()
                await indexing.reached()
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        return [one["event"] for one in said]

    assert asyncio.run(follow(Indexing(owner.directory, owner.corridor))) == ["index_held_up"]
    owner.stop()


def spoil(owner: Owner) -> None:
    """Let the page of the last event go bad."""
    owner.corridor.definitions.walk.ledger._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    path = owner.directory / FILE_NAME
    whole = bytearray(path.read_bytes())
    whole[whole.rindex(b"marmalade")] ^= 0x20
    path.write_bytes(whole)
