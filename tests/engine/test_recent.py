"""What came last, by identity and by subject: the same answers as the ledger's, whatever has been forgotten."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from engine.till import Till, submission
from fourthwatch.engine import recent as recents
from fourthwatch.engine.identity import ORDER_KINDS, TIMED_BELOW
from fourthwatch.engine.recent import Recent
from fourthwatch.engine.walk import Answer
from fourthwatch.store.ledger import EventRow, Ledger
from fourthwatch.store.reader import order_subject
from story import NOW_MS


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    opened = Till(tmp_path)
    yield opened
    opened.close()


def rows_of(till: Till) -> list[EventRow]:
    return [event for event, _ in till.rows()]


def silent(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on a question to the ledger fails."""

    def asked(*arguments: object) -> None:
        raise AssertionError(f"the ledger was asked: {arguments}")

    for question in ("find", "newest_of_subject"):
        monkeypatch.setattr(ledger, question, asked)


def test_a_later_time_than_any_stored_is_new_without_asking_the_ledger(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    till.tell("login", NOW_MS, _userId="asha")
    known = Recent(till.ledger)
    later = (NOW_MS + 1).to_bytes(6, "big") + bytes(10)
    silent(till.ledger, monkeypatch)
    assert known.by_identity(1, later) is None


@pytest.mark.parametrize("first", [b"\xff", b"\xfe"])
def test_an_identity_without_a_time_is_always_asked_for(till: Till, first: bytes) -> None:
    till.tell("login", NOW_MS, key="k", _userId="asha")
    till.tell("login", NOW_MS, timed=False, _userId="asha")
    stored = {row.identity[:1]: row for row in rows_of(till)}[first]
    assert stored.identity > TIMED_BELOW
    assert Recent(till.ledger).by_identity(1, stored.identity) == (stored.seq, stored.fingerprint)


def test_an_event_that_is_not_durable_yet_is_found(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    till.tell("createOrder", timed=False, _orderId="ord-1")
    (row,) = rows_of(till)
    known = Recent(till.ledger)
    known.add(msgspec.structs.replace(row, seq=9, identity=b"\xff" + bytes(15)))
    silent(till.ledger, monkeypatch)
    assert known.by_identity(1, b"\xff" + bytes(15)) == (9, row.fingerprint)
    assert known.newest_of(1, order_subject("ord-1"), ORDER_KINDS) == (9, row.fingerprint)


@pytest.mark.slow
def test_whatever_is_forgotten_the_answers_are_the_ledgers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recents, "RECENT_EVENTS", 5)
    for seed in range(6):
        random = Random(seed)
        till = Till(tmp_path / str(seed))
        known, told = Recent(till.ledger), 0
        for number in range(50):
            kind = random.choice(["createOrder", "update_order", "login"])
            at_ms = NOW_MS + random.randrange(40)  # late ones, and the same ones again
            till.tell(
                kind, at_ms, tenant=random.choice([1, 2]), timed=random.random() < 0.7,
                _userId="asha", _orderId=f"ord-{random.randrange(4)}", _amount=str(number % 3),
            )  # fmt: skip
            rows = rows_of(till)
            for row in rows[told:]:
                known.add(row)
            told = len(rows)
            for row in rows:
                assert known.by_identity(row.tenant, row.identity) == (row.seq, row.fingerprint)
            for tenant in (1, 2):
                for order in range(4):
                    subject = order_subject(f"ord-{order}")
                    assert known.newest_of(tenant, subject, ORDER_KINDS) == till.ledger.newest_of_subject(
                        tenant, subject, ORDER_KINDS
                    )
        till.close()


def test_a_retry_is_known_however_many_events_came_between(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recents, "RECENT_EVENTS", 3)
    first = [submission("login", NOW_MS + number, _userId="asha") for number in range(20)]
    for one in (*first, *first):
        (outcome,) = till.take(one)
        assert isinstance(outcome, Answer)
    assert len(rows_of(till)) == 20
