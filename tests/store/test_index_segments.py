"""Segments that grow together: the same answers at every position on the way, and few rows in the young ones."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import apsw
import pytest

from fourthwatch.store.index_file import FILE_NAME
from fourthwatch.store.index_reader import Found, IndexReader, Joined
from fourthwatch.store.index_rows import IndexBatch, Link, Named
from fourthwatch.store.index_segments import OLD_BITS, YOUNG_BITS
from fourthwatch.store.index_writer import IndexWriter

TENANT, USER, CARD = 1, 1, 8
LOOKED_AT = (700, 16_384, 16_640, 21_000, 32_768, 40_000, 52_000)
"""Positions: all young; before, at and behind the first part that moves; in the middle; two old ones; later."""


class Naive:
    """What was written, in lists."""

    def __init__(self) -> None:
        self.events: dict[int, list[int]] = {}
        self.links: dict[int, dict[int, list[tuple[int, int]]]] = {}
        """Position and time by both keys; one for each old segment."""
        self.things: dict[int, Found] = {}

    def events_with(self, keys: list[int], before: int, limit: int, since: int) -> list[int]:
        common = set(self.events.get(keys[0], ())).intersection(*[self.events.get(key, ()) for key in keys[1:]])
        return sorted([seq for seq in common if since <= seq < before], reverse=True)[:limit]

    def joined(self, key: int, until: int) -> set[Joined]:
        found = set()
        for other, rows in self.links.get(key, {}).items():
            known = [row for row in rows if row[0] <= until]
            if known:
                times = [ms for _, ms in known]
                found.add(Joined(other, CARD, known[0][0], min(times), max(times)))
        return found

    def starting_with(self, text: str, limit: int) -> list[str]:
        values = sorted([one.value for one in self.things.values() if one.kind == CARD], key=str.lower)
        return [one for one in values if one.lower().startswith(text.lower())][:limit]


class Shop:
    """Writes batches of invented events, and remembers them."""

    def __init__(self, directory: Path) -> None:
        self.writer = IndexWriter(directory)
        self.naive = Naive()
        self.random = Random(4)
        self.seq = 0
        keys = [self.random.getrandbits(64) - (1 << 63) for _ in range(1_200)]
        self.users, self.cards = keys[:400], keys[400:]

    def to(self, position: int) -> None:
        """Write until the index has come to a position."""
        while self.seq < position:
            self._batch(min(self.random.randint(200, 1_024), position - self.seq))

    def _batch(self, size: int) -> None:
        batch = IndexBatch(self.seq + size, [], [], [], {})
        for _ in range(size):
            self.seq += 1
            # The later an event, the more of the keys there are.
            user = self.users[int(self.random.random() * min(400, 20 + self.seq // 100))]
            card = self.cards[int(self.random.random() * min(800, 20 + self.seq // 50))]
            for key in (user, card):
                batch.mentions.append((key, self.seq))
                self.naive.events.setdefault(key, []).append(self.seq)
                self._name(key, batch.named)
            self._link(user, card, batch.links)
        self.writer.begin()
        self.writer.finish(batch, b"\0" * 16)

    def _name(self, key: int, named: list[Named]) -> None:
        is_known = key in self.naive.things
        if is_known and self.random.random() > 0.01:
            return  # now and then something is named again, as after a start
        kind = USER if key in self.users else CARD
        value = f"{'aB'[key & 1]}{key & 0xFFFFF:05x}"
        named.append((key, TENANT, kind, value, self.seq))
        if not is_known:
            self.naive.things[key] = Found(key, kind, value, self.seq)

    def _link(self, user: int, card: int, links: list[Link]) -> None:
        rows = self.naive.links.setdefault(user, {}).setdefault(card, [])
        if not rows or rows[-1][0] >> OLD_BITS != self.seq >> OLD_BITS:
            at_ms = self.seq * 1_000 - self.random.randint(0, 10**6)
            rows.append((self.seq, at_ms))
            links.append((user, CARD, card, self.seq, at_ms))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.writer.close()


@pytest.mark.slow
def test_every_question_has_the_same_answer_however_far_segments_have_grown(shop: Shop, tmp_path: Path) -> None:
    reader, naive = IndexReader(tmp_path), shop.naive
    asked = Random(5)
    for position in LOOKED_AT:
        shop.to(position)
        for key in asked.sample(shop.users, 40):
            before = asked.choice((1 << 62, asked.randint(1, position + 1)))
            since = asked.choice((0, asked.randint(0, position)))
            card = asked.choice(shop.cards[:60])
            for keys in ([key], [key, card], [card, key]):
                limit = asked.choice((3, 10_000))
                assert reader.events_with(keys, before, limit, since) == naive.events_with(keys, before, limit, since)
            until = asked.randint(1, position)
            found = reader.joined(key, CARD, until_seq=until, until_ms=10**12, limit=10_000)
            assert len(found) == len(set(found))
            assert set(found) == naive.joined(key, until)
            crowd = reader.crowd(key, CARD, from_ms=-(10**12), until_seq=until, until_ms=10**12, at_most=10_000)
            assert crowd == len(found)
        everything = [*shop.users, *shop.cards]
        assert reader.named(everything) == naive.things
        for text in ("", "a", "A", "b0", "bF", "a12"):
            for limit in (5, 10_000):
                found_names = reader.starting_with(TENANT, CARD, text, limit)
                assert [one.value for one in found_names] == naive.starting_with(text, limit)
                assert all(naive.things[one.key] == one for one in found_names)
    reader.close()


@pytest.mark.slow
def test_young_segments_are_few_and_become_old_without_a_rest(shop: Shop, tmp_path: Path) -> None:
    per_old = 1 << (OLD_BITS - YOUNG_BITS)
    for position in LOOKED_AT:
        shop.to(position)
        connection = apsw.Connection(str(tmp_path / FILE_NAME))
        young = [n for (n,) in connection.execute("SELECT n FROM segment WHERE n & 1")]
        assert len(young) <= 2 * per_old + 1
        for table in ("mention", "link", "thing", "name"):
            used = {n for (n,) in connection.execute(f"SELECT DISTINCT segment FROM {table} WHERE segment & 1")}
            assert used <= set(young)
        rows = [n for (n,) in connection.execute("SELECT segment & 1 FROM mention")]
        assert len(rows) == 2 * position  # none lost, none twice
        assert rows.count(1) <= 2 * 2 * (1 << OLD_BITS)
        connection.close()


@pytest.mark.slow
def test_a_batch_behind_the_young_segments_writes_each_page_about_once(shop: Shop, tmp_path: Path) -> None:
    """Not the pages of all that is old: there are more of those than a batch may write."""
    shop.to(48_000)
    connection = apsw.Connection(str(tmp_path / FILE_NAME))
    pages = int(str(connection.execute("SELECT count(*) FROM dbstat WHERE name IN ('mention', 'link')").get))
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    connection.close()
    shop.to(48_300)
    assert (tmp_path / (FILE_NAME + "-wal")).stat().st_size / 4_096 < pages / 4
