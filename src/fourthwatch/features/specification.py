"""The kernel of the windows in plain Python: what the compiled one is held against, and what runs where none is.

The state is a function of the set of observations; `summaries` has the reasons. An addition is read whole before
anything changes, and every bad argument is a TypeError or a ValueError.
"""

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TypeVar

from fourthwatch.features.answers import Answer, answer, unheard
from fourthwatch.features.hops import MODES, THINGS, Neighbours, walked
from fourthwatch.features.modes import EXACT, Doubt, Entity, Mode, Observation, Op, Query, RawEntry, refusal
from fourthwatch.features.modes import LEVEL as LEVEL_FLAG
from fourthwatch.features.slices import Record, pack_record, pack_slice, records_of
from fourthwatch.features.summaries import Run, flag_of, put, series_of, split_level, take_back, time_of, word_of
from fourthwatch.limits import AT_MS_MAX, KINDS_MAX, LATEST_KEPT_MAX, QUERIES_MAX, SEQ_MAX, SERIES_MAX, SOURCES_MAX

_T = TypeVar("_T")
_INT64_MAX = 2**63 - 1


class Plan:
    """Checked queries; made by `Kernel.plan`, opaque to callers."""

    def __init__(self, queries: list[Query], modes: list[int]) -> None:
        self.queries = queries
        self.modes = modes
        self.sources = max((query[0] + 1 for query in queries), default=0)
        self.marks = max((query[5] + 1 for query in queries), default=0)


class _Known:
    """One entity."""

    def __init__(self, first_seq: int, first_ms: int, last_seq: int) -> None:
        self.first_seq = first_seq
        self.first_ms = first_ms
        self.last_seq = last_seq
        self.runs: dict[int, Run] = {}

    def entries(self) -> Run:
        return [entry for series in sorted(self.runs) for entry in self.runs[series]]


class Kernel:
    """What is known of entities, as `(kind, key)`: which series a kind keeps is its route.

    >>> from fourthwatch.features.modes import Mode, Op
    >>> kernel = Kernel([0, Mode.ADD])
    >>> kernel.route(0, [1], False)
    >>> kernel.add(1, 1_000, [(0, 77)], [(1, 5, 20)])
    >>> plan = kernel.plan([(0, 1, Op.COUNT, 600, 0, -1), (0, 1, Op.SUM, 0, 0, -1), (0, 1, Op.AGE, 0, 0, -1)])
    >>> kernel.read(plan, 1_500, [77], []), kernel.read(plan, 1_600, [77], []), kernel.read(plan, 1_500, [0], [])
    ([1, 20, 500], [0, 20, 600], [None, None, None])
    """

    def __init__(self, modes: Sequence[int], /) -> None:
        """Modes by series number; 0 is a series that is not defined, and the place 0 is not used."""
        given = _listed(modes, SERIES_MAX + 1)
        self._modes = [_number(mode, "mode", 0, max(Mode)) for mode in given] + [0] * (SERIES_MAX + 1 - len(given))
        self._modes[0] = 0
        self._routes: dict[int, tuple[frozenset[int], bool]] = {}
        self._known: dict[int, _Known] = {}
        self._forgotten_below = 0
        self._to_look_at: list[int] = []
        self._unsaved: set[int] | None = None
        self._pending: list[bytes] = []

    def __len__(self) -> int:
        return len(self._known)

    def define(self, series: int, mode: int, /) -> None:
        """A new series; to define it again changes nothing, with another mode it is a ValueError."""
        _number(series, "series", 1, SERIES_MAX)
        _number(mode, "mode", 1, max(Mode))
        if self._modes[series] not in (0, mode):
            raise ValueError(f"series {series} has another mode already")
        self._modes[series] = mode

    def route(self, kind: int, series: Iterable[int], always: bool, /) -> None:
        """Which series entities of a kind keep; `always` makes them known even by an event without any of these."""
        _number(kind, "kind", 0, KINDS_MAX - 1)
        self._routes[kind] = (frozenset(self._defined(number) for number in series), bool(always))

    def drop_series(self, series: int, /) -> None:
        """Forget a series everywhere; plans that ask for it read `None` from now on."""
        self._defined(series)
        self._modes[series] = 0
        self._routes = {kind: (kept - {series}, always) for kind, (kept, always) in self._routes.items()}
        for known in self._known.values():
            known.runs.pop(series, None)

    def add(
        self, seq: int, at_ms: int, entities: Sequence[Entity], observations: Sequence[Observation], mark: int = 0, /
    ) -> list[Doubt] | None:
        """One event, from its place in the ledger and its time; each entity keeps the observations of its route.

        In `Mode.ADD` and `Mode.PEAK` a mark that was folded away is not known again, and counts besides: add an event
        once, and say which `mark` may have been there before. Told are the runs where it may be, for `take_back`.
        """
        return self._take_in(seq, at_ms, entities, observations, mark, to_known=False)

    def add_to_known(
        self, seq: int, at_ms: int, entities: Sequence[Entity], observations: Sequence[Observation], mark: int = 0, /
    ) -> list[Doubt] | None:
        """A past event of entities that were heard from the beginning: of each that is still known, and was when it
        happened, the observations; when it was heard of changes nothing.

        An entity that is not known was forgotten; so was one that came back, as far as it lies before that.
        """
        return self._take_in(seq, at_ms, entities, observations, mark, to_known=True)

    def take_back(self, key: int, series: int, at_ms: int, amount: int, /) -> bool:
        """Let a thing that was folded away not count any more; whether its bucket was there.

        The greatest amount of its bucket stays, unless nothing else is in it.
        """
        mode = self._modes[self._defined(series)]
        _number(at_ms, "at_ms", 0, AT_MS_MAX)
        _number(amount, "amount", -(2**63), _INT64_MAX)
        known = self._known_of(_key(key))
        if known is None or mode not in (Mode.ADD, Mode.PEAK):
            return False
        self._about_to_change(key)
        return take_back(mode, known.runs.get(series, []), at_ms, amount)

    def _take_in(
        self,
        seq: int,
        at_ms: int,
        entities: Sequence[Entity],
        observations: Sequence[Observation],
        doubted: int,
        *,
        to_known: bool,
    ) -> list[Doubt] | None:
        _number(seq, "seq", 0, SEQ_MAX)
        _number(at_ms, "at_ms", 0, AT_MS_MAX)
        whom = [(_number(kind, "kind", 0, KINDS_MAX - 1), _key(key)) for kind, key in _tuples(entities, 2, SOURCES_MAX)]
        seen = []
        for series, mark, amount in _tuples(observations, 3, SOURCES_MAX):
            self._defined(series)
            if _number(mark, "mark", -(2**63), _INT64_MAX) == 0:
                raise ValueError("a mark must not be 0")
            seen.append((series, mark, _number(amount, "amount", -(2**63), _INT64_MAX)))
        _number(doubted, "mark", -(2**63), _INT64_MAX)
        doubts: list[Doubt] = []
        for kind, key in dict.fromkeys(whom):
            series_kept, always = self._routes.get(kind, (frozenset(), False))
            kept = [observation for observation in seen if observation[0] in series_kept]
            if key and (kept or (always and not to_known)):
                folded = self._add_to(key, seq, at_ms, kept, to_known=to_known)
                doubts += [(key, series) for series, mark in folded if mark == doubted]
        return doubts or None

    def _add_to(
        self, key: int, seq: int, at_ms: int, kept: list[Observation], *, to_known: bool
    ) -> list[tuple[int, int]]:
        """Returns series and marks of what may have been folded away before."""
        known = self._known_of(key)
        if known is None:
            self._take_out(key)  # it was forgotten, and comes back as a new one
        if (known is None or seq < known.first_seq) if to_known else (known is None and seq < self._forgotten_below):
            return []
        self._about_to_change(key)
        if known is None:
            known = self._known[key] = _Known(seq, at_ms, seq)
        if not to_known:
            known.first_seq = min(known.first_seq, seq)
            known.last_seq = max(known.last_seq, seq)
            known.first_ms = min(known.first_ms, at_ms)
        folded = []
        for series, mark, amount in kept:
            run = known.runs.setdefault(series, [])
            if put(self._modes[series], run, (word_of(series, at_ms, EXACT), mark, amount)):
                folded.append((series, mark))
        return folded

    def plan(self, queries: Sequence[Query], /) -> Plan:
        """Queries, checked once, to be read often."""
        checked = [self._checked(query) for query in _tuples(queries, 6, QUERIES_MAX)]
        return Plan(checked, [self._modes[query[1]] for query in checked])

    def _checked(self, query: tuple[int, ...]) -> Query:
        source, series, op, from_age_ms, to_age_ms, without = query
        _number(source, "source", 0, SOURCES_MAX - 1)
        _number(op, "op", 1, max(Op))
        _number(series, "series", int(op != Op.AGE), SERIES_MAX)
        _number(from_age_ms, "from_age_ms", 0, AT_MS_MAX)
        _number(to_age_ms, "to_age_ms", 0, AT_MS_MAX)
        _number(without, "without", -1, SOURCES_MAX - 1)
        why = None if op == Op.AGE else refusal(self._modes[self._defined(series)], op)
        if why is not None:
            raise ValueError(why)
        if op in (Op.LATEST_AMOUNT, Op.LATEST_MARK):
            if to_age_ms >= LATEST_KEPT_MAX:
                raise ValueError("to_age_ms says which of the newest four")
        elif from_age_ms and from_age_ms <= to_age_ms:
            raise ValueError("the window is empty")
        if op == Op.HOLDS and without < 0:
            raise ValueError("HOLDS needs a mark")
        return (source, series, op, from_age_ms, to_age_ms, without)

    def read(self, plan: Plan, until_ms: int, keys: Sequence[int], marks: Sequence[int], /) -> list[Answer]:
        """Answers in the order of the queries, as of `until_ms`.

        `None` when the key was not said, or there is nothing to tell: MEAN, PEAK, SINCE_*, LATEST_* and HOLDS of no
        observation, AGE of an entity not heard of, anything of a series that was dropped.
        """
        _number(until_ms, "until_ms", 0, AT_MS_MAX)
        if not isinstance(plan, Plan):
            raise TypeError("the first argument must be a plan")
        entities = [_key(key) for key in _listed(keys, SOURCES_MAX)]
        said = [_number(mark, "mark", -(2**63), _INT64_MAX) for mark in _listed(marks, SOURCES_MAX)]
        if len(entities) < plan.sources or len(said) < plan.marks:
            raise ValueError(f"the plan wants {plan.sources} keys and {plan.marks} marks")
        return [
            self._answer(query, mode, until_ms, entities[query[0]], said[query[5]] if query[5] >= 0 else 0)
            for query, mode in zip(plan.queries, plan.modes, strict=True)
        ]

    def _answer(self, query: Query, mode: int, until_ms: int, key: int, mark: int) -> Answer:
        _, series, op, *_ = query
        if key == 0 or (op != Op.AGE and self._modes[series] != mode):
            return None
        known = self._known_of(key)
        if known is None:
            return unheard(op)
        if op == Op.AGE:
            return until_ms - known.first_ms if known.first_ms <= until_ms else None
        return answer(mode, known.runs.get(series, []), known.first_ms, query, until_ms, mark)

    def knows(self, key: int, /) -> bool:
        """Whether the entity was ever heard of."""
        return self._known_of(_key(key)) is not None

    def first_seq(self, key: int, /) -> int | None:
        """Least ledger position it was heard of at; `None` when never."""
        known = self._known_of(_key(key))
        return None if known is None else known.first_seq

    def first_ms(self, key: int, /) -> int | None:
        """Earliest time it was heard of; `None` when never."""
        known = self._known_of(_key(key))
        return None if known is None else known.first_ms

    def marks(self, key: int, series: int, until_ms: int, cap: int, /) -> list[int]:
        """Up to `cap` marks of a series up to a time, newest first; not those that were folded or let go."""
        self._defined(series)
        _number(until_ms, "until_ms", 0, AT_MS_MAX)
        _number(cap, "cap", 0, 2**31 - 1)
        known = self._known_of(_key(key))
        things, _ = split_level([] if known is None else known.runs.get(series, []))
        there = [e[1] for e in reversed(things) if flag_of(e) == EXACT and time_of(e) <= until_ms]
        return there[:cap]

    def neighbours(
        self, series: tuple[int, ...], until_ms: int, own: Sequence[int], things: tuple[Sequence[int], ...], /
    ) -> Neighbours:
        """Two hops from the present users, told by their marks, and the keys of IPs, devices, cards, phones, addresses.

        `series` are: users of a thing; devices, cards, phones, addresses of a user; a user's disputes, those won,
        refusals, tags.
        """
        if {type(series), type(things)} != {tuple}:
            raise TypeError("series and things must be tuples")
        if [self._modes[self._defined(one)] for one in series] != MODES or len(things) != THINGS:
            raise ValueError("the walk needs other series, or other things")
        _number(until_ms, "until_ms", 0, AT_MS_MAX)
        users = [_number(mark, "mark", -(2**63), _INT64_MAX) for mark in _listed(own, SOURCES_MAX)]
        keys = [[_key(key) for key in _listed(each, SOURCES_MAX)] for each in things]
        return walked(self, series, until_ms, users, keys)

    def entries(self, key: int, /) -> list[RawEntry]:
        """Everything that is kept of the entity, by series and time; empty when it was never heard of."""
        known = self._known_of(_key(key))
        return [
            (series_of(entry), 0 if flag_of(entry) == LEVEL_FLAG else time_of(entry), flag_of(entry), *entry[1:])
            for entry in ([] if known is None else known.entries())
        ]

    def memory_bytes(self) -> int:
        """What the state takes, about; exact only in the compiled kernel."""
        sizes = (sys.getsizeof(known.runs) + 150 * len(known.entries()) for known in self._known.values())
        return sys.getsizeof(self._known) + sum(sizes)

    def remove(self, key: int, /) -> bool:
        """Forget an entity; whether there was one."""
        return self._known_of(_key(key)) is not None and self._take_out(key)

    def forget(self, below: int, /) -> None:
        """Entities that were last heard of before this ledger position are not known any more; it only rises.

        One that is heard of again is a new one. What it takes in memory is given back by `take_out_forgotten`.
        """
        self._forgotten_below = max(self._forgotten_below, _number(below, "below", 0, SEQ_MAX))

    def take_out_forgotten(self, limit: int, /) -> int:
        """Give back the memory of forgotten entities; returns how many. No answer depends on when this happens.

        About `limit` entities are looked at, going on where the last call stopped, so no call takes long.
        """
        _number(limit, "limit", 1, _INT64_MAX)
        if len(self._to_look_at) < limit:
            self._to_look_at = [*self._to_look_at, *(set(self._known) - set(self._to_look_at))]
        looked_at, self._to_look_at = self._to_look_at[:limit], self._to_look_at[limit:]
        return sum(self._take_out(key) for key in looked_at if self._known_of(key) is None)

    def _known_of(self, key: int) -> _Known | None:
        known = self._known.get(key)
        return None if known is None or known.last_seq < self._forgotten_below else known

    def _take_out(self, key: int) -> bool:
        if key not in self._known:
            return False
        self._about_to_change(key)
        del self._known[key]
        return True

    def begin_snapshot(self) -> None:
        """From now until `end_snapshot`, slices show the state as it is at this moment, whatever is added."""
        if self._unsaved is not None:
            raise ValueError("a snapshot is being taken already")
        self._unsaved, self._pending = set(self._known), []

    def next_slice(self, max_bytes: int, /) -> bytes:
        """The next part, of whole entities and at least one, to be given to `load`; `b""` after the last."""
        _number(max_bytes, "max_bytes", 1, 2**32)
        if self._unsaved is None:
            raise ValueError("no snapshot is being taken")
        records: list[bytes] = []
        size = 24
        while self._pending or self._unsaved:
            if not self._pending:
                self._about_to_change(next(iter(self._unsaved)))
            size += len(self._pending[-1])
            if records and size > max_bytes:
                break
            records.append(self._pending.pop())
        return pack_slice(b"".join(records)) if records else b""

    def end_snapshot(self) -> None:
        """After the last slice, or instead of it."""
        self._unsaved, self._pending = None, []

    def load(self, content: bytes, /) -> None:
        """Take in a slice; all of it, or none and a ValueError when it is damaged or names an entity that is known."""
        if self._unsaved is not None:
            raise ValueError("a snapshot is being taken")
        if not isinstance(content, bytes):
            raise TypeError("a slice is bytes")
        loaded: dict[int, _Known] = {}
        for key, first_seq, first_ms, last_seq, run in records_of(content, self._modes):
            if key in self._known or key in loaded:
                raise ValueError("an entity comes twice")
            loaded[key] = _Known(first_seq, first_ms, last_seq)
            loaded[key].runs = {series: list(group) for series, group in groupby(run, series_of)}
        self._known.update(loaded)

    def _about_to_change(self, key: int) -> None:
        """What a snapshot has not got yet is set aside before it changes."""
        if self._unsaved is not None and key in self._unsaved:
            self._unsaved.remove(key)
            known = self._known[key]
            record: Record = (key, known.first_seq, known.first_ms, known.last_seq, known.entries())
            self._pending.append(pack_record(record))

    def _defined(self, series: int) -> int:
        if self._modes[_number(series, "series", 1, SERIES_MAX)] == 0:
            raise ValueError(f"series {series} is not defined")
        return series


def _number(value: object, name: str, low: int, high: int) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}")
    return value


def _key(value: object) -> int:
    return _number(value, "a key", 0, 2**64 - 1)


def _listed(values: Iterable[_T], most: int) -> list[_T]:
    listed = list(values)
    if len(listed) > most:
        raise ValueError(f"at most {most} are possible")
    return listed


def _tuples(values: Iterable[object], width: int, most: int) -> list[tuple[int, ...]]:
    listed = _listed(values, most)
    tuples = [value for value in listed if isinstance(value, tuple) and len(value) == width]
    if len(tuples) < len(listed):
        raise TypeError(f"tuples of {width} are wanted")
    return tuples
