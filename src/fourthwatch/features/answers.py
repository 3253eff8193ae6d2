"""What a summary answers: each operation of `Op` over one run, in plain Python.

The rule a reader must know: what is later than the time of reading is not there, for any operation.
"""

from fourthwatch.features.modes import ALL, EXACT, FOLDED, Mode, Op, Query
from fourthwatch.features.summaries import (
    Entry,
    Run,
    bucket_count,
    bucket_sum,
    flag_of,
    level_of,
    split_level,
    time_of,
)
from fourthwatch.limits import LATEST_KEPT_MAX, THINGS_EXACT_MAX

Answer = int | float | None


def answer(mode: int, run: Run, first_ms: int, query: Query, until_ms: int, mark: int) -> Answer:
    """One query over the run of its series; `first_ms` is the entity's, `mark` is 0 when none was said."""
    _, _, op, from_age_ms, to_age_ms, _ = query
    things, level = split_level(run)
    after_ms = -1 if from_age_ms == 0 else max(-1, until_ms - from_age_ms)
    nth = op in (Op.LATEST_AMOUNT, Op.LATEST_MARK)
    before_ms = until_ms if nth else until_ms - to_age_ms
    window = [entry for entry in things if after_ms < time_of(entry) <= before_ms]
    if op in (Op.COUNT, Op.SUM, Op.MEAN, Op.PEAK):
        weights = _weights(mode, things, level)
        return _total(op, [(entry, weights[entry[:2]]) for entry in window], mark)
    if op == Op.STANDING:
        return _standing(things, window, _weights(mode, things, level), until_ms)
    if op == Op.HOLDS:
        return _holds(mode, things, level, window, (after_ms, until_ms), mark)
    if op == Op.SINCE_LAST:
        return _since(window[-1], first_ms, until_ms) if window else None
    if op == Op.SINCE_FIRST:
        return _since(window[0], first_ms, until_ms) if window else None
    if len(window) <= to_age_ms or flag_of(window[-1 - to_age_ms]) == FOLDED:
        return None
    return window[-1 - to_age_ms][1 if op == Op.LATEST_MARK else 2]


def unheard(op: int) -> Answer:
    """The answer of an entity that was never heard of: nothing happened, and nothing can be said of it."""
    return 0 if op in (Op.COUNT, Op.SUM, Op.STANDING) else None


def _clamped(value: int) -> int:
    return max(-(2**63), min(2**63 - 1, value))


def _weights(mode: int, things: Run, level: int) -> dict[tuple[int, int], int | None]:
    """For how many each entry stands: `None` for itself alone, which is what can be left out."""
    weights: dict[tuple[int, int], int | None] = {}
    for place, entry in enumerate(things):
        if flag_of(entry) == FOLDED:
            weights[entry[:2]] = bucket_count(entry)
        elif mode == Mode.DISTINCT and place < len(things) - THINGS_EXACT_MAX:
            weights[entry[:2]] = 2**level
        else:
            weights[entry[:2]] = None
    return weights


def _total(op: int, window: list[tuple[Entry, int | None]], without: int) -> Answer:
    count = total = 0
    greatest: int | None = None
    for entry, weight in window:
        if weight is None and entry[1] == without:
            continue
        times = 1 if weight is None else weight
        count += times
        total += bucket_sum(entry) if flag_of(entry) == FOLDED else times * entry[2]
        greatest = entry[2] if greatest is None else max(greatest, entry[2])
    if op == Op.COUNT:
        return _clamped(count)
    if op == Op.SUM:
        return _clamped(total)
    if op == Op.MEAN:
        return float(total) / float(count) if count else None
    return greatest


def _standing(things: Run, window: Run, weights: dict[tuple[int, int], int | None], until_ms: int) -> int:
    ended_ms = max((time_of(entry) for entry in things if entry[1] == ALL and time_of(entry) <= until_ms), default=-1)
    standing = [e for e in window if e[1] != ALL and e[2] > 0 and time_of(e) > ended_ms]
    return _clamped(sum(weights[entry[:2]] or 1 for entry in standing))


def _holds(mode: int, things: Run, level: int, window: Run, reach_ms: tuple[int, int], mark: int) -> int | None:
    """0 only where a mark that had been there would still be."""
    after_ms, until_ms = reach_ms
    if mark == 0 or not any(time_of(entry) <= until_ms for entry in things):
        return None
    if any(entry[1] == mark and flag_of(entry) == EXACT for entry in window):
        return 1
    if mode == Mode.LATEST:
        forgets, complete = len(things) == LATEST_KEPT_MAX, things
    elif mode == Mode.DISTINCT:
        forgets, complete = level_of(mark) < level, things[-THINGS_EXACT_MAX:]
    else:
        forgets, complete = len(things) > THINGS_EXACT_MAX, things[-THINGS_EXACT_MAX:]
    return None if forgets and after_ms < time_of(complete[0]) else 0


def _since(entry: Entry, first_ms: int, until_ms: int) -> int:
    """A bucket begins before what is in it, but nothing of the entity is before its first."""
    return max(0, until_ms - max(time_of(entry), first_ms))
