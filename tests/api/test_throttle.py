"""The rate of a key: a second's worth at once, then steadily; nobody pays for another."""

import pytest

from fourthwatch.api.throttle import Throttle
from fourthwatch.clock import DAY_MS, ManualClock
from fourthwatch.errors import TooMany

START_MS = 1_790_000_000_000


def admitted(throttle: Throttle, calls: int, key: str = "key-1") -> int:
    passed = 0
    for _ in range(calls):
        try:
            throttle.admit(key)
            passed += 1
        except TooMany:
            continue
    return passed


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS)


def test_without_a_rate_everything_passes(clock: ManualClock) -> None:
    assert admitted(Throttle(None, clock), 10_000) == 10_000


@pytest.mark.parametrize("per_second", [1.0, 2.0, 3.0, 10.0, 333.0, 5_000.0])
def test_a_seconds_worth_may_come_at_once_and_no_more(clock: ManualClock, per_second: float) -> None:
    assert admitted(Throttle(per_second, clock), 10_000) == per_second


@pytest.mark.parametrize("per_second", [0.1, 0.5, 0.9])
def test_at_a_rate_below_one_a_second_one_call_passes_at_a_time(clock: ManualClock, per_second: float) -> None:
    throttle = Throttle(per_second, clock)
    for _ in range(5):
        assert admitted(throttle, 10) == 1
        clock.advance(int(1_000 / per_second) - 10)
        assert admitted(throttle, 10) == 0
        clock.advance(20)


@pytest.mark.slow
@pytest.mark.parametrize("per_second", [0.5, 1.0, 7.0, 50.0, 400.0])
@pytest.mark.parametrize("step_ms", [1, 7, 100, 1_000])
def test_over_a_minute_the_rate_is_kept_within_a_seconds_burst(
    clock: ManualClock, per_second: float, step_ms: int
) -> None:
    throttle = Throttle(per_second, clock)
    passed = 0
    for _ in range(60_000 // step_ms):
        passed += admitted(throttle, int(per_second * step_ms / 1_000) * 2 + 2)
        clock.advance(step_ms)
    assert per_second * 60 * 0.99 - 1 <= passed <= per_second * 60 * 1.01 + max(1, per_second)


@pytest.mark.parametrize("per_second", [0.1, 0.5, 1.0, 3.0, 10.0])
def test_who_waits_as_long_as_told_passes_and_is_told_no_more_than_needed(
    clock: ManualClock, per_second: float
) -> None:
    throttle = Throttle(per_second, clock)
    admitted(throttle, 100)
    with pytest.raises(TooMany, match="over its rate") as refused:
        throttle.admit("key-1")
    wait_s = refused.value.retry_after_s
    assert wait_s is not None
    assert 1 <= wait_s <= 1 + 1 / per_second
    clock.advance(wait_s * 1_000)
    throttle.admit("key-1")


def test_refused_calls_cost_nothing(clock: ManualClock) -> None:
    throttle = Throttle(10, clock)
    admitted(throttle, 100_000)
    clock.advance(1_000)
    assert admitted(throttle, 100) == 10


def test_each_key_has_a_rate_of_its_own(clock: ManualClock) -> None:
    throttle = Throttle(5, clock)
    assert [admitted(throttle, 100, key) for key in ("a", "b", "a")] == [5, 5, 0]


@pytest.mark.parametrize("jump_ms", [-2 * DAY_MS, 30 * DAY_MS])
def test_a_jump_of_wall_time_changes_nothing(clock: ManualClock, jump_ms: int) -> None:
    throttle = Throttle(5, clock)
    admitted(throttle, 100)
    clock.jump(jump_ms)
    assert admitted(throttle, 100) == 0


def test_memory_is_bounded(clock: ManualClock) -> None:
    throttle = Throttle(5, clock)
    for number in range(25_000):
        throttle.admit(f"key-{number}")
    assert len(throttle._due_s) <= 10_000
