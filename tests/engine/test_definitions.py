"""Tenants' own features: whenever they are defined, they come out as if they had been there from the first event."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from engine.test_corridor import Owner
from engine.till import submission
from fourthwatch.clock import ManualClock
from fourthwatch.engine import definitions as definitions_module
from fourthwatch.engine.definitions import Definitions, Shelf
from fourthwatch.engine.walk import Submission
from fourthwatch.errors import InUse, NotFound, TooManyFeatures
from fourthwatch.features.definition import Feature
from fourthwatch.store.features import FeatureStore
from fourthwatch.store.ledger import Ledger
from fourthwatch.store.snapshots import FILE_NAME as SNAPSHOT_NAME
from story import NOW_MS

TEXTS = {
    "coupons": 'count(custom "coupon" where known(custom.value), by user)',
    "coupon_worth": 'sum(custom.value of custom "coupon", by user+device, last 30d)',
    "orders_by_pair": "count(order, by device+user)",
    "orders_by_ip_3h": "count(order, by ip, last 3h)",
    "items_by_postcode": "distinct(other user, by ip+device, last 7d)",
    "double": "default(coupons, 0) * 2 + default(orders_by_pair, 0)",
}


class Shop(Owner):
    """An owner with a table of definitions, as the API has it."""

    def __init__(self, directory: Path, snapshot_every_events: int = 100_000) -> None:
        super().__init__(directory, snapshot_every_events=snapshot_every_events)
        self.store = FeatureStore(directory, ManualClock(NOW_MS))
        self.corridor.start()

    def define(self, name: str, text: str | None = None, tenant: int = 1) -> None:
        feature = Feature(name, TEXTS[name] if text is None else text, "", "", "", tenant)
        self.corridor.definitions.check(feature)
        self.store.add(tenant, name, feature.text, unit="", says="", reason="", author="key")
        self.corridor.define(feature)

    def withdraw(self, name: str) -> None:
        self.corridor.definitions.check_withdrawal(1, name)
        self.store.remove(1, name)
        self.corridor.withdraw(1, name)

    def take(self, *some: Submission) -> None:
        until = len(self.settled) + len(some)
        self.submit(*some)
        self.work(until)

    def count(self) -> None:
        """Until every past is in."""
        while self.corridor.definitions.is_counting:
            self._posted.get(timeout=60)()

    def state(self, name: str) -> str:
        return self.corridor.definitions.standing(1, name).state

    def own(self) -> dict[str, Any]:
        """Of the newest event, which must have been decided."""
        ledger = Ledger(self.directory)
        made = ledger.stored(ledger.last_seq)[1]
        ledger.close()
        assert made is not None
        own: dict[str, Any] = msgspec.json.decode(made.detail).get("own", {})
        return own

    def snapshot_every(self, events: int) -> None:
        self.corridor._upkeep._every_events = events

    def crash(self) -> None:
        """Whatever is on its way to the disk arrives; nothing is ever heard of this one again."""
        while self.corridor._upkeep._snapshot is not None:
            self._posted.get(timeout=60)()
        self.corridor._upkeep._background.shutdown()
        self.corridor._committer.shutdown()
        self.corridor.definitions.walk.ledger.close()
        self.store.close()

    def close(self) -> None:
        self.stop()
        self.store.close()


def some_events(random: Random, many: int, first: int = 0) -> Iterator[Submission]:
    for number in range(first, first + many):
        at_ms = NOW_MS + number * 60_000 - random.randrange(10) * 600_000
        body: dict[str, Any] = {"_userId": f"u-{random.randrange(2)}", "_deviceId": f"d-{random.randrange(2)}"}
        body["_deviceIp"] = f"203.0.113.{random.randrange(3)}"
        if random.random() < 0.5:
            yield submission("createOrder", at_ms, _orderId=f"o-{number}", **body)
        else:
            worth: dict[str, Any] = {"value": random.randrange(9)} if random.random() < 0.8 else {}
            yield submission("custom_event", at_ms, _eventName="coupon", _customInfo=worth, key=f"{number}", **body)


def an_order(number: int) -> Submission:
    return submission(
        "createOrder", NOW_MS + 86_400_000, _orderId=f"last-{number}", _userId=f"u-{number % 3}",
        _deviceId=f"d-{number % 2}", _deviceIp=f"203.0.113.{number % 3}",
    )  # fmt: skip


def answers(shop: Shop) -> list[dict[str, Any]]:
    found = []
    for number in range(6):
        shop.take(an_order(number))
        found.append(dict(sorted(shop.own().items())))
    return found


def from_the_start(directory: Path, events: list[Submission]) -> list[dict[str, Any]]:
    shop = Shop(directory)
    for name in TEXTS:
        shop.define(name)
    shop.take(*events)
    shop.count()
    told = answers(shop)
    shop.close()
    return told


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_features_defined_amid_events_come_out_as_if_defined_before_the_first(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    events = list(some_events(random, 500))
    wanted = from_the_start(tmp_path / "early", events)
    assert len({tuple(one.items()) for one in wanted}) > 1
    shop = Shop(tmp_path / "late", snapshot_every_events=150)
    at = 200
    shop.take(*events[:at])
    for name in TEXTS:
        shop.define(name)
        step = random.randrange(30)
        shop.submit(*events[at : at + step])  # on their way to the disk when the next is defined
        at += step
        if random.random() < 0.5:
            shop.do_what_is_posted()
    shop.take(*events[at:])
    shop.count()
    assert answers(shop) == wanted
    shop.close()


def test_a_feature_is_unknown_while_its_past_is_counted_and_so_is_what_is_made_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path)
    shop.take(*some_events(Random(1), 100))
    monkeypatch.setattr("fourthwatch.engine.corridor.AT_REST", 0)
    monkeypatch.setattr("fourthwatch.engine.corridor.BESIDE_A_BATCH", 10)
    shop.define("coupons")
    shop.define("orders_by_pair")
    shop.define("double")
    shop.take(an_order(1))
    assert shop.own() == {"coupons": None, "orders_by_pair": None, "double": None}
    standing = shop.corridor.definitions.standing(1, "coupons")
    assert (standing.state, standing.done, standing.total) == ("counting", 10, 100)
    waiting = shop.corridor.definitions.standing(1, "orders_by_pair")
    assert (waiting.state, waiting.done) == ("counting", 0)
    monkeypatch.undo()
    shop.take(an_order(2))
    shop.count()
    shop.take(an_order(3))
    assert None not in shop.own().values()
    shop.close()


@pytest.mark.slow
@pytest.mark.parametrize("snapshots", [400, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_past_that_was_cut_off_by_a_crash_comes_out_right_after_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshots: int
) -> None:
    events = list(some_events(Random(5), 900))
    wanted = from_the_start(tmp_path / "early", events)
    killed = Shop(tmp_path / "late", snapshot_every_events=snapshots)
    killed.take(*events[:450])
    monkeypatch.setattr("fourthwatch.engine.corridor.AT_REST", 1)
    monkeypatch.setattr("fourthwatch.engine.corridor.BESIDE_A_BATCH", 1)
    for name in TEXTS:
        killed.define(name)
    killed.take(*events[450:780])  # enough that things counted twice would be folded, and so show
    assert killed.state("coupons") == "counting"
    killed.crash()
    assert (tmp_path / "late" / SNAPSHOT_NAME).exists() == (snapshots == 400)
    monkeypatch.undo()
    shop = Shop(tmp_path / "late")
    assert shop.state("coupons") == ("counting" if snapshots == 400 else "complete")
    shop.take(*events[780:])
    shop.count()
    assert answers(shop) == wanted
    shop.close()


def test_a_snapshot_under_way_is_given_up_when_a_feature_is_withdrawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = list(some_events(Random(6), 400))
    wanted = from_the_start(tmp_path / "early", events)
    killed = Shop(tmp_path / "late")
    for name in TEXTS:
        killed.define(name)
    killed.take(*events[:300])
    killed.snapshot_every(1)
    killed.submit(events[300])
    while killed.corridor._upkeep._snapshot is None:
        killed._posted.get(timeout=60)()
    killed.snapshot_every(100_000)
    monkeypatch.setattr("fourthwatch.engine.corridor.AT_REST", 0)
    monkeypatch.setattr("fourthwatch.engine.corridor.BESIDE_A_BATCH", 0)
    killed.withdraw("double")
    killed.withdraw("coupons")
    killed.define("coupons")
    killed.define("double")
    killed.work(301)
    killed.take(*events[301:])
    killed.crash()
    monkeypatch.undo()
    shop = Shop(tmp_path / "late")
    shop.count()
    assert answers(shop) == wanted
    shop.close()


def test_a_counted_past_is_in_the_snapshot_of_a_clean_stop(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.take(*some_events(Random(2), 80))
    shop.define("coupons")
    shop.count()
    shop.close()
    again = Shop(tmp_path)
    assert again.state("coupons") == "complete"
    assert not again.corridor.definitions.is_counting
    again.close()


def test_a_server_stops_amid_counting(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.take(*some_events(Random(2), 200))
    shop.define("coupons")
    shop.close()
    again = Shop(tmp_path)
    again.count()
    again.take(an_order(1))
    assert again.own()["coupons"] > 0
    again.close()


@pytest.mark.parametrize(
    "when", ["counting", *(pytest.param(one, marks=pytest.mark.slow) for one in ("waiting", "complete"))]
)
def test_a_feature_that_is_withdrawn_and_defined_again_counts_nothing_twice(tmp_path: Path, when: str) -> None:
    events = list(some_events(Random(7), 300))
    wanted = from_the_start(tmp_path / "early", events)
    shop = Shop(tmp_path / "late", snapshot_every_events=60)
    shop.take(*events[:200])
    before = len(shop.corridor.definitions.walk.windows.registry)
    for name in TEXTS:
        shop.define(name)
    if when == "complete":
        shop.count()
    for name in ("double", "coupon_worth", "coupons") if when == "counting" else ("double", "orders_by_pair"):
        shop.withdraw(name)
    shop.take(*events[200:250])
    gone = [name for name in TEXTS if name not in {one.feature.name for one in shop.corridor.definitions.all(1)}]
    for name in gone:
        shop.define(name)
    shop.take(*events[250:])
    shop.count()
    assert answers(shop) == wanted
    for name in reversed(TEXTS):
        if name != "coupons":
            shop.withdraw(name)
    shop.withdraw("coupons")
    assert len(shop.corridor.definitions.walk.windows.registry) == before
    assert not shop.corridor.definitions.is_counting
    shop.take(an_order(9))
    assert shop.own() == {}
    shop.close()


def test_a_fault_in_an_event_amid_counting_leaves_the_past_right(tmp_path: Path) -> None:
    events = list(some_events(Random(3), 200))
    wanted = from_the_start(tmp_path / "early", events)
    shop = Shop(tmp_path / "late", snapshot_every_events=50)
    shop.take(*events[:120])
    for name in TEXTS:
        shop.define(name)
    broken = msgspec.structs.replace(events[0], decoded=msgspec.structs.replace(events[0].decoded, event=None))
    broken = msgspec.structs.replace(broken, idempotency_key="broken")
    shop.take(*events[120:150], broken, *events[150:])
    shop.count()
    assert answers(shop) == wanted
    shop.close()


def test_a_definition_that_does_not_hold_any_more_is_told_and_can_be_removed(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.store.add(1, "old", "amout + 1", unit="", says="", reason="", author="key")
    shop.store.add(1, "account_age", "1", unit="", says="", reason="", author="key")
    shop.close()
    again = Shop(tmp_path)
    standing = again.corridor.definitions.standing(1, "old")
    assert (standing.state, "amount" in standing.why or "amout" in standing.why) == ("rejected", True)
    assert again.corridor.definitions.standing(1, "account_age").state == "rejected"
    again.withdraw("old")
    with pytest.raises(NotFound):
        again.corridor.definitions.standing(1, "old")
    again.close()


def test_a_part_of_another_feature_is_in_use(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for name in ("coupons", "orders_by_pair", "double"):
        shop.define(name)
    with pytest.raises(InUse, match="double"):
        shop.withdraw("coupons")
    shop.close()


def test_features_and_series_of_a_tenant_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(tmp_path)
    definitions: Definitions = shop.corridor.definitions

    def asked(number: int) -> None:
        definitions.check_room(definitions.check(Feature("n", f'count(custom "c-{number}", by user)', "", "", "", 1)))

    monkeypatch.setattr(definitions_module, "OWN_SERIES_MAX", 2)
    for number in range(2):
        asked(number)
        shop.define(f"f{number}", f'count(custom "c-{number}", by user)')
    asked(1)  # the very same selection
    with pytest.raises(TooManyFeatures, match="selections"):
        asked(2)
    monkeypatch.setattr(definitions_module, "OWN_FEATURES_MAX", 2)
    with pytest.raises(TooManyFeatures, match="that is all"):
        asked(1)
    shop.close()


def test_the_features_of_a_tenant_cost_another_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for name in TEXTS:
        shop.define(name)
    windows = shop.corridor.definitions.walk.windows
    other = Shop(tmp_path / "plain")
    plain = other.corridor.definitions.walk.windows
    for one, tenant in ((windows, 2), (plain, 1)):
        assert one._observer._own.get(tenant) is None
    assert windows._observer._shared.writers.keys() == plain._observer._shared.writers.keys()
    assert [len(found) for found in windows._observer._shared.writers.values()] == [
        len(found) for found in plain._observer._shared.writers.values()
    ]
    shop.close()
    other.close()


def test_a_shelf_takes_features_made_of_older_ones() -> None:
    shelf = Shelf([Feature("a", "amount", "", "", "", 7), Feature("b", "a * 2", "", "", "", 7)])
    assert [one.feature.name for one in shelf.of(7).own()] == ["a", "b"]
    assert shelf.of(8).own() == []
    assert shelf.rejected == {}


def test_a_feature_at_rest_wakes_with_its_past_when_one_of_ones_own_is_made_of_it_and_rests_again(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)
    shop.take(*[with_card(number, NOW_MS + number - 3) for number in range(3)])
    name = "orders_by_card_24h"  # such orders are counted, but not by card
    assert shop.state(name) == "resting"
    shop.define("mine", f"{name} * 10")
    shop.count()
    assert shop.state(name) == "complete"
    shop.take(with_card(9, NOW_MS + 2))
    assert shop.own() == {"mine": 30}
    shop.withdraw("mine")
    assert shop.state(name) == "resting"
    shop.close()


def with_card(number: int, at_ms: int) -> Submission:
    card = {"_cardBin": "411111", "_cardLast4": "1111", "_cardExpiryMonth": "12", "_cardExpiryYear": "2030"}
    return submission("createOrder", at_ms, _orderId=f"card-{number}", _userId="u-1", _paymentMethods=[card])
