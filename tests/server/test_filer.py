"""The process that writes the index lets all others go before when it is told to, and is ended if it gets no turn."""

import asyncio
import os
import signal
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest

from engine.till import Till, submission
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.server.filer import PROGRAM, Filer, FilerEnded, FilerStarved, lock_index
from fourthwatch.server.index_talk import Begin, Follow, framed
from served import PATIENCE_S
from story import NOW_MS

pytestmark = pytest.mark.slow
ORDERS = 20


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    till = Till(tmp_path)
    for number in range(ORDERS):
        told: dict[str, Any] = {"_orderId": f"o-{number}", "_userId": "asha", "_sessionId": "s-1", "_amount": "10"}
        till.take(submission("createOrder", NOW_MS + number, **told))
    till.close()
    return tmp_path


def policies_of(process: int) -> Counter[int]:
    """How many threads of a process are scheduled in which way."""
    found: Counter[int] = Counter()
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(ProcessLookupError):  # a thread that has just ended
            found[os.sched_getscheduler(int(task.name))] += 1
    return found


def test_a_patient_turn_is_taken_with_the_time_that_nobody_else_wants_and_others_are_not(directory: Path) -> None:
    async def follow() -> tuple[Counter[int], Counter[int]]:
        filer = await Filer.started(directory)
        await filer.begun(DECIDING)
        process = filer.pid
        await filer.told(Follow(ORDERS // 2))
        assert filer.position == ORDERS // 2
        before = policies_of(process)
        await filer.told(Follow(ORDERS, is_patient=True), PATIENCE_S)
        assert filer.position == ORDERS
        after = policies_of(process)
        await filer.stop()
        return before, after

    before, after = asyncio.run(follow())
    assert before[os.SCHED_IDLE] == 0
    assert after[os.SCHED_IDLE] == 1
    assert after[os.SCHED_OTHER] == before[os.SCHED_OTHER]


def test_a_patient_process_that_gets_no_turn_is_ended_and_the_next_one_goes_on(directory: Path) -> None:
    async def starve() -> int:
        filer = await Filer.started(directory)
        await filer.begun(DECIDING)
        os.kill(filer.pid, signal.SIGSTOP)
        with pytest.raises(FilerStarved, match=r"no answer for 0\.1 s"):
            await filer.told(Follow(ORDERS, is_patient=True), 0.1)
        await filer.stop()
        assert not Path(f"/proc/{filer.pid}").exists()
        other = await Filer.started(directory)
        await other.begun(DECIDING)
        await other.told(Follow(ORDERS))
        await other.stop()
        return other.position

    assert asyncio.run(starve()) == ORDERS


def test_a_process_that_was_told_to_begin_waits_until_the_one_before_is_gone(directory: Path) -> None:
    async def begin() -> int:
        lock = lock_index(directory)
        assert lock is not None
        filer = await Filer.started(directory)
        begun = asyncio.create_task(filer.begun(DECIDING))
        with lock:
            await asyncio.wait([begun], timeout=1.0)
            assert not begun.done(), begun.exception()
        await begun
        await filer.told(Follow(ORDERS))
        await filer.stop()
        return filer.position

    assert asyncio.run(begin()) == ORDERS


def test_a_process_whose_server_ends_while_it_waits_ends_too(directory: Path) -> None:
    lock = lock_index(directory)
    assert lock is not None
    with lock, Popen((sys.executable, "-m", PROGRAM, str(directory)), stdin=PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(framed(Begin(DECIDING)))
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0


def test_a_process_whose_server_is_killed_before_it_has_answered_ends_without_a_word(directory: Path) -> None:
    heard, answers = os.pipe()
    os.close(heard)
    command = (sys.executable, "-m", PROGRAM, str(directory))
    with Popen(command, stdin=PIPE, stdout=answers, stderr=PIPE) as process:
        os.close(answers)
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(framed(Begin(DECIDING)))
        process.stdin.flush()
        assert (process.wait(PATIENCE_S), process.stderr.read()) == (0, b"")


def test_what_a_process_ended_with_is_told(directory: Path) -> None:
    async def end() -> None:
        filer = await Filer.started(directory)
        await filer.begun(DECIDING)
        os.kill(filer.pid, signal.SIGKILL)
        with pytest.raises(FilerEnded, match="code -9"):
            await filer.told(Follow(ORDERS))
        await filer.stop()

    asyncio.run(end())
