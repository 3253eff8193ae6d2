"""Erasing a person: nothing of them is left in any file, the chain verifies, and a backup does not bring them back."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.indexed import Shelf
from engine.till import Till, submission
from fourthwatch.clock import ManualClock
from fourthwatch.engine.person import events_of
from fourthwatch.engine.recovery import SnapshotInSlices
from fourthwatch.errors import LedgerBroken
from fourthwatch.store import erasure
from fourthwatch.store.changes import AuditTrail
from fourthwatch.store.erasure import LIST_NAME, Erased, erase, erase_again, read_list
from fourthwatch.store.file import open_file
from fourthwatch.store.reader import LedgerReader
from story import NOW_MS

CANARIES = ("cassandra-77", "cass@example.com", "ord-cass", "sess-cass", "+919812345678", "Canary Lane", "cass-note")
CLOCK = ManualClock(NOW_MS)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A directory in which two users have left traces of every kind."""
    shelf = Shelf(tmp_path)
    told: list[tuple[str, dict[str, Any]]] = [
        ("add_to_cart", {"_sessionId": "sess-cass", "_item": {"_itemId": "i-1"}}),
        ("login", {"_userId": "cassandra-77", "_sessionId": "sess-cass", "_deviceIp": "203.0.113.7"}),
        ("createOrder", {"_userId": "cassandra-77", "_orderId": "ord-cass", "_userEmail": "cass@example.com",
                         "_shippingAddress": {"_phone": "+919812345678", "_address1": "1 Canary Lane"}}),
        ("createOrder", {"_userId": "omar", "_orderId": "ord-omar", "_userEmail": "omar@example.com"}),
        ("transaction", {"_orderId": "ord-cass", "_transactionId": "t-1"}),
        ("custom_event", {"_eventName": "cass-note", "_userId": "cassandra-77", "odd": "x"}),
        ("tag", {"_userId": "cassandra-77", "_isBad": True}),
        ("order_status", {"_orderId": "ord-omar", "_orderStatus": "_fulfilled"}),
        ("login", {"_userId": "omar", "_sessionId": "sess-omar"}),
    ]  # fmt: skip
    for number, (kind, body) in enumerate(told):
        shelf.take(submission(kind, NOW_MS + number, **body))
    shelf.take(submission("login", NOW_MS, tenant=2, _userId="cassandra-77"))
    shelf.catch_up()
    snapshot = SnapshotInSlices(shelf.till.walk, tmp_path)
    while not snapshot.advance():
        pass
    snapshot.finish()
    shelf.close()
    return tmp_path


def left_in(directory: Path) -> set[str]:
    """Canaries that are in some file."""
    found = set()
    for path in directory.iterdir():
        content = path.read_bytes()
        found |= {canary for canary in CANARIES if canary.encode() in content}
    return found


def wiped(directory: Path) -> Erased:
    return erase(directory, events_of(directory, 1, "cassandra-77"), "test", CLOCK)


def verified(directory: Path) -> int:
    reader = LedgerReader(directory)
    try:
        return len(list(reader.verify()))
    finally:
        reader.close()


def bodies(directory: Path) -> list[bytes]:
    reader = LedgerReader(directory)
    try:
        return [row.body for row in reader.export(1)]
    finally:
        reader.close()


def test_the_events_of_a_person_are_those_that_name_the_user_a_session_or_an_order_of_theirs(told: Path) -> None:
    assert events_of(told, 1, "cassandra-77").seqs == (1, 2, 3, 5, 6, 7)
    assert events_of(told, 1, "omar").seqs == (4, 8, 9)
    assert events_of(told, 2, "cassandra-77").seqs == (10,)
    assert events_of(told, 1, "nobody").seqs == ()


def test_nothing_of_the_person_is_left_in_any_file(told: Path) -> None:
    assert left_in(told) >= {"cassandra-77", "cass@example.com", "ord-cass", "sess-cass", "Canary Lane"}
    before = bodies(told)
    erased = wiped(told)
    assert len(erased.events) == 6
    assert left_in(told) == {"cassandra-77"}  # another tenant's user of that name
    erase(told, events_of(told, 2, "cassandra-77"), "test", CLOCK)
    assert left_in(told) == set()
    assert [body for body in bodies(told) if body != b"{}"] == [before[at] for at in (3, 7, 8)]


def test_the_chain_verifies_and_shows_what_else_was_changed(told: Path) -> None:
    assert verified(told) == 10
    wiped(told)
    assert verified(told) == 10
    connection = open_file(told)
    connection.execute("UPDATE event SET body = CAST('{}' AS BLOB) WHERE seq = 4")
    connection.close()
    with pytest.raises(LedgerBroken, match="position 4"):
        verified(told)


@pytest.mark.parametrize("change", ["chain = randomblob(16)", 'body = CAST(\'{"_userId":"x"}\' AS BLOB)'])
def test_an_erased_row_cannot_be_changed_unnoticed(told: Path, change: str) -> None:
    wiped(told)
    connection = open_file(told)
    connection.execute(f"UPDATE event SET {change} WHERE seq = 3")
    connection.close()
    with pytest.raises(LedgerBroken):
        verified(told)


def test_everything_goes_on_from_what_is_left(told: Path) -> None:
    wiped(told)
    till = Till(told)
    assert till.ledger.last_seq == 10
    assert till.windows.first_ms(1, "user:cassandra-77") is None
    assert till.windows.first_ms(1, "user:omar") is not None
    assert till.windows.first_ms(2, "user:cassandra-77") is not None
    till.tell("createOrder", NOW_MS + 99, _orderId="ord-new", _userId="omar")
    till.close()
    shelf = Shelf(told)
    shelf.catch_up()
    assert shelf.reader.line(1, "ord-cass") is None
    assert shelf.reader.line(1, "ord-omar") is not None
    shelf.close()
    assert verified(told) == 11


def test_that_somebody_was_erased_is_on_record_without_saying_who(told: Path) -> None:
    erased = wiped(told)
    trail = AuditTrail(told)
    (entry,) = trail.page(1, 99, 10, action="user.erased")
    trail.close()
    assert (entry.thing, entry.after) == (f"erasures/{erased.id}", b'{"events":6}')
    assert [one.id for one in read_list(told)] == [erased.id]


def test_a_backup_that_was_put_back_is_erased_again_and_only_once(told: Path, tmp_path_factory: Any) -> None:
    backup = tmp_path_factory.mktemp("backup")
    for path in told.glob("fourthwatch.db*"):
        shutil.copy(path, backup / path.name)
    wiped(told)
    for path in told.glob("fourthwatch.db*"):
        path.unlink()
    for path in backup.iterdir():
        shutil.copy(path, told / path.name)
    assert "Canary Lane" in left_in(told)
    assert erase_again(told, CLOCK) == 6
    assert "Canary Lane" not in left_in(told)
    assert verified(told) == 10
    assert erase_again(told, CLOCK) == 0


def test_another_ledger_is_not_touched_by_the_list(told: Path, tmp_path_factory: Any) -> None:
    wiped(told)
    other = tmp_path_factory.mktemp("other")
    shelf = Shelf(other)
    shelf.take(*(submission("login", NOW_MS + n, _userId="somebody") for n in range(9)))
    shelf.close()
    shutil.copy(told / LIST_NAME, other / LIST_NAME)
    assert erase_again(other, CLOCK) == 0
    assert len([body for body in bodies(other) if body != b"{}"]) == 9


class _Killed(Exception):
    pass


@pytest.fixture
def killed(told: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An erasure that ended between the list and the data file."""

    def dying(*_: Any) -> None:
        raise _Killed

    monkeypatch.setattr(erasure, "_purge", dying)
    with pytest.raises(_Killed):
        wiped(told)
    monkeypatch.undo()
    return told


def test_an_erasure_that_was_cut_off_is_done_at_the_next_start(killed: Path) -> None:
    assert "Canary Lane" in left_in(killed)
    assert erase_again(killed, CLOCK) == 6
    assert "Canary Lane" not in left_in(killed)


def test_a_line_of_the_list_that_was_cut_off_is_passed_over(told: Path) -> None:
    (told / LIST_NAME).write_bytes(b'{"id":"er_1","tenant":1,"at_')
    assert erase_again(told, CLOCK) == 0
    wiped(told)
    assert len(list(read_list(told))) == 1
    assert os.stat(told / LIST_NAME).st_mode & 0o777 in (0o600, 0o644)
