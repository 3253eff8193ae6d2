"""The index: the same however it is made, whole after any end, and never of another ledger."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import apsw
import msgspec
import pytest

from engine.indexed import Shelf, contents
from engine.till import submission
from fourthwatch.clock import DAY_MS, HOUR_MS
from fourthwatch.decision import Policy
from fourthwatch.engine.indexing import MENTIONED
from fourthwatch.engine.policies import Policies
from fourthwatch.engine.subjects import Subjects
from fourthwatch.errors import IndexDamaged, LedgerFull, LedgerUnreadable
from fourthwatch.features.things import THINGS, key_of, mark_of_key
from fourthwatch.store.file import FILE_NAME as LEDGER_NAME
from fourthwatch.store.index_file import FILE_NAME
from fourthwatch.store.index_rows import IndexBatch
from fourthwatch.workbench.simulator import DemoShop
from logged import logged
from story import NOW_MS

ORDER: dict[str, Any] = {
    "_orderId": "ord-1", "_userId": "asha", "_amount": "500", "_currencyCode": "INR", "_deviceIp": "203.0.113.9",
    "_userEmail": "asha@example.com",
    "_paymentMethods": [{"_paymentType": "_creditCard", "_cardBin": "411111", "_cardLast4": "1111"}],
    "_shippingAddress": {"_city": "Pune", "_zipcode": "411001", "_country": "India", "_address1": "1 MG Road"},
}  # fmt: skip
LONG = "invented " * 2_000
"""So long that an event has pages of its own."""


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    opened = Shelf(tmp_path)
    yield opened
    opened.close()


def told(shelf: Shelf, kind: str, at_ms: int = NOW_MS, **body: Any) -> None:
    shelf.take(submission(kind, at_ms, **body))


def live(shelf: Shelf, events: int, seed: int = 5, *, follow: bool = False) -> None:
    """The demo shop's first events, in batches, with the index right behind each or left alone."""
    shop = DemoShop(seed=seed, start_ms=NOW_MS, orders_per_hour=60)
    chance, batch = Random(seed), []
    for number, one in enumerate(shop.events(NOW_MS + 30 * DAY_MS)):
        if number == events:
            break
        body: dict[str, Any] = {key: value for key, value in one.body.items() if key != "_originTimestamp"}
        batch.append(submission(one.event, one.at_ms, **body))
        if chance.random() < 0.1:
            shelf.take(*batch)
            batch = []
            if follow:
                shelf.catch_up()
    if batch:
        shelf.take(*batch)
    if follow:
        shelf.catch_up()


# The same however it is made.


@pytest.mark.slow
def test_an_index_made_right_behind_the_log_equals_one_made_later_in_other_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = Shelf(tmp_path / "behind")
    live(behind, 700, follow=True)
    behind.close()
    shutil.copytree(tmp_path / "behind", tmp_path / "later")
    (tmp_path / "later" / FILE_NAME).unlink()
    monkeypatch.setattr("fourthwatch.engine.indexing.INDEX_BATCH_EVENTS", 97)
    later = Shelf(tmp_path / "later")
    assert later.indexer.position == 0
    assert later.indexer.read(later.till.ledger.last_seq), "some name a session and no user"
    later.catch_up()
    later.close()
    one, other = contents(tmp_path / "behind"), contents(tmp_path / "later")
    assert len(one["line"]) > 20
    assert len(one["mention"]) > 3_000
    assert len(one["link"]) > 300
    assert one == other


def test_a_visit_is_the_users_from_the_event_on_that_linked_it(shelf: Shelf) -> None:
    visit: dict[str, Any] = {"_sessionId": "s-1"}
    cart: dict[str, Any] = {"_item": {"_itemId": "i-1"}}
    told(shelf, "add_to_cart", **visit, **cart)
    told(shelf, "link_session_to_user", NOW_MS + 1, **visit, _userId="asha")
    told(shelf, "add_to_cart", NOW_MS + 2, **visit, **cart)
    told(shelf, "add_to_cart", NOW_MS + 3, _userId="s-2", _sessionId="s-2", **cart)
    told(shelf, "add_to_cart", NOW_MS + 4, _sessionId="s-3", **cart)
    told(shelf, "login", NOW_MS + 5, _userId="s-3")
    shelf.catch_up()
    for text, expected in (("user:asha", [3, 2]), ("guest:s-1", [1]), ("guest:s-3", [6, 5]), ("user:s-3", [])):
        assert shelf.reader.events_with([mark_of_key(key_of(1, text))], 10**9, 9) == expected, text


def test_a_thing_leads_to_the_events_that_it_was_part_of_and_to_no_others(shelf: Shelf) -> None:
    live(shelf, 400)
    shelf.catch_up()
    expected: dict[int, list[int]] = {}
    subjects = Subjects(shelf.till.ledger, shelf.till.windows)
    for row, _ in shelf.till.rows():
        subject = subjects.stored(row).subject
        for text in {text for name in MENTIONED for text in THINGS[name].texts(subject)}:
            expected.setdefault(mark_of_key(key_of(1, text)), []).insert(0, row.seq)
    assert len(expected) > 200
    for key, seqs in expected.items():
        assert shelf.reader.events_with([key], 10**9, 10**6) == seqs


@pytest.mark.slow
def test_what_two_things_were_both_part_of_is_found_by_both(shelf: Shelf) -> None:
    live(shelf, 400)
    shelf.catch_up()
    kind = mark_of_key(key_of(1, "kind:add_to_cart"))
    rows = shelf.till.rows()
    user = next(mark_of_key(key_of(1, f"session:{_session(row.body)}")) for row, _ in rows if row.kind == 6)
    both = set(shelf.reader.events_with([user], 10**9, 999)) & set(shelf.reader.events_with([kind], 10**9, 999))
    assert both
    assert shelf.reader.events_with([user, kind], 10**9, 999) == sorted(both, reverse=True)


def _session(body: bytes) -> str:
    return str(msgspec.json.decode(body)["_sessionId"])


# Whole after any end.


class _Killed(Exception):
    pass


@pytest.mark.parametrize("at", [*range(1), *(pytest.param(at, marks=pytest.mark.slow) for at in range(1, 6))])
def test_what_ends_in_the_middle_of_a_batch_leaves_the_position_and_the_rows_as_they_were(
    shelf: Shelf, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(shelf, 120)
    assert shelf.step()
    before = contents(shelf.directory)
    live(shelf, 200, seed=6)
    derived = shelf.derived()
    file = shelf.filing._writer._file
    insert, calls = file.insert, iter(range(100))

    def dying(head: str, width: int, rows: Any, tail: str = "") -> None:
        if next(calls) == at:
            raise _Killed
        insert(head, width, rows, tail)

    monkeypatch.setattr(file, "insert", dying)
    with pytest.raises(_Killed):
        shelf.filing.file(derived, b"x" * 16)
    assert contents(shelf.directory) == before
    shelf.filing._writer.abandon()
    monkeypatch.undo()
    shelf.filing.close()
    again = Shelf(shelf.directory)
    assert again.indexer.position == before["progress"][0][2]
    again.catch_up()
    again.close()
    made = contents(shelf.directory)
    (shelf.directory / FILE_NAME).unlink()
    anew = Shelf(shelf.directory)
    anew.catch_up()
    anew.close()
    assert contents(shelf.directory) == made


def test_a_build_that_writes_the_position_before_its_rows_is_found_out(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(shelf, 120)
    shelf.catch_up()
    live(shelf, 200, seed=6)
    writer = shelf.filing._writer

    def too_early(batch: IndexBatch, chain: bytes) -> None:
        writer._connection.execute("UPDATE progress SET seq = ?, chain = ?", (batch.last_seq, chain))
        writer._connection.execute("COMMIT")
        raise _Killed

    monkeypatch.setattr(writer, "finish", too_early)
    with pytest.raises(_Killed):
        shelf.step()
    monkeypatch.undo()
    shelf.filing.close()
    again = Shelf(shelf.directory)
    again.catch_up()
    again.close()
    made = contents(shelf.directory)
    (shelf.directory / FILE_NAME).unlink()
    anew = Shelf(shelf.directory)
    anew.catch_up()
    anew.close()
    assert contents(shelf.directory) != made


def test_an_index_of_another_ledger_is_begun_anew(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 2)):
        shelf = Shelf(tmp_path / name)
        live(shelf, 60, seed)
        shelf.catch_up()
        shelf.close()
    shutil.copy(tmp_path / "one" / FILE_NAME, tmp_path / "two" / FILE_NAME)
    again = Shelf(tmp_path / "two")
    assert again.indexer.position == 0
    again.close()


def test_a_ledger_that_was_put_back_takes_an_index_that_is_ahead_of_it_with_it(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    live(shelf, 40)
    shutil.copytree(tmp_path, tmp_path.parent / "backup", dirs_exist_ok=True)
    live(shelf, 40, seed=9)
    shelf.catch_up()
    shelf.close()
    for old in (tmp_path.parent / "backup").glob("fourthwatch.db*"):
        shutil.copy(old, tmp_path / old.name)
    again = Shelf(tmp_path)
    assert again.indexer.position == 0
    again.close()


@pytest.mark.slow
def test_a_full_disk_is_no_damage_and_what_did_not_fit_is_written_when_there_is_room(tmp_path: Path) -> None:
    clean, full = Shelf(tmp_path / "clean"), Shelf(tmp_path / "full")
    for shelf in (clean, full):
        live(shelf, 60)
        shelf.catch_up()
        live(shelf, 300, seed=6)
    connection = full.filing._writer._connection
    connection.pragma("max_page_count", connection.pragma("page_count"))
    position = full.indexer.position
    with pytest.raises(LedgerFull):
        full.step()
    assert full.filing.position()[0] == position > 0
    full.indexer.begin_at(position)
    connection.pragma("max_page_count", 1 << 30)
    for shelf in (clean, full):
        shelf.catch_up()
        shelf.close()
    assert contents(tmp_path / "full") == contents(tmp_path / "clean")


@pytest.mark.slow
@pytest.mark.parametrize("at", range(6))
def test_what_did_not_fit_at_some_row_is_written_whole_by_the_same_writer(
    tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean, full = Shelf(tmp_path / "clean"), Shelf(tmp_path / "full")
    for shelf in (clean, full):
        live(shelf, 60)
        shelf.catch_up()
        live(shelf, 200, seed=6)
    file, position = full.filing._writer._file, full.indexer.position
    insert, calls = file.insert, iter(range(100))

    def without_room(head: str, width: int, rows: Any, tail: str = "") -> None:
        if next(calls) == at:
            raise LedgerFull("the disk is full")
        insert(head, width, rows, tail)

    monkeypatch.setattr(file, "insert", without_room)
    with pytest.raises(LedgerFull):
        full.step()
    monkeypatch.undo()
    full.indexer.begin_at(position)
    for shelf in (clean, full):
        shelf.catch_up()
        shelf.close()
    assert contents(tmp_path / "full") == contents(tmp_path / "clean")


def test_what_was_derived_and_never_written_is_derived_again_whole(tmp_path: Path) -> None:
    """The corridor began again meanwhile: the ledger that it was derived from is closed before it can be written."""
    clean, interrupted = Shelf(tmp_path / "clean"), Shelf(tmp_path / "interrupted")
    for shelf in (clean, interrupted):
        live(shelf, 200)
    interrupted.derived()
    interrupted.indexer.begin_at(0)
    for shelf in (clean, interrupted):
        shelf.catch_up()
        shelf.close()
    one, other = contents(tmp_path / "interrupted"), contents(tmp_path / "clean")
    assert len(one["thing"]) > 50
    assert one == other


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 900])
def test_a_file_that_is_no_index_is_replaced(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(damage)
    shelf = Shelf(tmp_path)
    live(shelf, 40)
    shelf.catch_up()
    assert shelf.reader.position() == 40
    shelf.close()


@pytest.mark.slow
def test_a_bit_that_flipped_is_noticed_and_the_index_made_again(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    live(shelf, 300)
    shelf.catch_up()
    whole = contents(tmp_path)
    connection = shelf.filing._writer._connection
    connection.wal_checkpoint()
    asked = "SELECT rootpage FROM sqlite_schema WHERE name IN ('thing', 'link', 'mention')"
    roots = [int(str(row[0])) for row in connection.execute(asked)]
    shelf.close()
    path = tmp_path / FILE_NAME
    spoilt = bytearray(path.read_bytes())
    for page in roots:  # not of the schema, without which it is no index at all
        spoilt[4096 * (page - 1) + 2000] ^= 4
    path.write_bytes(spoilt)
    again = Shelf(tmp_path)
    with pytest.raises(IndexDamaged):
        again.reader.rows(
            "SELECT (SELECT count(value) FROM thing), (SELECT max(ms) FROM link), (SELECT sum(seq) FROM mention)"
        )
    again.begin_again()
    again.catch_up()
    assert again.reader.position() == 300
    again.close()
    assert contents(tmp_path) == whole


def test_an_order_that_can_no_longer_be_read_keeps_no_event_out(shelf: Shelf) -> None:
    told(shelf, "createOrder", **ORDER, note="marmalade")
    live(shelf, 60)
    shelf.catch_up()
    spoil(shelf, b"marmalade")
    told(shelf, "order_status", NOW_MS + 1, _orderId="ord-1", _userId="asha", _orderStatus="_held")
    assert shelf.line("ord-1").state == "held"
    assert shelf.reader.position() == 62


def test_an_event_that_can_no_longer_be_read_keeps_no_other_out(shelf: Shelf) -> None:
    live(shelf, 60)
    told(shelf, "createOrder", NOW_MS + 1, _orderId="ord-1", _userId="asha", _customInfo={"note": LONG + "marmalade"})
    spoil(shelf, b"marmalade")
    with logged() as said:
        with pytest.raises(LedgerUnreadable):  # to be told again: there may be more behind it in a moment
            shelf.catch_up()
        assert shelf.reader.position() == 60
        told(shelf, "createOrder", NOW_MS + 2, _orderId="ord-2", _userId="asha")
        shelf.catch_up()
    assert shelf.reader.position() == 62
    assert [one["position"] for one in said if one["event"] == "event_left_out"] == [61]
    assert shelf.reader.line(1, "ord-2") is not None
    assert shelf.reader.line(1, "ord-1") is None


def spoil(shelf: Shelf, word: bytes) -> None:
    """Let the page of the data file on which the word stands go bad, for a process that has just begun."""
    shelf.till.ledger._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    path = shelf.directory / LEDGER_NAME
    whole = bytearray(path.read_bytes())
    whole[whole.rindex(word)] ^= 0x20
    path.write_bytes(whole)
    shelf.indexer.begin_at(shelf.indexer.position)


# Orders as they stand.


def test_an_order_stands_as_it_was_submitted_and_decided(shelf: Shelf) -> None:
    told(shelf, "createOrder", **ORDER)
    line = shelf.line("ord-1")
    made = shelf.till.rows()[0][1]
    assert made is not None
    assert (line.user_id, line.amount_minor, line.currency, line.payment_type) == ("asha", 50_000, "INR", "creditcard")
    assert (line.city, line.postcode, line.country, line.on_delivery) == ("pune", "411001", "IN", 0)
    assert (line.score, line.flag, line.verdict, line.asked_score) == (made.score, made.flag, made.verdict, made.score)
    assert line.probability is not None
    assert line.risk_minor == round(50_000 * line.probability)
    assert (line.state, line.chargeback, line.rto, line.is_open) == (None, None, None, 0)


def test_an_order_is_replaced_and_keeps_the_time_at_which_it_was_placed(shelf: Shelf) -> None:
    told(shelf, "createOrder", **ORDER)
    told(shelf, "update_order", NOW_MS + HOUR_MS, **{**ORDER, "_amount": "80", "_userId": "ravi"})
    line = shelf.line("ord-1")
    assert (line.user_id, line.amount_minor, line.placed_ms, line.updated_ms) == (
        "ravi", 8_000, NOW_MS, NOW_MS + HOUR_MS,
    )  # fmt: skip


def test_labels_come_with_events_and_a_label_that_was_told_for_good_stays(shelf: Shelf) -> None:
    told(shelf, "createOrder", **ORDER)
    told(shelf, "order_status", NOW_MS + DAY_MS, _orderId="ord-1", _orderStatus="_fulfilled")
    line = shelf.line("ord-1")
    assert (line.state, line.rto, line.returned, line.chargeback) == ("fulfilled", 0, 0, None)
    told(shelf, "order_status", NOW_MS + 2 * DAY_MS, _orderId="ord-1", _orderStatus="_rto")
    told(shelf, "order_status", NOW_MS + 3 * DAY_MS, _orderId="ord-1", _orderStatus="_fulfilled")
    told(shelf, "chargeback", NOW_MS + 4 * DAY_MS, _orderId="ord-1", _chargebackState="_received")
    line = shelf.line("ord-1")
    assert (line.rto, line.rto_ms, line.chargeback) == (1, NOW_MS + 2 * DAY_MS, 1)
    told(shelf, "chargeback", NOW_MS + 5 * DAY_MS, _orderId="ord-1", _chargebackState="_won")
    assert shelf.line("ord-1").chargeback == 0


def test_what_an_analyst_says_is_true_stands_over_a_rule_and_can_be_taken_back(shelf: Shelf) -> None:
    told(shelf, "createOrder", **ORDER)
    for number, (label, source, expected, confirmed) in enumerate(
        [("fraud", "rule", 1, None), ("good", "analyst", 0, 0), ("fraud", "rule", 0, 0), ("fraud", "analyst", 1, 1),
         ("none", "analyst", None, None), ("maybe", "analyst", None, None), ("good", "passer-by", None, None)], 1,
    ):  # fmt: skip
        told(shelf, "custom_event", NOW_MS + number, is_own=True, _eventName="order_labelled", _orderId="ord-1",
             label=label, source=source)  # fmt: skip
        line = shelf.line("ord-1")
        assert (line.fraud, line.confirmed) == (expected, confirmed), label


def test_a_label_under_our_name_that_is_not_our_own_event_is_none(shelf: Shelf) -> None:
    told(shelf, "createOrder", **ORDER)
    forged: dict[str, Any] = {
        "_eventName": "order_labelled",
        "_orderId": "ord-1",
        "label": "fraud",
        "source": "analyst",
    }
    told(shelf, "custom_event", NOW_MS + 1, **forged)
    assert shelf.line("ord-1").fraud is None
    told(shelf, "custom_event", NOW_MS + 1, is_own=True, **forged)
    assert shelf.line("ord-1").fraud == 1


def test_a_mark_of_a_user_is_on_older_and_newer_orders_and_goes_when_it_is_cleared(shelf: Shelf) -> None:
    told(shelf, "createOrder", **ORDER)
    told(shelf, "tag", NOW_MS + 1, _userId="asha", _isBad=True, _abuseType="_payment_abuse")
    told(shelf, "createOrder", NOW_MS + 2, **{**ORDER, "_orderId": "ord-2"})
    told(shelf, "createOrder", NOW_MS + 3, **{**ORDER, "_orderId": "ord-3", "_userId": "ravi"})
    assert [shelf.line(f"ord-{n}").bad for n in (1, 2, 3)] == [1, 1, None]
    told(shelf, "tag", NOW_MS + 4, _userId="asha", _isBad=False, _abuseType="_payment_abuse")
    assert [shelf.line(f"ord-{n}").bad for n in (1, 2)] == [0, 0]
    told(shelf, "untag", NOW_MS + 5, _userId="asha")
    assert [shelf.line(f"ord-{n}").bad for n in (1, 2)] == [None, None]


def test_an_order_waits_for_a_decision_until_somebody_decides_it_or_it_is_over(shelf: Shelf) -> None:
    red = {**ORDER, "_userEmail": "x@mailinator.com"}
    policy = {"_orderId": "ord-1", "_source": "_manualReview", "_analyst": "meena"}
    shelf.till.walk.judging.policies = Policies(Policy(red_above=-1))
    told(shelf, "createOrder", **red)
    assert (shelf.line("ord-1").verdict, shelf.line("ord-1").is_open) == ("review", 1)
    told(shelf, "order_status", NOW_MS + 1, **policy, _orderStatus="_held")
    line = shelf.line("ord-1")
    assert (line.analyst_decision, line.analyst, line.is_open) == ("hold", None, 1), "the shop may name anybody"
    told(shelf, "order_status", NOW_MS + 2, **policy, _orderStatus="_approved")
    assert (shelf.line("ord-1").analyst_decision, shelf.line("ord-1").is_open) == ("approve", 0)
    shelf.till.walk.judging.policies = Policies(Policy(red_above=0, decline_above=0))
    told(shelf, "order_status", NOW_MS + 2, **policy, _orderStatus="_held")
    line = shelf.line("ord-1")
    assert (line.verdict, line.is_open) != ("review", 1)
    assert line.is_open == 1, "what a person holds waits, whatever the verdict is"
    told(shelf, "transaction", NOW_MS + 2, _orderId="ord-1", _userId="asha", _transactionStatus="_success")
    assert shelf.line("ord-1").is_open == 1, "and no new verdict ends that"
    shelf.till.walk.judging.policies = Policies(Policy(red_above=-1))
    told(shelf, "createOrder", NOW_MS + 3, **{**red, "_orderId": "ord-2"})
    told(shelf, "order_status", NOW_MS + 4, _orderId="ord-2", _orderStatus="_canceled")
    assert (shelf.line("ord-2").analyst_decision, shelf.line("ord-2").is_open) == (None, 0)


def test_an_event_about_an_order_that_never_came_makes_a_line_without_a_submission(shelf: Shelf) -> None:
    told(shelf, "order_status", _orderId="ord-9", _userId="asha", _orderStatus="_held")
    line = shelf.line("ord-9")
    assert (line.placed_seq, line.state, line.amount_minor, line.risk_minor) == (None, "held", None, None)


def test_tenants_have_lines_of_their_own_under_the_same_id(shelf: Shelf) -> None:
    told(shelf, "createOrder", **ORDER)
    shelf.take(submission("createOrder", tenant=2, **{**ORDER, "_amount": "7"}))
    assert (shelf.line("ord-1").amount_minor, shelf.line("ord-1", tenant=2).amount_minor) == (50_000, 700)
