"""What is kept of one series of one entity: a sorted list of entries that depends on the set of observations only.

Each function says why the order in which observations come does not show. An entry is `(word, mark, amount)`, where
the word is series, time and flag in this order of weight, so that sorting by it is sorting by time.
"""

from bisect import insort
from itertools import pairwise
from typing import Final

from fourthwatch.features.modes import ALL, BUCKETS, EXACT, FOLDED, LEVEL, Mode
from fourthwatch.limits import AT_MS_MAX, LATEST_KEPT_MAX, THINGS_EXACT_MAX

Entry = tuple[int, int, int]
Run = list[Entry]

LEVEL_TIME: Final = 2**44 - 1
"""Later than any observation, so that the level is the last entry of its run."""
LEVEL_MAX: Final = 40
_COUNT_BITS: Final = 40
_COUNT_MASK: Final = 2**_COUNT_BITS - 1
_HIGH_MAX: Final = 2**23 - 1
_WORD_MASK: Final = 2**64 - 1


def word_of(series: int, at_ms: int, flag: int) -> int:
    """The first word of an entry."""
    return series << 48 | at_ms << 4 | flag


def series_of(entry: Entry) -> int:
    """The series that an entry is of."""
    return entry[0] >> 48


def time_of(entry: Entry) -> int:
    """Milliseconds; of a bucket, its start."""
    return entry[0] >> 4 & LEVEL_TIME


def flag_of(entry: Entry) -> int:
    """`FOLDED`, `EXACT` or `LEVEL`."""
    return entry[0] & 15


def bucket_count(entry: Entry) -> int:
    """How many observations are in a bucket."""
    return entry[1] & _COUNT_MASK


def bucket_sum(entry: Entry) -> int:
    """The sum of a bucket of `Mode.ADD`, which may be more than 64 bits hold."""
    return (entry[1] >> _COUNT_BITS) * 2**64 + entry[2]


def bucket_start(at_ms: int, newest_ms: int) -> int:
    """Where the bucket begins that an observation is folded into, while its series' newest is of `newest_ms`.

    >>> bucket_start(599_999, 3_600_000), bucket_start(7_199_999, 30_000_000)
    (0, 0)
    >>> bucket_start(7_200_001, 30_000_000)
    7200000
    """
    for reach_ms, width_ms in BUCKETS:
        start_ms = at_ms - at_ms % width_ms
        if newest_ms - start_ms < reach_ms:
            return start_ms
    return 0


def level_of(mark: int) -> int:
    """How many of all marks a mark speaks for: half of them have level 1 or more, a quarter 2 or more, and so on.

    `ALL` has the highest, since what ends everything before it must not be let go.
    """
    mixed = (mark + 0x9E3779B97F4A7C15) & _WORD_MASK
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _WORD_MASK
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _WORD_MASK
    mixed ^= mixed >> 31
    if mark == ALL or mixed == 0:
        return LEVEL_MAX
    return min(LEVEL_MAX, (mixed & -mixed).bit_length() - 1)


def split_level(run: Run) -> tuple[Run, int]:
    """The things of a run, and the level of its sample; 0 when it has all."""
    return (run[:-1], run[-1][1]) if run and flag_of(run[-1]) == LEVEL else (run, 0)


def put(mode: int, run: Run, new: Entry) -> bool:
    """Take one observation into the summary; whether its mark may be that of an older one that was folded away."""
    if mode in (Mode.ADD, Mode.PEAK):
        return _put_thing(run, new, peak=mode == Mode.PEAK)
    if mode == Mode.DISTINCT:
        _put_distinct(run, new)
    elif mode == Mode.LATEST:
        _put_latest(run, new)
    else:
        _put_first(run, new)
    return False


def take_back(mode: int, run: Run, at_ms: int, amount: int) -> bool:
    """Let a thing that was folded away not count any more; whether its bucket was there.

    What stays is what would be had it never come, but for the greatest amount of a bucket with others in it.
    """
    older = max(0, len(run) - THINGS_EXACT_MAX)
    start_ms = bucket_start(at_ms, time_of(run[-1])) if older else 0
    place = next((place for place, entry in enumerate(run[:older]) if time_of(entry) == start_ms), None)
    if place is None:
        return False
    word, mark, kept = run[place]
    if bucket_count(run[place]) == 1:
        del run[place]
    elif mode == Mode.PEAK:
        run[place] = (word, mark - 1, kept)
    else:
        run[place] = _bucket(word, bucket_count(run[place]) - 1, bucket_sum(run[place]) - amount)
    return True


def _put_thing(run: Run, new: Entry, *, peak: bool) -> bool:
    """The newest 64 are a maximum; the bucket of an older one depends on its own time and the newest only."""
    folded = [entry for entry in run if flag_of(entry) == FOLDED]
    has_folded = bool(folded)
    exact = run[len(folded) :]
    same = _with_mark(exact, new[1])
    if same is not None:
        if not _supersedes(new, same):
            return False
        exact.remove(same)
    insort(exact, new)
    if len(exact) > THINGS_EXACT_MAX:
        word, _, amount = exact.pop(0)
        folded.append((word, 1, amount))
    newest_ms, series = time_of(exact[-1]), series_of(new)
    buckets: dict[int, Entry] = {}
    for entry in folded:
        word = word_of(series, bucket_start(time_of(entry), newest_ms), FOLDED)
        there = buckets.get(word)
        buckets[word] = (word, *entry[1:]) if there is None else _joined(there, entry, peak=peak)
    run[:] = sorted(buckets.values()) + exact
    return has_folded and same is None


def _joined(one: Entry, other: Entry, *, peak: bool) -> Entry:
    count = min(_COUNT_MASK, bucket_count(one) + bucket_count(other))
    if peak:
        return (one[0], count, max(one[2], other[2]))
    return _bucket(one[0], count, bucket_sum(one) + bucket_sum(other))


def _bucket(word: int, count: int, total: int) -> Entry:
    low = (total + 2**63 & _WORD_MASK) - 2**63
    high = max(-_HIGH_MAX, min(_HIGH_MAX, total - low >> 64))
    return (word, (high << _COUNT_BITS) + count, low)


def _put_distinct(run: Run, new: Entry) -> None:
    """Kept are the newest 64 marks, and all that reach the level: the smallest that at most 64 of all marks reach.

    A mark that was let go is below the level and older than the newest 64, and both bounds only rise. So when it comes
    again its old time cannot matter, and it does not change how many reach the level.
    """
    things, level = split_level(run)
    things = list(things)
    same = _with_mark(things, new[1])
    if same is not None:
        if not _supersedes(new, same):
            return
        things.remove(same)
    insort(things, new)
    while sum(level_of(mark) >= level for _, mark, _ in things) > THINGS_EXACT_MAX:
        level += 1
    older, newest = things[:-THINGS_EXACT_MAX], things[-THINGS_EXACT_MAX:]
    run[:] = [entry for entry in older if level_of(entry[1]) >= level] + newest
    if level:
        run.append((word_of(series_of(new), LEVEL_TIME, LEVEL), level, 0))


def _put_latest(run: Run, new: Entry) -> None:
    """The greatest four by (time, mark); of the same time and mark the greater amount."""
    same = [entry for entry in run if entry[:2] == new[:2]]
    if same:
        run.remove(same[0])
        new = max(new, same[0])
    insort(run, new)
    del run[:-LATEST_KEPT_MAX]


def _put_first(run: Run, new: Entry) -> None:
    """The smallest by (time, mark); of the same time and mark the greater amount."""
    run.append(new)
    run[:] = [min(run, key=lambda entry: (entry[0], entry[1], -entry[2]))]


def _with_mark(entries: Run, mark: int) -> Entry | None:
    return next((entry for entry in entries if entry[1] == mark), None)


def _supersedes(new: Entry, old: Entry) -> bool:
    """Of one mark the later counts, at the same time the greater amount."""
    return (new[0], new[2]) > (old[0], old[2])


def is_possible(mode: int, run: Run) -> bool:
    """Whether a run that was read from outside could have come about by `put`."""
    things, level = split_level(run)
    if not things or any(one[:2] >= other[:2] for one, other in pairwise(run)):
        return False
    if len(things) < len(run) and not _is_possible_level(mode, run):
        return False
    older = max(0, len(things) - THINGS_EXACT_MAX)
    folded = things[:older] if mode in (Mode.ADD, Mode.PEAK) else []
    single = things[len(folded) :]
    marks = {entry[1] for entry in single}
    if any(flag_of(entry) != EXACT or time_of(entry) > AT_MS_MAX for entry in single) or 0 in marks:
        return False
    if mode == Mode.LATEST:
        return len(things) <= LATEST_KEPT_MAX
    if len(marks) < len(single):
        return False
    if mode == Mode.FIRST:
        return len(things) == 1
    if mode == Mode.DISTINCT:
        reaching = sum(level_of(mark) >= level for mark in marks)
        is_sampled = all(level_of(entry[1]) >= level for entry in things[:older])
        return is_sampled and reaching <= THINGS_EXACT_MAX
    return _are_possible_buckets(folded, time_of(things[-1]), peak=mode == Mode.PEAK)


def _is_possible_level(mode: int, run: Run) -> bool:
    word, level, amount = run[-1]
    is_there = mode == Mode.DISTINCT and len(run) > THINGS_EXACT_MAX and word >> 4 & LEVEL_TIME == LEVEL_TIME
    return is_there and 1 <= level <= LEVEL_MAX + 1 and amount == 0


def _are_possible_buckets(folded: Run, newest_ms: int, *, peak: bool) -> bool:
    starts = [time_of(entry) for entry in folded]
    return (
        all(flag_of(entry) == FOLDED and bucket_count(entry) > 0 for entry in folded)
        and not (peak and any(entry[1] >> _COUNT_BITS for entry in folded))
        and all(bucket_start(start, newest_ms) == start for start in starts)
        and len(set(starts)) == len(starts)
    )
