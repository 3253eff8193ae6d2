"""The writing half of the index: what events bring becomes rows, with the position that they lead to."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from fourthwatch.engine.graph import LINKED
from fourthwatch.engine.order_lines import Touch, folded
from fourthwatch.errors import FourthwatchError, IndexDamaged
from fourthwatch.features.things import THINGS, key_of, mark_of_key
from fourthwatch.limits import INDEX_KNOWN_MAX, TEXT_ID_MAX
from fourthwatch.store.index_file import discard
from fourthwatch.store.index_rows import ORDER_KIND, IndexBatch, Link, Mark, Mention, Named, OrderLine, Tally
from fourthwatch.store.index_segments import OLD_BITS
from fourthwatch.store.index_writer import IndexWriter
from fourthwatch.store.ledger import Ledger

_USER_KIND = THINGS["user"].number
_LINKED_KINDS = tuple([THINGS[name].number for name in LINKED])


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What one event is found by, and what it links."""

    seq: int
    tenant: int
    at_ms: int
    """By the sender's clock."""
    order_id: str | None
    things: list[tuple[int, int]]
    """Number of the kind, and key."""
    words: list[int]
    """Keys of what else it is looked for by."""


class Derived(msgspec.Struct):
    """What some events bring, in their order."""

    after_seq: int
    """Position that they stand behind."""
    last_seq: int
    entries: list[Entry] = []
    named: list[Named] = []
    tallies: dict[Tally, int] = {}
    touches: list[Touch | Mark] = []


class Known:
    """Whether something was told lately, so that it need not be told again; forgets the older half when it is full."""

    def __init__(self) -> None:
        self._young: set[int] = set()
        self._old: set[int] = set()

    def knows(self, key: int) -> bool:
        """And from now on it does."""
        if key in self._young:
            return True
        if len(self._young) >= INDEX_KNOWN_MAX:
            self._young, self._old = set(), self._young
        self._young.add(key)
        return key in self._old


class Filing:
    """The one writer of an index. Every method raises `IndexDamaged`: begin again; and `LedgerFull`: come again."""

    def __init__(self, directory: Path) -> None:
        """Opens the index, or begins it anew; raises when not even that can be done."""
        self._directory = directory
        self._writer = IndexWriter(directory)
        self._known = Known()

    def position(self) -> tuple[int, bytes]:
        """The position that the index has come to, and the chain hash of the event there."""
        return self._writer.position()

    def begin_again(self) -> None:
        """Throw the index away: it is damaged, or of another ledger."""
        self._writer.close()
        discard(self._directory)
        self._writer = IndexWriter(self._directory)
        self._known = Known()

    def file(self, derived: Derived, chain: bytes) -> None:
        """Make it durable, all or nothing; `chain` is the chain hash of the last event."""
        writer = self._writer
        try:
            writer.begin()
            self._fold(derived.touches)
            writer.finish(self._rows(derived), chain)
        except FourthwatchError:
            self._known = Known()  # among it is what was not written
            with suppress(IndexDamaged):
                writer.abandon()
            raise

    def close(self) -> None:
        """Close the index."""
        self._writer.close()

    def _rows(self, derived: Derived) -> IndexBatch:
        mentions: list[Mention] = []
        links: list[Link] = []
        for entry in derived.entries:
            seq = entry.seq
            mentions += [(key, seq) for _, key in entry.things]
            mentions += [(key, seq) for key in entry.words]
            self._link(entry, links, derived.named)
        return IndexBatch(derived.last_seq, mentions, derived.named, links, derived.tallies)

    def _link(self, entry: Entry, links: list[Link], named: list[Named]) -> None:
        """Both ways: the user with each thing, and the order with the user and each thing."""
        tenant, seq, at_ms, order_id = entry.tenant, entry.seq, entry.at_ms, entry.order_id
        users = [one for one in entry.things if one[0] == _USER_KIND]
        things = [one for one in entry.things if one[0] in _LINKED_KINDS]
        ends = [(one, other) for one in users for other in things]
        knows, segment = self._known.knows, seq >> OLD_BITS
        if order_id is not None and len(order_id) <= TEXT_ID_MAX:
            order = (ORDER_KIND, mark_of_key(key_of(tenant, "order:" + order_id)))
            ordered = [(order, other) for other in (*users, *things)]
            if knows(order[1]):
                ends += ordered
            else:  # a new order's links are new, too, and most orders come once
                named.append((order[1], tenant, ORDER_KIND, order_id, seq))
                for (kind, key), (other_kind, other) in ordered:
                    links.append((key, other_kind, other, seq, at_ms))
                    links.append((other, kind, key, seq, at_ms))
        for (kind, key), (other_kind, other) in ends:
            if not knows((key * 31 + other + segment) & 0x7FFF_FFFF_FFFF_FFFF):
                links.append((key, other_kind, other, seq, at_ms))
                links.append((other, kind, key, seq, at_ms))

    def _fold(self, touches: Sequence[Touch | Mark]) -> None:
        """Orders as they stand after these events; a mark of a user goes to all of the user's orders."""
        wanted = {(one.tenant, one.order_id) for one in touches if isinstance(one, Touch)}
        lines: dict[tuple[int, str], OrderLine] = self._writer.lines(wanted)
        changed: dict[tuple[int, str], OrderLine] = {}
        for one in touches:
            if isinstance(one, Mark):
                self._put(changed)
                self._writer.mark(one)
                lines = self._writer.lines(wanted)
                continue
            key = (one.tenant, one.order_id)
            before = lines.get(key)
            line = folded(before, one)
            if line.user_id is not None and (before is None or before.user_id != line.user_id):
                bad, bad_ms = self._writer.marked(line.tenant, line.user_id)
                line = msgspec.structs.replace(line, bad=bad, bad_ms=bad_ms)
            lines[key] = changed[key] = line
        self._put(changed)

    def _put(self, changed: dict[tuple[int, str], OrderLine]) -> None:
        lines: Sequence[OrderLine] = list(changed.values())
        changed.clear()
        self._writer.put(lines)


def filing_for(directory: Path, ledger: Ledger) -> Filing:
    """The index of this ledger; one of another ledger, or of one that was longer, is begun again."""
    filing = Filing(directory)
    position, chain = filing.position()
    if position > ledger.last_seq or ledger.chain_at(position) != chain:
        filing.begin_again()
    return filing
