"""The whole way over HTTP: a plugin and a program register, an order comes, an analyst decides, both are told."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from contract.shop import PATIENCE_S, Shop, assert_error, fresh
from served import KEY_HEADER, Reply, Served
from webhooks.listening import Heard, Receiver, Told

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture(scope="module")
def merchant(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Shop]:
    """A merchant at a server of its own, which may call the receiver and waits next to nothing."""
    settings = {
        "FOURTHWATCH_PRIVATE_RECEIVERS": f"127.0.0.1:{receiver.port}",
        "FOURTHWATCH_POSTBACK_SECONDS_AFTER_PAYMENT": "0.1",
        "FOURTHWATCH_POSTBACK_SECONDS_WITHOUT_PAYMENT": "0.2",
        "FOURTHWATCH_RED_ABOVE": "0",
    }
    with Served(tmp_path_factory.mktemp("webhooks"), environment=settings) as served:
        yield Shop(served, served.key("ingest", "read", "manage", name="everything"))


def call(shop: Shop, method: str, path: str, body: object = None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    text = None if body is None else json.dumps(body)
    return shop.served.request(method, "/api/v1" + path, text, {KEY_HEADER: shop.key, **named})


def asked_until(shop: Shop, path: str, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What a GET shows once it shows what is waited for."""
    until_s = time.monotonic() + PATIENCE_S
    while True:
        shown: dict[str, Any] = call(shop, "GET", path).json
        if is_it(shown):
            return shown
        assert time.monotonic() < until_s, shown


def endpoint(shop: Shop, receiver: Receiver, path: str, types: list[str]) -> dict[str, Any]:
    reply = call(shop, "POST", "/webhook-endpoints", {"url": receiver.url + path, "types": types})
    assert reply.status == 201, reply.body
    made: dict[str, Any] = reply.json
    return made


def told(heard: Heard) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(heard.body)
    return document


def test_an_order_is_told_decided_upon_and_told_again(merchant: Shop, receiver: Receiver) -> None:
    made = endpoint(merchant, receiver, "/hook", ["order.scored", "case.opened", "case.closed"])
    (secret,) = call(merchant, "GET", f"/webhook-endpoints/{made['id']}/secrets").json["secrets"]
    addresses = {"score_postback": receiver.url + "/score", "action_postback": receiver.url + "/action"}
    body = json.dumps({**addresses, "secret": merchant.key})
    assert merchant.served.request("POST", "/neo/v1/addpostbackurl/", body).status == 200
    order_id = fresh("order/with a slash")
    merchant.taken("createOrder", {"_orderId": order_id, "_userId": fresh("user"), "_amount": "10"})
    merchant.taken("transaction", {"_orderId": order_id, "_transactionStatus": "_success", "_amount": "10"})
    score = told(receiver.wait_for(lambda heard: heard.path == "/score"))
    assert (score["order_id"], score["flag"]) == (order_id, "red")
    opened = receiver.wait_for(lambda heard: b"case.opened" in heard.body)
    assert Webhook(secret).verify(opened.body, opened.headers)["entity"] == f"order:{order_id}"
    queue = call(merchant, "GET", "/cases?status=open").json["cases"]
    assert [case["order_id"] for case in queue] == [order_id]
    decision = {"verdict": "approve", "message": "Called her.", "author": "meera"}
    path = f"/orders/{order_id}/decisions".replace(" ", "%20")
    reply = call(merchant, "POST", path, decision)
    assert reply.status == 200, reply.body
    order = reply.json["order"]
    assert (order["verdict"], order["state"], order["case"]["status"]) == ("approve", "approved", "closed")
    assert (order["analyst_decision"]["author"], order["analyst_decision"]["message"]) == ("meera", "Called her.")
    action = told(receiver.wait_for(lambda heard: heard.path == "/action"))
    assert action == {"order_id": order_id, "action_type": "approved", "action_message": "Called her."}
    closed = told(receiver.wait_for(lambda heard: b"case.closed" in heard.body))
    assert closed["data"]["case"]["outcome"] == "approve"
    again = call(merchant, "POST", path, decision)
    assert again.json["event_id"] == reply.json["event_id"], "said twice, it is one decision"
    assert call(merchant, "GET", "/cases?status=closed").json["cases"][0]["outcome"] == "approve"
    assert merchant.event(reply.json["event_id"])["body"]["_analyst"] == "meera"


def test_what_was_sent_can_be_looked_at_and_sent_again(merchant: Shop, receiver: Receiver) -> None:
    made = endpoint(merchant, receiver, "/log", ["order.scored"])
    order_id = fresh("order")
    merchant.taken("createOrder", {"_orderId": order_id, "_userId": fresh("user")})
    first = receiver.wait_for(lambda heard: heard.path == "/log")
    message_id = first.headers["webhook-id"]
    path = f"/deliveries/{message_id}"
    shown = asked_until(merchant, path, lambda shown: shown["delivery"]["state"] == "delivered")
    (attempt,) = shown["attempts"]
    assert (attempt["status"], attempt["reply_body"], attempt["address"]) == (200, "{}", "127.0.0.1")
    assert attempt["request_body"].encode() == first.body
    assert attempt["request_headers"]["webhook-signature"] == first.headers["webhook-signature"]
    assert call(merchant, "POST", f"/deliveries/{message_id}/replay").status == 202
    receiver.wait_for(lambda heard: heard.path == "/log" and heard is not first)
    page = call(merchant, "GET", f"/deliveries?receiver={made['id']}").json
    assert [one["id"] for one in page["deliveries"]] == [message_id]
    assert call(merchant, "GET", f"/deliveries?after={message_id}&receiver={made['id']}").json["deliveries"] == []
    reply = call(merchant, "POST", "/deliveries/replay", {"receiver": made["id"], "created_from_ms": 0})
    assert (reply.status, reply.json["next"]) == (202, None)


def test_keys_are_in_no_log(merchant: Shop, receiver: Receiver) -> None:
    page = call(merchant, "GET", "/deliveries?receiver=score_postback").json
    for one in page["deliveries"]:
        shown = call(merchant, "GET", f"/deliveries/{one['id']}")
        assert merchant.key.encode() not in shown.body
    for file in merchant.served.directory.iterdir():
        assert merchant.key.encode() not in file.read_bytes(), file.name
        for endpoint_ in call(merchant, "GET", "/webhook-endpoints").json["endpoints"]:
            for secret in call(merchant, "GET", f"/webhook-endpoints/{endpoint_['id']}/secrets").json["secrets"]:
                assert secret.encode() not in file.read_bytes(), file.name


def test_an_endpoint_is_changed_over_what_was_seen_and_removed(merchant: Shop, receiver: Receiver) -> None:
    made = endpoint(merchant, receiver, "/changed", ["user.labelled"])
    path = f"/webhook-endpoints/{made['id']}"
    seen = call(merchant, "GET", path)
    assert seen.json == made
    assert call(merchant, "PATCH", path, {"ordering": "entity"}).status == 428
    changed = call(merchant, "PATCH", path, {"ordering": "entity"}, If_Match=seen.headers["etag"])
    assert (changed.status, changed.json["ordering"], changed.json["types"]) == (200, "entity", ["user.labelled"])
    assert call(merchant, "PATCH", path, {"enabled": False}, If_Match=seen.headers["etag"]).status == 412
    assert call(merchant, "DELETE", path, If_Match="*").status == 204
    assert call(merchant, "GET", path).status == 404
    actions = [
        one["action"] for one in call(merchant, "GET", f"/audit?thing=webhook-endpoints/{made['id']}").json["entries"]
    ]
    assert actions == ["endpoint.removed", "endpoint.changed", "endpoint.created"]


def test_a_creation_is_repeated_without_a_second_effect(merchant: Shop, receiver: Receiver) -> None:
    body = {"url": receiver.url + "/once", "types": ["list.changed"]}
    replies = [call(merchant, "POST", "/webhook-endpoints", body, Idempotency_Key="once") for _ in range(2)]
    assert replies[0].json == replies[1].json
    assert replies[1].headers["fourthwatch-replayed"] == "true"


def test_a_secret_rotates_with_an_overlap(merchant: Shop, receiver: Receiver) -> None:
    made = endpoint(merchant, receiver, "/rotating", ["webhook.disabled"])
    path = f"/webhook-endpoints/{made['id']}"
    (old,) = call(merchant, "GET", path + "/secrets").json["secrets"]
    assert call(merchant, "POST", path + "/secrets", {"overlap_hours": 1}).json["former_secret_until"]
    new, former = call(merchant, "GET", path + "/secrets").json["secrets"]
    assert former == old
    test = call(merchant, "POST", path + "/test")
    assert test.status == 202
    heard = receiver.wait_for(lambda heard: heard.path == "/rotating")
    assert heard.headers["webhook-id"] == test.json["deliveries"][0]
    for secret in (old, new):
        assert Webhook(secret).verify(heard.body, heard.headers)["type"] == "webhook.test"


BAD_ENDPOINTS: list[tuple[object, str]] = [
    ({}, "missing_key"), ({"url": "https://shop.example.com/"}, "missing_key"),
    ({"types": ["order.scored"]}, "missing_key"),
    ({"url": "http://shop.example.com/", "types": ["order.scored"]}, "bad_address"),
    ({"url": "https://shop.example.com:22/", "types": ["order.scored"]}, "bad_address"),
    ({"url": "ftp://shop.example.com/", "types": ["order.scored"]}, "bad_address"),
    ({"url": "https://u:p@shop.example.com/", "types": ["order.scored"]}, "bad_address"),
    ({"url": 7, "types": ["order.scored"]}, "bad_address"),
    ({"url": "https://" + "a" * 3_000, "types": ["order.scored"]}, "bad_address"),
    ({"url": "https://shop.example.com/", "types": []}, "bad_value"),
    ({"url": "https://shop.example.com/", "types": ["order.scored", "order.scored"]}, "bad_value"),
    ({"url": "https://shop.example.com/", "types": ["order.*"]}, "bad_value"),
    ({"url": "https://shop.example.com/", "types": ["order.scored"], "ordering": "fifo"}, "bad_value"),
    ({"url": "https://shop.example.com/", "types": ["order.scored"], "enabled": 1}, "bad_value"),
    ({"url": "https://shop.example.com/", "types": ["order.scored"], "description": "x" * 400}, "bad_value"),
    ({"url": "https://shop.example.com/", "types": ["order.scored"], "secret": "x"}, "bad_value"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code"), BAD_ENDPOINTS, ids=lambda value: str(value)[:60])
def test_an_endpoint_that_cannot_be_is_refused_and_leaves_nothing(merchant: Shop, body: object, code: str) -> None:
    before = call(merchant, "GET", "/webhook-endpoints").json
    reply = call(merchant, "POST", "/webhook-endpoints", body)
    assert (reply.status, reply.json["code"]) == (400, code), reply.body
    assert call(merchant, "GET", "/webhook-endpoints").json == before


def test_a_body_that_is_too_large_is_refused(merchant: Shop) -> None:
    body = {"verdict": "approve", "message": "x" * 300_000}
    assert call(merchant, "POST", "/orders/never-seen/decisions", body).status == 413
    assert call(merchant, "POST", "/webhook-endpoints", {"url": "x" * 300_000}).status == 413


@pytest.mark.parametrize(
    ("order", "body", "status"),
    [("never-seen", {"verdict": "approve"}, 404), ("known", {}, 400), ("known", {"verdict": "approved"}, 400),
     ("known", {"verdict": "approve", "message": 7}, 400), ("known", {"verdict": "approve", "why": "x"}, 400),
     ("known", {"verdict": "approve", "author": "x" * 2_001}, 400), ("known", [], 400)],
)  # fmt: skip
def test_a_decision_that_cannot_be_taken_leaves_nothing(merchant: Shop, order: str, body: object, status: int) -> None:
    order_id = fresh("order")
    merchant.taken("createOrder", {"_orderId": order_id, "_userId": fresh("user")})
    before = merchant.stored()
    reply = call(merchant, "POST", f"/orders/{order_id if order == 'known' else order}/decisions", body)
    assert reply.status == status, reply.body
    assert merchant.stored() == before


def test_an_analyst_can_tell_the_shop_an_address_and_a_paid_link(merchant: Shop, receiver: Receiver) -> None:
    order_id = fresh("order")
    merchant.taken("createOrder", {"_orderId": order_id, "_userId": fresh("user")})
    path = f"/orders/{order_id}/postbacks"
    address = {"purpose": "shipping_address", "shipping_address": {"name": "Asha Rao", "city": "Pune"}}
    assert call(merchant, "POST", path, address).json["code"] == "not_listening"
    more = {"shipping_address_postback": receiver.url + "/address", "url": receiver.url + "/general"}
    body = json.dumps({**more, "secret": merchant.key})
    assert merchant.served.request("POST", "/neo/v1/addpostbackurl/", body).status == 200
    assert call(merchant, "POST", path, address).status == 202
    heard = receiver.wait_for(lambda heard: heard.path == "/address")
    assert heard.headers["x-thirdwatch-api-key"] == merchant.key
    keys = ("name", "address1", "address2", "city", "region", "zipcode", "country")
    assert told(heard) == {
        "order_id": order_id,
        "shipping_address": {**dict.fromkeys(keys, ""), "name": "Asha Rao", "city": "Pune"},
    }
    link = {
        "payment_link": "https://pay.example.com/1",
        "discount": "50",
        "payment_amount": "449",
        "order_amount": "499",
    }
    assert call(merchant, "POST", path, {"purpose": "payment_link", "payment_link": link}).status == 202
    assert told(receiver.wait_for(lambda heard: heard.path == "/general")) == {
        "entity": "payment_link",
        "api_key": merchant.key,
        "payload": {"order_id": order_id, "status": "paid", **link},
    }
    for bad in ({}, {"purpose": "x"}, {"purpose": "payment_link"}, {**address, "shipping_address": {"street": "x"}},
                {**address, "more": 1}, {"purpose": "shipping_address", "shipping_address": {"city": 7}}):  # fmt: skip
        assert call(merchant, "POST", path, bad).status == 400
    assert call(merchant, "POST", "/orders/never-seen/postbacks", address).status == 404


def test_magento_is_tried_out_with_what_it_understands(tmp_path: Any, receiver: Receiver) -> None:
    settings = {"FOURTHWATCH_PRIVATE_RECEIVERS": f"127.0.0.1:{receiver.port}"}
    with Served(tmp_path, environment=settings) as served:
        shop = Shop(served, served.key("ingest", "manage"))
        assert call(shop, "POST", "/postbacks/test").json["code"] == "not_listening"
        addresses = {
            "score_postback": receiver.url + "/index.php/thirdwatch/postback/score/",
            "action_postback": receiver.url + "/index.php/thirdwatch/postback/action/",
        }
        body = json.dumps({**addresses, "secret": shop.key})
        assert served.request("POST", "/neo/v1/addpostbackurl/", body).status == 200
        assert len(call(shop, "POST", "/postbacks/test").json["deliveries"]) == 2
        for path in addresses.values():
            heard = receiver.wait_for(lambda heard, path=path: path.endswith(heard.path))  # type: ignore[misc]
            assert heard.body == b'{"test":true}'
        woo = {name: receiver.url + f"/?wc-api={name}" for name in addresses}
        body = json.dumps({**woo, "secret": shop.key})
        assert served.request("POST", "/neo/v1/addpostbackurl/", body).status == 200
        assert call(shop, "POST", "/postbacks/test").json["code"] == "not_listening"


def test_another_tenants_deliveries_and_endpoints_are_not_there(merchant: Shop, receiver: Receiver) -> None:
    made = endpoint(merchant, receiver, "/mine", ["list.changed"])
    other = merchant.served.key("ingest", "read", "manage", tenant="another")
    stranger = Shop(merchant.served, other)
    delivery = call(merchant, "GET", "/deliveries").json["deliveries"][0]
    for path in (
        f"/webhook-endpoints/{made['id']}",
        f"/webhook-endpoints/{made['id']}/secrets",
        f"/deliveries/{delivery['id']}",
    ):
        assert call(stranger, "GET", path).status == 404
    for method, path in (
        ("POST", f"/deliveries/{delivery['id']}/replay"), ("DELETE", f"/webhook-endpoints/{made['id']}"),
        ("POST", f"/webhook-endpoints/{made['id']}/test"), ("POST", f"/webhook-endpoints/{made['id']}/secrets"),
    ):  # fmt: skip
        assert call(stranger, method, path, {}, If_Match="*").status == 404
    for path in ("/deliveries", "/webhook-endpoints", "/cases"):
        assert not next(iter(call(stranger, "GET", path).json.values()))
    assert call(stranger, "GET", f"/deliveries?after={delivery['id']}").status == 400
    assert call(stranger, "POST", "/deliveries/replay", {"ids": [delivery["id"]]}).json["deliveries"] == 0


def test_a_query_or_choice_that_cannot_be_read_is_refused(merchant: Shop) -> None:
    for path in ("/cases?status=half", "/deliveries?after=x", "/deliveries?cursor=x", "/deliveries?limit=0"):
        assert_error(call(merchant, "GET", path), 400)
    for body in ({}, {"cursor": "x"}, {"ids": "x"}, {"ids": [1]}, {"receiver": 1}, {"created_to_ms": -1}, {"when": 1}):
        assert call(merchant, "POST", "/deliveries/replay", body).status == 400


def test_the_sender_comes_back_when_it_is_killed_with_the_server(merchant: Shop, receiver: Receiver) -> None:
    endpoint(merchant, receiver, "/restarted", ["order.scored"])
    served = merchant.served
    for _ in range(3):
        order_id = fresh("order")
        merchant.taken("createOrder", {"_orderId": order_id, "_userId": fresh("user")})
        served.kill()
        served.start()
        receiver.wait_for(lambda heard, order_id=order_id: (  # type: ignore[misc]
            heard.path == "/restarted" and order_id.encode() in heard.body
        ))  # fmt: skip


def test_a_receiver_that_fails_is_tried_again(merchant: Shop, receiver: Receiver) -> None:
    made = endpoint(merchant, receiver, "/failing", ["order.scored"])
    receiver.answer = lambda heard: Told(500 if heard.path == "/failing" else 200)
    merchant.taken("createOrder", {"_orderId": fresh("order"), "_userId": fresh("user")})
    receiver.wait_for(lambda heard: heard.path == "/failing")
    path = f"/deliveries?receiver={made['id']}"
    shown = asked_until(merchant, path, lambda shown: shown["deliveries"] and shown["deliveries"][0]["due_at"])
    assert shown["deliveries"][0]["state"] == "waiting"
    receiver.answer = lambda heard: Told()
