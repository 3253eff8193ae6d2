"""A retry has no second effect and gets the first answer, for as long as the event is kept."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from contract.shop import Shop, assert_error, fresh
from served import KEY_HEADER, Reply, Served

pytestmark = pytest.mark.slow

COPIES = 64


def copies(shop: Shop, path: str, body: bytes, **headers: str) -> list[Reply]:
    """The answers to many copies of one request, sent at once."""
    named = {KEY_HEADER: shop.key, **{name.replace("_", "-"): value for name, value in headers.items()}}
    with ThreadPoolExecutor(COPIES) as pool:
        return list(pool.map(lambda _: shop.served.request("POST", path, body, named), range(COPIES)))


@pytest.mark.parametrize(
    ("event", "body", "headers"),
    [
        ("createOrder", {"_amount": "10"}, {}),
        ("createOrder", {"_amount": "10", "_originTimestamp": "1524585600000"}, {}),
        ("transaction", {"_transactionStatus": "_failure"}, {}),
        ("order_status", {"_orderStatus": "_rto"}, {}),
        ("login", {"_originTimestamp": "1524585600000"}, {}),
        ("login", {}, {"Idempotency_Key": "k"}),
        ("custom_event", {"_eventName": "x"}, {"Idempotency_Key": "k"}),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_many_copies_at_once_have_one_effect_and_equal_answers(
    shop: Shop, event: str, body: dict[str, Any], headers: dict[str, str]
) -> None:
    full = {"_userId": fresh("user"), "_orderId": fresh("order"), **body}
    named = {name: fresh(value) for name, value in headers.items()}
    before = shop.stored()
    replies = copies(shop, f"/event/v1/{event}", json.dumps(full).encode(), **named)
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert sum("fourthwatch-replayed" not in reply.headers for reply in replies) == 1
    assert shop.stored() == before + 1
    assert len(shop.order(full["_orderId"])["timeline"]) == 1


def test_a_payment_repeated_counts_once(shop: Shop) -> None:
    user, order_id = fresh("user"), fresh("order")
    shop.taken("createOrder", {"_orderId": order_id, "_userId": user})
    body = {"_orderId": order_id, "_userId": user, "_transactionStatus": "_failure"}
    copies(shop, "/event/v1/transaction", json.dumps(body).encode())
    second = fresh("order")
    shop.taken("createOrder", {"_orderId": second, "_userId": user})
    assert shop.features(second)["failed_transactions_24h"] == 1


def test_the_order_of_keys_and_blanks_does_not_make_another_event(shop: Shop) -> None:
    order_id = fresh("order")
    first = shop.post("/event/v1/createOrder", f'{{"_orderId":"{order_id}","_userId":"u"}}')
    second = shop.post("/event/v1/createOrder", f'{{ "_userId": "u",\n  "_orderId": "{order_id}" }}')
    assert first.body == second.body
    assert second.headers["fourthwatch-replayed"] == "true"


def test_the_same_idempotency_key_with_another_body_is_422_and_leaves_nothing(shop: Shop) -> None:
    key = fresh("key")
    first = shop.send("login", {"_userId": "u"}, Idempotency_Key=key)
    before = shop.stored()
    assert_error(shop.send("login", {"_userId": "v"}, Idempotency_Key=key), 422)
    of_another_kind = shop.send("logout", {"_userId": "u"}, Idempotency_Key=key)
    assert_error(of_another_kind, 422)
    assert "was used before with another request" in of_another_kind.json["message"]
    assert shop.stored() == before
    assert shop.send("login", {"_userId": "u"}, Idempotency_Key=key).body == first.body


def test_conflicting_bodies_under_one_key_at_once_leave_one_event(shop: Shop) -> None:
    key, before = fresh("key"), shop.stored()
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda n: shop.send("login", {"_userId": f"u{n}"}, Idempotency_Key=key), range(16)))
    assert sorted(reply.status for reply in replies) == [200] + [422] * 15
    assert shop.stored() == before + 1


def test_the_same_idempotency_key_of_another_merchant_is_another_event(shop: Shop) -> None:
    stranger = shop.served.key("ingest", tenant=fresh("stranger"))
    key = fresh("key")
    mine = shop.taken("login", {"_userId": "u"}, Idempotency_Key=key)
    theirs = shop.served.send(stranger, "login", {"_userId": "other"}, Idempotency_Key=key)
    assert theirs.status == 200
    assert theirs.json["event_id"] != mine["event_id"]


@pytest.mark.parametrize("key", ["", "x" * 256], ids=["empty", "long"])
def test_an_idempotency_key_of_unfit_length_is_400(shop: Shop, key: str) -> None:
    assert_error(shop.send("login", {"_userId": "u"}, Idempotency_Key=key), 400)


def test_an_untimed_status_that_goes_back_and_forth_is_three_events_and_said_twice_is_one(shop: Shop) -> None:
    order_id = fresh("order")
    ids = [
        shop.taken("order_status", {"_orderId": order_id, "_orderStatus": status})["event_id"]
        for status in ("_held", "_held", "_approved", "_held", "_held")
    ]
    assert len(set(ids)) == 3
    assert ids[0] == ids[1] != ids[3] == ids[4]
    timeline = shop.order(order_id)["timeline"]
    assert [entry["body"]["_orderStatus"] for entry in timeline] == ["_held", "_approved", "_held"]


def test_a_tag_cleared_and_set_again_is_three_events(shop: Shop) -> None:
    user = fresh("user")
    tag = {"_userId": user, "_isBad": True}
    ids = [shop.taken(event, tag)["event_id"] for event in ("tag", "tag", "untag", "tag")]
    assert len(set(ids)) == 3
    order_id = fresh("order")
    shop.taken("createOrder", {"_orderId": order_id, "_userId": user})
    assert shop.features(order_id)["bad_tags"] == 1


def test_untimed_logins_and_custom_events_are_new_each_time(shop: Shop) -> None:
    for event in ("login", "add_to_cart", "custom_event"):
        body = (
            {"_userId": fresh("user"), "_orderId": fresh("order")} if event == "custom_event" else {"_userId": fresh()}
        )
        assert shop.taken(event, body)["event_id"] != shop.taken(event, body)["event_id"]


def test_the_same_content_at_another_time_or_of_another_kind_is_another_event(shop: Shop) -> None:
    user = fresh("user")
    ids = {
        shop.taken(event, {"_userId": user, "_originTimestamp": sent})["event_id"]
        for event in ("login", "logout")
        for sent in ("1524585600000", "1524585600001", "1524585600000")
    }
    assert len(ids) == 4


def test_retries_are_recognised_after_a_stop_and_after_a_kill(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Served(tmp_path_factory.mktemp("restarted")) as served:
        shop = Shop(served, served.key("ingest", "read"))
        sends: list[tuple[str, dict[str, Any], dict[str, str]]] = [
            ("createOrder", {"_orderId": "o", "_userId": "u"}, {}),
            ("transaction", {"_orderId": "o", "_userId": "u", "_transactionStatus": "_failure"}, {}),
            ("login", {"_userId": "u", "_originTimestamp": "1524585600000"}, {}),
            ("login", {"_userId": "u"}, {"Idempotency_Key": "k"}),
            ("tag", {"_userId": "u", "_isBad": True}, {}),
        ]
        first = [shop.send(event, body, **headers) for event, body, headers in sends]
        for end in (served.stop, served.kill):
            end()
            served.start()
            again = [shop.send(event, body, **headers) for event, body, headers in sends]
            assert [reply.body for reply in again] == [reply.body for reply in first]
            assert all(reply.headers["fourthwatch-replayed"] == "true" for reply in again)
            assert shop.stored() == len(sends)
            assert_error(shop.send("login", {"_userId": "v"}, Idempotency_Key="k"), 422)
        shop.taken("createOrder", {"_orderId": "p", "_userId": "u"})
        features = shop.features("p")
        assert (features["failed_transactions_24h"], features["bad_tags"]) == (1, 1)
