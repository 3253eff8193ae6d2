"""The demo shop: one seed, one story; the truth beside it, never in it; only the contract's fields."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS
from fourthwatch.workbench.rings import KINDS
from fourthwatch.workbench.simulator import TRUTHS, DemoShop, SimEvent

pytestmark = pytest.mark.slow

START_MS = 1_700_000_000_000
DAYS = 7
CONTRACT = json.loads((Path(__file__).parent / "contract_keys.json").read_text())

BEYOND_THE_CONTRACT = {
    # Senders may add keys. A late event of the back office says when it happened; a custom event has a name,
    # and may be about an order.
    "custom_event": {"_eventName": "string", "_orderId": "string"},
    "order_status": {"_originTimestamp": "string"},
    "chargeback": {"_originTimestamp": "string"},
    "tag": {"_originTimestamp": "string"},
    "link_session_to_user": {"_originTimestamp": "string"},
}


@cache
def story(seed: int, days: int = DAYS) -> list[SimEvent]:
    shop = DemoShop(seed=seed, start_ms=START_MS, orders_per_hour=20)
    return list(shop.events(START_MS + days * DAY_MS))


def as_bytes(events: list[SimEvent]) -> bytes:
    return "\n".join(json.dumps([e.event, e.at_ms, e.body, e.truth]) for e in events).encode()


def orders(events: list[SimEvent]) -> list[SimEvent]:
    return [e for e in events if e.event == "createOrder"]


def test_one_seed_tells_one_story_to_the_byte_and_another_seed_another() -> None:
    again = DemoShop(seed=1, start_ms=START_MS, orders_per_hour=20)
    assert as_bytes(list(again.events(START_MS + DAYS * DAY_MS))) == as_bytes(story(1))
    assert as_bytes(story(1)) != as_bytes(story(2))


def test_taking_the_events_hour_by_hour_changes_nothing() -> None:
    shop = DemoShop(seed=1, start_ms=START_MS, orders_per_hour=20)
    pieces: list[SimEvent] = []
    for hour in range(1, DAYS * 24 + 1):
        piece = list(shop.events(START_MS + hour * HOUR_MS))
        assert all(e.at_ms <= START_MS + hour * HOUR_MS for e in piece)
        pieces += piece
    assert as_bytes(pieces) == as_bytes(story(1))


def test_events_come_in_order_of_time_and_say_their_own_time() -> None:
    events = story(1)
    assert all(a.at_ms <= b.at_ms for a, b in pairwise(events))
    assert all(e.body["_originTimestamp"] == str(e.at_ms) for e in events)
    assert events[0].at_ms >= START_MS


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_six_to_eight_orders_in_a_hundred_are_fraudulent_and_every_ring_is_there(seed: int) -> None:
    truths = Counter(e.truth for e in orders(story(seed)))
    total = sum(truths.values())
    assert DAYS * 24 * 20 * 0.9 < total < DAYS * 24 * 20 * 1.1
    assert 0.06 <= 1 - truths["ordinary"] / total <= 0.08
    assert set(truths) == set(TRUTHS)
    assert all(truths[kind] >= 10 for kind in KINDS)


def test_the_first_ring_strikes_within_the_first_hundred_orders() -> None:
    for seed in range(5):
        shop = DemoShop(seed=seed, start_ms=START_MS, orders_per_hour=200)
        first_hundred = orders(list(shop.events(START_MS + 2 * HOUR_MS)))[:150]
        assert any(e.truth != "ordinary" for e in first_hundred)


def test_the_truth_is_beside_every_order_and_in_no_body() -> None:
    for event in story(1):
        assert (event.truth is not None) == (event.event == "createOrder")
        text = json.dumps(event.body)
        # "ordinary", and any ring's name in any spelling of a key or value
        for word in ("truth", "fraudster", "ordinary", "ring", *KINDS):
            assert f'"{word}' not in text.lower()
            assert f"_{word}" not in text.lower()


def test_ids_and_keys_do_not_tell_rings_apart() -> None:
    keys: dict[bool, set[str]] = defaultdict(set)
    numbers = [int(str(e.body["_orderId"]).rsplit("-", 1)[1]) for e in orders(story(1))]
    for event in orders(story(1)):
        keys[event.truth == "ordinary"] |= {k for k, _ in leaves(event.body)}
    assert keys[False] <= keys[True]
    # Order numbers rise with time for everybody: nobody's are reserved ahead.
    lag = max(max(numbers[: i + 1]) - n for i, n in enumerate(numbers))
    assert lag < 60


def leaves(body: Mapping[str, object], path: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, value in body.items():
        if isinstance(value, dict):
            found += leaves(value, f"{path}/{key}")
        elif isinstance(value, list):
            for one in value:
                found += leaves(one, f"{path}/{key}")
        else:
            found.append((f"{path}/{key}", value))
    return found


def check_fields(value: Mapping[str, object], fields: Mapping[str, str], where: str) -> None:
    """Every key is known and every value of its type; numbers travel as strings."""
    for key, held in value.items():
        assert key in fields, f"{where}: {key} is not in the contract"
        kind = fields[key]
        inner = kind.removeprefix("array<").removesuffix(">")
        if kind == "CustomInfo":
            assert isinstance(held, dict)
        elif kind.startswith("array<"):
            assert isinstance(held, list)
            assert held
            for one in held:
                check_fields(one, CONTRACT["models"][inner], f"{where}/{key}")
        elif inner in CONTRACT["models"]:
            check_fields(cast(dict[str, Any], held), CONTRACT["models"][inner], f"{where}/{key}")
        else:
            wanted = {"string": str, "boolean": bool, "integer": int}[kind]
            assert type(held) is wanted, f"{where}: {key} is {held!r}"
            assert held != ""


def test_bodies_hold_only_fields_of_the_contract_in_its_types() -> None:
    seen = Counter(e.event for e in story(1))
    for event in story(1):
        fields = CONTRACT["models"][CONTRACT["events"][event.event]]
        check_fields(event.body, {**fields, **BEYOND_THE_CONTRACT.get(event.event, {})}, event.event)
    assert set(seen) == set(CONTRACT["events"]) - {"item_status", "report_item", "untag", "update_order"}


def test_addresses_of_the_net_are_from_ranges_that_belong_to_nobody() -> None:
    reserved = ("203.0.113.", "198.51.100.", "192.0.2.", "198.18.", "198.19.")
    ips = {str(e.body["_deviceIp"]) for e in story(1) if "_deviceIp" in e.body}
    assert len(ips) > 300
    assert all(ip.startswith(reserved) for ip in ips)


def test_no_card_number_is_ever_sent() -> None:
    for event in story(1):
        for path, value in leaves(event.body):
            if path.endswith("_cardBin"):
                assert len(str(value)) == 6
            elif path.endswith("_cardLast4"):
                assert len(str(value)) == 4
            else:
                digits = "".join(c for c in str(value) if c.isdigit())
                assert len(digits) < 14 or path.endswith("/_transactionId"), path


def test_labels_come_days_later_and_not_for_every_fraud() -> None:
    shop = DemoShop(seed=4, start_ms=START_MS, orders_per_hour=10)
    ordered_ms: dict[str, int] = {}
    truths: dict[str, str] = {}
    labelled: set[str] = set()
    for event in shop.events(START_MS + 32 * DAY_MS):
        order_id = str(event.body.get("_orderId"))
        if event.event == "createOrder" and event.truth is not None:
            ordered_ms[order_id], truths[order_id] = event.at_ms, event.truth
        if event.event == "chargeback" or event.body.get("_orderStatus") == "_rto":
            assert event.at_ms - ordered_ms[order_id] > DAY_MS
            labelled.add(order_id)
    old = [o for o, at in ordered_ms.items() if at < START_MS + 10 * DAY_MS]
    caught = Counter(truths[o] for o in old if o in labelled)
    everything = Counter(truths[o] for o in old)
    assert 0.3 < sum(caught[k] for k in KINDS) / sum(everything[k] for k in KINDS) < 0.9
    # Ordinary people's parcels come back too, and some of them complain to their bank.
    assert 0.001 < caught["ordinary"] / everything["ordinary"] < 0.03


def test_no_single_trait_gives_rings_away() -> None:
    """Good people share devices, networks, coupons and cash too: each trait alone errs one way."""
    users_of_device: dict[str, set[str]] = defaultdict(set)
    users_of_ip: dict[str, set[str]] = defaultdict(set)
    traits: dict[str, Counter[bool]] = defaultdict(Counter)
    bad_total = 0
    for event in orders(story(1)):
        body, bad = event.body, event.truth != "ordinary"
        who = str(body.get("_userId", body["_sessionId"]))
        device = cast(dict[str, str], body["_customInfo"]).get("deviceId")
        users_of_ip[str(body["_deviceIp"])].add(who)
        bad_total += bad
        if device is not None:
            users_of_device[device].add(who)
            traits["shared device"][bad] += len(users_of_device[device]) > 1
        traits["shared ip"][bad] += len(users_of_ip[str(body["_deviceIp"])]) > 2
        traits["coupon"][bad] += "WELCOME" in json.dumps(body.get("_promotions", ""))
        traits["cash"][bad] += body["_isPrePaid"] is False
        traits["elsewhere"][bad] += body["_billingAddress"] != body["_shippingAddress"]
        traits["first order"][bad] += body["_isFirstTimeBuyer"] is True
    for name, count in traits.items():
        recall, precision = count[True] / bad_total, count[True] / (count[True] + count[False])
        assert recall * precision < 0.4, f"{name} alone finds {recall:.0%} of the rings at {precision:.0%}"
        assert precision < 0.75, f"{name} is hardly ever seen on ordinary orders"


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="orders_per_hour is 0"):
        DemoShop(seed=1, start_ms=START_MS, orders_per_hour=0)
