"""Snapshots of the kernel: as of their beginning whatever goes on, the same for both, and no damage gets in."""

import struct
from random import Random
from typing import Any

import pytest

from features.observations import KERNELS, KIND, MODES, SPANS_MS, START_MS, feed, made, some_queries, state, stream
from fourthwatch.features.modes import EXACT, FOLDED, LEVEL, Mode
from fourthwatch.features.slices import pack_record, pack_slice
from fourthwatch.features.summaries import LEVEL_TIME, Entry, level_of, word_of

both = pytest.mark.parametrize("name", KERNELS)
OTHER = {"specification": "chosen", "chosen": "specification"}
KEYS = range(1, 1_500)


def all_slices(kernel: Any, max_bytes: int) -> list[bytes]:
    kernel.begin_snapshot()
    slices = list(iter(lambda: kernel.next_slice(max_bytes), b""))
    kernel.end_snapshot()
    return slices


def loaded(name: str, slices: list[bytes]) -> Any:
    kernel = made(name)
    for content in slices:
        kernel.load(content)
    return kernel


@pytest.mark.slow
@both
@pytest.mark.parametrize("seed", range(8))
def test_a_snapshot_shows_its_beginning_although_entities_change_come_and_go(name: str, seed: int) -> None:
    random = Random(seed)
    events = stream(random, 1_200, 400 + 600 * (seed % 2), random.choice(SPANS_MS), 10**12)
    kernel = made(name)
    feed(kernel, events[:400])
    for _ in range(2):
        before = state(kernel, KEYS)
        kernel.begin_snapshot()
        slices, left = [], events[400:]
        while content := kernel.next_slice(random.choice((1, 1_000, 20_000))):
            slices.append(content)
            for _ in range(random.choice((0, 1, 20))):
                if left and random.random() < 0.9:
                    kernel.add(*left.pop(0))
                else:
                    kernel.remove(random.choice(KEYS))
        kernel.end_snapshot()
        restored = loaded(OTHER[name], random.sample(slices, len(slices)))
        assert state(restored, KEYS) == before
        assert len(restored) == len(before)


@both
def test_a_restored_kernel_goes_on_the_same(name: str) -> None:
    events = stream(Random(3), 600, 3, SPANS_MS[4], 10**12)
    kernel = made(name)
    feed(kernel, events[:400])
    restored = loaded(name, all_slices(kernel, 1))
    assert len(all_slices(kernel, 1)) == len(kernel) == 3
    feed(kernel, events[400:])
    feed(restored, events[400:])
    assert state(restored, KEYS) == state(kernel, KEYS)


@both
def test_slices_are_of_the_size_that_was_asked_for(name: str) -> None:
    kernel = made(name)
    for seq in range(5_000):
        kernel.add(seq, START_MS, [(KIND, seq + 1)], [(Mode.ADD, 1, 1)])
    slices = all_slices(kernel, 10_000)
    assert all(9_900 < len(content) <= 10_000 for content in slices[:-1])
    assert len(loaded(OTHER[name], slices)) == 5_000


@both
def test_what_is_dropped_during_a_snapshot_is_not_in_it(name: str) -> None:
    kernel = made(name)
    for seq in range(600):
        kernel.add(seq, START_MS, [(KIND, seq + 1)], [(Mode.ADD, 1, 1), (Mode.LATEST, 2, 2)])
    kernel.begin_snapshot()
    kernel.drop_series(Mode.ADD)
    kernel.define(Mode.ADD, Mode.FIRST)
    slices = list(iter(lambda: kernel.next_slice(5_000), b""))
    kernel.end_snapshot()
    restored = loaded(OTHER[name], slices)
    assert all(restored.entries(key) == [(Mode.LATEST, START_MS, EXACT, 2, 2)] for key in range(1, 601))


@both
def test_a_series_that_is_not_defined_any_more_is_left_out(name: str) -> None:
    kernel = made(name)
    kernel.add(0, START_MS, [(KIND, 1)], [(Mode.ADD, 1, 1), (Mode.LATEST, 2, 2)])
    restored = KERNELS[OTHER[name]]([0, 0, *MODES[2:]])
    for content in all_slices(kernel, 1):
        restored.load(content)
    assert restored.entries(1) == [(Mode.LATEST, START_MS, EXACT, 2, 2)]
    restored.define(Mode.ADD, Mode.ADD)
    assert restored.entries(1) == [(Mode.LATEST, START_MS, EXACT, 2, 2)]


@both
def test_a_slice_is_taken_whole_or_not_at_all(name: str) -> None:
    kernel = made(name)
    for key in (5, 6, 7):
        kernel.add(0, START_MS, [(KIND, key)], [(Mode.ADD, 1, 1)])
    records = b"".join(content[24:] for content in all_slices(kernel, 1))
    for damage in (records + records[:56], records + records[:24], records[:-8], records + bytes(32)):
        other = made(name)
        with pytest.raises(ValueError, match=r"."):
            other.load(pack_slice(damage))
        assert len(other) == 0
        other.load(pack_slice(records))
        assert len(other) == 3
        with pytest.raises(ValueError, match=r"."):
            other.load(pack_slice(records))
        assert state(other, KEYS) == state(kernel, KEYS)


@both
def test_snapshots_do_not_overlap(name: str) -> None:
    kernel = made(name)
    kernel.begin_snapshot()
    with pytest.raises(ValueError, match="already"):
        kernel.begin_snapshot()
    with pytest.raises(ValueError, match="being taken"):
        kernel.load(b"")
    assert kernel.next_slice(10) == b""
    kernel.end_snapshot()
    kernel.end_snapshot()
    with pytest.raises(ValueError, match="no snapshot"):
        kernel.next_slice(10)


def mutated(random: Random, content: bytes) -> bytes:
    """Damage of one to three words, cuts and repeats; mostly with a checksum that is right again."""
    words = list(struct.unpack(f"<{len(content) // 8}Q", content))
    for _ in range(random.randint(1, 3)):
        at = random.randrange(3 if random.random() < 0.95 else 0, len(words))
        change = random.random()
        if change < 0.4:
            words[at] ^= 1 << random.randrange(64)
        elif change < 0.6:
            words[at] = random.choice((0, 1, 2**64 - 1, 2**63, words[random.randrange(len(words))]))
        elif change < 0.8:
            words[at] = (words[at] + random.choice((-1, 1, 16, -16, 2**48, 2**20))) % 2**64
        elif change < 0.9:
            del words[at : at + random.randint(1, 4)]
        else:
            words[at:at] = words[max(3, at - 3) : at]
        if len(words) < 4:
            break
    packed = struct.pack(f"<{len(words)}Q", *words)
    if random.random() < 0.9:
        return pack_slice(packed[24:])
    return packed[: random.randint(0, len(packed))] if random.random() < 0.5 else packed


def assert_both_judge_the_same(random: Random, content: bytes) -> bool:
    taken: list[Any] = []
    for name in KERNELS:
        kernel = made(name)
        try:
            kernel.load(content)
        except ValueError:
            assert len(kernel) == 0
        else:
            taken.append(kernel)
    assert len(taken) in (0, 2)
    if not taken:
        return False
    keys = [struct.unpack_from("<Q", content, 24)[0], 1, 2]
    assert len(taken[0]) == len(taken[1])
    queries = some_queries(random, 20, SPANS_MS[3])
    for seq in range(3):
        for kernel in taken:
            kernel.add(seq, START_MS + seq, [(KIND, key) for key in keys], [(s, seq + 1, 5) for s in Mode])
    for key in keys:
        one, other = (kernel.read(kernel.plan(queries), START_MS * 2, [key], [1, 2]) for kernel in taken)
        assert one == other
        assert taken[0].entries(key) == taken[1].entries(key)
    return True


def slices_to_damage(random: Random) -> list[bytes]:
    kernel = made("chosen")
    feed(kernel, stream(random, random.choice((2, 20, 300)), 2, random.choice(SPANS_MS), 10**12))
    return all_slices(kernel, random.choice((1, 10**6))) or [pack_slice(bytes(32))]


@pytest.mark.parametrize("block", [0, *(pytest.param(block, marks=pytest.mark.slow) for block in range(1, 20))])
def test_damaged_slices_are_refused_or_read_by_both_kernels_alike(block: int) -> None:
    random = Random(block)
    judged = [
        assert_both_judge_the_same(random, mutated(random, random.choice(slices)))
        for slices in (slices_to_damage(random) for _ in range(30))
        for _ in range(10)
    ]
    assert 0 < sum(judged) < len(judged)


@pytest.mark.parametrize("seed", range(10))
def test_noise_is_refused(seed: int) -> None:
    random = Random(seed)
    for _ in range(50):
        noise = random.randbytes(8 * random.randint(0, 60))
        assert not assert_both_judge_the_same(random, random.choice((noise, pack_slice(noise))))


def exacts(series: int, number: int, first_mark: int = 1) -> list[Entry]:
    return [(word_of(series, START_MS + at, EXACT), first_mark + at, 0) for at in range(number)]


def highs(number: int) -> list[int]:
    return [mark for mark in range(2, 10_000) if level_of(mark) >= 3][:number]


def level(value: int, series: int = Mode.DISTINCT) -> Entry:
    return (word_of(series, LEVEL_TIME, LEVEL), value, 0)


IMPOSSIBLE: dict[str, list[Entry]] = {
    "series 0": [(word_of(0, START_MS, EXACT), 1, 1)],
    "a series too high": [(word_of(4_096, START_MS, EXACT), 1, 1)],
    "mark 0": [(word_of(1, START_MS, EXACT), 0, 1)],
    "out of order": [(word_of(1, START_MS + 1, EXACT), 1, 1), (word_of(1, START_MS, EXACT), 2, 1)],
    "twice the same": [(word_of(4, START_MS, EXACT), 1, 1)] * 2,
    "a mark twice": [(word_of(1, START_MS, EXACT), 1, 1), (word_of(1, START_MS + 1, EXACT), 1, 1)],
    "series out of order": [(word_of(2, START_MS, EXACT), 1, 1), (word_of(1, START_MS, EXACT), 1, 1)],
    "a bucket too early": [(word_of(1, 0, FOLDED), 1, 1), *exacts(1, 63)],
    "no bucket": exacts(1, 65),
    "a bucket of distinct": [(word_of(3, 0, FOLDED), 1, 1), *exacts(3, 64)],
    "an empty bucket": [(word_of(1, 0, FOLDED), 0, 1), *exacts(1, 64)],
    "a bucket that starts anywhere": [(word_of(1, 5, FOLDED), 1, 1), *exacts(1, 64)],
    "a bucket twice": [(word_of(1, 0, FOLDED), 1, 1), (word_of(1, 0, FOLDED), 2, 1), *exacts(1, 64)],
    "a peak above what it can be": [(word_of(2, 0, FOLDED), 2**40 + 1, 1), *exacts(2, 64)],
    "a flag nobody knows": [(word_of(1, START_MS, 7), 1, 1)],
    "a level of ADD": [*exacts(1, 64), level(1, Mode.ADD)],
    "a level alone": [level(1)],
    "a level too early": [*exacts(3, 63), level(1)],
    "a level too high": [*exacts(3, 64), level(42)],
    "a level of 0": [*exacts(3, 64), level(0)],
    "too many without a level": exacts(3, 65),
    "too many for the level": [
        (word_of(3, START_MS + at, EXACT), mark, 0) for at, mark in enumerate(highs(65))] + [level(3)],
    "a mark below the level": [(word_of(3, START_MS - 1, EXACT), 3, 0), *exacts(3, 64, 1_000), level(41)],
    "five latest": exacts(4, 5),
    "two first": exacts(5, 2),
    "later than all time": [(word_of(1, 2**43 + 1, EXACT), 1, 1)],
}  # fmt: skip


@both
@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_what_cannot_have_come_about_is_refused(name: str, what: str) -> None:
    span = (START_MS - 1, 5)
    record = pack_record((9, 0, *span, IMPOSSIBLE[what]))
    kernel = made(name)
    with pytest.raises(ValueError, match=r"."):
        kernel.load(pack_slice(record))
    assert len(kernel) == 0
    kernel.load(pack_slice(pack_record((9, 0, *span, exacts(1, 64)))))
    assert len(kernel.entries(9)) == 64


@both
@pytest.mark.parametrize(
    "record",
    [
        (0, 0, 5, 5, []),
        (9, 2**43 + 1, 5, 2**43 + 1, []),
        (9, 6, 5, 5, []),
        (9, 0, 2**43 + 1, 5, []),
        (9, 0, START_MS + 1, 5, exacts(1, 1)),
    ],
)
def test_a_record_with_an_impossible_head_is_refused(name: str, record: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        made(name).load(pack_slice(pack_record(record)))
