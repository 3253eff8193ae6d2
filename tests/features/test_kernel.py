"""The kernel of the windows: both implementations against a naive oracle, against each other, and in every order."""

from itertools import pairwise
from random import Random
from typing import Any

import pytest

from features.observations import (
    ALWAYS_KIND,
    KERNELS,
    KIND,
    MODES,
    SERIES,
    SPANS_MS,
    START_MS,
    Event,
    Naive,
    feed,
    made,
    some_queries,
    state,
    stream,
)
from fourthwatch import limits
from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.features import _kernel
from fourthwatch.features import kernel as chosen
from fourthwatch.features.modes import ALL, BUCKETS, EXACT, FOLDED, LEVEL, Mode, Op, slack_ms
from fourthwatch.features.summaries import level_of

both = pytest.mark.parametrize("name", KERNELS)
KEYS = range(1, 41)


def blocks(number: int, fast: int) -> pytest.MarkDecorator:
    """Blocks of seeds, of which only the first few are for every check."""
    return pytest.mark.parametrize(
        "block", [pytest.param(block, marks=[pytest.mark.slow] * (block >= fast)) for block in range(number)]
    )


def test_the_compiled_kernel_was_built() -> None:
    assert chosen.COMPILED
    assert chosen.Kernel is _kernel.Kernel
    bounds = [name for name in dir(_kernel) if name.isupper()]
    assert len(bounds) == 9
    for bound in bounds:
        assert getattr(_kernel, bound) == getattr(limits, bound)


def in_other_orders(random: Random, events: list[Event]) -> list[list[Event]]:
    by_time = sorted(events, key=lambda event: event.at_ms)
    writers: list[list[Event]] = [[] for _ in range(8)]
    for event in by_time:
        random.choice(writers).append(event)
    interleaved = []
    while any(writers):
        interleaved.append(random.choice([writer for writer in writers if writer]).pop(0))
    return [by_time, by_time[::-1], random.sample(events, len(events)), interleaved]


def assert_order_does_not_show(name: str, random: Random, number: int, keys: int, marks: int) -> None:
    events = stream(random, number, keys, random.choice(SPANS_MS), marks)
    wanted = made(name)
    feed(wanted, events)
    for order in in_other_orders(random, events):
        kernel = made(name)
        feed(kernel, order)
        assert state(kernel, KEYS) == state(wanted, KEYS)


@both
@pytest.mark.parametrize("block", range(10))
def test_the_order_of_events_does_not_show_in_small_states(name: str, block: int) -> None:
    for seed in range(10 * block, 10 * block + 10):
        random = Random(seed)
        assert_order_does_not_show(name, random, random.randint(1, 60), random.randint(1, 40), 10**12)


@both
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_the_order_of_events_does_not_show_in_large_states(name: str, seed: int) -> None:
    number = 10_000 if name == "chosen" else 1_000
    assert_order_does_not_show(name, Random(seed), number, (2, 40)[seed % 2], (100, 10**12)[seed % 4 // 2])


@pytest.mark.slow
@blocks(10, 5)
def test_the_order_of_events_does_not_show_in_states_of_some_hundreds(block: int) -> None:
    for seed in range(200 + 5 * block, 205 + 5 * block):
        random = Random(seed)
        assert_order_does_not_show("chosen", random, 800, random.choice((1, 3)), random.choice((90, 10**12)))


@both
@pytest.mark.parametrize("block", range(10))
def test_repeats_do_not_show(name: str, block: int) -> None:
    for seed in range(300 + 5 * block, 305 + 5 * block):
        random = Random(seed)
        events = stream(random, random.randint(1, 80), random.randint(1, 5), random.choice(SPANS_MS), 30)
        once, often = made(name), made(name)
        feed(once, events)
        feed(often, random.sample(events * 3, 3 * len(events)))
        assert state(once, KEYS) == state(often, KEYS)


@blocks(20, 8)
def test_both_kernels_keep_and_answer_the_same(block: int) -> None:
    for seed in range(400 + 10 * block, 410 + 10 * block):
        random = Random(seed)
        span_ms, marks = random.choice(SPANS_MS), random.choice((5, 90, 10**12))
        events = stream(random, random.choice((10, 100, 250)), random.choice((1, 2, 20)), span_ms, marks)
        one, other = made("specification"), made("chosen")
        queries = [(random.randint(0, 3), *query[1:]) for query in some_queries(random, 60, span_ms)]
        plans = [(kernel, kernel.plan(queries)) for kernel in (one, other)]
        for event in events:
            if random.random() < 0.1:
                until_ms = START_MS + random.randint(-10, span_ms + DAY_MS)
                keys = [random.choice((0, *KEYS)) for _ in range(4)]
                said = [random.choice((0, *(o[1] for o in event.observations))) for _ in range(2)]
                answers = [kernel.read(plan, until_ms, keys, said) for kernel, plan in plans]
                assert answers[0] == answers[1]
                assert list(map(type, answers[0])) == list(map(type, answers[1]))
            feed(one, [event])
            feed(other, [event])
        assert state(one, KEYS) == state(other, KEYS)
        for key in KEYS:
            series, until_ms = random.choice(SERIES), START_MS + random.randint(0, span_ms)
            assert one.marks(key, series, until_ms, 9) == other.marks(key, series, until_ms, 9)


@both
@blocks(20, 6)
def test_a_small_state_answers_every_question_exactly(name: str, block: int) -> None:
    for seed in range(600 + 10 * block, 610 + 10 * block):
        random = Random(seed)
        span_ms, marks = random.choice(SPANS_MS), random.choice((3, 30, 10**12))
        events = stream(random, random.randint(1, 64), 2, span_ms, marks)
        kernel, naive = made(name), Naive()
        feed(kernel, events)
        naive.feed(events, 1)
        for _ in range(5):
            # A series of the latest or the first holds no more than that: whether it has had a mark is not asked here.
            queries = [q for q in some_queries(random, 30, span_ms) if (q[1], q[2]) != (Mode.LATEST, Op.HOLDS)]
            until_ms = START_MS + random.randint(-10, span_ms + DAY_MS)
            said = [random.choice((0, 1, random.choice([thing[1] for thing in naive.things(3)] or [4]))), 2]
            answers = kernel.read(kernel.plan(queries), until_ms, [1], said)
            if naive.first_ms is None:
                assert set(answers) <= {0, None}
            else:
                assert answers == [naive.answer(query, until_ms, said) for query in queries]


@blocks(20, 2)
def test_a_thousand_shuffled_repeated_split_streams_are_what_plain_python_says(block: int) -> None:
    for seed in range(2_000 + 50 * block, 2_050 + 50 * block):
        random = Random(seed)
        span_ms, marks = random.choice(SPANS_MS), random.choice((3, 30, 10**12))
        events = stream(random, random.randint(1, 50), 3, span_ms, marks)
        writers: list[list[Event]] = [[] for _ in range(8)]
        for event in random.sample([*events, *random.choices(events, k=20)], len(events) + 20):
            random.choice(writers).append(event)
        kernel, specified = made("chosen"), made("specification")
        while any(writers):
            feed(kernel, [random.choice([writer for writer in writers if writer]).pop()])
        feed(specified, events)
        assert state(kernel, KEYS) == state(specified, KEYS)
        queries = [q for q in some_queries(random, 10, span_ms) if (q[1], q[2]) != (Mode.LATEST, Op.HOLDS)]
        until_ms = START_MS + random.randint(0, span_ms)
        for key in range(1, 4):
            naive = Naive()
            naive.feed(events, key)
            answers = kernel.read(kernel.plan(queries), until_ms, [key], [1, 2])
            if naive.first_ms is not None:
                assert answers == [naive.answer(query, until_ms, [1, 2]) for query in queries]


@both
def test_a_bucket_is_left_for_a_wider_one_at_the_very_end_of_its_reach(name: str) -> None:
    for reach_ms, width_ms in BUCKETS:
        start_ms = START_MS - START_MS % DAY_MS + width_ms
        kernel = made(name)
        kernel.add(0, start_ms, [(KIND, 1)], [(Mode.ADD, 1, 1)])
        for seq in range(2, 66):
            kernel.add(seq, start_ms + reach_ms - 66 + seq, [(KIND, 1)], [(Mode.ADD, seq, 1)])
        assert kernel.entries(1)[0][1:3] == (start_ms, FOLDED)
        kernel.add(66, start_ms + reach_ms, [(KIND, 1)], [(Mode.ADD, 66, 1)])
        assert kernel.entries(1)[0][1] < start_ms


def width_ms(age_ms: int) -> int:
    return next((width for reach, width in BUCKETS if age_ms < reach), 2**43)


@both
@pytest.mark.parametrize("block", range(10))
def test_a_large_window_misses_at_most_the_bucket_at_its_far_edge(name: str, block: int) -> None:
    for seed in range(800 + 10 * block, 810 + 10 * block, 1 if name == "chosen" else 5):
        random = Random(seed)
        reach_ms = random.choice((HOUR_MS, 6 * HOUR_MS, 5 * DAY_MS, 90 * DAY_MS, 300 * DAY_MS))
        things = [(START_MS + random.randint(0, reach_ms), random.randint(-9, 99)) for _ in range(300)]
        kernel = made(name)
        for seq, (at_ms, amount) in enumerate(things, 1):
            kernel.add(seq, at_ms, [(KIND, 1)], [(Mode.ADD, seq, amount), (Mode.PEAK, seq, amount)])
        newest_ms = max(things)[0]
        until_ms = newest_ms + random.randint(0, HOUR_MS)
        for window_ms in (random.randint(1, reach_ms), HOUR_MS, DAY_MS, 7 * DAY_MS, 0):
            asked = [(Mode.ADD, Op.COUNT), (Mode.ADD, Op.SUM), (Mode.PEAK, Op.COUNT), (Mode.PEAK, Op.PEAK)]
            plan = kernel.plan([(0, series, op, window_ms, 0, -1) for series, op in asked])
            count, total, count_too, peak = kernel.read(plan, until_ms, [1], [])
            after_ms = until_ms - window_ms if window_ms else -1
            age_ms = newest_ms - after_ms
            slack_ms = width_ms(age_ms + width_ms(age_ms)) if window_ms else 0
            inside = sorted(thing for thing in things if thing[0] > after_ms)
            missed = len(inside) - count
            assert count == count_too
            assert 0 <= missed <= len([thing for thing in inside if thing[0] <= after_ms + slack_ms])
            by_age = [amount for _, amount in inside[missed:]]
            assert len(by_age) == count
            assert total == sum(by_age)
            assert peak == max(by_age, default=None)


@pytest.mark.parametrize("reach_ms", [reach_ms for reach_ms, _ in BUCKETS])
def test_a_window_of_any_length_misses_nothing_beyond_the_slack_that_is_told_of_it(reach_ms: int) -> None:
    for seed in range(40):
        random = Random(seed)
        newest_ms = START_MS + random.randint(0, DAY_MS)
        times = sorted(newest_ms - random.randint(0, 2 * reach_ms) for _ in range(400))
        kernel = made("chosen")
        for seq, at_ms in enumerate([*times, newest_ms], 1):
            kernel.add(seq, at_ms, [(KIND, 1)], [(Mode.ADD, seq, 1)])
        near = [reach_ms - random.randint(0, 2 * width_ms(reach_ms - 1)) for _ in range(20)]
        windows = [*near, *(random.randint(1, reach_ms) for _ in range(20))]
        told = kernel.read(
            kernel.plan([(0, Mode.ADD, Op.COUNT, window, 0, -1) for window in windows]), newest_ms, [1], []
        )
        for window, count in zip(windows, told, strict=True):
            after_ms = newest_ms - window
            exact, sure = (
                sum(at > edge for at in (*times, newest_ms)) for edge in (after_ms, after_ms + slack_ms(window))
            )
            assert sure <= count <= exact


@pytest.mark.parametrize("block", range(10))
def test_distinct_marks_are_exact_among_the_newest_and_a_fair_estimate_beyond(block: int) -> None:
    for seed in range(900 + 10 * block, 910 + 10 * block):
        random = Random(seed)
        number = random.choice((65, 200, 3_000))
        latest: dict[int, int] = {}
        kernel = made("chosen")
        for seq in range(number):
            mark, at_ms = random.randint(2, number), START_MS + random.randint(0, 30 * DAY_MS)
            latest[mark] = max(latest.get(mark, 0), at_ms)
            kernel.add(seq, at_ms, [(KIND, 1)], [(Mode.DISTINCT, mark, 1)])
        newest = sorted(latest.values())[-64:]
        until_ms = newest[-1]
        entries = kernel.entries(1)
        level = entries[-1][3] if entries[-1][2] == LEVEL else 0
        assert (level > 0) == (len(latest) > 64)
        for window_ms in (0, 30 * DAY_MS, 10 * DAY_MS, HOUR_MS, until_ms - newest[0] + 1):
            exact = len([at_ms for at_ms in latest.values() if not window_ms or at_ms > until_ms - window_ms])
            plan = kernel.plan([(0, Mode.DISTINCT, op, window_ms, 0, -1) for op in (Op.COUNT, Op.STANDING)])
            told, standing = kernel.read(plan, until_ms, [1], [])
            assert told == standing
            older = max(0, exact - 64)
            assert abs(told - exact) <= 5 * (older * 2**level) ** 0.5
            assert older or told == exact


@both
def test_a_mark_that_may_be_forgotten_is_unknown_and_not_absent(name: str) -> None:
    kernel = made(name)
    low = next(mark for mark in range(2, 100) if level_of(mark) == 0)
    kernel.add(0, START_MS, [(KIND, 1)], [(Mode.ADD, low, 0), (Mode.DISTINCT, low, 0), (Mode.LATEST, low, 0)])
    queries = [
        (0, series, Op.HOLDS, age_ms, 0, 0) for series in (Mode.ADD, Mode.DISTINCT, Mode.LATEST) for age_ms in (0, 9)
    ]
    plan = kernel.plan(queries)
    assert kernel.read(plan, START_MS, [1], [low]) == [1] * 6
    assert kernel.read(plan, START_MS, [1], [low + 1]) == [0] * 6
    assert kernel.read(plan, START_MS, [1], [0]) == [None] * 6
    for seq in range(1, 1_000):
        seen = [(series, 1_000 + seq, 0) for series in (Mode.ADD, Mode.DISTINCT, Mode.LATEST)]
        kernel.add(seq, START_MS + seq * MINUTE_MS, [(KIND, 1)], seen)
    assert kernel.read(plan, START_MS + 999 * MINUTE_MS, [1], [low]) == [None, 0] * 3
    assert kernel.read(plan, START_MS - 1, [1], [low]) == [None] * 6
    for series, kept in ((Mode.ADD, 64), (Mode.DISTINCT, 64), (Mode.LATEST, 4)):
        age_ms = (kept - 1) * MINUTE_MS
        edge = kernel.plan([(0, series, Op.HOLDS, age_ms + more, 0, 0) for more in (0, 1)])
        assert kernel.read(edge, START_MS + 999 * MINUTE_MS, [1], [low]) == [0, None]


@both
def test_what_ends_all_marks_is_never_let_go(name: str) -> None:
    kernel = made(name)
    for seq in range(1_000):
        kernel.add(seq, START_MS + seq, [(KIND, 1)], [(Mode.DISTINCT, 2 + seq, 1)])
    kernel.add(1_000, START_MS + 1_000, [(KIND, 1)], [(Mode.DISTINCT, ALL, 1)])
    for seq in range(1_001, 1_101):
        kernel.add(seq, START_MS + seq, [(KIND, 1)], [(Mode.DISTINCT, 2 + seq, int(seq > 1_095))])
    plan = kernel.plan([(0, Mode.DISTINCT, Op.STANDING, 0, 0, -1)])
    assert kernel.read(plan, START_MS + 2_000, [1], []) == [5]
    assert kernel.read(plan, START_MS + 1_000, [1], []) == [0]


@both
def test_a_bucket_holds_sums_that_no_order_can_make_overflow(name: str) -> None:
    amounts = [2**63 - 1] * 40 + [-(2**63)] * 40 + [5] * 120
    states = []
    for seed in range(4):
        kernel = made(name)
        shuffled = Random(seed).sample(list(enumerate(amounts, 1)), len(amounts))
        for mark, amount in shuffled:
            kernel.add(mark, START_MS + mark, [(KIND, 1)], [(Mode.ADD, mark, amount)])
        states.append(kernel.entries(1))
        plan = kernel.plan([(0, Mode.ADD, op, 0, 0, -1) for op in (Op.SUM, Op.COUNT, Op.MEAN)])
        assert kernel.read(plan, START_MS + DAY_MS, [1], []) == [560, 200, 2.8]
    assert all(one == other for one, other in pairwise(states))


@both
def test_only_what_has_something_to_keep_or_is_always_heard_becomes_known(name: str) -> None:
    kernel = made(name)
    kernel.add(5, START_MS, [(KIND, 1), (ALWAYS_KIND, 2), (99, 3), (KIND, 0)], [])
    assert [kernel.knows(key) for key in (0, 1, 2, 3)] == [False, False, True, False]
    kernel.add(3, START_MS + 1, [(KIND, 1), (ALWAYS_KIND, 2)], [(Mode.FIRST, 9, 9)])
    assert (kernel.first_seq(1), kernel.first_ms(1), kernel.entries(1)) == (
        3,
        START_MS + 1,
        [(5, START_MS + 1, 1, 9, 9)],
    )
    assert (kernel.first_seq(2), kernel.first_ms(2), kernel.entries(2)) == (3, START_MS, [])
    plan = kernel.plan([(source, 0, Op.AGE, 0, 0, -1) for source in range(3)])
    assert kernel.read(plan, START_MS + 10, [1, 2, 3], []) == [9, 10, None]
    assert kernel.read(plan, START_MS, [1, 2, 0], []) == [None, 0, None]
    assert len(kernel) == 2


@both
def test_a_series_that_is_dropped_is_unknown_and_its_number_can_be_used_again(name: str) -> None:
    kernel = made(name)
    for key in range(1, 2_001):
        kernel.add(key, START_MS, [(KIND, key)], [(Mode.ADD, 5, 5), (Mode.DISTINCT, 5, 5)])
    plan = kernel.plan([(0, Mode.ADD, Op.COUNT, 0, 0, -1), (0, Mode.DISTINCT, Op.COUNT, 0, 0, -1)])
    assert kernel.read(plan, START_MS, [7], []) == [1, 1]
    kernel.drop_series(Mode.ADD)
    assert kernel.read(plan, START_MS, [7], []) == [None, 1]
    assert kernel.read(plan, START_MS, [5_000], []) == [None, 0]
    assert [entry[0] for entry in kernel.entries(7)] == [Mode.DISTINCT]
    with pytest.raises(ValueError, match="not defined"):
        kernel.add(1, START_MS, [(KIND, 7)], [(Mode.ADD, 5, 5)])
    kernel.add(1, START_MS, [(KIND, 7)], [(Mode.DISTINCT, 6, 5)])
    kernel.define(Mode.ADD, Mode.LATEST)
    kernel.define(Mode.ADD, Mode.LATEST)
    with pytest.raises(ValueError, match="another mode"):
        kernel.define(Mode.ADD, Mode.ADD)
    assert kernel.read(plan, START_MS, [7], []) == [None, 2]
    again = kernel.plan([(0, Mode.ADD, Op.COUNT, 0, 0, -1)])
    assert kernel.read(again, START_MS, [1_999], []) == [0]
    kernel.add(1, START_MS, [(KIND, 1_999)], [(Mode.ADD, 5, 5)])
    assert kernel.read(again, START_MS, [1_999], []) == [0]
    kernel.route(KIND, [Mode.ADD], False)
    kernel.add(1, START_MS, [(KIND, 1_999)], [(Mode.ADD, 5, 5)])
    assert kernel.read(again, START_MS, [1_999], []) == [1]


@both
def test_thousands_of_entities_come_go_and_are_forgotten(name: str) -> None:
    random, kernel = Random(1), made(name)
    there: dict[int, int] = {}
    for seq in range(20_000):
        key = random.randint(1, 2**64 - 1) if random.random() < 0.7 or not there else random.choice([*there][:50])
        if random.random() < 0.2 and there:
            gone = next(iter(there)) if random.random() < 0.9 else key
            assert kernel.remove(gone) is (gone in there)
            there.pop(gone, None)
        else:
            there[key] = seq
            kernel.add(seq, START_MS + seq, [(KIND, key)], [(Mode.LATEST, 5, 5)])
    assert len(kernel) == len(there)
    assert all(kernel.marks(key, Mode.LATEST, START_MS + 20_000, 1) == [5] for key in there)
    old = {key for key, last_seq in there.items() if last_seq < 9_000}
    assert kernel.take_out_forgotten(10**6) == 0
    kernel.forget(9_000)
    assert not any(kernel.knows(key) or kernel.remove(key) or kernel.entries(key) for key in old)
    assert all(kernel.knows(key) for key in there.keys() - old)
    took, before = [kernel.take_out_forgotten(500) for _ in range(100)], kernel.memory_bytes()
    assert sum(took) == len(old) > 1_000
    assert max(took) < 1_000
    kernel.forget(5)  # it only rises
    kernel.forget(30_000)
    assert kernel.take_out_forgotten(10**6) == len(there) - len(old)
    assert (len(kernel), kernel.take_out_forgotten(1)) == (0, 0)
    assert kernel.memory_bytes() < before


@both
def test_who_comes_back_after_being_forgotten_is_a_new_one_whenever_memory_was_given_back(name: str) -> None:
    queries = [(0, Mode.ADD, Op.COUNT, 0, 0, -1), (0, 0, Op.AGE, 0, 0, -1), (0, Mode.FIRST, Op.SINCE_FIRST, 0, 0, -1)]
    told = []
    for gives_back in (False, True):
        kernel = made(name)
        plan = kernel.plan(queries)
        seen = [(Mode.ADD, 7, 1), (Mode.FIRST, 7, 1)]
        kernel.add(1, START_MS, [(KIND, 1), (KIND, 2)], seen)
        kernel.add(5, START_MS + 5, [(KIND, 2)], [(Mode.ADD, 8, 1)])
        kernel.forget(5)
        if gives_back:
            assert kernel.take_out_forgotten(10**6) == 1
        answers = [kernel.read(plan, START_MS + 9, [key], []) for key in (1, 2)]
        kernel.add(9, START_MS + 9, [(KIND, 1)], [(Mode.ADD, 9, 1)])
        kernel.add(4, START_MS + 3, [(KIND, 3)], seen)  # too old to make anything known, but not to be counted
        kernel.add(4, START_MS + 3, [(KIND, 2)], [(Mode.ADD, 10, 1)])
        answers += [kernel.read(plan, START_MS + 20, [key], []) for key in (1, 2, 3)]
        told.append((answers, state(kernel, KEYS)))
    assert told[0] == told[1]
    assert told[0][0] == [[0, None, None], [2, 9, 9], [1, 11, None], [3, 20, 20], [0, None, None]]


@both
def test_a_past_that_is_added_to_the_known_reaches_none_that_was_forgotten_since(name: str) -> None:
    kernel = made(name)
    for seq, key in ((1, 1), (2, 2), (6, 2), (8, 3)):
        kernel.add(seq, START_MS + seq, [(ALWAYS_KIND, key)], [])
    kernel.forget(3)
    kernel.add(9, START_MS + 9, [(ALWAYS_KIND, 1)], [])
    before = {key: (kernel.first_seq(key), kernel.first_ms(key)) for key in range(5)}
    for seq, key in ((1, 1), (2, 2), (6, 2), (7, 4), (8, 3), (9, 1), (5, 3)):
        kernel.add_to_known(seq, START_MS + seq, [(ALWAYS_KIND, key)], [(Mode.ADD, seq, 1)])
    assert {key: [entry[3] for entry in kernel.entries(key)] for key in range(5)} == {
        0: [], 1: [9], 2: [2, 6], 3: [8], 4: []
    }  # fmt: skip
    assert {key: (kernel.first_seq(key), kernel.first_ms(key)) for key in range(5)} == before


@blocks(10, 5)
def test_both_kernels_forget_the_same(block: int) -> None:
    for seed in range(1_000 + 20 * block, 1_020 + 20 * block):
        random = Random(seed)
        events = stream(random, 150, random.choice((3, 20)), random.choice(SPANS_MS), random.choice((5, 10**12)))
        kernels = [made("specification"), made("chosen")]
        for event in events:
            below, chance = event.seq - random.randint(5, 40), random.random()
            limit, past = random.randint(1, 50), random.choice(events[: event.seq + 1])
            for kernel in kernels:
                if chance < 0.3:
                    kernel.forget(max(0, below))
                if chance < 0.1:
                    kernel.take_out_forgotten(limit)
                kernel.add(*event)
                if chance > 0.8:
                    kernel.add_to_known(*past)
        assert state(kernels[0], KEYS) == state(kernels[1], KEYS)
        for kernel in kernels:
            kernel.take_out_forgotten(10**6)
        assert len(kernels[0]) == len(kernels[1]) == len(state(kernels[1], KEYS))


def hot(name: str, number: int, apart_ms: int) -> tuple[Any, int]:
    kernel = made(name)
    largest = 0
    for seq in range(1, number + 1):
        seen = [(series, seq, 1) for series in SERIES]
        kernel.add(seq, START_MS + seq * apart_ms, [(KIND, 1)], seen)
        if seq % 100 == 0:
            largest = max(largest, len(kernel.entries(1)))
    return kernel, largest


ENTRIES_MOST = 2 * (64 + 13 + 25 + 101 + 1) + 129 + 4 + 1
"""Of one series of each mode."""


@both
@pytest.mark.parametrize("apart_ms", [1, MINUTE_MS, HOUR_MS])
def test_a_hot_entity_stays_small_and_counts_all(name: str, apart_ms: int) -> None:
    number = 3_000 if name == "chosen" else 500
    kernel, largest = hot(name, number, apart_ms)
    assert largest <= ENTRIES_MOST
    plan = kernel.plan([(0, series, Op.COUNT, 0, 0, -1) for series in (Mode.ADD, Mode.PEAK, Mode.LATEST, Mode.FIRST)])
    assert kernel.read(plan, 2**43, [1], []) == [number, number, 4, 1]
    assert kernel.entries(1)[0][2] == FOLDED
    assert len([entry for entry in kernel.entries(1) if entry[0] == Mode.ADD and entry[2] == EXACT]) == 64


@pytest.mark.slow
def test_a_million_observations_of_one_entity_stay_within_20_kb() -> None:
    empty = made("chosen").memory_bytes()
    kernel, largest = hot("chosen", 1_000_000, 30_000)
    assert largest <= ENTRIES_MOST
    assert kernel.memory_bytes() - empty < 20_000


WALKED = (3, 3, 3, 3, 3, 1, 1, 1, 3)
NOWHERE: tuple[list[int], ...] = ([], [], [], [], [])
REFUSED: list[tuple[str, tuple[Any, ...]]] = [
    ("define", (0, 1)), ("define", (4_096, 1)), ("define", (6, 0)), ("define", (6, 6)), ("define", (1, Mode.PEAK)),
    ("define", ("6", 1)), ("define", (6,)), ("define", (2**70, 1)), ("route", (0, [9], False)), ("route", (0, 9, 0)),
    ("route", (-1, [], False)), ("route", (4_096, [], False)), ("route", (0, [None], False)), ("route", (0, [1])),
    ("add", (0, 0, [], None)), ("add", (0, 0, 5, [])), ("add", (-1, 0, [], [])), ("add", (0, -1, [], [])),
    ("add", (0, 2**43 + 1, [], [])), ("add", (2**63, 0, [], [])), ("add", (0, 0, [(7, -1)], [])),
    ("add", (0, 0, [(7, 2**64)], [])), ("add", (0, 0, [(7,)], [])), ("add", (0, 0, [[7, 1]], [])),
    ("add", (0, 0, [(7, 1.0)], [])), ("add", (0, 0, [(7, 1)], [(1, 0, 0)])), ("add", (0, 0, [], [(1, 1, 2**63)])),
    ("add", (0, 0, [], [(1, -(2**63) - 1, 0)])), ("add", (0, 0, [], [(6, 1, 0)])), ("add", (0, 0, [], [(0, 1, 0)])),
    ("add", (0, 0, [(7, 1)] * 1_025, [])), ("add", (0.0, 0, [], [])), ("add", (0, 0, [])), ("drop_series", (6,)),
    ("drop_series", (None,)), ("plan", (None,)), ("plan", ([(0, 1, 1, 0, 0)],)), ("plan", ([(0, 1, 0, 0, 0, -1)],)),
    ("plan", ([(0, 1, 12, 0, 0, -1)],)), ("plan", ([(0, 6, 1, 0, 0, -1)],)), ("plan", ([(0, 1, 1, 5, 5, -1)],)),
    ("plan", ([(0, 1, 1, -1, 0, -1)],)), ("plan", ([(0, 1, 1, 0, 0, -2)],)), ("plan", ([(1_024, 1, 1, 0, 0, -1)],)),
    ("plan", ([(0, 1, Op.PEAK, 0, 0, -1)],)), ("plan", ([(0, 2, Op.SUM, 0, 0, -1)],)),
    ("plan", ([(0, 1, Op.STANDING, 0, 0, -1)],)), ("plan", ([(0, 1, Op.HOLDS, 0, 0, -1)],)),
    ("plan", ([(0, 5, Op.HOLDS, 0, 0, 0)],)), ("plan", ([(0, 4, Op.LATEST_MARK, 0, 4, -1)],)),
    ("plan", ([(0, 0, Op.COUNT, 0, 0, -1)],)), ("plan", ([(0, 0, Op.COUNT, 0, 0, -1)] * 65_537,)),
    ("read", (None, 0, [], [])), ("read", (5, 0, [], [])), ("knows", (-1,)), ("knows", ("a",)), ("first_seq", (2**64,)),
    ("first_ms", (None,)), ("remove", (1.5,)), ("entries", ([],)), ("marks", (1, 6, 0, 1)), ("marks", (1, 1, 0, -1)),
    ("marks", (1, 1, -1, 1)), ("marks", (1, 1, 0)), ("forget", (-1,)), ("forget", (None,)),
    ("take_out_forgotten", (0,)), ("next_slice", (10,)),
    ("neighbours", (WALKED, 0, [1], NOWHERE, 0)), ("neighbours", (WALKED[1:], 0, [1], NOWHERE)),
    ("neighbours", (list(WALKED), 0, [1], NOWHERE)), ("neighbours", ((*WALKED[:-1], 6), 0, [1], NOWHERE)),
    ("neighbours", ((1, *WALKED[1:]), 0, [1], NOWHERE)), ("neighbours", ((*WALKED[:-2], 3, 3), 0, [1], NOWHERE)),
    ("neighbours", (WALKED, -1, [1], NOWHERE)), ("neighbours", (WALKED, 0, [2**63], NOWHERE)),
    ("neighbours", (WALKED, 0, [1], NOWHERE[1:])), ("neighbours", (WALKED, 0, [1], list(NOWHERE))),
    ("neighbours", (WALKED, 0, [1], (*NOWHERE[1:], [-1]))), ("neighbours", (WALKED, 0, [1], (*NOWHERE[1:], None))),
    ("neighbours", (WALKED, 0, [1], (*NOWHERE[1:], [1] * 1_025))),
    ("add_to_known", (0, 0, [], [(6, 1, 0)])), ("add_to_known", (0, 0, [])), ("add", (2**43 + 1, 0, [], [])),
    ("load", (None,)), ("load", (b"",)), ("load", (bytes(24),)), ("load", (bytearray(80),)),
]  # fmt: skip


@both
@pytest.mark.parametrize(("method", "arguments"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_bad_argument_is_refused_and_changes_nothing(name: str, method: str, arguments: tuple[Any, ...]) -> None:
    kernel = made(name)
    kernel.add(0, START_MS, [(KIND, 1)], [(1, 1, 1)])
    before = state(kernel, KEYS)
    with pytest.raises((TypeError, ValueError)):
        getattr(kernel, method)(*arguments)
    assert state(kernel, KEYS) == before


@both
def test_a_plan_wants_its_keys_and_marks_in_range(name: str) -> None:
    kernel = made(name)
    plan = kernel.plan([(2, 1, Op.COUNT, 0, 0, 1)])
    assert kernel.read(plan, 0, (0, 0, 9), (0, 0)) == [0]
    wrong: list[tuple[Any, ...]] = [
        (plan, 0, [0, 0], [0, 0]), (plan, 0, [0, 0, 0], [0]), (plan, -1, [0, 0, 0], [0, 0]),
        (plan, 0, [-1, 0, 0], [0, 0]), (plan, 0, [0, 0, 0], [2**63, 0]), (plan, 0, [0, 0, 0], ["a", 0]),
        (plan, 0, None, []), (plan, 0, [0] * 1_025, [0, 0]),
    ]  # fmt: skip
    for arguments in wrong:
        with pytest.raises((TypeError, ValueError)):
            kernel.read(*arguments)
    for arguments in [(), (None,), ([9],), ([0] * 4_097,), ([0, "1"],), ([0, 1], 2)]:
        with pytest.raises((TypeError, ValueError)):
            KERNELS[name](*arguments)
    assert len(MODES) == 6
