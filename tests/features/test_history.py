"""Histories of entities against a naive specification: exact while small, within one bucket of exact beyond that."""

from random import Random
from typing import NamedTuple

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.features import history as histories
from fourthwatch.features.history import History, Series
from fourthwatch.limits import EXACT_ENTRIES_MAX

START_MS = 1_790_000_000_000
"""In 2026, so that times are of the size they have."""
SERIES = tuple(Series)
BUCKETS = ((2 * HOUR_MS, 10 * MINUTE_MS), (2 * DAY_MS, 2 * HOUR_MS), (100 * DAY_MS, DAY_MS))
BYTES_PER_SERIES = 32 * (13 + 24 + 99 + 1)
"""Ten-minute, two-hour and day buckets and the one for all before, 32 bytes each."""
EXACT_BYTES = 32 * EXACT_ENTRIES_MAX + 64


class Thing(NamedTuple):
    """What is remembered of one thing."""

    at_ms: int
    amount: int


class Naive:
    """The specification: everything is kept, every question is answered by looking at all of it."""

    def __init__(self) -> None:
        self.things: dict[tuple[int, int], Thing] = {}

    def add(self, series: int, at_ms: int, mark: int, amount: int) -> None:
        old = self.things.get((series, mark))
        if old is None or at_ms > old.at_ms:
            self.things[series, mark] = Thing(at_ms, amount)

    def clear(self, series: int, mark: int) -> None:
        for key in [key for key in self.things if key[0] == series and mark in (0, key[1])]:
            del self.things[key]

    def of(self, series: int, after_ms: int, until_ms: int, without: int = 0) -> list[Thing]:
        return [
            thing
            for (of_series, mark), thing in self.things.items()
            if of_series == series and after_ms < thing.at_ms <= until_ms and (without == 0 or mark != without)
        ]


def tallied(history: "History[int]", until_ms: int, asked: list[tuple[int, int]], without: int = 0) -> list[int]:
    """What the engine asks: many `(series, window)` in one pass."""
    return histories.tally(history, histories.plan_of(asked), len(asked), until_ms, without, 0)


def made(seq: int = 1, at_ms: int = START_MS) -> "History[int]":
    return histories.new_history(seq, at_ms)


def some_mark(random: Random, among: int) -> int:
    return random.choice((1, -1)) * random.randint(1, among)


@pytest.mark.parametrize("seed", range(400))
def test_a_small_history_answers_every_question_exactly(seed: int) -> None:
    random = Random(seed)
    history, naive = made(), Naive()
    reach_ms = random.choice((10 * MINUTE_MS, DAY_MS, 400 * DAY_MS))
    series_used = random.sample(SERIES, random.randint(1, 5))
    marks = random.choice((3, 20, 10**18))
    for _ in range(random.randint(1, EXACT_ENTRIES_MAX)):
        series, mark = random.choice(series_used), some_mark(random, marks)
        if random.random() < 0.05:
            mark = random.choice((0, mark))
            histories.clear(history, series, mark)
            naive.clear(series, mark)
            continue
        at_ms, amount = START_MS + random.randint(0, reach_ms), random.randint(0, 10**9)
        for _ in range(random.choice((1, 1, 1, 2))):
            histories.add(history, series, at_ms, mark, amount)
            naive.add(series, at_ms, mark, amount)
    for _ in range(40):
        series, without = random.choice(series_used), random.choice((0, 0, some_mark(random, marks)))
        until_ms = START_MS + random.randint(-1, reach_ms + 1)
        after_ms = until_ms - random.randint(0, reach_ms + 1)
        wanted = naive.of(series, after_ms, until_ms, without)
        assert histories.count(history, series, after_ms, until_ms, without) == len(wanted)
        if until_ms > after_ms:
            asked = [(int(series), until_ms - after_ms)]
            assert tallied(history, until_ms, asked, without) == [len(wanted)]
        ever = naive.of(series, -1, until_ms, without)
        mean = sum(thing.amount for thing in ever) / len(ever) if ever else None
        assert histories.mean_amount(history, series, until_ms, without) == mean
        newest = max((thing.at_ms for thing in naive.of(series, -1, until_ms)), default=None)
        assert histories.last_ms(history, series, until_ms) == newest
        mark = some_mark(random, marks)
        thing = naive.things.get((series, mark))
        is_there = thing is not None and thing.at_ms <= until_ms
        assert histories.holds(history, series, mark, until_ms) is is_there


@pytest.mark.parametrize("seed", range(100))
def test_the_order_and_repeats_of_additions_do_not_matter_while_small(seed: int) -> None:
    random = Random(seed)
    reach_ms = random.choice((HOUR_MS, 30 * DAY_MS))
    additions = [
        (random.choice(SERIES), START_MS + random.randint(0, reach_ms), some_mark(random, 10**12), 0)
        for _ in range(EXACT_ENTRIES_MAX)
    ]
    one, other = made(), made()
    for series, at_ms, mark, amount in additions:
        histories.add(one, series, at_ms, mark, amount)
    for series, at_ms, mark, amount in random.sample(additions * 2, 2 * len(additions)):
        histories.add(other, series, at_ms, mark, amount)
    assert sorted(entries(one)) == sorted(entries(other))


def entries(history: "History[int]") -> list[tuple[int, ...]]:
    words = history.tolist()[3:]
    return [tuple(words[at : at + 4]) for at in range(0, len(words), 4)]


def width_ms(age_ms: int) -> int:
    return next((width for reach, width in BUCKETS if age_ms < reach), START_MS)


@pytest.mark.parametrize("seed", range(200))
def test_a_large_history_misses_at_most_the_bucket_at_the_far_edge_of_a_window(seed: int) -> None:
    random = Random(seed)
    history, naive = made(), Naive()
    reach_ms = random.choice((HOUR_MS, 6 * HOUR_MS, 5 * DAY_MS, 90 * DAY_MS, 300 * DAY_MS))
    series_used = random.sample(SERIES, random.randint(1, 3))
    events = random.randint(EXACT_ENTRIES_MAX + 1, 800)
    times = sorted(START_MS + random.randint(0, reach_ms) for _ in range(events))
    if seed % 2:
        for at in range(0, events - 1, random.randint(2, 9)):
            times[at], times[at + 1] = times[at + 1], times[at]
    for number, at_ms in enumerate(times, 1):
        series, amount = random.choice(series_used), random.randint(0, 10**6)
        histories.add(history, series, at_ms, number, amount)
        naive.add(series, at_ms, number, amount)
    newest_ms = max(times)
    for _ in range(40):
        series = random.choice(series_used)
        until_ms = newest_ms + random.randint(0, HOUR_MS)
        after_ms = until_ms - random.choice((random.randint(0, reach_ms), HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS))
        told = histories.count(history, series, after_ms, until_ms)
        exact = naive.of(series, after_ms, until_ms)
        age_ms = newest_ms - after_ms
        slack_ms = width_ms(age_ms + width_ms(age_ms))
        assert told <= len(exact)
        assert len(exact) - told <= len(naive.of(series, after_ms, min(until_ms, after_ms + slack_ms)))
    for series in series_used:
        ever = naive.of(series, -1, newest_ms)
        assert histories.count(history, series, -1, newest_ms) == len(ever)
        if ever:
            mean = sum(thing.amount for thing in ever) / len(ever)
            assert histories.mean_amount(history, series, newest_ms) == mean


@pytest.mark.parametrize("seed", range(50))
def test_things_seen_again_are_counted_at_least_once_and_at_most_as_often_as_seen(seed: int) -> None:
    random = Random(seed)
    history, naive = made(), Naive()
    seen = random.randint(200, 1_000)
    for number in range(seen):
        at_ms, mark = START_MS + number * random.randint(1, 3) * MINUTE_MS, random.randint(1, 150)
        histories.add(history, Series.USERS, at_ms, mark)
        naive.add(Series.USERS, at_ms, mark, 0)
    told = histories.count(history, Series.USERS, -1, START_MS + 10_000 * DAY_MS)
    assert len(naive.things) <= told <= seen


@pytest.mark.slow
@pytest.mark.parametrize(
    ("events", "series_used", "apart_ms"), [(200_000, 1, MINUTE_MS), (20_000, 4, 20 * MINUTE_MS), (5_000, 21, HOUR_MS)]
)
def test_a_hot_entity_stays_small(events: int, series_used: int, apart_ms: int) -> None:
    history = made()
    largest = 0
    for number in range(1, events + 1):
        at_ms = START_MS + number * apart_ms
        assert histories.open_event(history, number + 1, at_ms)
        histories.add(history, SERIES[number % series_used], at_ms, number, 100)
        largest = max(largest, len(history))
    assert largest * history.itemsize <= EXACT_BYTES + series_used * BYTES_PER_SERIES
    counted = sum(histories.count(history, series, -1, START_MS + 10_000 * DAY_MS) for series in SERIES)
    assert counted == events
    assert histories.last_seq(history) == events + 1
    assert histories.first_ms(history) == START_MS


@pytest.mark.parametrize("seed", range(20))
def test_the_newest_things_are_never_folded(seed: int) -> None:
    random = Random(seed)
    history = made()
    newest: list[tuple[int, int]] = []
    at_ms = START_MS
    for number in range(1, 500):
        at_ms += random.choice((0, 1_000, DAY_MS))
        histories.add(history, Series.TRANSACTION, at_ms, number)
        newest = [*newest, (at_ms, number)][-EXACT_ENTRIES_MAX // 2 :]
        if number % 7 == 0:
            assert all(histories.holds(history, Series.TRANSACTION, mark, at) for at, mark in newest)
        assert histories.last_ms(history, Series.TRANSACTION, at_ms) == at_ms


def test_an_event_is_opened_once() -> None:
    history = made(seq=7, at_ms=START_MS)
    assert histories.open_event(history, 7, START_MS)
    assert not histories.open_event(history, 7, START_MS)
    assert not histories.open_event(history, 3, START_MS - DAY_MS)
    assert (histories.first_seq(history), histories.last_seq(history)) == (7, 7)
    assert histories.first_ms(history) == START_MS


def test_a_late_event_moves_the_first_time_heard_of_and_not_the_first_position() -> None:
    history = made(seq=7, at_ms=START_MS)
    histories.open_event(history, 7, START_MS)
    assert histories.open_event(history, 8, START_MS - DAY_MS)
    assert (histories.first_seq(history), histories.first_ms(history)) == (7, START_MS - DAY_MS)


@pytest.mark.parametrize("seed", range(100))
def test_many_questions_in_one_pass_are_answered_like_one_by_one(seed: int) -> None:
    random = Random(seed)
    history = made()
    for number in range(1, random.randint(2, 400)):
        at_ms = START_MS + random.randint(0, 200 * DAY_MS) if number % 5 else START_MS + number * DAY_MS // 2
        histories.add(history, random.choice(SERIES), at_ms, some_mark(random, 10**12))
    until_ms = START_MS + random.randint(0, 250 * DAY_MS)
    asked = [(random.choice(SERIES), random.randint(1, 300 * DAY_MS)) for _ in range(30)]
    one_by_one = [histories.count(history, series, until_ms - window_ms, until_ms) for series, window_ms in asked]
    assert tallied(history, until_ms, [(int(series), window_ms) for series, window_ms in asked]) == one_by_one


def test_clearing_a_series_takes_folded_things_too_and_no_other_series() -> None:
    history = made()
    for number in range(1, 3 * EXACT_ENTRIES_MAX):
        histories.add(history, Series.BAD_TAG, START_MS + number * HOUR_MS, number)
        histories.add(history, Series.LOGIN, START_MS + number * HOUR_MS, number)
    end_ms = START_MS + 1_000 * DAY_MS
    logins = histories.count(history, Series.LOGIN, -1, end_ms)
    histories.clear(history, Series.BAD_TAG, 0)
    assert histories.count(history, Series.BAD_TAG, -1, end_ms) == 0
    assert histories.count(history, Series.LOGIN, -1, end_ms) == logins == 3 * EXACT_ENTRIES_MAX - 1


def test_a_window_has_its_end_in_it_and_its_beginning_not() -> None:
    history = made()
    histories.add(history, Series.ORDER, START_MS, 1)
    assert histories.count(history, Series.ORDER, START_MS - HOUR_MS, START_MS) == 1
    assert histories.count(history, Series.ORDER, START_MS, START_MS + HOUR_MS) == 0
    assert histories.count(history, Series.ORDER, START_MS - HOUR_MS, START_MS - 1) == 0
