"""How a series of observations is summed up, and what may be asked of the summary; numbers are stored in snapshots.

The rule a reader must know: a summary is a function of the *set* of observations. Order, repeats and splitting over
writers do not show, as long as what `Mode.ADD` names is taken back.
"""

from enum import IntEnum
from typing import Final

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.limits import LATEST_KEPT_MAX, THINGS_EXACT_MAX

_ENTRY_BYTES = 24


class Mode(IntEnum):
    """What is kept of a series; 0 stands for a series that is not defined."""

    ADD = 1
    """Things that happen. The newest 64 are kept as they are, older ones as (count, sum) of time buckets. A mark that
    is among the 64 is one thing, at its latest time; one that comes again after it was folded counts again, and whoever
    knows what it counted takes that back."""
    PEAK = 2
    """As `ADD`, but a bucket keeps (count, greatest amount)."""
    DISTINCT = 3
    """Every mark once, at its latest time. The newest 64 marks are kept, and of the others a fair sample of up to 64,
    each of which stands for `2**level` marks; so older parts are estimates, good to about one in seven."""
    LATEST = 4
    """The newest four observations."""
    FIRST = 5
    """The earliest observation."""


class Op(IntEnum):
    """What a query asks of the observations in its window; nothing later than the time of reading ever counts."""

    COUNT = 1
    SUM = 2
    """Clamped to 64 bits. Not of `Mode.PEAK`, whose buckets do not have it."""
    MEAN = 3
    PEAK = 4
    """The greatest amount. Not of `Mode.ADD`, whose buckets do not have it."""
    SINCE_LAST = 5
    """Milliseconds since the newest."""
    SINCE_FIRST = 6
    """Milliseconds since the oldest that is kept; `Mode.FIRST` keeps the very first."""
    HOLDS = 7
    """1 when the mark is there, 0 when it is not, `None` when there is nothing at all or when it may be forgotten."""
    LATEST_AMOUNT = 8
    """Of the newest; `to_age_ms` 1 to 3 asks for the ones before it."""
    LATEST_MARK = 9
    STANDING = 10
    """Distinct marks whose amount is above zero, and which are newer than the mark `ALL`."""
    AGE = 11
    """Milliseconds since the entity was first heard of, whatever the series."""


ALL: Final = 1
"""In a series that `Op.STANDING` is asked of: nothing at or before the time of this mark stands any more."""

BUCKETS: Final = ((2 * HOUR_MS, 10 * MINUTE_MS), (2 * DAY_MS, 2 * HOUR_MS), (100 * DAY_MS, DAY_MS))
"""`(reach, width)`: a bucket of this width serves while it starts less than this before the newest of its series; what
is older than all of them is in one bucket at time 0. Each width divides the next, so a bucket of buckets is what it
would be had all of it come at once."""


def slack_ms(age_ms: int) -> int:
    """How far from its place the edge of a window may lie, once a series has more than its newest 64 things.

    The width of the bucket that the edge falls into, which begins up to that before the edge; 0 for a window without
    an edge.

    >>> slack_ms(HOUR_MS) // MINUTE_MS, slack_ms(DAY_MS) // MINUTE_MS, slack_ms(7 * DAY_MS) // HOUR_MS, slack_ms(0)
    (10, 120, 24, 0)
    >>> slack_ms(110 * MINUTE_MS) // MINUTE_MS, slack_ms(111 * MINUTE_MS) // MINUTE_MS
    (10, 120)
    """
    return 0 if age_ms == 0 else next((width for reach, width in BUCKETS if age_ms + width <= reach), age_ms)


def bytes_max(mode: Mode) -> int:
    """The most that the summary of one entity's series takes, however much it has seen.

    >>> bytes_max(Mode.ADD), bytes_max(Mode.DISTINCT), bytes_max(Mode.FIRST)
    (4824, 3096, 24)
    """
    buckets = sum(reach // width for reach, width in BUCKETS) + 1
    entries = {
        Mode.ADD: THINGS_EXACT_MAX + buckets,
        Mode.PEAK: THINGS_EXACT_MAX + buckets,
        Mode.DISTINCT: 2 * THINGS_EXACT_MAX + 1,
        Mode.LATEST: LATEST_KEPT_MAX,
        Mode.FIRST: 1,
    }
    return _ENTRY_BYTES * entries[mode]


Entity = tuple[int, int]
"""`(kind, key)`: the kind decides which series are kept, the key is a 64-bit hash, 0 for not said."""
Observation = tuple[int, int, int]
"""`(series, mark, amount)`; the mark says which thing it is, and is not 0."""
Doubt = tuple[int, int]
"""`(key, series)`: a run in which a mark may have counted before, in a bucket."""
Query = tuple[int, int, int, int, int, int]
"""`(source, series, op, from_age_ms, to_age_ms, without)`: the window is `until - from_age < time <= until - to_age`,
`from_age` 0 meaning ever; `source` is a place in the keys of a reading, `without` in its marks, or -1."""
RawEntry = tuple[int, int, int, int, int]
"""`(series, at_ms, flag, mark, amount)`; the flag is one of the three below, and says what the mark is."""

FOLDED: Final = 0
"""A bucket: the mark is a count, plus 2**40 for each 2**64 that the sum is above what the amount can hold."""
EXACT: Final = 1
LEVEL: Final = 2
"""The mark is the level of the sample of a `Mode.DISTINCT`; the last entry of its series."""


def refusal(mode: int, op: int) -> str | None:
    """Why a summary of this mode cannot answer the operation, or `None` when it can.

    >>> refusal(Mode.PEAK, Op.SUM)
    'a series of mode PEAK does not keep what SUM needs'
    >>> refusal(Mode.ADD, Op.SUM) is None
    True
    """
    if op == Op.STANDING:
        answers = mode == Mode.DISTINCT
    else:
        answers = (mode, op) not in (
            (Mode.PEAK, Op.SUM),
            (Mode.PEAK, Op.MEAN),
            (Mode.ADD, Op.PEAK),
            (Mode.FIRST, Op.HOLDS),
        )
    return None if answers else f"a series of mode {Mode(mode).name} does not keep what {Op(op).name} needs"
