"""Work in the background: one failure does not end it, and a cancel does."""

import asyncio

import pytest

from fourthwatch.server.tending import tended


def test_work_that_fails_or_ends_is_begun_again_until_it_is_cancelled() -> None:
    begun: list[int] = []

    async def work() -> None:
        begun.append(len(begun))
        if len(begun) == 1:
            raise OSError("the disk says no")
        if len(begun) == 2:
            return
        await asyncio.Event().wait()

    async def run() -> None:
        task = asyncio.create_task(tended("work", work, again_s=0))
        while len(begun) < 3:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert begun == [0, 1, 2]
