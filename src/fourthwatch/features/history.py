"""What one entity has been through, in one flat array: exact while small, folded into time buckets beyond that.

An entry says *when*, *what* (a `Series`), *which* (a 64-bit mark, so that the same thing counts once) and *how much*.
Up to `EXACT_ENTRIES_MAX` entries every answer is exact. Older entries beyond it are folded into buckets of 10 minutes
(up to two hours back from the newest entry), two hours (two days), a day (a hundred days) and one for all before: a
count over a window may then miss at most the one bucket that its far edge cuts, and a thing seen again after folding
may count twice.
"""

from array import array
from enum import IntEnum

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.limits import EXACT_ENTRIES_MAX


class Series(IntEnum):
    """What is counted. Numbers are stored in snapshots: add new ones, never give one away."""

    ACCOUNT = 1
    ORDER = 2
    TRANSACTION = 3
    FAILED_TRANSACTION = 4
    LOGIN = 5
    FAILED_LOGIN = 6
    PROMOTION = 7
    CART = 8
    MESSAGE = 9
    CUSTOM = 10
    USERS = 11
    CARDS = 12
    DEVICES = 13
    IPS = 14
    ADDRESSES = 15
    EMAILS = 16
    RTO = 17
    CHARGEBACK = 18
    DELIVERED = 19
    BAD_TAG = 20
    RETURNED = 21


History = array  # of signed 64-bit words: the header, then entries in order of time
"""`[last_seq, first_seq, first_ms, entry, entry, …]`; each entry is `time and series, mark, count, amount`."""

_HEADER = 3
_STRIDE = 4
_SERIES_BITS = 5
_SERIES_MASK = (1 << _SERIES_BITS) - 1
_FOLDED = 0
_BUCKETS = ((2 * HOUR_MS, 10 * MINUTE_MS), (2 * DAY_MS, 2 * HOUR_MS), (100 * DAY_MS, DAY_MS))
_KEPT_EXACT = EXACT_ENTRIES_MAX // 2

assert max(Series) <= _SERIES_MASK


def new_history(seq: int, at_ms: int) -> "History[int]":
    """An entity that was first heard of by the event at this ledger position, at `at_ms` of the event's time."""
    return array("q", (-1, seq, at_ms))


def last_seq(history: "History[int]") -> int:
    """Ledger position of the last event that was added; -1 for none."""
    return history[0]


def first_seq(history: "History[int]") -> int:
    """Ledger position of the first event that was added."""
    return history[1]


def first_ms(history: "History[int]") -> int:
    """Earliest event time heard of."""
    return history[2]


def open_event(history: "History[int]", seq: int, at_ms: int) -> bool:
    """Announce the additions of one event; `False` if that event is in already and nothing may be added."""
    if seq <= history[0]:
        return False
    history[0] = seq
    if at_ms < history[2]:
        history[2] = at_ms
    return True


def add(history: "History[int]", series: int, at_ms: int, mark: int, amount: int = 0) -> None:
    """Enter one thing; if the same `mark` is there already, its entry moves on to the later time."""
    word = at_ms << _SERIES_BITS | series
    size = len(history)
    if size > _HEADER and mark in history:
        for at in range(_HEADER, size, _STRIDE):
            if history[at + 1] == mark and history[at] & _SERIES_MASK == series:
                if history[at] >= word:
                    return
                del history[at : at + _STRIDE]
                size -= _STRIDE
                break
    if size == _HEADER or history[-_STRIDE] <= word:
        history.extend((word, mark, 1, amount))
    else:
        at = size - _STRIDE
        while at > _HEADER and history[at - _STRIDE] > word:
            at -= _STRIDE
        history[at:at] = array("q", (word, mark, 1, amount))
    if size + _STRIDE > _HEADER + EXACT_ENTRIES_MAX * _STRIDE and _exact_entries(history) > EXACT_ENTRIES_MAX:
        _fold(history)


def count(history: "History[int]", series: int, after_ms: int, until_ms: int, without: int = 0) -> int:
    """How many things in `after_ms < time <= until_ms`, leaving out the one with the mark `without`."""
    low = (after_ms + 1) << _SERIES_BITS
    high = (until_ms + 1) << _SERIES_BITS
    total = 0
    for at in range(len(history) - _STRIDE, _HEADER - 1, -_STRIDE):
        word = history[at]
        if word < low:
            break
        if word & _SERIES_MASK == series and word < high and (history[at + 1] != without or without == 0):
            total += history[at + 2]
    return total


Plan = tuple[tuple[tuple[int, int], ...], ...]
"""By series: the windows in milliseconds that are asked for, each with the slot of its answer."""


def plan_of(wanted: list[tuple[int, int]]) -> Plan:
    """A plan for `tally` that answers each wanted `(series, window in ms)` in its place."""
    by_series: list[list[tuple[int, int]]] = [[] for _ in range(_SERIES_MASK + 1)]
    for slot, (series, window_ms) in enumerate(wanted):
        by_series[series].append((window_ms, slot))
    return tuple(tuple(windows) for windows in by_series)


def tally(history: "History[int]", plan: Plan, slots: int, until_ms: int, without: int, without_too: int) -> list[int]:
    """Many `count`s in one pass; leaves out the things with either mark."""
    counts = [0] * slots
    for at in range(_HEADER, len(history), _STRIDE):
        word = history[at]
        windows = plan[word & _SERIES_MASK]
        if windows:
            age_ms = until_ms - (word >> _SERIES_BITS)
            if age_ms >= 0:
                mark = history[at + 1]
                if (mark != without and mark != without_too) or mark == _FOLDED:
                    for window_ms, slot in windows:
                        if age_ms < window_ms:
                            counts[slot] += history[at + 2]
    return counts


def mean_amount(history: "History[int]", series: int, until_ms: int, without: int = 0) -> float | None:
    """Mean amount, in minor units, of all things up to `until_ms`; `None` when there was none."""
    high = (until_ms + 1) << _SERIES_BITS
    things = total = 0
    for at in range(_HEADER, len(history), _STRIDE):
        word = history[at]
        if word & _SERIES_MASK == series and word < high and (history[at + 1] != without or without == 0):
            things += history[at + 2]
            total += history[at + 3]
    return total / things if things else None


def last_ms(history: "History[int]", series: int, until_ms: int) -> int | None:
    """Time of the newest thing up to `until_ms`; `None` when there was none."""
    high = (until_ms + 1) << _SERIES_BITS
    for at in range(len(history) - _STRIDE, _HEADER - 1, -_STRIDE):
        word = history[at]
        if word & _SERIES_MASK == series and word < high:
            return word >> _SERIES_BITS
    return None


def holds(history: "History[int]", series: int, mark: int, until_ms: int) -> bool:
    """Whether this very thing was seen up to `until_ms`; a folded thing is forgotten."""
    high = (until_ms + 1) << _SERIES_BITS
    return mark in history and any(
        history[at + 1] == mark and history[at] & _SERIES_MASK == series and history[at] < high
        for at in range(_HEADER, len(history), _STRIDE)
    )


def clear(history: "History[int]", series: int, mark: int) -> None:
    """Take one thing out again, or with `mark` 0 all of the series; a folded thing goes only with all."""
    for at in range(len(history) - _STRIDE, _HEADER - 1, -_STRIDE):
        if history[at] & _SERIES_MASK == series and mark in (0, history[at + 1]):
            del history[at : at + _STRIDE]


def _exact_entries(history: "History[int]") -> int:
    entries = (len(history) - _HEADER) // _STRIDE
    return entries - history[_HEADER + 1 :: _STRIDE].count(_FOLDED)


def _fold(history: "History[int]") -> None:
    """Put all but the newest exact entries into buckets, and older buckets into wider ones."""
    newest_ms = history[-_STRIDE] >> _SERIES_BITS
    cut = len(history) - _KEPT_EXACT * _STRIDE
    buckets: dict[int, list[int]] = {}
    for at in range(_HEADER, cut, _STRIDE):
        word = history[at]
        start = _bucket_start(word >> _SERIES_BITS, newest_ms) << _SERIES_BITS | word & _SERIES_MASK
        bucket = buckets.setdefault(start, [0, 0])
        bucket[0] += history[at + 2]
        bucket[1] += history[at + 3]
    folded = array("q")
    for start in sorted(buckets):
        folded.extend((start, _FOLDED, *buckets[start]))
    history[_HEADER:cut] = folded


def _bucket_start(at_ms: int, newest_ms: int) -> int:
    age_ms = newest_ms - at_ms
    for reach_ms, width_ms in _BUCKETS:
        if age_ms < reach_ms:
            return at_ms - at_ms % width_ms
    return 0
