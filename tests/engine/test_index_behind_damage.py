"""Damage of many events in a row: the index goes over it in steps, and over nothing else."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from engine.indexed import Shelf
from engine.till import submission
from fourthwatch.errors import LedgerBroken, LedgerUnreadable
from fourthwatch.limits import INDEX_BATCH_EVENTS
from fourthwatch.store.file import FILE_NAME
from logged import logged
from story import NOW_MS

PAGE = 8_192
GOOD, BAD = 100, 2 * INDEX_BATCH_EVENTS
LAST = GOOD + BAD + 100


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """Its index has the first few events."""
    opened = Shelf(tmp_path)
    log_in(opened, 1, GOOD)
    opened.catch_up()
    log_in(opened, GOOD + 1, LAST)
    yield opened
    opened.close()


def log_in(shelf: Shelf, first: int, last: int) -> None:
    for begin in range(first, last + 1, 100):
        numbers = range(begin, min(begin + 100, last + 1))
        shelf.take(*[submission("login", NOW_MS + number, _userId=f"u-{number}") for number in numbers])


def spoilt_pages(shelf: Shelf) -> tuple[Path, bytes, list[int]]:
    """Let each page go bad on which events of a long stretch stand: the file, what it was, and where they begin."""
    ledger = shelf.till.ledger
    ledger._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    path = shelf.directory / FILE_NAME
    whole = path.read_bytes()
    places = dict.fromkeys(
        whole.rindex(ledger.stored(seq)[0].body) // PAGE * PAGE for seq in range(GOOD + 50, LAST - 50)
    )
    spoilt = bytearray(whole)
    for at in places:
        spoilt[at + 4_000] ^= 0x20
    path.write_bytes(spoilt)
    return path, whole, list(places)


def come_to_the_damage(shelf: Shelf) -> None:
    with pytest.raises(LedgerUnreadable):
        shelf.catch_up()


def steps_to_the_end(shelf: Shelf) -> int:
    """How often it was held up on the way."""
    held_up: list[str] = []
    while shelf.reader.position() < shelf.till.ledger.last_seq:
        try:
            shelf.step()
        except LedgerUnreadable as reason:
            held_up.append(str(reason))
            assert len(held_up) < 10
    assert len(set(held_up)) <= 1, "the log is told anew at each step"
    return len(held_up)


@pytest.mark.slow
def test_the_index_goes_on_behind_more_damage_than_it_looks_at_in_one_step(shelf: Shelf) -> None:
    spoilt_pages(shelf)
    with logged() as said:
        assert 1 <= steps_to_the_end(shelf) <= 3
    left_out = [one for one in said if one["event"] == "event_left_out"]
    assert len(left_out) == 1
    assert left_out[0]["events"] > BAD
    assert GOOD < left_out[0]["position"] <= GOOD + 50


def test_it_waits_at_damage_that_goes_on_to_the_end_for_what_comes_behind_it(shelf: Shelf) -> None:
    spoilt_pages(shelf)
    with logged() as said:
        come_to_the_damage(shelf)
        for _ in range(6):
            with pytest.raises(LedgerUnreadable):
                shelf.indexer.read(LAST - 60)
        assert shelf.reader.position() < GOOD + 50
        steps_to_the_end(shelf)
    assert len([one for one in said if one["event"] == "event_left_out"]) == 1


def test_what_could_not_be_read_for_a_moment_is_not_left_out(shelf: Shelf) -> None:
    path, whole, places = spoilt_pages(shelf)
    come_to_the_damage(shelf)
    before = shelf.reader.position()
    again, at = bytearray(path.read_bytes()), places[0]
    again[at : at + PAGE] = whole[at : at + PAGE]
    path.write_bytes(again)
    with logged() as said:
        steps_to_the_end(shelf)
    left_out = [one for one in said if one["event"] == "event_left_out"]
    assert left_out[0]["position"] > before + 5
    counted: int = shelf.reader.rows("SELECT sum(count) FROM tally WHERE what = 'event'")[0][0]
    assert counted + sum(one["events"] for one in left_out) == LAST


@pytest.mark.slow
def test_a_file_that_gives_nothing_is_no_damage(shelf: Shelf) -> None:
    """A file that was cut off under it: SQLite has no page to hold against its checksum."""
    path, _, _ = spoilt_pages(shelf)
    held = path.read_bytes()
    descriptor = path.open("r+b")
    with logged() as said:
        descriptor.truncate(0)
        with pytest.raises(LedgerBroken) as raised:
            shelf.derived()
        assert not isinstance(raised.value, LedgerUnreadable)
    descriptor.close()
    path.write_bytes(held)
    assert [one for one in said if one["event"] == "event_left_out"] == []
