"""Custom events: anything a shop wants to tell, kept to the byte, found again, and able to move an order along."""

import json
from typing import Any

import pytest

from contract.shop import Shop, fresh

pytestmark = pytest.mark.slow

NESTED = {
    "text": "Größe „XL“ \U0001f6d2",
    "number": 12.50,
    "big": 9007199254740993,
    "flag": False,
    "nothing": None,
    "empty": "",
    "list": [1, "2", [3.0, {"deep": [{}]}], []],
    "object": {"a": {"b": {"c": {"d": "e"}}}, "": "a key without a name"},
}


def named(shop: Shop, **body: Any) -> str | None:
    """The name that a custom event of this body gets."""
    name: str | None = shop.event(shop.taken("custom_event", {"_userId": "u", **body})["event_id"])["name"]
    return name


@pytest.mark.parametrize("absent", range(8))
def test_the_name_is_looked_for_in_the_contracts_order(shop: Shop, absent: int) -> None:
    top = ["_eventName", "_event", "_name", "_type"]
    places = [(key, None) for key in top] + [("_customInfo", key.removeprefix("_")) for key in top]
    body: dict[str, Any] = {"_orderId": fresh(), "_customInfo": {"other": "x"}}
    for number, (key, inside) in enumerate(places[absent:], absent):
        if inside is None:
            body[key] = f"name {number}"
        else:
            body["_customInfo"][inside] = f"name {number}"
    assert named(shop, **body) == f"name {absent}"


def test_a_custom_event_without_a_name_is_called_custom(shop: Shop) -> None:
    assert named(shop) == "custom"
    assert named(shop, _customInfo={}) == "custom"
    assert named(shop, _eventName="", _customInfo={"_name": "underscored", "eventName": " "}) == "custom"


@pytest.mark.parametrize("value", [7, True, ["a"], {"a": 1}, None, "", "  "])
def test_what_is_not_a_text_is_not_a_name_and_the_next_place_counts(shop: Shop, value: object) -> None:
    assert named(shop, _eventName=value, _name="right") == "right"


@pytest.mark.parametrize("body", [{}, {"_customInfo": {}}, {"_customInfo": None}, {"_customInfo": ""}])
def test_an_empty_custom_event_is_taken_without_a_warning(shop: Shop, body: dict[str, Any]) -> None:
    receipt = shop.taken("custom_event", {"_userId": fresh("user"), **body})
    assert receipt["warnings"] == []


@pytest.mark.parametrize("place", ["top", "inside"])
def test_fields_of_every_type_and_depth_come_back_as_they_were_without_a_warning(shop: Shop, place: str) -> None:
    order_id = fresh("order")
    fields = NESTED if place == "top" else {"_customInfo": NESTED}
    body = {"_userId": fresh("user"), "_orderId": order_id, "_eventName": "wishlist_shared", **fields}
    receipt = shop.taken("custom_event", body)
    assert receipt["warnings"] == []
    assert shop.event(receipt["event_id"])["body"] == body
    assert shop.order(order_id)["timeline"][0]["body"] == body


def test_the_body_comes_back_byte_for_byte_by_id_and_in_the_orders_timeline(shop: Shop) -> None:
    order_id = fresh("order")
    text = (
        '{ "_userId":"u",\r\n\t"_orderId" : "ORDER", "_name":"caf\\u00e9 \u00e9\\/", "b":1.50e+2, "a": [ ] ,'
        '"_customInfo":{"z":{"y":[true,null,-0.0]},"":"x"}}  \n'
    )
    raw = text.replace("ORDER", order_id).encode()
    reply = shop.post("/event/v1/custom_event", raw)
    assert reply.status == 200, reply.body
    shown = shop.get(f"/api/v1/events/{reply.json['event_id']}")
    assert shown.json["name"] == "café é/"
    assert b'"body":' + raw + b',"warnings"' in shown.body
    assert b'"body":' + raw + b',"warnings"' in shop.get(f"/api/v1/orders/{order_id}").body


def test_a_custom_event_info_that_is_no_object_is_kept_and_warned_about(shop: Shop) -> None:
    body = {"_userId": fresh("user"), "_customInfo": "just a text"}
    receipt = shop.taken("custom_event", body)
    assert [warning["pointer"] for warning in receipt["warnings"]] == ["/_customInfo"]
    assert shop.event(receipt["event_id"])["body"] == body


def test_a_custom_event_with_a_status_moves_the_order_along(shop: Shop) -> None:
    order_id, user = fresh("order"), fresh("user")
    placed = {"_orderId": order_id, "_userId": user, "_amount": "10"}
    shop.taken("createOrder", placed)
    assert (shop.order(order_id)["status"], shop.order(order_id)["state"]) == (None, None)
    steps = [
        ("packed at the warehouse", "other"),
        ("_wo_on-hold", "held"),
        ("_rto", "rto"),
        ("_fulfilled", "fulfilled"),
    ]
    for status, state in steps:
        shop.taken("custom_event", {"_orderId": order_id, "_eventName": "courier", "_orderStatus": status})
        order = shop.order(order_id)
        assert (order["status"], order["state"]) == (status, state)
        assert order["order"] == placed
        assert order["user_id"] == user
    shop.taken("custom_event", {"_orderId": order_id, "_eventName": "photo taken"})
    shop.taken("custom_event", {"_orderId": order_id, "_orderStatus": ""})
    assert shop.order(order_id)["status"] == "_fulfilled"
    assert [entry["event"] for entry in shop.order(order_id)["timeline"]] == ["createOrder", *["custom_event"] * 6]


def test_an_order_returned_by_a_custom_event_counts_against_its_user(shop: Shop) -> None:
    user = fresh("user")
    first, second = fresh("order"), fresh("order")
    shop.taken("createOrder", {"_orderId": first, "_userId": user})
    shop.taken("custom_event", {"_orderId": first, "_eventName": "courier", "_orderStatus": "_rto"})
    shop.taken("createOrder", {"_orderId": second, "_userId": user})
    assert shop.features(second)["rto_ever"] == 1


def test_a_custom_event_about_an_order_that_was_never_placed_makes_its_timeline(shop: Shop) -> None:
    order_id = fresh("order")
    shop.taken("custom_event", {"_orderId": order_id, "_eventName": "draft saved"})
    order = shop.order(order_id)
    assert (order["order"], order["decision"], order["user_id"]) == (None, None, None)
    assert [entry["name"] for entry in order["timeline"]] == ["draft saved"]


def test_a_timeline_is_paged_without_losing_or_repeating_anything(shop: Shop) -> None:
    order_id = fresh("order")
    sent = [shop.taken("custom_event", {"_orderId": order_id, "number": number})["event_id"] for number in range(7)]
    got: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = shop.get(f"/api/v1/orders/{order_id}?limit=3" + (cursor and f"&cursor={cursor}")).json
        assert len(page["timeline"]) <= 3
        got += [entry["event_id"] for entry in page["timeline"]]
        cursor = page["next"]
    assert got == sent


@pytest.mark.parametrize(
    "event",
    ["custom_event", "login", "add_to_cart", "tag", "order_status", "chargeback", "create_account", "send_message"],
)
def test_any_event_is_answered_with_a_decision_when_asked(shop: Shop, event: str) -> None:
    body = {"_userId": fresh("user"), "_orderId": fresh("order")}
    silent = shop.taken(event, {**body, "_sessionId": fresh()})
    asked = shop.taken(event, {**body, "_sessionId": fresh()}, query="return_score=true")
    assert {"score", "flag", "verdict", "reasons"} & set(silent) == set()
    assert type(asked["score"]) is int
    assert asked["flag"] in ("red", "green")
    assert asked["verdict"] in ("approve", "review", "decline")
    stored = shop.event(asked["event_id"])["decision"]
    assert (stored["score"], stored["reasons"]) == (asked["score"], asked["reasons"])


@pytest.mark.parametrize(
    "query",
    [
        "return_score=false",
        "return_score=",
        "return_scores=true",
        "score=true",
        "no_return_score=true",
        "return_score=truer",
    ],
)
def test_other_queries_ask_for_no_decision(shop: Shop, query: str) -> None:
    assert "score" not in shop.taken("login", {"_userId": fresh("user")}, query=query)


def test_card_data_in_a_custom_event_is_masked_and_everything_else_kept(shop: Shop) -> None:
    number = "4111111111111111"
    body = {"_userId": fresh("user"), "_customInfo": {"note": f"card {number} please", "cvv": "123", "size": "XL"}}
    receipt = shop.taken("custom_event", body)
    assert receipt["warnings"]
    stored = shop.event(receipt["event_id"])["body"]
    assert number not in json.dumps(stored)
    assert stored["_customInfo"]["size"] == "XL"
    assert stored["_customInfo"]["cvv"] != "123"
    contents = [path.read_bytes() for path in shop.served.directory.rglob("*") if path.is_file()]
    assert not any(number.encode() in content for content in contents)
