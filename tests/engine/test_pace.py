"""When a batch is written: alone at once, among many a little later and together."""

from collections.abc import Callable

from fourthwatch.clock import ManualClock
from fourthwatch.engine.pace import COMMITS_APART_S, Pace
from fourthwatch.limits import BATCH_WELL_FILLED


class _Bell:
    """Rings when it is told to."""

    def __init__(self) -> None:
        self.set_for: list[float] = []
        self._calls: list[Callable[[], None]] = []

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.set_for.append(seconds)
        self._calls.append(call)

    def ring(self) -> None:
        self._calls.pop(0)()


def _paced() -> tuple[Pace, ManualClock, _Bell, list[str]]:
    clock, bell = ManualClock(0), _Bell()
    clock.advance(10_000)
    return Pace(clock, bell.later), clock, bell, []


def test_who_comes_alone_waits_for_nobody() -> None:
    pace, _, bell, _ = _paced()
    assert [pace.is_time(1, lambda: None) for _ in range(5)] == [True] * 5
    assert bell.set_for == []


def test_few_that_follow_a_shared_commit_closely_wait_until_its_time_is_over() -> None:
    pace, clock, bell, turns = _paced()
    assert pace.is_time(3, lambda: None)
    clock.advance(1)
    assert not pace.is_time(2, lambda: turns.append("again"))
    assert not pace.is_time(3, lambda: turns.append("again"))
    assert [round(seconds, 6) for seconds in bell.set_for] == [round(COMMITS_APART_S - 0.001, 6)]  # once for both
    clock.advance(3)
    bell.ring()
    assert turns == ["again"]
    assert pace.is_time(4, lambda: None)


def test_a_batch_that_is_well_filled_waits_for_no_more() -> None:
    pace, _, bell, _ = _paced()
    assert pace.is_time(BATCH_WELL_FILLED, lambda: None)
    assert pace.is_time(BATCH_WELL_FILLED, lambda: None)
    assert bell.set_for == []


def test_after_a_batch_of_one_nobody_waits_again() -> None:
    pace, clock, bell, _ = _paced()
    assert pace.is_time(5, lambda: None)
    assert not pace.is_time(1, lambda: None)
    clock.advance(4)
    bell.ring()
    assert pace.is_time(1, lambda: None)
    assert pace.is_time(1, lambda: None)


def test_without_somebody_who_calls_back_every_batch_is_written_at_once() -> None:
    pace = Pace(ManualClock(0), None)
    assert pace.is_time(3, lambda: None)
    assert pace.is_time(3, lambda: None)
