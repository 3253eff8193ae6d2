"""What the WooCommerce and Magento plugins send beside events, and the Razorpay era's order, on the served program."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contract.shop import Shop, assert_error, fresh, http_10
from fourthwatch.clock import SystemClock
from fourthwatch.store.keys import KeyStore
from served import KEY_HEADER, Reply

pytestmark = pytest.mark.slow

HOST = "https://shop.example.com"
WOOCOMMERCE_1_0 = {
    "score_postback": f"{HOST}/?wc-api=thirdwatch_score",
    "action_postback": f"{HOST}/?wc-api=thirdwatch_action",
}
WOOCOMMERCE_1_1 = {
    **WOOCOMMERCE_1_0,
    "shipping_address_postback": f"{HOST}/?wc-api=thirdwatch_address",
    "url": f"{HOST}/?wc-api=thirdwatch_general",
}
MAGENTO = {
    "score_postback": f"{HOST}/index.php/thirdwatch/postback/score/",
    "action_postback": f"{HOST}/index.php/thirdwatch/postback/action/",
}


@pytest.fixture(scope="module")
def merchants(shop: Shop) -> Iterator[Shop]:
    """Merchants with a key each that may do everything; more than there are tests."""
    store = KeyStore(shop.served.directory, SystemClock())
    keys = [store.create("everything", ("ingest", "read", "manage"), fresh("merchant")) for _ in range(100)]
    store.close()
    while shop.served.get(keys[-1], "/api/v1/postbacks").status == 401:
        pass  # until the server has looked; should it never, the test's time runs out
    return iter([Shop(shop.served, key) for key in keys])


@pytest.fixture
def merchant(merchants: Iterator[Shop]) -> Shop:
    """A merchant that no other test knows."""
    return next(merchants)


def ordered(shop: Shop) -> str:
    order_id = fresh("order")
    shop.taken("createOrder", {"_orderId": order_id, "_userId": fresh("user"), "_amount": "10"})
    return order_id


def posted(shop: Shop, path: str, body: object) -> Reply:
    """A POST without any header that holds a key."""
    return shop.served.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})


def addresses(shop: Shop) -> dict[str, str]:
    found: dict[str, str] = shop.get("/api/v1/postbacks").json["addresses"]
    return found


# Registration.


@pytest.mark.parametrize("body", [WOOCOMMERCE_1_0, WOOCOMMERCE_1_1], ids=["1.0.0", "1.1.4"])
def test_woocommerce_registers_over_http_1_0(merchant: Shop, body: dict[str, str]) -> None:
    raw = json.dumps({**body, "secret": merchant.key}).encode()
    reply = merchant.raw(http_10("/neo/v1/addpostbackurl/", raw))
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert isinstance(reply.json["status"], str)
    assert isinstance(reply.json["message"], str)
    assert addresses(merchant) == body


@pytest.mark.parametrize("path", ["/neo/v1/addpostbackurl/", "/neo/v1/addpostbackurl"])
def test_magento_registers_with_exactly_200(merchant: Shop, path: str) -> None:
    assert posted(merchant, path, {**MAGENTO, "secret": merchant.key}).status == 200
    assert addresses(merchant) == MAGENTO


def test_registering_again_replaces_what_is_named_and_keeps_the_rest(merchant: Shop) -> None:
    for body in (WOOCOMMERCE_1_1, WOOCOMMERCE_1_1, {"score_postback": f"{HOST}/new", "url": ""}):
        assert posted(merchant, "/neo/v1/addpostbackurl/", {**body, "secret": merchant.key}).status == 200
    assert addresses(merchant) == {**WOOCOMMERCE_1_1, "score_postback": f"{HOST}/new"}


@pytest.mark.parametrize(
    "url",
    ["", None, 7, ["https://shop.example.com"], "shop.example.com", "ftp://shop.example.com/", "javascript:alert(1)",
     "https://", "https:///path", "https://shop.example.com/a b", "https://shop.example.com/\r\nX: y", "file:///etc/passwd",
     "https://shop.example.com:99999/", "https://shop.example.com:0/", "https://[::1/", "https://" + "a" * 2_000,
     "https://shöp.example.com/"],
    ids=lambda url: str(url)[:40],
)  # fmt: skip
def test_what_cannot_be_an_address_is_400_and_nothing_of_the_request_is_kept(merchant: Shop, url: object) -> None:
    body = {"score_postback": f"{HOST}/kept-only-as-a-whole", "action_postback": url, "secret": merchant.key}
    if url in ("", None):
        del body["score_postback"]
    reply = posted(merchant, "/neo/v1/addpostbackurl/", body)
    assert_error(reply, 400)
    assert addresses(merchant) == {}


@pytest.mark.parametrize("secret", ["wrong", "", None, 7, ["x"], {"a": "b"}])
def test_registering_with_a_wrong_secret_is_401_and_keeps_nothing(merchant: Shop, secret: object) -> None:
    assert_error(posted(merchant, "/neo/v1/addpostbackurl/", {**MAGENTO, "secret": secret}), 401)
    assert addresses(merchant) == {}


def test_addresses_of_one_merchant_are_not_another_merchants(merchant: Shop, shop: Shop) -> None:
    assert posted(merchant, "/neo/v1/addpostbackurl/", {**MAGENTO, "secret": merchant.key}).status == 200
    assert not set(addresses(shop).values()) & set(MAGENTO.values())


# The merchant's decision.


@pytest.mark.parametrize(
    ("action", "state"),
    [("approved", "approved"), ("declined", "canceled"), ("onhold", "held"), ("Approved", "approved")],
)
def test_a_decision_in_the_shop_enters_the_orders_timeline(merchant: Shop, action: str, state: str) -> None:
    order_id = ordered(merchant)
    message = "Order Status Changed By Shop Manager on WooCommerce Dashboard."
    body = {"secret": merchant.key, "order_id": order_id, "order_timestamp": "1524585600000", "action_type": action}
    reply = merchant.raw(http_10("/neo/v1/clientaction", json.dumps({**body, "message": message}).encode()))
    assert reply.status == 200, reply.body
    order = merchant.order(order_id)
    assert order["state"] == state
    assert order["timeline"][-1]["event_id"] == reply.json["event_id"]
    assert order["timeline"][-1]["event"] == "order_status"
    assert order["timeline"][-1]["body"]["_description"] == message
    assert merchant.key not in json.dumps(order)


def test_a_hold_is_not_final_and_each_change_of_mind_counts(merchant: Shop) -> None:
    order_id = ordered(merchant)
    for action, state in (("onhold", "held"), ("approved", "approved"), ("onhold", "held"), ("declined", "canceled")):
        body = {"secret": merchant.key, "order_id": order_id, "action_type": action, "message": "m"}
        assert posted(merchant, "/neo/v1/clientaction/", body).status == 200
        assert merchant.order(order_id)["state"] == state
    assert len(merchant.order(order_id)["timeline"]) == 5


def test_the_timestamp_of_a_decision_need_not_match_the_orders(merchant: Shop) -> None:
    order_id = ordered(merchant)
    for stamp in ("0", "", "never", 7, None):
        body = {"secret": merchant.key, "order_id": order_id, "order_timestamp": stamp, "action_type": "approved"}
        assert posted(merchant, "/neo/v1/clientaction", body).status == 200


def test_a_decision_on_an_order_with_a_number_for_its_id_is_matched(merchant: Shop) -> None:
    merchant.taken("createOrder", {"_orderId": 100_045, "_userId": "u"})
    body = {"secret": merchant.key, "order_id": 100_045, "action_type": "approved"}
    assert posted(merchant, "/neo/v1/clientaction", body).status == 200
    assert merchant.order("100045")["state"] == "approved"


@pytest.mark.parametrize(
    ("change", "status"),
    [({"order_id": "never-seen"}, 404), ({"order_id": ""}, 400), ({"order_id": None}, 400), ({"order_id": ["x"]}, 400),
     ({"order_id": True}, 400), ({"action_type": "maybe"}, 400), ({"action_type": ""}, 400), ({"action_type": 7}, 400),
     ({"action_type": None}, 400), ({"secret": "wrong"}, 401), ({"secret": None}, 401)],
)  # fmt: skip
def test_a_decision_that_cannot_be_taken_is_refused_and_leaves_nothing(
    merchant: Shop, change: dict[str, Any], status: int
) -> None:
    body = {"secret": merchant.key, "order_id": ordered(merchant), "action_type": "approved", "message": "m", **change}
    before = merchant.stored()
    assert_error(posted(merchant, "/neo/v1/clientaction", body), status)
    assert merchant.stored() == before


@pytest.mark.parametrize("path", ["/neo/v1/addpostbackurl/", "/neo/v1/clientaction", "/v1/thirdwatch/orders"])
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"secret=x&order_id=1"])
def test_a_body_that_is_no_json_object_is_400(shop: Shop, path: str, body: bytes) -> None:
    assert_error(shop.post(path, body), 400)


# The plugins' own journeys.


def test_a_woocommerce_guests_order_goes_through_with_what_the_plugin_sends(shop: Shop) -> None:
    session, order_id = fresh("session"), fresh("order")
    sent = {
        "_sessionId": session,
        "_orderId": order_id,
        "_deviceIp": "203.0.113.20",
        "_originTimestamp": "1524585600000",
    }
    order = shop.taken("createOrder", {**sent, "_amount": "499.00", "_customInfo": {"order_notes": "ring the bell"}})
    payment = {"_transactionId": "t", "_transactionStatus": "_success", "_paymentMethod": {"_paymentType": "robu_cod"}}
    paid = shop.taken("transaction", {**sent, **payment})
    moved = shop.taken("order_status", {"_orderId": order_id, "_orderStatus": "_wo_completed"})
    assert "score" in order
    assert "score" in paid
    assert moved["warnings"] == []
    shown = shop.order(order_id)
    assert (shown["user_id"], shown["status"], shown["state"]) == (None, "_wo_completed", "fulfilled")
    assert shop.score(order_id)["user_id"] == session


def test_a_magento_guest_with_an_empty_user_id_is_a_guest(shop: Shop) -> None:
    order_id = fresh("order")
    shop.taken(
        "createOrder", {"_userId": "", "_sessionId": fresh("session"), "_orderId": order_id, "_orderStatus": "new"}
    )
    assert shop.order(order_id)["user_id"] is None
    for status, state in (("new", "other"), ("processing", "approved"), ("holded", "held"), ("complete", "fulfilled")):
        shop.taken("order_status", {"_orderId": order_id, "_orderStatus": status})
        assert shop.order(order_id)["state"] == state


# The Razorpay era.

RAZORPAY = {
    "device": {"ip": "203.0.113.30", "session_id": "s-rzp", "user-agent": "Mozilla/5.0"},
    "user": {
        "id": "u-rzp", "created_at": "1609459200000", "email": "asha.rao@example.com", "first_name": "Asha",
        "last_name": "Rao", "contact": "+919812345678", "first_purchase": True, "email_verification": "verified",
        "contact_verification": "unverified",
    },
    "order": {
        "id": "o-rzp", "created_at": "1612137600000", "amount": "50050", "currency": "INR", "prepaid": False,
        "items": [{"id": "i", "title": "Cable", "amount": "25025", "currency": "INR", "brand": "Acme",
                   "category": "electronics", "quantity": 2, "is_onsale": True, "sku": "C-1"}],
        "shipping_address": {"name": "Asha Rao", "phone": "+919812345678", "line1": "Flat 4B", "line2": "Sector 9",
                             "city": "Pune", "state": "Maharashtra", "country": "IN", "postal_code": "411001",
                             "type": "home"},
        "payment": {"id": "p", "status": "success", "gateway": "payu", "amount": "50050", "currency": "INR",
                    "method": "cod"},
    },
}  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/thirdwatch/orders", "/v1/thirdwatch/orders/"])
def test_an_order_of_the_razorpay_era_is_taken_as_an_order(merchant: Shop, path: str) -> None:
    reply = merchant.post(path, json.dumps(RAZORPAY))
    assert reply.status == 200, reply.body
    assert type(reply.json["score"]) is int
    order = merchant.order("o-rzp")
    assert order["user_id"] == "u-rzp"
    body = order["order"]
    assert (body["_amount"], body["_currencyCode"], body["_isPrePaid"]) == ("500.50", "INR", False)
    assert body["_items"][0]["_price"] == "250.25"
    assert body["_shippingAddress"]["_address1"] == "Flat 4B"
    assert body["_paymentMethods"][0]["_paymentType"] == "cod"
    assert order["timeline"][0]["occurred_at"] == "2021-02-01T00:00:00.000Z"
    assert order["decision"]["features"]["amount"] == 500.5
    assert merchant.score("o-rzp")["score"] == reply.json["score"]


def test_an_order_of_the_razorpay_era_sent_twice_is_one_event(merchant: Shop) -> None:
    first, second = (merchant.post("/v1/thirdwatch/orders", json.dumps(RAZORPAY)) for _ in range(2))
    assert first.body == second.body
    assert len(merchant.order("o-rzp")["timeline"]) == 1


@pytest.mark.parametrize("body", [{}, {"order": {}}, {"order": {"id": ""}}, {"order": "o"}, {"order": {"id": ["o"]}}])
def test_a_razorpay_document_without_an_order_is_400(shop: Shop, body: dict[str, Any]) -> None:
    before = shop.stored()
    assert_error(shop.post("/v1/thirdwatch/orders", json.dumps(body)), 400)
    assert shop.stored() == before


def test_a_razorpay_order_needs_its_key_in_the_header(shop: Shop) -> None:
    body = json.dumps({**RAZORPAY, "secret": shop.key})
    assert_error(shop.served.request("POST", "/v1/thirdwatch/orders", body), 401)
    assert shop.served.request("POST", "/v1/thirdwatch/orders", body, {KEY_HEADER: "Bearer " + shop.key}).status == 200
