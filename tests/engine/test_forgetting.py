"""Things of which nothing was received for long are forgotten, the same live, rebuilt, restored and in a past."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from engine.till import Till, submission
from fourthwatch.clock import DAY_MS, HOUR_MS
from fourthwatch.decision import Policy
from fourthwatch.engine.backfill import Backfill
from fourthwatch.engine.recovery import SnapshotInSlices, read_again, recover_windows
from fourthwatch.engine.walk import Submission, Walk
from fourthwatch.features.definition import Book, Feature
from fourthwatch.features.forgetting import STEP_MAX_MS, Horizon
from fourthwatch.features.windows import Windows
from fourthwatch.store.ledger import Ledger
from story import NOW_MS, memory_of

DAYS = 10
OWN = {
    "coupons": 'count(custom "coupon", by user)',
    "known_for": "since_first(by device)",
    "cart_devices": "distinct(device, by ip, last 30d)",
    "carts_ever": "count(cart, by ip)",
}


SEEDS = pytest.mark.parametrize("seed", [pytest.param(seed, marks=pytest.mark.slow) for seed in range(4)])


@pytest.fixture(autouse=True)
def _few_events_move_the_clock_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fourthwatch.features.forgetting.STEP_MAX_MS", DAY_MS)


class Counter(Till):
    """Takes events at times of its own choice; forgets after ten days."""

    def __init__(self, directory: Path, own: dict[int, Book] | None = None) -> None:
        super().__init__(directory)
        self.windows = Windows(own=own, forget_after_days=DAYS)
        self.walk = Walk(self.ledger, self.windows, Policy(), Random(1).randbytes)

    def at(self, hour: float, kind: str, **body: Any) -> None:
        self.tell(kind, NOW_MS + int(hour * HOUR_MS), **body)


def traffic(random: Random, many: int) -> Iterator[Submission]:
    """Somebody comes back after days, others never do; now and then an event is days late."""
    for number in range(many):
        at_ms = NOW_MS + number * 3 * HOUR_MS
        who = random.choice((number % 7, number % 40, random.randrange(1_000)))
        body: dict[str, Any] = {"_userId": f"u-{who}", "_sessionId": f"s-{who}", "_deviceIp": f"203.0.113.{who % 200}"}
        body["_deviceId"] = f"d-{random.choice((who, random.randrange(30)))}"
        kind = random.choice(("createOrder", "add_to_cart", "login", "link_session_to_user", "custom_event"))
        if kind == "createOrder":
            body["_orderId"] = f"o-{number}"
        if kind == "custom_event":
            body["_eventName"] = "coupon"
        late_ms = random.choice((0, 0, 0, 12 * DAY_MS))
        yield submission(kind, at_ms - late_ms, key=f"{number}", **body)


def received_at(some: list[Submission]) -> list[Submission]:
    """Each three hours after the one before, whenever it says that it happened."""
    return [msgspec.structs.replace(one, received_ms=NOW_MS + number * 3 * HOUR_MS) for number, one in enumerate(some)]


def test_a_wrong_clock_moves_the_horizon_a_minute_per_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    horizon = Horizon(DAYS)
    for seq in range(1, 1_000):
        horizon.pass_to(seq, NOW_MS + seq)
    for seq in range(1_000, 2_000):
        horizon.pass_to(seq, NOW_MS + 900 * DAY_MS)  # a thousand events while the machine was years ahead
    assert horizon.below == 0
    for seq in range(2_000, 3_000):
        horizon.pass_to(seq, NOW_MS - 900 * DAY_MS + seq)
    assert horizon.below == 0
    assert DAYS * DAY_MS > 3_000 * STEP_MAX_MS


def test_who_was_silent_for_longer_than_the_horizon_is_new_again(tmp_path: Path) -> None:
    till = Counter(tmp_path)
    till.at(0, "link_session_to_user", _sessionId="s-1", _userId="asha")
    till.at(0, "createOrder", _orderId="o-1", _userId="asha", _deviceIp="203.0.113.7")
    for day in range(1, 13):
        till.at(24 * day, "login", _userId="other", _sessionId="s-2", _deviceIp="203.0.113.9")
        assert till.windows.knows(1, "user:asha") == (day < 12)
        assert till.windows.user_of_session(1, "s-1", 100) == ("asha" if day < 12 else None)
    till.at(320, "createOrder", _orderId="o-2", _userId="asha", _deviceIp="203.0.113.7")
    assert till.windows.first_ms(1, "user:asha") == NOW_MS + 320 * HOUR_MS
    assert till.windows.first_ms(1, "user:other") == NOW_MS + 24 * HOUR_MS
    till.close()


def test_every_kind_of_event_keeps_its_things_from_being_forgotten(tmp_path: Path) -> None:
    till = Counter(tmp_path)
    for day in range(30):
        till.at(24 * day, ("logout", "add_to_cart", "custom_event")[day % 3], _userId="asha", _deviceIp="203.0.113.7",
                _deviceId="d-1")  # fmt: skip
    assert all(till.windows.first_ms(1, text) == NOW_MS for text in ("user:asha", "ip:203.0.113.7", "device:d-1"))
    till.close()


def test_what_an_import_tells_of_years_ago_is_known_while_it_is_imported(tmp_path: Path) -> None:
    till = Counter(tmp_path)
    till.at(0, "login", _userId="asha")
    for year in range(9, 0, -1):
        old = submission("createOrder", NOW_MS - year * 365 * DAY_MS, _orderId=f"o-{year}", _userId="asha")
        till.take(received_at([old])[0])
    assert till.windows.first_ms(1, "user:asha") == NOW_MS - 9 * 365 * DAY_MS
    till.close()


@SEEDS
def test_what_is_forgotten_is_the_same_live_rebuilt_and_from_a_snapshot(tmp_path: Path, seed: int) -> None:
    till = Counter(tmp_path)
    events = received_at(list(traffic(Random(seed), 600)))
    for event in events[:350]:
        till.take(event)
        if seed % 2:
            till.windows.give_back(50)
    slices = SnapshotInSlices(till.walk, tmp_path)
    while not slices.advance():
        till.windows.give_back(10)
    slices.finish()
    for event in events[350:]:
        till.take(event)
    restored, seq = recover_windows(Ledger(tmp_path), tmp_path, forget_after_days=DAYS)
    assert seq == 350
    read_again(Walk(till.ledger, restored, Policy(), Random(2).randbytes), seq, lambda done, total: None)
    rebuilt = Windows(forget_after_days=DAYS)
    read_again(Walk(till.ledger, rebuilt, Policy(), Random(2).randbytes), 0, lambda done, total: None)
    for windows in (till.windows, restored, rebuilt):
        windows.give_back(10**6)
    assert memory_of(till.windows)[0] == memory_of(restored)[0] == memory_of(rebuilt)[0]
    links = [
        [windows.user_of_session(1, f"s-{who}", 10_000) for who in range(1_000)]
        for windows in (till.windows, restored, rebuilt)
    ]
    assert links[0] == links[1] == links[2]
    known = len([link for link in links[0] if link is not None])
    assert 10 < known <= len(rebuilt.session_users()) < 200
    assert known < len(restored.session_users()) < 200  # which has given back less than it might
    assert 100 < len(till.windows) < len(Windows()) + 1_500
    till.close()


def test_a_snapshot_of_another_horizon_is_not_read(tmp_path: Path) -> None:
    till = Counter(tmp_path)
    till.at(0, "login", _userId="asha")
    slices = SnapshotInSlices(till.walk, tmp_path)
    while not slices.advance():
        pass
    slices.finish()
    assert recover_windows(till.ledger, tmp_path, forget_after_days=DAYS)[1] == 1
    assert recover_windows(till.ledger, tmp_path, forget_after_days=DAYS + 1)[1] == 0
    till.close()


@SEEDS
def test_a_past_that_comes_in_later_stops_where_things_were_forgotten(tmp_path: Path, seed: int) -> None:
    events = received_at(list(traffic(Random(seed), 400)))

    def book() -> Book:
        made = Windows().book.for_tenant()
        for name, text in OWN.items():
            made.add(Feature(name, text, "", "", tenant=1))
        return made

    early = Counter(tmp_path / "early", {1: book()})
    early.windows.completed(early.windows.incomplete())
    late = Counter(tmp_path / "late")
    for event in events[:300]:
        early.take(event)
        late.take(event)
    mine = book()
    late.windows.own_is(1, mine)
    backfill = Backfill(late.walk, late.windows.need(mine.own()))
    for event in events[300:]:
        early.take(event)
        late.take(event)
        late.windows.give_back(20)
        backfill.advance(3)
    assert backfill.advance(10_000)
    last = [submission("createOrder", NOW_MS + 400 * 3 * HOUR_MS, _orderId=f"last-{who}", _userId=f"u-{who}",
                       _deviceIp=f"203.0.113.{who}", _deviceId=f"d-{who}") for who in range(40)]  # fmt: skip
    told = []
    for till in (early, late):
        till.windows.give_back(10**6)
        till.take(*last)
        told.append([made.detail for _, made in till.rows()[-40:] if made is not None])
    assert told[0] == told[1]
    assert len(told[0]) == 40
    early.close()
    late.close()


@pytest.mark.slow
def test_memory_does_not_grow_with_things_that_never_come_back(tmp_path: Path) -> None:
    till = Counter(tmp_path)
    sizes = []
    for month in range(6):
        for number in range(1_000):
            seq = month * 1_000 + number
            till.at(seq * 0.72, "link_session_to_user", _userId=f"u-{seq}", _sessionId=f"s-{seq}",
                    _deviceId=f"d-{seq}", _deviceIp=f"198.51.{seq // 200}.{seq % 200}")  # fmt: skip
            till.windows.give_back()
        sizes.append((len(till.windows), till.windows.memory_bytes, len(till.windows.session_users())))
    for first, last in zip(sizes[1], sizes[-1], strict=True):
        assert last <= 1.1 * first
    assert sizes[-1][0] < 6_000 * 5 / 3
    assert len(till.windows.session_users()) < 600
    till.close()
