"""Whatever is posted to the loop is run by the loop's own thread, in order, whichever thread posts it."""

import asyncio
import threading

import uvloop

from fourthwatch.server.serve import poster

PATIENCE_S = 30


def test_what_any_thread_posts_runs_on_the_loops_own_in_order_and_wakes_it() -> None:
    ran: list[tuple[int, int]] = []

    async def posts() -> None:
        loop = asyncio.get_running_loop()
        post, over = poster(loop), asyncio.Event()

        def from_another() -> None:
            for number in (2, 3):
                post(lambda number=number: ran.append((number, threading.get_ident())))  # type: ignore[misc]
            post(over.set)

        post(lambda: ran.append((0, threading.get_ident())))
        post(lambda: ran.append((1, threading.get_ident())))
        assert ran == []  # not within what posts
        thread = threading.Thread(target=from_another)
        thread.start()
        await asyncio.wait_for(over.wait(), PATIENCE_S)
        thread.join()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(posts())
    assert ran == [(number, threading.get_ident()) for number in range(4)]
