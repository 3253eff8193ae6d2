"""Who asks for much while events wait: stands by for a moment, and is put off when that does not help."""

import asyncio

import pytest

from fourthwatch.api import standby
from fourthwatch.api.standby import CALM_LOOKS, LOOKS, STANDING_BY_MAX, StandBy


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "LOOK_EVERY_S", 0)


class _Pressed:
    """Says so a number of times."""

    def __init__(self, times: int) -> None:
        self.asked = 0
        self._times = times

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked <= self._times


def test_while_no_events_wait_nobody_does() -> None:
    pressed = _Pressed(0)
    assert asyncio.run(StandBy(pressed).is_eased())
    assert pressed.asked == 1


def test_a_short_rush_is_waited_for() -> None:
    assert asyncio.run(StandBy(_Pressed(LOOKS - CALM_LOOKS + 1)).is_eased())
    assert not asyncio.run(StandBy(_Pressed(LOOKS - CALM_LOOKS + 2)).is_eased())


def test_a_moment_in_which_few_wait_is_no_end_of_a_rush() -> None:
    looks = iter([True, *[False, False, False, True] * LOOKS])
    assert not asyncio.run(StandBy(lambda: next(looks)).is_eased())


def test_who_comes_in_such_a_moment_stands_by_with_the_others() -> None:
    async def two() -> tuple[bool, bool]:
        pressed = True
        stand_by = StandBy(lambda: pressed)
        first = asyncio.create_task(stand_by.is_eased())
        await asyncio.sleep(0)
        pressed = False
        second = asyncio.create_task(stand_by.is_eased())
        await asyncio.sleep(0)
        begun_at_once = second.done()
        pressed = True
        return begun_at_once, await first or await second

    assert asyncio.run(two()) == (False, False)


def test_a_long_one_is_not() -> None:
    pressed = _Pressed(10**6)
    assert not asyncio.run(StandBy(pressed).is_eased())
    assert pressed.asked == LOOKS + 1


def test_only_so_many_stand_by_and_their_places_are_free_again() -> None:
    async def crowd() -> tuple[list[bool], int, bool]:
        pressed = _Pressed(10**6)
        stand_by = StandBy(pressed)
        waiting = [asyncio.create_task(stand_by.is_eased()) for _ in range(STANDING_BY_MAX)]
        await asyncio.sleep(0)
        before = pressed.asked
        one_more = await stand_by.is_eased()
        asked = pressed.asked - before
        return await asyncio.gather(*waiting), asked, one_more

    waited, asked, one_more = asyncio.run(crowd())
    assert waited == [False] * STANDING_BY_MAX
    assert (asked, one_more) == (0, False)


def test_who_gives_up_while_standing_by_leaves_a_free_place() -> None:
    async def given_up() -> int:
        stand_by = StandBy(_Pressed(10**6))
        waiting = [asyncio.create_task(stand_by.is_eased()) for _ in range(STANDING_BY_MAX)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return stand_by._standing_by

    assert asyncio.run(given_up()) == 0
