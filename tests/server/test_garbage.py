"""Garbage in cycles: collected while little goes on, and not looked for among much."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from itertools import count

import pytest

from fourthwatch.server import garbage
from fourthwatch.server.garbage import tend_garbage


class _Knot:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    gc.collect()
    yield
    gc.enable()
    gc.unfreeze()


async def _some_looks(events_between: int = 0) -> None:
    task = asyncio.create_task(tend_garbage(count(step=events_between).__next__))
    await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()


def test_a_cycle_is_collected_while_little_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "LOOK_EVERY_S", 0)
    knot = weakref.ref(_Knot())
    asyncio.run(_some_looks())
    assert knot() is None


def test_much_that_is_new_is_not_looked_at_and_never_will_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "LOOK_EVERY_S", 0)
    frozen = gc.get_freeze_count()

    async def much() -> list[list[int]]:
        gc.disable()
        left = [[number] for number in range(20_000)]
        await _some_looks()
        return left

    left = asyncio.run(much())
    assert gc.get_freeze_count() - frozen >= len(left)


def test_so_it_is_while_as_many_go_as_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "LOOK_EVERY_S", 0)
    kept = [[number] for number in range(20_000)]
    gc.freeze()
    frozen = gc.get_freeze_count()

    async def turned_over() -> None:
        gc.disable()
        for at in range(len(kept)):
            kept[at] = [at]
        assert gc.get_count()[0] < len(kept) // 2
        await _some_looks(events_between=1_000)

    asyncio.run(turned_over())
    assert gc.get_freeze_count() >= frozen  # the former ones are gone, and the new ones are in their place
    assert not {id(one) for one in kept} & {id(one) for one in gc.get_objects()}


def test_the_collector_does_not_begin_by_itself_while_a_server_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "LOOK_EVERY_S", 0)
    asyncio.run(_some_looks())
    assert not gc.isenabled()
