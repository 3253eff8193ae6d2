"""From events to rows of the index: what they mention, what they link, what they say of orders, what is counted.

Follows the ledger in the background: right behind it from the feed, or from what is stored when it has fallen behind.
`derive` is on the walk's thread and in small pieces; `write` may be on another.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from fourthwatch.clock import DAY_MS
from fourthwatch.engine.feed import Feed, Fresh
from fourthwatch.engine.graph import LINKED
from fourthwatch.engine.labels import is_rules_word
from fourthwatch.engine.order_lines import folded
from fourthwatch.engine.subjects import Subjects
from fourthwatch.engine.walk import Walk
from fourthwatch.errors import FourthwatchError, IndexDamaged
from fourthwatch.events import Event, Tag, Transaction, Untag
from fourthwatch.features.keyer import heard
from fourthwatch.features.observe import Present
from fourthwatch.features.subject import Subject
from fourthwatch.features.things import KEYERS, THINGS, key_of, mark_of_key
from fourthwatch.limits import (
    INDEX_BATCH_EVENTS,
    INDEX_FIELD_CHARS_MAX,
    INDEX_FIELDS_MAX,
    INDEX_KNOWN_MAX,
    INDEX_ORDERS_CACHED,
    TEXT_ID_MAX,
)
from fourthwatch.store.index_file import SEGMENT_BITS, discard
from fourthwatch.store.index_rows import (
    ANY_KIND,
    CUSTOM_NAME_KIND,
    EVENT_KIND,
    FIELD_KIND,
    LAST4_KIND,
    ORDER_KIND,
    PHONE_END_KIND,
    TRANSACTION_KIND,
    WARNED_KIND,
    IndexBatch,
    Link,
    Mark,
    Mention,
    Named,
    OrderLine,
)
from fourthwatch.store.index_writer import IndexWriter
from fourthwatch.store.ledger import DecisionRow, EventRow
from fourthwatch.wire.reply import BodyWarning

MENTIONED = (
    "user", "session", "device", "ip", "network", "email", "email_domain", "phone", "card", "bin", "address",
    "billing_address", "postcode", "city", "promotion_code", "item_code", "seller", "redemption",
)  # fmt: skip
"""Things that lead to their events."""
_SAMPLE = 16
"""One decision in so many is asked which features it did not know."""
_GUEST = "guest:"
_Touch = tuple[Subject, DecisionRow | None]
_Fields = Sequence[tuple[str, str | None]]
_KEYERS = tuple([KEYERS[name] for name in MENTIONED])
_KINDS = tuple([THINGS[name].number for name in MENTIONED])
_TEXTS_OF_KIND = {THINGS[name].number: THINGS[name].texts for name in MENTIONED}
USER_KIND = THINGS["user"].number
_LINKED_KINDS = tuple([THINGS[name].number for name in LINKED])


class _Vector(msgspec.Struct):
    vector: tuple[float | None, ...]


_vector = msgspec.json.Decoder(_Vector)
_warnings = msgspec.json.Decoder(tuple[BodyWarning, ...])


class Derived:
    """What some events bring."""

    def __init__(self, last_seq: int) -> None:
        self.last_seq = last_seq
        self.mentions: list[Mention] = []
        self.named: list[Named] = []
        self.links: list[Link] = []
        self.tallies: dict[tuple[int, int, str, str], int] = {}
        self.touches: list[_Touch | Mark] = []

    def batch(self) -> IndexBatch:
        """For the writer."""
        return IndexBatch(self.last_seq, self.mentions, self.named, self.links, self.tallies)


class Indexer:
    """At a position of the ledger, on its way to the end."""

    def __init__(self, directory: Path, walk: Walk, feed: Feed, feature_names: tuple[str, ...]) -> None:
        """Opens the index, or begins it anew; raises `IndexDamaged` when not even that can be done."""
        self._directory = directory
        self._writer = IndexWriter(directory)
        self._feed = feed
        self._feature_names = feature_names
        self._known: tuple[set[int], set[int]] = (set(), set())
        self._subjects: Subjects | None = None
        self.position, chain = self._writer.position()
        if self.position > walk.ledger.last_seq or walk.ledger.chain_at(self.position) != chain:
            self.begin_again()

    def begin_again(self) -> None:
        """Throw the index away: it is damaged, or of another ledger."""
        self._writer.close()
        discard(self._directory)
        self._writer = IndexWriter(self._directory)
        self._known = (set(), set())
        self.position, _ = self._writer.position()

    def next_events(self, walk: Walk) -> Iterator[Fresh]:
        """The next few events behind the position; none when the index is at the end."""
        fresh = self._feed.take(self.position, INDEX_BATCH_EVENTS)
        if fresh:
            self._subjects = None  # what it remembers of orders is no longer the newest
            yield from fresh
            return
        if self.position >= walk.ledger.last_seq:
            return
        if self._subjects is None:
            self._subjects = Subjects(walk.ledger, walk.windows, INDEX_ORDERS_CACHED)
        rows = walk.ledger.entries_after(self.position, INDEX_BATCH_EVENTS)
        for event, made in rows:
            yield Fresh(event, made, self._subjects.stored(event))

    def forget(self) -> None:
        """The walk is another one, or what was derived is not written: what was learnt from it is not used again."""
        self._subjects = None
        self._known = (set(), set())  # among it may be what the index was never told

    def derive(self, fresh: Fresh, into: Derived) -> None:
        """Add what one event brings."""
        event, subject = fresh.event, fresh.present.subject
        fields = _fields_of(subject.event)
        mentioned = self._mention(fresh.present, event, fields, into)
        order_id = subject.event.order_id
        if order_id is not None:
            into.touches.append((subject, fresh.decision))
        mark = _mark_of(subject)
        if mark is not None:
            into.touches.append(mark)
        self._link(subject, order_id, mentioned, into)
        self._count(event, subject, fields, fresh.decision, into)
        into.last_seq = event.seq

    def write(self, derived: Derived, chain: bytes) -> None:
        """Make it durable; `chain` is the chain hash of the last event. Raises `IndexDamaged`: begin again then."""
        writer = self._writer
        try:
            writer.begin()
            self._fold(derived.touches)
            writer.finish(derived.batch(), chain)
        except FourthwatchError:
            with suppress(IndexDamaged):
                writer.abandon()
            raise
        self.position = derived.last_seq

    def close(self) -> None:
        """Close the index."""
        self._writer.close()

    def _mention(self, present: Present, event: EventRow, fields: _Fields, into: Derived) -> dict[int, list[int]]:
        """Keys by the number of their kind; takes down what leads to the event, and the names of what may be new."""
        subject, seq, tenant = present.subject, event.seq, event.tenant
        keys_by_kind: dict[int, list[int]] = {}
        fresh: set[int] = set()
        add, is_known = into.mentions.append, self._is_known
        for kind, wide in heard(MENTIONED, _KEYERS, _KINDS, present.keys, subject):
            key = mark_of_key(wide)
            add((key, seq))
            if kind in keys_by_kind:
                keys_by_kind[kind].append(key)
            else:
                keys_by_kind[kind] = [key]
            if not is_known(key):
                fresh.add(kind)
        for kind in sorted(fresh):
            for key, text in zip(keys_by_kind[kind], _TEXTS_OF_KIND[kind](subject), strict=True):
                value = text if text.startswith(_GUEST) else text.partition(":")[2]
                into.named.append((key, tenant, kind, value[:TEXT_ID_MAX], seq))
        for kind, prefix, value in _looked_for(subject, event, fields):
            key = mark_of_key(key_of(tenant, f"{prefix}:{value}"))
            add((key, seq))
            if not is_known(key):
                into.named.append((key, tenant, kind, value, seq))
        return keys_by_kind

    def _link(self, subject: Subject, order_id: str | None, keys: Mapping[int, list[int]], into: Derived) -> None:
        """Both ways: the user with each thing, and the order with the user and each thing."""
        tenant, seq, at_ms = subject.tenant, subject.seq, subject.occurred_ms
        users = [(USER_KIND, key) for key in keys.get(USER_KIND, ())]
        things = [(kind, key) for kind in _LINKED_KINDS for key in keys.get(kind, ())]
        ends = [(one, other) for one in users for other in things]
        links, segment = into.links, seq >> SEGMENT_BITS
        if order_id is not None and len(order_id) <= TEXT_ID_MAX:
            order = (ORDER_KIND, mark_of_key(key_of(tenant, "order:" + order_id)))
            ordered = [(order, other) for other in (*users, *things)]
            if self._is_known(order[1]):
                ends += ordered
            else:  # a new order's links are new, too, and most orders come once
                into.named.append((order[1], tenant, ORDER_KIND, order_id, seq))
                for (kind, key), (other_kind, other) in ordered:
                    links.append((key, other_kind, other, seq, at_ms))
                    links.append((other, kind, key, seq, at_ms))
        for (kind, key), (other_kind, other) in ends:
            if not self._is_known((key * 31 + other + segment) & 0x7FFF_FFFF_FFFF_FFFF):
                links.append((key, other_kind, other, seq, at_ms))
                links.append((other, kind, key, seq, at_ms))

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
            for name, value in zip(self._feature_names, _vector.decode(made.detail).vector, strict=False):
                if value is None:
                    add("unknown", name)

    def _fold(self, touches: Iterable[_Touch | Mark]) -> None:
        """Orders as they stand after these events; a mark of a user goes to all of the user's orders."""
        touches = list(touches)
        wanted = {
            (one[0].tenant, one[0].event.order_id)
            for one in touches
            if not isinstance(one, Mark) and one[0].event.order_id is not None
        }
        lines: dict[tuple[int, str], OrderLine] = self._writer.lines(wanted)
        changed: dict[tuple[int, str], OrderLine] = {}
        for one in touches:
            if isinstance(one, Mark):
                self._writer.put(list(changed.values()))
                changed.clear()
                self._writer.mark(one)
                lines = self._writer.lines(wanted)
                continue
            subject, made = one
            assert subject.event.order_id is not None
            key = (subject.tenant, subject.event.order_id)
            before = lines.get(key)
            line = folded(before, subject, made)
            if line.user_id is not None and (before is None or before.user_id != line.user_id):
                bad, bad_ms = self._writer.marked(line.tenant, line.user_id)
                line = msgspec.structs.replace(line, bad=bad, bad_ms=bad_ms)
            lines[key] = changed[key] = line
        self._writer.put(list(changed.values()))

    def _is_known(self, key: int) -> bool:
        """Whether the index was told lately, so that it need not be told again."""
        young, old = self._known
        if key in young:
            return True
        if len(young) >= INDEX_KNOWN_MAX:
            self._known = (young, old) = (set(), young)
        young.add(key)
        return key in old


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
