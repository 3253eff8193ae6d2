"""The ledger: batches all or nothing, in one order, found again by identity, chained."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from fourthwatch.errors import LedgerBroken, LedgerFull
from fourthwatch.store import ledger as ledgers
from fourthwatch.store.file import open_file
from fourthwatch.store.ledger import EventRow, Ledger, chain_hash
from fourthwatch.store.reader import LedgerReader
from store.rows import decision, event


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path)
    second = open_file(tmp_path)
    second.execute("INSERT INTO tenant (id, name, created_ms) VALUES (2, 'other', 0)")
    second.close()
    yield opened
    opened.close()


def test_a_new_ledger_is_at_position_zero(ledger: Ledger) -> None:
    assert ledger.last_seq == 0
    assert list(ledger.read_after(0)) == []
    assert ledger.chain_at(0) == bytes(16)


def test_what_is_appended_is_read_back_in_order_to_the_byte(ledger: Ledger) -> None:
    rows = [event(1), event(2, body=bytes(range(256)), warnings=b"[]", name="scan", subject=None), event(3, tenant=2)]
    ledger.append(rows[:2], [])
    ledger.append(rows[2:], [])
    assert list(ledger.read_after(0)) == rows
    assert list(ledger.read_after(2)) == rows[2:]
    assert ledger.last_seq == 3


def test_a_ledger_goes_on_where_it_was(tmp_path: Path) -> None:
    first = Ledger(tmp_path)
    first.append([event(1), event(2)], [decision(2)])
    chain = first.chain_at(2)
    first.close()
    again = Ledger(tmp_path)
    assert again.last_seq == 2
    again.append([event(3)], [])
    assert again.chain_at(3) == chain_hash(chain, event(3))
    again.close()


def test_an_event_is_found_with_its_decision_and_without(ledger: Ledger) -> None:
    ledger.append([event(1), event(2)], [decision(2, answered=False)])
    assert ledger.stored(1) == (event(1), None)
    assert ledger.stored(2) == (event(2), decision(2, answered=False))


def test_a_log_file_that_is_long_is_not_begun_anew_over_somebody_who_reads_and_nobody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export that is looked at page by page, a backup: commits do not wait for their end."""
    monkeypatch.setattr(ledgers, "LOG_PAGES_MAX", 20)
    monkeypatch.setattr(ledgers, "CHECKPOINT_EVERY_PAGES", 5)
    ledger = Ledger(tmp_path)
    ledger.append([event(1)], [])
    reader = open_file(tmp_path, read_only=True)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM event").fetchall()
    waited: list[int] = []
    monkeypatch.setattr(ledgers, "BUSY_MS", 0)

    def asked_to_wait(tries: int) -> bool:
        waited.append(tries)
        return False

    seq = 1
    for _ in range(40):
        ledger._connection.set_busy_handler(asked_to_wait)
        ledger.append([event(seq + number) for number in range(1, 11)], [])
        seq += 10
    assert (waited, ledger.last_seq) == ([], 401)
    assert ledger.log_pages > 40, "it grows while somebody reads"
    reader.close()
    for _ in range(40):
        ledger.append([event(seq + number) for number in range(1, 11)], [])
        seq += 10
    assert ledger.log_pages < 60, "and begins anew when nobody does"
    ledger.close()


def test_a_batch_with_one_bad_event_leaves_nothing(ledger: Ledger) -> None:
    ledger.append([event(1)], [])
    chain = ledger.chain_at(1)
    with pytest.raises(LedgerBroken):
        ledger.append([event(2), event(3, identity=event(1).identity)], [decision(2)])
    assert list(ledger.read_after(0)) == [event(1)]
    assert ledger.last_seq == 1
    ledger.append([event(2)], [])
    assert ledger.chain_at(2) == chain_hash(chain, event(2))


def test_a_decision_without_its_event_is_not_taken(ledger: Ledger) -> None:
    with pytest.raises(LedgerBroken):
        ledger.append([event(1)], [decision(9)])
    assert list(ledger.read_after(0)) == []


def test_a_full_file_is_said_to_be_full_and_keeps_what_it_has(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.append([event(1)], [])
    ledger._connection.pragma("max_page_count", 120)
    with pytest.raises(LedgerFull):
        append_for_ever(ledger)
    seq = ledger.last_seq
    assert seq > 1
    assert [row.seq for row in ledger.read_after(0)] == list(range(1, seq + 1))
    ledger._connection.pragma("max_page_count", 100_000)
    ledger.append([event(seq + 1)], [])
    ledger.close()


def append_for_ever(ledger: Ledger) -> None:
    while True:
        ledger.append([event(ledger.last_seq + 1, body=b"x" * 10_000)], [])


def test_one_identity_is_one_event_within_a_tenant_and_two_across(ledger: Ledger) -> None:
    same = event(1).identity
    ledger.append([event(1), event(2, tenant=2, identity=same)], [])
    assert ledger.find(1, same) == (1, event(1).fingerprint)
    assert ledger.find(2, same) == (2, event(2).fingerprint)
    assert ledger.find(3, same) is None
    assert ledger.find(1, b"\1" * 16) is None


def test_the_newest_of_a_subject_is_of_the_asked_kinds_and_tenant(ledger: Ledger) -> None:
    about = {"subject": "order:ord-1"}
    ledger.append(
        [event(1, **about), event(2, kind=9, **about), event(3, kind=10, **about), event(4, tenant=2, **about)], []
    )
    assert ledger.newest_of_subject(1, "order:ord-1", (8, 9)) == (2, event(2).fingerprint)
    assert ledger.newest_of_subject(1, "order:ord-1", (8,)) == (1, event(1).fingerprint)
    assert ledger.newest_of_subject(2, "order:ord-1", (8, 9)) == (4, event(4).fingerprint)
    assert ledger.newest_of_subject(1, "order:ord-2", (8, 9)) is None
    assert ledger.order_before(1, "order:ord-1", (8, 9), 2) == (1, 8, event(1).body, False, None)
    assert ledger.order_before(1, "order:ord-1", (8, 9), 3) == (2, 9, event(2).body, False, None)
    assert ledger.order_before(1, "order:ord-1", (8, 9), 1) is None
    assert ledger.order_before(2, "order:ord-1", (8, 9), 4) is None


def test_the_first_position_of_each_of_many_subjects_is_found_at_once(ledger: Ledger) -> None:
    about = {"subject": "order:ord-1"}
    ledger.append([event(1, tenant=2, **about), event(2, **about), event(3), event(4, kind=10, **about)], [])
    asked = ["order:ord-1", "order:ord-2", "order:ord-3", *(f"order:new-{number}" for number in range(40))]
    for many in (1, 2, 3, len(asked)):
        found = {"order:ord-1": 2, "order:ord-3": 3}
        assert ledger.first_about(1, asked[:many]) == {one: found[one] for one in asked[:many] if one in found}
    assert ledger.first_about(2, asked) == {"order:ord-1": 1}
    assert ledger.first_about(1, []) == {}


@pytest.mark.parametrize("field", EventRow.__struct_fields__)
def test_the_chain_changes_with_every_part_of_an_event(field: str) -> None:
    changed: dict[str, object] = {
        "seq": 3,
        "nonce": b"\xff" * 10,
        "fingerprint": b"\1" * 16,
        "subject": "order:other",
        "warnings": b"[]",
        "from_go": True,
        "tenant": 2,
        "kind": 9,
        "occurred_ms": 1,
        "received_ms": 1,
        "name": "scan",
        "identity": b"\1" * 16,
        "body": b"{}",
    }
    other = msgspec.structs.replace(event(1), **{field: changed[field]})
    assert chain_hash(bytes(16), other) != chain_hash(bytes(16), event(1))


def test_a_name_and_a_subject_are_told_apart_in_the_chain() -> None:
    one, other = event(1, name="a b", subject="c"), event(1, name="a", subject="b c")
    assert chain_hash(bytes(16), one) != chain_hash(bytes(16), other)
    assert chain_hash(bytes(16), event(1, name=None)) != chain_hash(bytes(16), event(1, name="None"))


def test_the_chain_changes_with_everything_before() -> None:
    assert chain_hash(b"\1" * 16, event(1)) != chain_hash(bytes(16), event(1))


def spoil(directory: Path, statement: str, *values: object) -> None:
    """Change a row behind the ledger's back, with a page checksum that is right again."""
    connection = open_file(directory)
    connection.pragma("foreign_keys", "OFF")
    connection.execute(statement, values)
    connection.close()


def verified(directory: Path) -> list[int]:
    reader = LedgerReader(directory)
    try:
        return [seq for seq, _ in reader.verify()]
    finally:
        reader.close()


@pytest.fixture
def chained(tmp_path: Path) -> Path:
    ledger = Ledger(tmp_path)
    for first in range(1, 100, 10):
        ledger.append([event(seq, body=b'{"n":%d}' % seq) for seq in range(first, first + 10)], [])
    ledger.close()
    return tmp_path


def test_a_whole_chain_is_in_order_to_its_end(chained: Path) -> None:
    assert verified(chained) == list(range(1, 101))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_changed_byte_of_a_body_breaks_the_chain_there(chained: Path, seed: int) -> None:
    seq = Random(seed).randint(1, 100)
    spoil(chained, "UPDATE event SET body = ? WHERE seq = ?", b'{"n":0}', seq)
    with pytest.raises(LedgerBroken, match=f"at position {seq}$"):
        verified(chained)


@pytest.mark.parametrize("seed", range(5))
def test_a_lost_event_breaks_the_chain_there(chained: Path, seed: int) -> None:
    seq = Random(seed).randint(1, 99)
    spoil(chained, "DELETE FROM event WHERE seq = ?", seq)
    with pytest.raises(LedgerBroken, match=f"at position {seq}$"):
        verified(chained)


@pytest.mark.parametrize("seed", range(5))
def test_two_swapped_events_break_the_chain_at_the_first(chained: Path, seed: int) -> None:
    one, other = sorted(Random(seed).sample(range(1, 101), 2))
    for old, new in ((one, 1_000), (other, one), (1_000, other)):
        spoil(chained, "UPDATE event SET seq = ? WHERE seq = ?", new, old)
    with pytest.raises(LedgerBroken, match=f"at position {one}$"):
        verified(chained)


def test_a_row_put_in_breaks_the_chain(chained: Path) -> None:
    columns = ", ".join(EventRow.__struct_fields__[4:])
    spoil(chained, f"INSERT INTO event SELECT 101, tenant, nonce, x'01', {columns}, chain FROM event WHERE seq = 100")
    with pytest.raises(LedgerBroken, match=r"at position 101$"):
        verified(chained)


def test_an_event_id_has_position_and_nonce_in_it() -> None:
    row: EventRow = event(255, nonce=b"\xab" * 10)
    assert row.event_id == "ev_0000000000ff" + "ab" * 10
    assert msgspec.structs.replace(row, nonce=b"\xac" * 10).event_id != row.event_id


def test_statements_name_the_columns_that_the_rows_have(ledger: Ledger) -> None:
    stored = [str(row[1]) for row in ledger._connection.execute("PRAGMA table_info(event)")]
    assert stored == [*EventRow.__struct_fields__, "chain"]
