"""What is looked up in an index: search by whatever is typed, and the link graph as it was known at a moment."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.indexed import Shelf
from engine.till import submission
from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.engine.graph import Graph, Moment, graph, kind_number
from fourthwatch.engine.search import SEARCHED_KINDS, search
from fourthwatch.limits import AT_MS_MAX, GRAPH_FANOUT, HUB_USERS
from story import NOW_MS

EVER = Moment(10**9, AT_MS_MAX)
CARD = [{"_paymentType": "_creditCard", "_cardBin": "411111", "_cardLast4": "1111"}]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    opened = Shelf(tmp_path)
    yield opened
    opened.close()


def order(shelf: Shelf, number: int, at_ms: int = NOW_MS, *, tenant: int = 1, **body: Any) -> None:
    told = {"_orderId": f"ord-{number}", "_userId": f"user-{number}", "_amount": "500", "_currencyCode": "INR", **body}
    shelf.take(submission("createOrder", at_ms, tenant=tenant, **told))


def found(shelf: Shelf, typed: str, tenant: int = 1, limit: int = 5) -> dict[str, list[str]]:
    shelf.catch_up()
    hits: dict[str, list[str]] = {}
    for hit in search(shelf.reader, tenant, typed, limit):
        hits.setdefault(hit.kind, []).append(hit.value)
    return hits


def drawn(
    shelf: Shelf, text: str, moment: Moment = EVER, hops: int = 2, *, tenant: int = 1, now_ms: int = NOW_MS + DAY_MS,
    unfold: bool = False,
) -> Graph | None:  # fmt: skip
    shelf.catch_up()
    number = kind_number(text.partition(":")[0])
    assert number is not None
    return graph(shelf.reader, tenant, number, text, moment, hops=hops, now_ms=now_ms, unfold=unfold)


def ids(found: Graph | None) -> set[str]:
    assert found is not None
    return {node.id for node in found.nodes}


# Search.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "kind", "value"),
    [
        ("ord-7", "order", "ord-7"),
        ("ORD-7", "order", "ord-7"),
        ("ord-", "order", "ord-7"),
        ("user-7", "user", "user-7"),
        ("Asha.R+shop@GoogleMail.com", "email", "ashar@gmail.com"),
        ("ashar@g", "email", "ashar@gmail.com"),
        ("203.0.113.9", "ip", "203.0.113.9"),
        ("203.0.", "ip", "203.0.113.9"),
        ("+91 98765 43210", "phone", "+919876543210"),
        ("9876543210", "phone", "+919876543210"),
        ("098765 43210", "phone", "+919876543210"),
        ("43210", "phone", "+919876543210"),
        ("411111", "card", "411111-1111-"),
        ("411111******1111", "card", "411111-1111-"),
        ("1111", "card_last4", "1111"),
        ("**** 1111", "card_last4", "1111"),
        ("dev-9", "device", "dev-9"),
        ("txn-", "transaction", "txn-77"),
        ("sess-1", "session", "sess-1"),
        ("WAYBILL-5", "field", "waybill-55"),
        ("parcel_w", "event_name", "parcel_weighed"),
    ],
)
def test_what_is_typed_finds_what_it_could_mean(shelf: Shelf, typed: str, kind: str, value: str) -> None:
    order(
        shelf, 7, _userEmail="asha.r@gmail.com", _deviceIp="203.0.113.9", _deviceId="dev-9", _sessionId="sess-1",
        _paymentMethods=CARD, _shippingAddress={"_phone": "98765 43210", "_country": "IN"},
    )  # fmt: skip
    shelf.take(
        submission("transaction", NOW_MS + 1, _orderId="ord-7", _transactionId="txn-77"),
        submission("custom_event", NOW_MS + 2, _eventName="parcel_weighed", _orderId="ord-7", waybill="waybill-55"),
    )
    assert found(shelf, typed)[kind] == [value]


def test_one_character_finds_what_begins_so_and_nothing_is_found_with_none_or_with_what_never_was(shelf: Shelf) -> None:
    order(shelf, 7)
    assert found(shelf, "o")["order"] == ["ord-7"]
    assert found(shelf, "") == found(shelf, "   ") == found(shelf, "ord-8") == {}
    assert found(shelf, "ord-7%") == found(shelf, "' OR 1=1 --") == found(shelf, "\U0010ffff" * 400) == {}


def test_a_tenant_finds_only_its_own(shelf: Shelf) -> None:
    order(shelf, 7, _deviceIp="203.0.113.9")
    order(shelf, 8, tenant=2, _deviceIp="203.0.113.9")
    assert found(shelf, "ord-")["order"] == ["ord-7"]
    assert found(shelf, "ord-", tenant=2)["order"] == ["ord-8"]
    (hit,) = [hit for hit in search(shelf.reader, 2, "203.0.113.9", 5) if hit.kind == "ip"]
    assert hit.events == 1


def test_of_each_kind_no_more_are_found_than_were_asked_for(shelf: Shelf) -> None:
    for number in range(30):
        order(shelf, number)
    assert {kind: len(values) for kind, values in found(shelf, "ord", limit=4).items()} == {"order": 4}
    assert len(found(shelf, "user-", limit=20)["user"]) == 20
    assert len(SEARCHED_KINDS) == 15


# The link graph.


def test_two_hops_lead_from_an_order_over_a_shared_device_to_another_users_order(shelf: Shelf) -> None:
    order(shelf, 1, _deviceId="dev-1")
    order(shelf, 2, NOW_MS + HOUR_MS, _deviceId="dev-1", _userEmail="two@example.com")
    shown = drawn(shelf, "order:ord-1")
    assert ids(shown) == {"order:ord-1", "user:user-1", "device:dev-1", "user:user-2", "order:ord-2"}
    assert shown is not None
    assert [node.hops for node in shown.nodes if node.id == "order:ord-2"] == [2]
    ends = {frozenset((edge.source, edge.target)) for edge in shown.edges}
    assert frozenset(("device:dev-1", "order:ord-2")) in ends
    assert len(ends) == len(shown.edges)
    assert shown.complete
    assert ids(drawn(shelf, "order:ord-1", hops=1)) == {"order:ord-1", "user:user-1", "device:dev-1"}
    assert "email:two@example.com" in ids(drawn(shelf, "order:ord-1", hops=3))


def test_a_login_links_a_user_with_a_device_without_any_order(shelf: Shelf) -> None:
    shelf.take(*(submission("login", NOW_MS + n, _userId=f"user-{n}", _deviceId="dev-1") for n in range(3)))
    assert ids(drawn(shelf, "device:dev-1", hops=1)) == {"device:dev-1", "user:user-0", "user:user-1", "user:user-2"}


def test_what_came_later_is_not_there_as_of_the_order(shelf: Shelf) -> None:
    order(shelf, 1, _deviceId="dev-1")
    order(shelf, 2, NOW_MS + HOUR_MS, _deviceId="dev-1")
    shelf.take(submission("chargeback", NOW_MS + DAY_MS, _orderId="ord-1", _chargebackState="_received"))
    then = drawn(shelf, "order:ord-1", Moment(1, NOW_MS))
    assert ids(then) == {"order:ord-1", "user:user-1", "device:dev-1"}
    assert then is not None
    first = then.nodes[0]
    assert first.order is not None
    assert first.order.chargeback is None
    assert [node.user.chargebacks for node in then.nodes if node.user is not None] == [0]
    now = drawn(shelf, "order:ord-1")
    assert now is not None
    assert now.nodes[0].order is not None
    assert now.nodes[0].order.chargeback == 1
    assert [node.user.chargebacks for node in now.nodes if node.id == "user:user-1" and node.user] == [1]
    assert drawn(shelf, "order:ord-2", Moment(1, NOW_MS)) is None


def test_what_was_sent_late_is_not_there_before_it_had_come_in(shelf: Shelf) -> None:
    order(shelf, 1, _deviceId="dev-1")
    shelf.take(submission("login", NOW_MS - HOUR_MS, _userId="late", _deviceId="dev-1"))
    assert "user:late" not in ids(drawn(shelf, "order:ord-1", Moment(1, NOW_MS)))
    assert "user:late" in ids(drawn(shelf, "order:ord-1", Moment(2, NOW_MS)))


def test_a_hub_is_told_and_not_walked_through(shelf: Shelf) -> None:
    for number in range(HUB_USERS + 1):
        order(shelf, number, NOW_MS + number * MINUTE_MS, _deviceIp="203.0.113.9")
    folded = drawn(shelf, "order:ord-1")
    assert folded is not None
    (hub,) = [node for node in folded.nodes if node.id == "ip:203.0.113.9"]
    assert (hub.hub, hub.users, hub.more) == (True, HUB_USERS + 1, True)
    assert ids(folded) == {"order:ord-1", "user:user-1", "ip:203.0.113.9"}
    opened = drawn(shelf, "ip:203.0.113.9", hops=1, unfold=True)
    assert opened is not None
    assert sum(node.type == "user" for node in opened.nodes) == GRAPH_FANOUT
    assert not opened.complete
    # What joined as many, but long ago, is none any more.
    quiet = drawn(shelf, "order:ord-1", now_ms=NOW_MS + 60 * DAY_MS)
    assert quiet is not None
    assert [node.hub for node in quiet.nodes if node.type == "ip"] == [False]


def test_a_graph_is_of_one_tenant(shelf: Shelf) -> None:
    order(shelf, 1, _deviceId="dev-1")
    order(shelf, 2, tenant=2, _deviceId="dev-1")
    assert drawn(shelf, "order:ord-1", tenant=2) is None
    assert ids(drawn(shelf, "device:dev-1", tenant=2)) == {"device:dev-1", "user:user-2", "order:ord-2"}


def test_a_graph_stops_at_its_bounds_and_says_where(shelf: Shelf) -> None:
    for number in range(60):
        order(shelf, number, NOW_MS + number, _userId="heavy", _deviceId=f"dev-{number}")
    shown = drawn(shelf, "user:heavy")
    assert shown is not None
    assert not shown.complete
    assert [node.id for node in shown.nodes if node.more] == ["user:heavy"]
    assert sum(node.type == "order" for node in shown.nodes) == GRAPH_FANOUT
