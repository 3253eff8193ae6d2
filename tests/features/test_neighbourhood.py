"""The walk through the neighbourhood: two hops, bounded, around hubs, as of the event's time."""

import random
from typing import Any

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS
from fourthwatch.features.catalogue import THEMES
from fourthwatch.limits import HUB_USERS
from telling import Telling, Told, Value, about, card, event, home, order

NAMES = (
    "neighbours", "neighbourhood_devices", "neighbourhood_cards", "neighbours_disputed", "neighbours_refused",
    "neighbours_tagged_bad", "disputed_share_of_neighbours", "bad_share_of_neighbours", "is_hub_ip", "is_hub_address",
)  # fmt: skip


def on(device: str, user: str, ago_ms: int = DAY_MS) -> Told:
    return event("login", ago_ms, _userId=user, _deviceId=device)


def bought(number: int, user: str, ago_ms: int = DAY_MS, **more: Any) -> Told:
    return order(ago_ms, number, _userId=user, **more)


def with_card(number: int) -> dict[str, Any]:
    return {"_paymentMethods": [card(number)]}


def walked(past: list[Told], now: Told) -> dict[str, Value]:
    telling = Telling(*past)
    return dict(zip(NAMES, telling.values(NAMES, telling.present(now)), strict=True))


def test_somebody_alone_has_no_neighbours_and_no_share_of_them() -> None:
    found = walked([], order(_deviceId="dv-1"))
    assert (found["neighbours"], found["neighbourhood_devices"], found["neighbourhood_cards"]) == (0, 1, 0)
    assert (found["neighbours_disputed"], found["disputed_share_of_neighbours"]) == (0, None)
    assert (found["is_hub_ip"], found["is_hub_address"]) == (None, None)


def test_an_event_that_names_nobody_and_nothing_has_no_neighbourhood() -> None:
    found = walked([on("dv-1", "ravi")], ("submit_review", 0, {"_itemId": "i-1"}))
    assert set(found.values()) == {None}


@pytest.mark.parametrize(
    "joint",
    [
        {"_deviceId": "dv-1"}, {"_deviceIp": "203.0.113.7"}, with_card(1), {"_shippingAddress": home(1)},
        {"_shippingAddress": {"_phone": "+919820133417"}},
    ],
)  # fmt: skip
def test_whatever_two_users_share_makes_them_neighbours(joint: dict[str, Any]) -> None:
    assert walked([bought(1, "ravi", **joint)], order(**joint))["neighbours"] == 1


def test_a_users_things_of_before_lead_to_neighbours_too() -> None:
    past = [bought(1, "asha", **with_card(1)), bought(2, "ravi", **with_card(1))]
    found = walked(past, order())
    assert (found["neighbours"], found["neighbourhood_cards"]) == (1, 1)


def test_the_walk_ends_after_the_second_hop() -> None:
    past = [
        on("dv-1", "asha"), on("dv-1", "b"), on("dv-2", "b"), on("dv-2", "c"), on("dv-3", "c"), on("dv-3", "d"),
    ]  # fmt: skip
    found = walked(past, order(_deviceId="dv-1"))
    assert found["neighbours"] == 2  # b over dv-1, c over b's dv-2; not d
    assert found["neighbourhood_devices"] == 2


def test_bad_neighbours_are_told_by_kind_and_together() -> None:
    shared: dict[str, Any] = {"_deviceId": "dv-1"}
    past = [
        *(bought(number, f"u{number}", 50 * DAY_MS, **shared) for number in range(1, 6)),
        about("chargeback", DAY_MS, 1, _chargebackState="_received"),
        about("order_status", DAY_MS, 1, _orderStatus="_rto"),
        about("order_status", DAY_MS, 2, _orderStatus="_rto"),
        event("tag", DAY_MS, _userId="u3", _isBad=True),
        event("tag", DAY_MS, _userId="u4", _isBad=True),
        event("untag", HOUR_MS, _userId="u4"),
    ]
    found = walked(past, order(**shared))
    assert found["neighbours"] == 5
    assert (found["neighbours_disputed"], found["neighbours_refused"], found["neighbours_tagged_bad"]) == (1, 2, 1)
    assert found["disputed_share_of_neighbours"] == pytest.approx(0.2)
    assert found["bad_share_of_neighbours"] == pytest.approx(0.6)


def test_ones_own_past_is_no_neighbours() -> None:
    past = [bought(1, "asha", _deviceId="dv-1"), about("chargeback", DAY_MS, 1, _chargebackState="_received")]
    found = walked(past, order(_deviceId="dv-1"))
    assert (found["neighbours"], found["neighbours_disputed"]) == (0, 0)


def test_a_guest_is_joined_by_the_mailbox() -> None:
    past = [
        order(DAY_MS, 1, _userId=None, _sessionId="s-1", _userEmail="g@example.com", **with_card(1)),
        bought(2, "ravi", **with_card(1)),
    ]
    guest = order(_userId=None, _sessionId="s-2", _userEmail="g@example.com")
    assert walked(past, guest)["neighbours"] == 1


def crowd(number: int, ago_ms: int = DAY_MS, **joint: Any) -> list[Told]:
    return [bought(each, f"u{each}", ago_ms, **joint) for each in range(number)]


@pytest.mark.parametrize(
    ("joint", "told"),
    [({"_deviceIp": "203.0.113.7"}, "is_hub_ip"), ({"_shippingAddress": home(1)}, "is_hub_address")],
)
def test_an_office_and_a_pick_up_point_are_told_and_not_walked_through(joint: dict[str, Any], told: str) -> None:
    at_most = walked(crowd(HUB_USERS, **joint), order(**joint))
    beyond = walked(crowd(HUB_USERS + 1, **joint), order(**joint))
    assert (at_most[told], at_most["neighbours"]) == (0, HUB_USERS)
    assert (beyond[told], beyond["neighbours"]) == (1, 0)


def test_a_crowd_of_long_ago_is_no_hub() -> None:
    joint: dict[str, Any] = {"_deviceIp": "203.0.113.7"}
    past = [*crowd(HUB_USERS, 31 * DAY_MS, **joint), bought(100, "ravi", **joint)]
    found = walked(past, order(**joint))
    assert (found["is_hub_ip"], found["neighbours"]) == (0, HUB_USERS + 1)


def test_other_users_of_a_hub_are_discounted() -> None:
    joint: dict[str, Any] = {"_deviceIp": "203.0.113.7"}
    telling = Telling(*crowd(HUB_USERS + 1, **joint))
    assert telling.value("users_by_ip_7d", order(**joint)) == HUB_USERS + 1
    assert telling.value("users_by_ip_7d_discounted", order(**joint)) == 0
    assert telling.value("users_by_ip_7d_discounted", order()) is None


def test_who_comes_later_is_no_neighbour_yet() -> None:
    telling = Telling(on("dv-1", "ravi", HOUR_MS))
    assert telling.value("neighbours", order(_deviceId="dv-1")) == 1
    assert telling.value("neighbours", order(2 * HOUR_MS, _deviceId="dv-1")) == 0


def test_shops_are_strangers_to_each_other() -> None:
    first = Telling(on("dv-1", "ravi"))
    present = first.present(order(_deviceId="dv-1"))
    first.tenant = 2
    assert first.values(NAMES, present)[0] == 1
    assert first.values(NAMES, first.present(order(_deviceId="dv-1")))[0] == 0


def naive_walk(links: list[tuple[str, str]], user: str, device: str) -> tuple[int, int]:
    """Users and devices within two hops, by looking at all links."""
    crowded = {d for _, d in links if len({u for u, e in links if e == d}) > HUB_USERS}

    def devices_of(users: set[str]) -> set[str]:
        return {d for u, d in links if u in users}

    def users_of(devices: set[str]) -> set[str]:
        return {u for u, d in links if d in devices - crowded}

    devices = {device} | devices_of({user})
    users = users_of(devices) - {user}
    devices |= devices_of(users)
    return len((users | users_of(devices)) - {user}), len(devices)


@pytest.mark.parametrize("seed", range(12))
def test_the_walk_finds_what_looking_at_all_links_finds(seed: int) -> None:
    chance = random.Random(seed)
    links = [(f"u{chance.randrange(40)}", f"dv-{chance.randrange(25)}") for _ in range(45)]
    telling = Telling(*(on(device, user) for user, device in links))
    for _ in range(10):
        user, device = f"u{chance.randrange(40)}", f"dv-{chance.randrange(25)}"
        present = telling.present(event("login", 0, _userId=user, _deviceId=device))
        users, devices, *_ = telling.values(NAMES, present)
        assert (users, devices) == naive_walk(links, user, device)


def test_all_names_of_the_walk_are_used_by_rows_of_the_theme() -> None:
    texts = " ".join(row.text for row in THEMES["The neighbourhood"])
    one = Telling().windows.book.get("neighbours")
    assert one is not None
    assert [name for name in one.recollections[0].names if name not in texts] == []


def test_a_reading_walks_once_for_all_who_use_it() -> None:
    telling = Telling(on("dv-1", "ravi"))
    reading, _ = telling.windows.reading_of(telling.windows.book, NAMES)
    assert len(reading.recalls) == 1
