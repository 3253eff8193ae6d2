"""From stored events to what the index is told of them: what they mention, what they say of orders, what is counted.

Reads the ledger in the background, in the process that writes the index; what becomes of it is the matter of `filing`.
One thing does not stand in an event: whose a session is, as far as the windows remember. That is asked.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, pairwise
from typing import Any

import msgspec

from fourthwatch.clock import DAY_MS
from fourthwatch.engine.filing import Derived, Entry, Known
from fourthwatch.engine.labels import is_rules_word
from fourthwatch.engine.order_lines import touch_of
from fourthwatch.engine.orders import Orders
from fourthwatch.entities import Involved, involved_in
from fourthwatch.errors import LedgerError, LedgerUnreadable
from fourthwatch.events import KIND_OF_NUMBER, CreateOrder, Event, Tag, Transaction, Untag
from fourthwatch.features.keyer import heard
from fourthwatch.features.recognition import is_in_doubt, named
from fourthwatch.features.subject import Subject
from fourthwatch.features.things import KEYERS, THINGS, key_of, mark_of_key
from fourthwatch.limits import (
    INDEX_BATCH_EVENTS,
    INDEX_FIELD_CHARS_MAX,
    INDEX_FIELDS_MAX,
    INDEX_ORDERS_CACHED,
    INDEX_PIECE_EVENTS,
    TEXT_ID_MAX,
)
from fourthwatch.logs import log
from fourthwatch.store.history import History
from fourthwatch.store.index_rows import (
    ANY_KIND,
    CUSTOM_NAME_KIND,
    EVENT_KIND,
    FIELD_KIND,
    LAST4_KIND,
    PHONE_END_KIND,
    TRANSACTION_KIND,
    WARNED_KIND,
    Mark,
)
from fourthwatch.store.ledger import DecisionRow, EventRow
from fourthwatch.store.reader import Entry as Stored
from fourthwatch.wire.decode import read_stored
from fourthwatch.wire.reply import BodyWarning

MENTIONED = (
    "user", "session", "device", "ip", "network", "email", "email_domain", "phone", "card", "bin", "address",
    "billing_address", "postcode", "city", "promotion_code", "item_code", "seller", "redemption",
)  # fmt: skip
"""Things that lead to their events."""
_SAMPLE = 16
"""One decision in so many is asked which features it did not know."""
_GUEST = "guest:"
_Fields = Sequence[tuple[str, str | None]]
_KEYERS = tuple([KEYERS[name] for name in MENTIONED])
_KINDS = tuple([THINGS[name].number for name in MENTIONED])
_TEXTS_OF_KIND = {THINGS[name].number: THINGS[name].texts for name in MENTIONED}


class _Vector(msgspec.Struct):
    vector: tuple[float | None, ...]


_vector = msgspec.json.Decoder(_Vector)
_warnings = msgspec.json.Decoder(tuple[BodyWarning, ...])


class Doubt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event of which it takes what is known of sessions to tell who acts; see `recognition`."""

    seq: int
    tenant: int
    user: str | None
    session: str | None


class _Read(msgspec.Struct, gc=False):
    """An event as it is stored, and what it says of itself."""

    row: EventRow
    made: DecisionRow | None
    event: Event
    order: CreateOrder | None
    involved: Involved
    is_in_doubt: bool


class Indexer:
    """At a position of the ledger, on its way to the end: `read` and `derive` a few times, then `handed`."""

    def __init__(self, history: History, feature_names: tuple[str, ...] = ()) -> None:
        self._history = history
        self.feature_names = feature_names
        """Of the values that decisions are stored with, in their order."""
        self._left_out = 0
        """The newest position that could not be read, which the log has told."""
        self._looked_to = 0
        """Behind the position that was come to nothing can be read up to here."""
        self.begin_at(0)

    def begin_at(self, position: int) -> None:
        """Go on behind what the index has."""
        self._known = Known()
        self._orders = Orders(self._history, INDEX_ORDERS_CACHED)
        self._read: list[_Read] = []
        self._derived = Derived(position, position)
        self._looked_to = 0

    @property
    def position(self) -> int:
        """Everything up to here was handed over."""
        return self._derived.after_seq

    @property
    def is_under_way(self) -> bool:
        """Whether something was taken up, and not handed over."""
        return bool(self._read or self._derived.entries)

    def read(self, until_seq: int) -> list[Doubt] | None:
        """Take up the next few events; what is in doubt about them. Raises `LedgerError`.

        `None` when there are no more, or enough for one transaction.
        """
        room = min(INDEX_PIECE_EVENTS, INDEX_BATCH_EVENTS - len(self._derived.entries))
        self._history.last_seq = until_seq
        self._read = [self._said(entry.event, entry.decision) for entry in self._page(until_seq, room)]
        if not self._read:
            return None
        return [
            Doubt(one.row.seq, one.row.tenant, one.involved.user, one.involved.session)
            for one in self._read
            if one.is_in_doubt
        ]

    def derive(self, acting: Iterable[tuple[str | None, str | None]]) -> None:
        """Work out what they bring, now that user and session are known of those that were in doubt."""
        who = iter(acting)
        for one in self._read:
            row = one.row
            involved = named(one.involved, *next(who)) if one.is_in_doubt else one.involved
            subject = Subject(
                tenant=row.tenant, seq=row.seq, kind=KIND_OF_NUMBER[row.kind], event=one.event,
                occurred_ms=row.occurred_ms, involved=involved, order=one.order, name=row.name,
                received_ms=row.received_ms, is_own=row.is_own,
            )  # fmt: skip
            self._derive(row, one.made, subject, self._derived)
        self._read = []

    def handed(self) -> Derived:
        """What was derived since the last time."""
        derived = self._derived
        self._derived = Derived(derived.last_seq, derived.last_seq)
        return derived

    def _page(self, until_seq: int, limit: int) -> list[Stored]:
        """The next few events; what cannot be read of them is left out, rather than keep all behind it out."""
        after_seq = self._derived.last_seq
        try:
            return self._history.page(after_seq, until_seq, limit)
        except LedgerUnreadable as damage:
            found = self._behind_damage(after_seq, until_seq, limit, str(damage))
            if found or self._derived.entries:
                return found
            raise LedgerUnreadable(f"no event behind position {after_seq:,} can be read") from damage

    def _behind_damage(self, after_seq: int, until_seq: int, limit: int, reason: str) -> list[Stored]:
        """Those of a transaction's worth of positions that can be read, up to a limit; where none can, the next time
        goes on behind them.

        An index stands at an event that can be read. Before it goes over more than it has looked at just now it looks
        at the first again: what gave nothing for a moment is not left out.
        """
        begin = max(after_seq, self._looked_to)
        end = min(begin + INDEX_BATCH_EVENTS, until_seq)
        found: list[Stored] = []
        for before in range(begin, end):
            with suppress(LedgerUnreadable):
                found += self._history.page(before, before + 1, 1)
            if len(found) == limit:
                break
        if not found:
            self._looked_to = end
            return []
        with suppress(LedgerUnreadable):
            if begin > after_seq:
                self._looked_to = 0
                return self._history.page(after_seq, after_seq + 1, 1)
        self._looked_to = 0
        self._leave_out(after_seq, [entry.event.seq for entry in found], reason)
        return found

    def _leave_out(self, after_seq: int, found: Sequence[int], reason: str) -> None:
        """Tell what cannot be read before and between those that were found: each gap once."""
        for before, behind in pairwise((after_seq, *found)):
            if behind > before + 1 and behind > self._left_out:
                self._left_out = behind
                log.error("event_left_out", position=before + 1, events=behind - before - 1, reason=reason,
                          do="run fourthwatch doctor")  # fmt: skip

    def _said(self, row: EventRow, made: DecisionRow | None) -> _Read:
        event = read_stored(KIND_OF_NUMBER[row.kind], row.body, from_go=row.from_go)
        try:
            order, involved = self._orders.about(row.tenant, row.seq, event)
        except LedgerError as damage:  # then it is there without its order, rather than keep all others out
            log.error("order_unreadable", position=row.seq, reason=str(damage), do="run fourthwatch doctor")
            order, involved = None, involved_in(event)
        return _Read(row, made, event, order, involved, is_in_doubt(involved))

    def _derive(self, event: EventRow, made: DecisionRow | None, subject: Subject, into: Derived) -> None:
        """Add what one event brings."""
        fields = _fields_of(subject.event)
        order_id = subject.event.order_id
        things = [(kind, mark_of_key(wide)) for kind, wide in heard(MENTIONED, _KEYERS, _KINDS, {}, subject)]
        words = self._words(subject, event, fields, into)
        self._name(things, subject, into)
        into.entries.append(Entry(event.seq, event.tenant, subject.occurred_ms, order_id, things, words))
        if order_id is not None:
            into.touches.append(touch_of(subject, made))
        mark = _mark_of(subject)
        if mark is not None:
            into.touches.append(mark)
        self._count(event, subject, fields, made, into)
        into.last_seq = event.seq

    def _name(self, things: Sequence[tuple[int, int]], subject: Subject, into: Derived) -> None:
        """Take down the names of things that may be new: of all of a kind, since texts come by kind."""
        knows = self._known.knows
        for kind in dict.fromkeys([kind for kind, key in things if not knows(key)]):
            keys = [key for one, key in things if one == kind]
            for key, text in zip(keys, _TEXTS_OF_KIND[kind](subject), strict=True):
                value = text if text.startswith(_GUEST) else text.partition(":")[2]
                into.named.append((key, subject.tenant, kind, value[:TEXT_ID_MAX], subject.seq))

    def _words(self, subject: Subject, event: EventRow, fields: _Fields, into: Derived) -> list[int]:
        """Keys of what else the event is looked for by; what may be new is named."""
        tenant, words = event.tenant, []
        for kind, prefix, value in _looked_for(subject, event, fields):
            key = mark_of_key(key_of(tenant, f"{prefix}:{value}"))
            words.append(key)
            if not self._known.knows(key):
                into.named.append((key, tenant, kind, value, event.seq))
        return words

    def _count(
        self, event: EventRow, subject: Subject, fields: _Fields, made: DecisionRow | None, into: Derived
    ) -> None:
        tallies, tenant, day = into.tallies, event.tenant, event.received_ms // DAY_MS

        def add(what: str, name: str) -> None:
            at = (tenant, day, what, name)
            tallies[at] = tallies.get(at, 0) + 1

        add("event", subject.kind.name if event.name is None else f"{subject.kind.name}:{event.name[:64]}")
        if event.warnings is not None:
            for code in {one.code for one in _warnings.decode(event.warnings)}:
                add("warning", code)
        about = (event.name or subject.kind.name) + "."
        for name, _ in fields:
            add("field", about + name)
        if made is not None and event.fingerprint[-1] % _SAMPLE == 0:  # its position is chosen by other tenants, too
            add("sampled", "")
            for name, value in zip(self.feature_names, _vector.decode(made.detail).vector, strict=False):
                if value is None:
                    add("unknown", name)


def _looked_for(subject: Subject, event: EventRow, fields: _Fields) -> Iterator[tuple[int, str, str]]:
    """What else events are looked for by: number of the kind, prefix, value."""
    told = subject.event
    yield ANY_KIND, "any", ""
    yield EVENT_KIND, "kind", subject.kind.name
    if event.name is not None:
        yield CUSTOM_NAME_KIND, "name", event.name[:TEXT_ID_MAX]
    if event.warnings is not None:
        yield WARNED_KIND, "warned", ""
    if isinstance(told, Transaction) and told.transaction_id and len(told.transaction_id) <= TEXT_ID_MAX:
        yield TRANSACTION_KIND, "transaction", told.transaction_id
    for last4 in {card.split("-")[1] for card in subject.involved.cards}:
        yield LAST4_KIND, "last4", last4
    for phone in subject.involved.phones:
        yield PHONE_END_KIND, "phone_end", phone[:0:-1]
    for _, value in fields:
        if value is not None:
            yield FIELD_KIND, "field", value


def _fields_of(event: Event) -> _Fields:
    """Fields of the shop's own, the first few: name, and the value when it is one to look for."""
    if not event.custom_info:
        return ()
    first = islice(event.custom_info.items(), INDEX_FIELDS_MAX)
    return [(name[:64], _searchable(value)) for name, value in first]


def _searchable(value: Any) -> str | None:
    if type(value) is not str and type(value) is not int:
        return None
    text = str(value).strip()
    return text if 3 <= len(text) <= INDEX_FIELD_CHARS_MAX else None


def _mark_of(subject: Subject) -> Mark | None:
    event = subject.event
    if event.user_id is None or is_rules_word(event, is_own=subject.is_own):
        return None
    if isinstance(event, Tag):
        return Mark(subject.tenant, event.user_id, event.abuse_type, int(bool(event.is_bad)), subject.occurred_ms)
    if isinstance(event, Untag):
        return Mark(subject.tenant, event.user_id, event.abuse_type, None, subject.occurred_ms)
    return None
