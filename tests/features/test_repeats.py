"""What comes again after it was folded away: whoever knows what it counted takes that back, and it counts once."""

from random import Random
from typing import Any

import pytest

from features.observations import KERNELS, KIND, SPANS_MS, START_MS, made
from fourthwatch.clock import MINUTE_MS
from fourthwatch.features.modes import FOLDED, Mode, RawEntry

both = pytest.mark.parametrize("name", KERNELS)
Told = tuple[int, int, int]
"""`(at_ms, mark, amount)`."""


def some_told(random: Random, number: int, marks: int) -> list[Told]:
    span_ms = random.choice(SPANS_MS)
    grid_ms = random.choice((1, 10 * MINUTE_MS))
    return [
        (
            START_MS + random.randint(0, span_ms) // grid_ms * grid_ms,
            random.randint(1, marks),
            random.randint(-(9**19), 9**19),
        )
        for _ in range(number)
    ]


def told_with_taking_back(kernel: Any, told: list[Told]) -> None:
    """As a ledger that knows every event: of two of a mark the later counts, at the same time the greater."""
    counted: dict[int, tuple[int, int]] = {}
    for seq, (at_ms, mark, amount) in enumerate(told):
        seen = [(series, mark, amount) for series in (Mode.ADD, Mode.PEAK)]
        doubts = kernel.add(seq, at_ms, [(KIND, 1)], seen, mark) or ()
        for key, series in doubts if mark in counted else ():
            assert kernel.take_back(key, series, *min(counted[mark], (at_ms, amount)))
        counted[mark] = max(counted.get(mark, (0, 0)), (at_ms, amount))


def entries(kernel: Any) -> list[RawEntry]:
    """Without the greatest amount of a bucket, which nothing can take back."""
    return [(*entry[:4], 0) if entry[0] == Mode.PEAK and entry[2] == FOLDED else entry for entry in kernel.entries(1)]


@pytest.mark.slow
@both
@pytest.mark.parametrize("block", range(10))
def test_the_newest_of_each_thing_counts_once_however_often_and_in_whatever_order_it_is_told(
    name: str, block: int
) -> None:
    for seed in range(20 * block, 20 * block + (20 if name == "chosen" else 4)):
        random = Random(seed)
        told = some_told(random, 500, random.choice((66, 120, 300)))
        newest = {mark: max((at, amount) for at, of, amount in told if of == mark) for _, mark, _ in told}
        once = made(name)
        told_with_taking_back(once, [(at_ms, mark, amount) for mark, (at_ms, amount) in newest.items()])
        for order in (told, sorted(told), sorted(told, reverse=True), random.sample(told * 2, 2 * len(told))):
            kernel = made(name)
            told_with_taking_back(kernel, order)
            assert entries(kernel) == entries(once)


@pytest.mark.parametrize("block", range(4))
def test_both_kernels_doubt_and_take_back_the_same(block: int) -> None:
    for seed in range(100 + 5 * block, 105 + 5 * block):
        random = Random(seed)
        kernels = [made(name) for name in KERNELS]
        for seq, (at_ms, mark, amount) in enumerate(some_told(random, 400, 150)):
            asked = random.choice((0, mark, mark, mark + 1))
            event = (
                seq,
                at_ms,
                [(KIND, random.randint(0, 2))],
                [(series, mark, amount) for series in (Mode.ADD, Mode.PEAK)],
            )
            one, other = (kernel.add(*event, asked) for kernel in kernels)
            assert one == other
            back = (random.randint(0, 3), random.randint(1, 5), at_ms - random.choice((0, 0, 3 * MINUTE_MS)), amount)
            one, other = (kernel.take_back(*back) for kernel in kernels)
            assert one == other
        assert [kernels[0].entries(key) for key in (1, 2)] == [kernels[1].entries(key) for key in (1, 2)]


@both
def test_what_was_never_folded_is_not_taken_back(name: str) -> None:
    kernel = made(name)
    assert not kernel.take_back(1, Mode.ADD, START_MS, 1)
    for seq in range(65):
        kernel.add(seq, START_MS + seq * 3_600_000, [(KIND, 1)], [(Mode.ADD, seq + 1, 1), (Mode.DISTINCT, seq + 1, 1)])
    before = kernel.entries(1)
    assert not kernel.take_back(1, Mode.ADD, START_MS + 9 * 86_400_000, 1)
    assert not kernel.take_back(1, Mode.DISTINCT, START_MS, 1)
    assert kernel.entries(1) == before
    assert kernel.take_back(1, Mode.ADD, START_MS, 1)
    assert kernel.entries(1) == before[1:]


@both
def test_a_snapshot_has_what_was_before_it_was_taken_back(name: str) -> None:
    kernel, back = made(name), made(name)
    for seq in range(70):
        kernel.add(seq, START_MS + seq, [(KIND, 1)], [(Mode.ADD, seq + 1, 1)])
    before = kernel.entries(1)
    kernel.begin_snapshot()
    assert kernel.take_back(1, Mode.ADD, START_MS, 1)
    back.load(kernel.next_slice(10_000))
    kernel.end_snapshot()
    assert back.entries(1) == before


@both
@pytest.mark.parametrize(
    "arguments", [(1, 0, 5, 5), (1, 9, 5, 5), (-1, 1, 5, 5), (1, 1, -1, 5), (1, 1, 5, 2**63), (1, 1, 5), ("1", 1, 5, 5)]
)
def test_a_bad_argument_is_refused(name: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises((TypeError, ValueError)):
        made(name).take_back(*arguments)
    with pytest.raises((TypeError, ValueError)):
        made(name).add(1, 1, [], [], 2**63)
