"""Data sets: live is offline, cell by cell; labels with the time they arrived; whole or not at all."""

import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from fourthwatch.clock import ManualClock
from fourthwatch.errors import DatasetError, LedgerUnusable, UsageError
from fourthwatch.events import KIND_OF_NUMBER
from fourthwatch.features import catalogue
from fourthwatch.features.catalogue import CATALOGUE, DECIDING
from fourthwatch.features.facts import FACTS
from fourthwatch.store.features import FeatureStore
from fourthwatch.store.history import History
from fourthwatch.store.keys import KeyStore
from fourthwatch.workbench import dataset
from fourthwatch.workbench.dataset import FIXED, Built, Wanted, build, columns_of
from fourthwatch.workbench.table import Cell, groups_of, names_of
from workbench.walked import START_MS, Shop, demo_traffic

ALL = Wanted(events="all-decided")


@pytest.fixture(scope="module")
def shop_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than 3,000 events, with a restart from a snapshot and a tail behind it."""
    directory = tmp_path_factory.mktemp("shop")
    events = list(demo_traffic(seed=11, days=1.5, orders_per_hour=20))
    assert len(events) >= 3_000
    shop, half = Shop(directory), len(events) // 2
    shop.take_all(events[:half])
    shop.snapshot()
    shop.take_all(events[half : half + 300])
    shop.restart()
    assert shop.from_snapshot == half
    assert shop.read_again == 300
    shop.take_all(events[half + 300 :])
    shop.close()
    return directory


@pytest.fixture(scope="module")
def built(shop_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its data set, with everything."""
    out = tmp_path_factory.mktemp("built") / "all.parquet"
    made(shop_directory, out, ALL)
    return out


def made(directory: Path, out: Path, wanted: Wanted) -> Built:
    return build(directory, out, wanted, lambda done, total: None)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [
        dict(zip(group, row, strict=True)) for group in groups_of(path) for row in zip(*group.values(), strict=True)
    ]


def decided(directory: Path) -> Iterator[tuple[str, int, list[float | None]]]:
    """Event id, position and vector of every decision as it was stored when it was made."""
    history = History(directory)
    for entry in history.entries():
        if entry.decision is not None:
            yield entry.event.event_id, entry.event.seq, msgspec.json.decode(entry.decision.detail)["vector"]
    history.close()


def bits(value: Cell) -> bytes | None:
    assert value is None or isinstance(value, int | float)
    return None if value is None else struct.pack(">d", float(value))


def differences(directory: Path, path: Path) -> list[str]:
    """Cells of the data set that are not, to the bit, what the decision of the event saw."""
    rows = rows_of(path)
    stored = list(decided(directory))
    found = [] if len(rows) == len(stored) else [f"{len(rows)} rows for {len(stored)} decisions"]
    for row, (event_id, seq, vector) in zip(rows, stored, strict=False):
        assert (row["event_id"], row["position"]) == (event_id, seq)
        found += [
            f"{seq} {name}: {row[name]} for {value}"
            for name, value in zip(DECIDING, vector, strict=True)
            if bits(row[name]) != bits(value)
        ]
    return found


@pytest.mark.slow
def test_every_cell_is_to_the_bit_what_the_decision_saw(shop_directory: Path, built: Path) -> None:
    assert differences(shop_directory, built) == []
    rows = rows_of(built)
    assert len(rows) * len(DECIDING) > 40_000
    known = {name for name in DECIDING if len({row[name] for row in rows} - {None}) > 1}
    assert len(known) >= 28, "the comparison would mean little if the features did not vary"


def test_the_shop_had_late_events_and_all_decided_kinds(shop_directory: Path, built: Path) -> None:
    rows = rows_of(built)
    assert {"createOrder", "transaction", "order_status"} <= {row["event"] for row in rows}
    occurred = [row["occurred_ms"] for row in rows]
    assert sum(before > after for before, after in pairwise(occurred)) > 30
    assert [row["position"] for row in rows] == sorted(row["position"] for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("orders_by_ip_24h", "count(order, by ip, last 23h)"),
        ("users_by_device_30d", "distinct(user, by device, last 30d)"),
        ("amount_against_own_mean", "amount / mean(amount of order, by user, including this)"),
    ],
)
def test_a_feature_that_is_broken_on_purpose_is_noticed(
    name: str, text: str, shop_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [msgspec.structs.replace(row, text=text) if row.name == name else row for row in CATALOGUE]
    out = tmp_path / "broken.parquet"
    with monkeypatch.context() as broken:
        broken.setattr(catalogue, "CATALOGUE", tuple(rows))
        catalogue.built_in.cache_clear()
        made(shop_directory, out, msgspec.structs.replace(ALL, features=("deciding",)))
    catalogue.built_in.cache_clear()
    found = differences(shop_directory, out)
    assert found
    assert all(f" {name}: " in line for line in found)


OWN = {
    "coupons_failed": 'count(custom "coupon_failed", by device, last 7d)',
    "ip_known": "since_first(by ip)",
    "city_known": "since_first(by city)",
    "device_on_ip": "if_else(seen(device, by ip), 1, 0)",
    "failed_share": 'share(transaction where outcome == "failure" in transaction, by user)',
    "twice": "coupons_failed * 2 + default(orders_by_postcode_24h, 0)",
}
"""What is known of an IP or a city at all depends on what else is kept of them: `city_known` tells whether a data set
keeps exactly what the server does."""


@pytest.mark.slow
def test_a_shops_own_features_are_to_the_bit_what_the_decision_saw(tmp_path: Path) -> None:
    directory, out = tmp_path / "d", tmp_path / "own.parquet"
    Shop(directory).close()
    store = FeatureStore(directory, ManualClock(START_MS))
    for name, text in OWN.items():
        store.add(1, name, text, unit="times", says="as defined", reason=name, author="key_1")
    store.close()
    shop, events = Shop(directory), list(demo_traffic(seed=5, days=0.6, orders_per_hour=25))
    assert len(events) > 1_200
    shop.take_all(events[:600])
    shop.snapshot()
    shop.restart()
    assert shop.from_snapshot == 600
    shop.take_all(events[600:])
    shop.close()
    made(directory, out, ALL)
    rows, history = rows_of(out), History(directory)
    seen = [
        msgspec.json.decode(entry.decision.detail)["own"] for entry in history.entries() if entry.decision is not None
    ]
    history.close()
    assert [{name: bits(row[name]) for name in OWN} for row in rows] == [
        {name: bits(of[name]) for name in OWN} for of in seen
    ]
    assert all(len({row[name] for row in rows}) > 1 for name in OWN if name != "city_known")
    assert differences(directory, out) == []


def test_a_data_file_from_before_there_were_own_features_is_read_as_it_is(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "d")
    shop.take("createOrder", {**ORDER, "_originTimestamp": str(START_MS)}, START_MS)
    shop.close()
    file = apsw.Connection(str(tmp_path / "d" / "fourthwatch.db"))
    file.execute("DROP TABLE feature; PRAGMA user_version = 1")
    file.close()
    assert made(tmp_path / "d", tmp_path / "o.csv", Wanted()).rows == 1
    file = apsw.Connection(str(tmp_path / "d" / "fourthwatch.db"))
    assert file.pragma("user_version") == 1
    file.close()


@pytest.mark.slow
def test_a_csv_holds_the_same_numbers_as_the_parquet_file(shop_directory: Path, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.csv"
    made(shop_directory, out, ALL)
    assert names_of(out) == names_of(built)
    numbers = [name for name in names_of(built) if name in DECIDING or name.startswith("label_")]
    for left, right in zip(rows_of(built), rows_of(out), strict=True):
        assert [bits(left[name]) for name in numbers] == [bits(right[name]) for name in numbers]
        assert left["event_id"] == right["event_id"]


def test_all_features_and_facts_have_a_column_behind_the_fixed_ones(built: Path) -> None:
    names = names_of(built)
    assert names[: len(FIXED)] == tuple(column.name for column in FIXED)
    features = [name for name in names if dataset.is_feature(name)]
    assert len(features) == len(CATALOGUE) + len(FACTS) >= 170
    assert set(DECIDING) <= set(features)
    assert [name for name in names if name.startswith("label_")] == [
        f"label_{kind}{what}"
        for kind in ("chargeback", "rto", "returned", "bad", "promo_abuse", "account_abuse", "confirmed", "canceled")
        for what in ("", "_received_ms", "_occurred_ms")
    ]


def test_a_bucket_is_of_a_person_and_not_of_an_order(built: Path) -> None:
    buckets: dict[str, set[int | None]] = {}
    for row in rows_of(built):
        if row["user_id"] is not None:
            buckets.setdefault(row["user_id"], set()).add(row["person_bucket"])
    assert all(len(of_user) == 1 for of_user in buckets.values())
    assert len({bucket for of_user in buckets.values() for bucket in of_user}) > 60


ORDER: dict[str, Any] = {"_userId": "u-1", "_orderId": "o-1", "_amount": "12.50"}


def told(directory: Path, tmp_path: Path, events: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """The row of one order after other events, a minute apart; each is received 7 ms after it happened."""
    shop = Shop(directory)
    for minute, (event, body) in enumerate([("createOrder", ORDER), *events]):
        at_ms = START_MS + minute * 60_000
        shop.take(event, {"_originTimestamp": str(at_ms), **body}, at_ms + 7)
    shop.close()
    out = tmp_path / "told.parquet"
    made(directory, out, Wanted(features=("amount",)))
    (row,) = rows_of(out)
    return row


def label_of(row: dict[str, Any], kind: str) -> tuple[Any, Any, Any]:
    """Value, and minutes of its receipt and occurrence behind the order."""
    received, occurred = row[f"label_{kind}_received_ms"], row[f"label_{kind}_occurred_ms"]
    if received is None:
        return row[f"label_{kind}"], None, None
    return row[f"label_{kind}"], (received - 7 - START_MS) / 60_000, (occurred - START_MS) / 60_000


UNTOLD = (None, None, None)


def test_labels_are_unknown_before_anybody_told(tmp_path: Path) -> None:
    row = told(tmp_path / "d", tmp_path, [("login", {"_userId": "u-1"})])
    assert [label_of(row, kind) for kind in ("chargeback", "rto", "returned", "bad")] == [UNTOLD] * 4


def test_a_chargeback_counts_for_the_order_that_it_names_from_when_it_arrived(tmp_path: Path) -> None:
    opened = ("chargeback", {"_orderId": "o-1", "_chargebackState": "_received"})
    other = ("chargeback", {"_orderId": "o-2", "_userId": "u-1", "_chargebackState": "_received"})
    closed = ("chargeback", {"_orderId": "o-1", "_chargebackState": "_lost"})
    row = told(tmp_path / "d", tmp_path, [other, opened, closed])
    assert label_of(row, "chargeback") == (1, 2, 2)


def test_a_dispute_that_the_shop_won_is_told_as_none_from_then_on(tmp_path: Path) -> None:
    opened = ("chargeback", {"_orderId": "o-1", "_chargebackState": "_received"})
    won = ("chargeback", {"_orderId": "o-1", "_chargebackState": "_won"})
    assert label_of(told(tmp_path / "d", tmp_path, [opened, won]), "chargeback") == (0, 2, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("states", "rto", "returned"),
    [
        (["_approved"], UNTOLD, UNTOLD),
        (["_fulfilled"], (0, 1, 1), (0, 1, 1)),
        (["_fulfilled", "_returned", "closed"], (0, 1, 1), (1, 2, 2)),
        (["_approved", "_rto", "_rto", "_refunded"], (1, 2, 2), (1, 4, 4)),
        (["_rto", "complete"], (1, 1, 1), (0, 2, 2)),
    ],
)
def test_what_came_back_is_told_by_the_states_of_the_order(
    states: list[str], rto: Any, returned: Any, tmp_path: Path
) -> None:
    row = told(tmp_path / "d", tmp_path, [("order_status", {"_orderId": "o-1", "_orderStatus": one}) for one in states])
    assert (label_of(row, "rto"), label_of(row, "returned")) == (rto, returned)


def test_a_custom_event_and_a_line_of_the_order_tell_too(tmp_path: Path) -> None:
    custom = ("custom_event", {"_eventName": "courier", "_orderId": "o-1", "_orderStatus": "_rto"})
    line = ("item_status", {"_orderId": "o-1", "_itemId": "i", "_itemStatus": "_returned"})
    row = told(tmp_path / "d", tmp_path, [custom, line])
    assert (label_of(row, "rto"), label_of(row, "returned")) == ((1, 1, 1), (1, 2, 2))


@pytest.mark.slow
def test_marks_count_for_the_user_of_the_order_and_stand_until_they_are_taken_off(tmp_path: Path) -> None:
    def tag(user: str, *, bad: bool, abuse: str = "fraud") -> tuple[str, dict[str, Any]]:
        return "tag", {"_userId": user, "_isBad": bad, "_abuseType": abuse}

    def untag(**of: str) -> tuple[str, dict[str, Any]]:
        return "untag", {"_userId": "u-1", **of}

    stories: list[tuple[list[tuple[str, dict[str, Any]]], Any]] = [
        ([tag("u-2", bad=True)], UNTOLD),
        ([tag("u-1", bad=True), tag("u-1", bad=True, abuse="promo")], (1, 1, 1)),
        ([tag("u-1", bad=True), tag("u-1", bad=False)], (0, 2, 2)),
        ([tag("u-1", bad=True), untag(_abuseType="fraud")], UNTOLD),
        ([tag("u-1", bad=True), tag("u-1", bad=True, abuse="promo"), untag(_abuseType="fraud")], (1, 1, 1)),
        ([tag("u-1", bad=True), untag(), tag("u-1", bad=True)], (1, 3, 3)),
    ]
    for number, (events, wanted) in enumerate(stories):
        assert label_of(told(tmp_path / f"d{number}", tmp_path, events), "bad") == wanted, number


@pytest.mark.slow
def test_the_range_is_by_the_events_own_time_and_leaves_the_past_counting(
    shop_directory: Path, built: Path, tmp_path: Path
) -> None:
    orders = [row for row in rows_of(built) if row["event"] == "createOrder"]
    from_ms, to_ms = START_MS + 10 * 3_600_000, START_MS + 20 * 3_600_000
    out = tmp_path / "some.parquet"
    made(shop_directory, out, Wanted(from_ms=from_ms, to_ms=to_ms))
    assert rows_of(out) == [row for row in orders if from_ms <= row["occurred_ms"] < to_ms]


def test_another_tenants_events_are_neither_rows_nor_counted(tmp_path: Path) -> None:
    directory = tmp_path / "d"
    shop = Shop(directory)
    shop.close()
    keys = KeyStore(directory, ManualClock(START_MS))
    keys.create("k", ["ingest"], tenant="second")
    keys.close()
    shop.restart()
    for number, tenant in enumerate((2, 1, 2, 1)):
        at_ms = START_MS + number * 1_000
        body = {"_userId": "u", "_orderId": f"o-{number}", "_deviceIp": "203.0.113.9", "_originTimestamp": str(at_ms)}
        shop.take("createOrder", body, at_ms, tenant=tenant)
    shop.close()
    out = tmp_path / "o.parquet"
    made(directory, out, Wanted(tenant="second", features=("orders_by_ip_24h",), keys=("ip", "device")))
    rows = rows_of(out)
    assert [(row["order_id"], row["orders_by_ip_24h"]) for row in rows] == [("o-0", 0.0), ("o-2", 1.0)]
    assert [(row["key_ip"], row["key_device"]) for row in rows] == [("203.0.113.9", None)] * 2
    assert differences_of_all(directory, tmp_path) == []


def differences_of_all(directory: Path, tmp_path: Path) -> list[str]:
    """Both tenants' rows together against what was stored."""
    found = []
    vectors = {event_id: vector for event_id, _, vector in decided(directory)}
    for tenant in ("default", "second"):
        made(directory, tmp_path / "t.parquet", Wanted(tenant=tenant, features=("deciding",)))
        for row in rows_of(tmp_path / "t.parquet"):
            vector = vectors.pop(row["event_id"])
            found += [name for name, value in zip(DECIDING, vector, strict=True) if bits(row[name]) != bits(value)]
    return found + list(vectors)


def test_nothing_is_left_behind_when_the_walk_is_interrupted(shop_directory: Path, tmp_path: Path) -> None:
    out = tmp_path / "never.parquet"

    def interrupt(done: int, total: int) -> None:
        assert list(tmp_path.iterdir()) == [tmp_path / "never.parquet.partial.lines"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(shop_directory, out, ALL, interrupt)
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays_until_the_new_one_is_whole(shop_directory: Path, tmp_path: Path) -> None:
    out = tmp_path / "old.csv"
    out.write_text("old")
    with pytest.raises(DatasetError):
        made(shop_directory, out, Wanted(from_ms=1, to_ms=2))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.slow
def test_the_walk_is_beside_a_writer_and_sees_what_was_there_when_it_began(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "d")
    events = list(demo_traffic(seed=3, days=0.6, orders_per_hour=30))
    shop.take_all(events[:1_500])
    walked: list[int] = []

    def go_on(done: int, total: int) -> None:
        if not walked:
            shop.take_all(events[1_500:1_600])  # the writer is not in the way, nor are we in its
        walked.append(total)

    found = build(tmp_path / "d", tmp_path / "o.csv", ALL, go_on)
    shop.close()
    assert set(walked) == {1_500}
    assert found.events == 1_500
    assert found.rows == len(rows_of(tmp_path / "o.csv"))


def test_what_is_wrong_is_said_in_a_sentence(shop_directory: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    cases: list[tuple[Path, Wanted, type[Exception], str]] = [
        (tmp_path / "nowhere", Wanted(), LedgerUnusable, "there is no data file in"),
        (shop_directory, Wanted(tenant="nobody"), DatasetError, "there is no tenant 'nobody'"),
        (shop_directory, Wanted(features=("orders_by_ip_24",)), UsageError, "did you mean `orders_by_ip_24h`?"),
        (shop_directory, Wanted(keys=("emial",)), UsageError, "did you mean `email`?"),
        (shop_directory, Wanted(from_ms=9, to_ms=9), DatasetError, "--from should lie before --to"),
        (shop_directory, Wanted(to_ms=START_MS), DatasetError, "in this range: the first happened at 2026-09-21T"),
    ]
    for directory, wanted, error, text in cases:
        with pytest.raises(error) as raised:
            made(directory, out, wanted)
        assert text in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_feature_with_the_name_of_another_column_is_refused() -> None:
    with pytest.raises(DatasetError, match="the feature 'score' has the name of another column"):
        columns_of(["score"], Wanted())


def test_every_decided_kind_is_known_by_name(built: Path) -> None:
    names = {kind.name for kind in KIND_OF_NUMBER.values()}
    assert {row["event"] for row in rows_of(built)} <= names
