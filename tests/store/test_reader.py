"""Reading: by tenant always; what is another's is answered like what does not exist."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import apsw
import pytest

from fourthwatch.store.file import open_file
from fourthwatch.store.ledger import Ledger
from fourthwatch.store.reader import Entry, LedgerReader, order_subject, user_subject
from store.rows import decision, event

ORDER = {"subject": order_subject("ord-1")}


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[LedgerReader]:
    ledger = Ledger(tmp_path)
    second = open_file(tmp_path)
    second.execute("INSERT INTO tenant (id, name, created_ms) VALUES (2, 'other', 0)")
    second.close()
    ledger.append(
        [
            event(1, **ORDER),
            event(2, **ORDER, kind=10, body=b'{"_orderId":"ord-1","_orderStatus":"_approved"}'),
            event(3, **ORDER, tenant=2, kind=10, body=b'{"_orderId":"ord-1","_orderStatus":"_rto"}'),
            event(4, **ORDER, kind=20, name="scan", body=b'{"_orderId":"ord-1","_orderStatus":""}'),
            event(5, subject=user_subject("ord-1"), kind=18),
            event(6, **ORDER, tenant=2, kind=9),
        ],
        [decision(1, score=20), decision(2, score=30, answered=False), decision(6, tenant=2, score=90)],
    )
    ledger.close()
    opened = LedgerReader(tmp_path)
    yield opened
    opened.close()


def seqs(entries: list[Entry]) -> list[int]:
    return [entry.event.seq for entry in entries]


def test_an_event_is_found_by_its_id_with_its_decision(reader: LedgerReader) -> None:
    assert reader.event(1, event(1).event_id) == Entry(event(1, **ORDER), decision(1, score=20))
    assert reader.event(1, event(5).event_id) == Entry(event(5, subject=user_subject("ord-1"), kind=18), None)


def test_an_event_of_another_tenant_is_not_found(reader: LedgerReader) -> None:
    assert reader.event(2, event(1).event_id) is None
    assert reader.event(1, event(3).event_id) is None
    assert reader.event(2, event(3).event_id) is not None


def test_an_id_with_another_nonce_is_not_found(reader: LedgerReader) -> None:
    right = event(1).event_id
    random = Random(1)
    for _ in range(200):
        at = random.randrange(15, len(right))
        wrong = right[:at] + random.choice("0123456789abcdef".replace(right[at], "")) + right[at + 1 :]
        assert reader.event(1, wrong) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "event_id",
    ["", "ev_", "ev_1", "x" * 35, "ev_" + "g" * 32, "ev_" + "0" * 32, "ev_" + "f" * 32, "ev_+00000000001" + "01" * 10,
     "EV_000000000001" + "01" * 10, "ev_000000000001" + "01" * 11, "ev_" + "٣" * 32, "ev_000000000001' OR 1=1 --aaaaa"],
)  # fmt: skip
def test_an_id_that_is_none_is_not_found_and_breaks_nothing(reader: LedgerReader, event_id: str) -> None:
    assert reader.event(1, event_id) is None


def test_of_more_events_about_a_thing_than_are_wanted_the_newest_are_told(reader: LedgerReader) -> None:
    kinds = (event(1).kind, 10, 20)
    assert [row.seq for row in reader.of_kinds(1, order_subject("ord-1"), kinds, 100)] == [4, 2, 1]
    assert [row.seq for row in reader.of_kinds(1, order_subject("ord-1"), kinds, 2)] == [4, 2]
    assert [row.seq for row in reader.of_kinds(2, order_subject("ord-1"), (10,), 2)] == [3]


def test_a_timeline_is_one_tenants_oldest_first_in_pages(reader: LedgerReader) -> None:
    assert seqs(reader.order_events(1, "ord-1", 0, 100)) == [1, 2, 4]
    assert seqs(reader.order_events(1, "ord-1", 0, 2)) == [1, 2]
    assert seqs(reader.order_events(1, "ord-1", 2, 2)) == [4]
    assert seqs(reader.order_events(2, "ord-1", 0, 100)) == [3, 6]
    assert seqs(reader.order_events(3, "ord-1", 0, 100)) == []
    assert seqs(reader.order_events(1, "ord-1' OR '1'='1", 0, 100)) == []


def test_an_order_and_a_user_of_one_name_are_two_subjects() -> None:
    assert order_subject("x") != user_subject("x")


def test_the_newest_submission_is_one_tenants(reader: LedgerReader) -> None:
    mine, others = reader.newest_order(1, "ord-1", (8, 9)), reader.newest_order(2, "ord-1", (8, 9))
    assert mine is not None
    assert others is not None
    assert (mine.event.seq, others.event.seq) == (1, 6)
    assert reader.newest_order(2, "ord-1", (8,)) is None
    assert reader.newest_order(3, "ord-1", (8, 9)) is None


def test_the_newest_decision_is_one_tenants_and_may_be_one_nobody_was_told(reader: LedgerReader) -> None:
    mine, others = reader.newest_decision(1, "ord-1"), reader.newest_decision(2, "ord-1")
    assert mine == Entry(
        event(2, **ORDER, kind=10, body=b'{"_orderId":"ord-1","_orderStatus":"_approved"}'),
        decision(2, score=30, answered=False),
    )
    assert others is not None
    assert others.decision == decision(6, tenant=2, score=90)
    assert reader.newest_decision(1, "ord-9") is None


def test_the_newest_status_is_one_tenants_and_not_an_empty_one(reader: LedgerReader) -> None:
    assert reader.newest_status(1, "ord-1") == "_approved"
    assert reader.newest_status(2, "ord-1") == "_rto"
    assert reader.newest_status(1, "ord-9") is None


def test_an_export_is_one_tenants_in_order(reader: LedgerReader) -> None:
    assert [row.seq for row in reader.export(1)] == [1, 2, 4, 5]
    assert [row.seq for row in reader.export(1, 2)] == [4, 5]
    assert [row.seq for row in reader.export(2)] == [3, 6]
    assert list(reader.export(3)) == []


def test_an_export_that_is_not_read_to_its_end_holds_up_no_checkpoint(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.append([event(seq) for seq in range(1, 1_301)], [])
    reader = LedgerReader(tmp_path)
    exported = reader.export(1)
    begun = [next(exported).seq for _ in range(3)]
    ledger.append([event(1_301)], [])
    ledger._connection.set_busy_timeout(1)
    ledger._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)  # raises while somebody reads
    assert [*begun, *(row.seq for row in exported)] == list(range(1, 1_301)), "what was there at the beginning"
    reader.close()
    ledger.close()


def test_a_reader_sees_what_is_committed_after_it_was_opened(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    opened = LedgerReader(tmp_path)
    assert opened.count() == 0
    ledger.append([event(1)], [])
    assert opened.count() == 1
    assert opened.event(1, event(1).event_id) is not None
    opened.close()
    ledger.close()
