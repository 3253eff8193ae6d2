"""A rule set that is not in force, tried over orders of the past: what each would have been, as of its own event.

What an order was decided with is taken from its decision. What nobody asked then is counted again, from those events
alone that had something in common with it; where these are too many, it stays unknown. In small steps, on the loop.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from fourthwatch.clock import MINUTE_MS
from fourthwatch.decision import Opinion, Policy, decide, versions_of
from fourthwatch.engine.explaining import ReadThen, RuleSetThen, values_then
from fourthwatch.engine.indexing import MENTIONED
from fourthwatch.engine.subjects import Subjects
from fourthwatch.engine.walk import Walk
from fourthwatch.features.definition import Book, Defined
from fourthwatch.features.inputs import Inputs, text_of
from fourthwatch.features.neighbourhood import NAMES
from fourthwatch.features.observe import Present
from fourthwatch.features.recollections import RECOLLECTION_OF
from fourthwatch.features.specification import Plan
from fourthwatch.features.things import key_of, mark_of_key
from fourthwatch.features.windows import Windows
from fourthwatch.language import Aggregate, AggregateInput, Input, NameInput
from fourthwatch.limits import FUTURE_SLACK_MS, PREVIEW_EVENTS_MAX, PREVIEW_EVENTS_OF_ONE_MAX
from fourthwatch.model.manifest import ScoreMap
from fourthwatch.model.score import score_of
from fourthwatch.rules.check import CheckedSet
from fourthwatch.rules.counterfactual import Rejudge
from fourthwatch.rules.ruling import given_inputs
from fourthwatch.store.index_reader import IndexReader
from fourthwatch.store.ledger import EventRow
from fourthwatch.store.reader import Entry, LedgerReader, order_subject

_NOT_STORED = object()
_SUBMITTED = ("createOrder", "update_order")
_NEWEST = 2**62


class Past(msgspec.Struct, frozen=True):
    """A thing whose events are needed: the key that the index knows it by, and from when on."""

    key: int
    from_ms: int
    """0 for all of them."""


class Known(msgspec.Struct, frozen=True):
    """How much was found of such a thing."""

    since_ms: int
    """From when on it is whole."""


class Tried(msgspec.Struct, frozen=True):
    """One order, judged by the set in force and by the other."""

    event: EventRow
    order_id: str
    results: str
    """Of the other set, a letter per evaluated rule."""
    not_counted: tuple[str, ...]
    """What stayed unknown because there are too many events to count."""
    verdict: str
    would_be: str


class _Need(msgspec.Struct, frozen=True):
    """Whose past an input is made of, and how far back."""

    by: tuple[str, ...]
    last_ms: int | None


class _Order(msgspec.Struct):
    entry: Entry
    present: Present
    detail: dict[str, Any]
    read: ReadThen


class Trying:
    """Takes orders in, oldest first; says what it has to know besides; then judges them one by one."""

    def __init__(
        self,
        walk: Walk,
        tenant: int,
        book: Book,
        in_force: CheckedSet,
        other: CheckedSet,
        score_map_of: Callable[[str], ScoreMap],
    ) -> None:
        """`score_map_of` tells that of a model by its id, also of one that judges no longer."""
        self._walk = walk
        self._score_map_of = cache(score_map_of)
        self._tenant = tenant
        self._book = book
        self._subjects = Subjects(walk.ledger, walk.windows)
        self._sets = (Rejudge(in_force), Rejudge(other))
        self._inputs = tuple(dict.fromkeys(each for one in self._sets for each in one.inputs))
        self._asking = [one.when for checked in (in_force, other) for one in checked.rules if one.rule.is_evaluated]
        self._orders: list[_Order] = []
        self._lacking: dict[Input, tuple[_Need, ...] | None] = {}
        """What no decision says, with what it is made of; `None` for what cannot be counted again."""
        self._given: dict[int, tuple[Input, ...]] = {}
        """By version, what is stored beside a vector."""
        self._wanted: dict[int, int] = {}
        self._counting: tuple[Windows, Inputs, Plan] | None = None
        self._known: Mapping[int, Known] = {}

    @property
    def rules(self) -> Sequence[str]:
        """Names of the other set's evaluated rules."""
        return [rule.name for rule in self._sets[1].rules]

    def take(self, entry: Entry, then: RuleSetThen) -> None:
        """An order with its decision, and the set that made it."""
        assert entry.decision is not None
        present = self._subjects.stored(entry.event)
        detail: dict[str, Any] = msgspec.json.decode(entry.decision.detail)
        if then.version not in self._given:
            self._given[then.version] = given_inputs(then.checked)
        order = _Order(entry, present, detail, values_then(detail, self._given[then.version], present.subject))
        self._orders.append(order)
        for one in self._inputs:
            if one not in self._lacking and _then(order, one) is _NOT_STORED:
                self._lacking[one] = self._made_of(one)

    def want(self) -> Iterator[None]:
        """See, order by order, which things' events have to be known."""
        needs = list(dict.fromkeys(need for needs in self._lacking.values() for need in needs or ()))
        for order in self._orders:
            at_ms = order.present.subject.occurred_ms
            for need in needs:
                from_ms = 0 if need.last_ms is None else max(0, at_ms - need.last_ms - FUTURE_SLACK_MS)
                for key in _index_keys(order.present, need.by):
                    self._wanted[key] = min(from_ms, self._wanted.get(key, from_ms))
            yield

    @property
    def wanted(self) -> list[Past]:
        """Those things, each once."""
        return [Past(key, from_ms) for key, from_ms in self._wanted.items()]

    def prepare(self, known: Mapping[int, Known]) -> None:
        """Compile what is to be counted; takes its time, and may be called on another thread."""
        self._known = known
        asking = [one for one in self._asking if any(each in self._lacking for each in one.inputs)]
        if asking:  # nothing that comes with the program is kept but what these ask
            own, supplied = {self._tenant: self._book}, self._walk.windows.supplied
            windows = Windows(Book(()), own=own, asked={self._tenant: asking}, supplied=supplied)
            windows.lists = self._walk.windows.lists
            self._counting = (windows, *windows.inputs_of(self._book, (), asking))

    def judged(self, events: Iterable[EventRow], policy: Policy) -> Iterator[Tried | None]:
        """Each order as it would be; in between `None` for each event that was counted. `events` in ledger order."""
        counting = self._counting
        waiting = iter(events if counting is not None else ())
        event = next(waiting, None)
        for order in self._orders:
            while counting is not None and event is not None and event.seq < order.entry.event.seq:
                counting[0].add(self._subjects.stored(event))
                yield None
                event = next(waiting, None)
            yield self._tried(order, {} if counting is None else self._counted(*counting, order.present), policy)

    def _counted(self, windows: Windows, inputs: Inputs, plan: Plan, present: Present) -> dict[Input, Any]:
        """What no decision says, as far as it could be counted."""
        read = windows.read_all(inputs, plan, present)
        return {one: read[inputs.places[one]] for one in self._lacking if self._is_counted(one, present)}

    def _tried(self, order: _Order, counted: Mapping[Input, Any], policy: Policy) -> Tried:
        values: dict[Input, Any] = {}
        not_counted: list[str] = []
        for one in self._inputs:
            value = _then(order, one)
            if value is _NOT_STORED:
                value = counted.get(one)
                if one not in counted:
                    not_counted.append(text_of(one))
            values[one] = value
        subject, opinion = order.present.subject, self._opinion(order.detail)
        verdicts: list[str] = []
        results = ""
        for again in self._sets:
            judgement = again.judged([values[one] for one in again.inputs], subject)
            verdicts.append(decide(judgement, again.rules, policy, versions_of(0), opinion=opinion).verdict)
            results = judgement.results
        assert subject.event.order_id is not None
        was, would_be = verdicts
        return Tried(order.entry.event, subject.event.order_id, results, tuple(not_counted), was, would_be)

    def _opinion(self, detail: Mapping[str, Any]) -> Opinion | None:
        """The model's word of then: it reads the past, and no rule. The score that is stored may be a rule's."""
        model = detail.get("model", "")
        if not model:
            return None
        probability = detail["probability"]
        return Opinion(model, probability, score_of(probability, self._score_map_of(model)))

    def _made_of(self, one: Input) -> tuple[_Need, ...] | None:
        if isinstance(one, AggregateInput):
            return (_need(one.node),)
        if not isinstance(one, NameInput):
            return ()
        parts: list[Defined] = self._book.with_parts([one.name]) if one.name in self._book else []
        named = [RECOLLECTION_OF[one.name]] if one.name in RECOLLECTION_OF else []
        recollections = [*named, *(each for part in parts for each in part.recollections)]
        if any(each.names == NAMES for each in recollections):
            return None  # goes from thing to thing, and so to events that have nothing in common with the order
        needs = [_need(node) for part in parts for node in part.aggregates]
        return (*needs, *(_Need(by, None) for each in recollections for by, _ in each.keeps))

    def _is_counted(self, one: Input, present: Present) -> bool:
        needs = self._lacking[one]
        if needs is None:
            return False
        at_ms = present.subject.occurred_ms
        return all(
            self._known[key].since_ms <= (0 if need.last_ms is None else max(0, at_ms - need.last_ms))
            for need in needs
            for key in _index_keys(present, need.by)
        )


def newest_orders(ledger: LedgerReader, index: IndexReader, tenant: int, last: int) -> list[Entry]:
    """A tenant's newest orders as they were last submitted and decided, oldest first. On any thread."""
    keys = [mark_of_key(key_of(tenant, f"kind:{name}")) for name in _SUBMITTED]
    seqs = sorted((seq for key in keys for seq in index.events_with([key], _NEWEST, last)), reverse=True)[:last]
    by_order: dict[str, Entry] = {}
    for entry in ledger.at(tenant, seqs):
        subject = entry.event.subject
        # What was erased is about no order any more.
        if entry.decision is not None and subject is not None and entry.event.body != b"{}":
            by_order.setdefault(subject, entry)
    return list(by_order.values())[::-1]


def ids_of(entries: Iterable[Entry]) -> list[str]:
    """Ids of the orders that events are about."""
    subjects = [entry.event.subject for entry in entries]
    return [subject.removeprefix(order_subject("")) for subject in subjects if subject is not None]


def past_of(
    ledger: LedgerReader, index: IndexReader, tenant: int, wanted: Sequence[Past], orders: Sequence[Entry]
) -> tuple[dict[int, Known], list[EventRow]]:
    """Events of things before the newest of the orders, in ledger order, and from when on they are whole for each
    thing. On any thread."""
    known: dict[int, Known] = {}
    from_seqs = {0: 0}
    seqs: set[int] = set()
    for one in wanted:
        if len(seqs) >= PREVIEW_EVENTS_MAX:
            known[one.key] = Known(_NEWEST)
            continue
        minute = one.from_ms // MINUTE_MS * MINUTE_MS  # so that few positions have to be looked for
        if minute not in from_seqs:
            from_seqs[minute] = ledger.first_received_from(minute)
        before_seq, at_most = orders[-1].event.seq, PREVIEW_EVENTS_OF_ONE_MAX
        found = index.events_with([one.key], before_seq, at_most, from_seqs[minute])
        is_cut = len(found) == at_most
        known[one.key] = Known(ledger.received_ms(found[-1]) or 0 if is_cut else 0)
        seqs.update(found)
    return known, [entry.event for entry in reversed(ledger.at(tenant, seqs))]


def _then(order: _Order, one: Input) -> Any:
    """What an input was when the order was decided; `_NOT_STORED` for what nobody asked then."""
    value = order.read(one, _NOT_STORED)
    if value is _NOT_STORED and isinstance(one, NameInput):
        own = order.detail.get("own") or {}
        return own.get(one.name, _NOT_STORED)
    return value


def _need(node: Aggregate) -> _Need:
    return _Need(tuple(entity.name for entity in node.by), node.last_ms)


def _index_keys(present: Present, by: tuple[str, ...]) -> tuple[int, ...]:
    """Under which the index has all events of a combination's history; none where the event lacks one of its things."""
    if not all(present.of(name) for name in by):
        return ()
    name = next((each for each in ("user" if each == "account" else each for each in by) if each in MENTIONED), None)
    if name is None:
        return (mark_of_key(key_of(present.subject.tenant, "any:")),)
    return tuple(mark_of_key(key) for key in present.of(name))
