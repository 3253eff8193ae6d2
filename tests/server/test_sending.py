"""The sender's process: begun when wanted, begun again when it ends or comes to a stand, ended with the server."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from fourthwatch.server import sending as sendings
from fourthwatch.server.sending import Sending
from fourthwatch.store.file import open_file

pytestmark = pytest.mark.slow

PATIENCE_S = 60.0


async def process_after(sending: Sending, before: int | None) -> int:
    """The id of the next process, once there is one."""
    async with asyncio.timeout(PATIENCE_S):
        while sending._process is None or sending._process.pid == before:
            await asyncio.sleep(0.01)
    return sending._process.pid


async def heard_of(sending: Sending, directory: Path) -> None:
    """Once the process is at work, and not only begun."""
    async with asyncio.timeout(PATIENCE_S):
        while not (directory / "sender.lock").exists():
            await asyncio.sleep(0.01)


async def stricken(sending: Sending, what: signal.Signals) -> int:
    """Whom the signal met; on a busy machine one may have been replaced for its silence before that."""
    while True:
        pid = await process_after(sending, None)
        try:
            os.kill(pid, what)
        except ProcessLookupError:
            await asyncio.sleep(0.01)
        else:
            return pid


@pytest.mark.parametrize("what", [signal.SIGKILL, signal.SIGSTOP])
def test_a_sender_that_is_killed_or_comes_to_a_stand_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: signal.Signals
) -> None:
    open_file(tmp_path).close()
    monkeypatch.setattr(sendings, "_SILENT_MAX_S", 10.0)

    async def run() -> tuple[int, int, int | None]:
        sending = Sending(tmp_path, lambda: {1})
        await heard_of(sending, tmp_path)
        first = await stricken(sending, what)
        second = await process_after(sending, first)
        assert sending._process is not None
        last = sending._process
        await sending.stop()
        return first, second, last.returncode

    first, second, code = asyncio.run(run())
    assert first != second
    assert code is not None, "it ends with the server"
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


@pytest.mark.parametrize("rounds", range(5))
def test_who_is_told_to_stop_just_as_the_sender_is_heard_stops(rounds: int) -> None:
    """Else a stop of the server would wait for it for ever."""

    async def run() -> None:
        process = await asyncio.create_subprocess_exec(
            "cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        hearing = asyncio.create_task(sendings._end_of(process))
        assert process.stdout is not None
        await asyncio.sleep(0.01)
        process.stdout.feed_data(b".")
        for _ in range(rounds):
            await asyncio.sleep(0)
        hearing.cancel()
        done, _ = await asyncio.wait({hearing}, timeout=2)
        process.kill()
        await process.wait()
        assert hearing in done
        assert hearing.cancelled()

    asyncio.run(run())
