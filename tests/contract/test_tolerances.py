"""The contract's open points (section 9) and the choices made there, each one held on the served program.

`row N` in a comment is the row of that table.
"""

import json
from typing import Any
from urllib.parse import quote

import pytest

from contract.shop import Shop, assert_error, fresh
from served import KEY_HEADER, Served

pytestmark = pytest.mark.slow

GO = "Swagger-Codegen/0.0.1/go"
PYTHON = "Swagger-Codegen/0.0.3/python"
NAMED = {
    "createOrder": {"_orderId": "o", "_userId": "u"},
    "update_order": {"_orderId": "o", "_userId": "u"},
    "transaction": {"_orderId": "o", "_transactionStatus": "_success", "_userId": "u"},
}


def ordered(shop: Shop, **more: Any) -> str:
    """The id of an order that was just submitted; `more` are wire keys without the underscore."""
    order_id = fresh("order")
    shop.taken("createOrder", {"_orderId": order_id, **{"_" + key: value for key, value in more.items()}})
    return order_id


def codes(receipt: dict[str, Any]) -> dict[str, str]:
    """Warnings of a receipt: code by pointer."""
    return {warning["pointer"]: warning["code"] for warning in receipt["warnings"]}


# Row 6: who it is about.


@pytest.mark.parametrize("anchor", ["_userId", "_sessionId", "_orderId", "_transactionId", "_itemId"])
def test_an_event_with_a_single_anchor_is_taken(shop: Shop, anchor: str) -> None:
    shop.taken("custom_event", {anchor: fresh()})


@pytest.mark.parametrize(
    "body", [{}, {"_deviceIp": "203.0.113.9"}, {"_userId": "", "_sessionId": ""}, {"_userId": None}]
)
def test_an_event_that_names_nobody_is_refused(shop: Shop, body: dict[str, Any]) -> None:
    assert shop.refused("login", body)["code"] == "no_anchor"


def test_an_order_status_with_nothing_but_the_order_inherits_the_orders_user(shop: Shop) -> None:
    user = fresh("user")
    shop.taken("create_account", {"_userId": user})
    order_id = ordered(shop, userId=user)
    shop.taken("order_status", {"_orderId": order_id, "_orderStatus": "_wo_completed"})
    assert shop.features(ordered(shop, userId=user))["delivered_ever"] == 1


def test_an_order_without_user_and_session_is_taken_and_tied_to_its_email(shop: Shop) -> None:
    email = f"{fresh('guest')}@example.com"
    order_id = ordered(shop, userEmail=email)
    shop.taken("order_status", {"_orderId": order_id, "_orderStatus": "_rto"})
    assert shop.features(ordered(shop, userEmail=email))["rto_ever"] == 1
    assert shop.features(ordered(shop, userEmail=f"{fresh('guest')}@example.com"))["rto_ever"] == 0


# Rows 7 and 8: sessions and users.


def test_a_known_session_id_in_the_place_of_the_user_is_a_guest(shop: Shop) -> None:
    session = fresh("session")
    shop.taken("add_to_cart", {"_sessionId": session})
    features = shop.features(ordered(shop, userId=session))
    assert features["account_age"] is None
    assert features["cart_changes_1h"] == 1


def test_what_a_linked_session_does_counts_for_its_user(shop: Shop) -> None:
    session, user = fresh("session"), fresh("user")
    shop.taken("add_to_cart", {"_sessionId": session})
    shop.taken("link_session_to_user", {"_sessionId": session, "_userId": user})
    ordered(shop, sessionId=session)
    assert shop.features(ordered(shop, userId=user))["orders_by_user_24h"] == 1


def test_both_ids_on_an_event_that_does_not_link_them_do_not_merge_them(shop: Shop) -> None:
    session, user = fresh("session"), fresh("user")
    shop.taken("create_account", {"_userId": user})
    shop.taken("add_to_cart", {"_sessionId": session, "_userId": user})
    ordered(shop, sessionId=session)
    assert shop.features(ordered(shop, sessionId=session))["account_age"] is None
    assert shop.features(ordered(shop, userId=user))["orders_by_user_24h"] == 0


@pytest.mark.parametrize("event", ["login", "create_account", "link_session_to_user"])
def test_both_ids_on_an_event_that_links_them_merge_them(shop: Shop, event: str) -> None:
    session, user = fresh("session"), fresh("user")
    shop.taken(event, {"_sessionId": session, "_userId": user})
    assert shop.features(ordered(shop, sessionId=session))["account_age"] is not None


# Rows 12 and 13: what nobody knows, and what has another type.


def test_unknown_keys_and_values_are_kept_and_warned_about(shop: Shop) -> None:
    body = {"_userId": fresh(), "_loginStatus": "_perhaps", "_shoeSize": 43, "_sesionId": "s", "plain": {"a": [1]}}
    receipt = shop.taken("login", body)
    assert codes(receipt) == {"/_shoeSize": "unknown_key", "/_sesionId": "unknown_key", "/plain": "unknown_key"}
    assert any("_sessionId" in warning["message"] for warning in receipt["warnings"])
    assert shop.event(receipt["event_id"])["body"] == body


def test_numbers_for_texts_and_texts_for_numbers_are_coerced_with_a_warning(shop: Shop) -> None:
    order_id = fresh("order")
    receipt = shop.taken(
        "createOrder",
        {"_orderId": order_id, "_userId": 1001, "_amount": 500, "_isPrePaid": "true", "_isGift": 0,
         "_items": [{"_itemId": "i", "_quantity": "2", "_price": 12.5}]},
    )  # fmt: skip
    pointers = {"/_userId", "/_amount", "/_isPrePaid", "/_isGift", "/_items/0/_quantity", "/_items/0/_price"}
    assert codes(receipt) == dict.fromkeys(pointers, "coerced")
    assert shop.features(order_id)["amount"] == 500
    assert shop.order(order_id)["user_id"] == "1001"


def test_impossible_values_are_kept_as_sent_and_not_used(shop: Shop) -> None:
    order_id = fresh("order")
    body = {"_orderId": order_id, "_userId": "u", "_amount": ["much"], "_isPrePaid": "perhaps", "_items": "none",
            "_billingAddress": 7}  # fmt: skip
    receipt = shop.taken("createOrder", body)
    assert codes(receipt)["/_amount"] == "ignored"
    assert shop.event(receipt["event_id"])["body"] == body
    assert shop.features(order_id)["amount"] is None


# Row 14: times.


@pytest.mark.parametrize(
    "sent", ["1524585600123", 1524585600123, "1524585600.123", 1524585600.123, "2018-04-24T16:00:00.123Z",
             "2018-04-24T21:30:00.123+05:30", "2018-04-24 16:00:00.123"]
)  # fmt: skip
def test_a_time_is_read_in_every_form_that_senders_use(shop: Shop, sent: str | float) -> None:
    receipt = shop.taken("login", {"_userId": fresh(), "_originTimestamp": sent})
    assert shop.event(receipt["event_id"])["occurred_at"] == "2018-04-24T16:00:00.123Z"


@pytest.mark.parametrize("sent", ["1524585600", 1524585600])
def test_a_time_in_seconds_as_magento_2_sent_it_is_read_as_seconds(shop: Shop, sent: str | int) -> None:
    receipt = shop.taken("login", {"_userId": fresh(), "_originTimestamp": sent})
    assert shop.event(receipt["event_id"])["occurred_at"] == "2018-04-24T16:00:00.000Z"


@pytest.mark.parametrize(
    ("sent", "code"),
    [("yesterday", "unreadable_time"), (-1, "unreadable_time"), (True, "unreadable_time"), ("0", "unreadable_time"),
     ("9" * 25, "unreadable_time"), ([], "unreadable_time"), ("4102444800000", "future_time")],
)  # fmt: skip
def test_a_time_that_cannot_be_gets_a_warning_and_the_receipts_time(shop: Shop, sent: object, code: str) -> None:
    receipt = shop.taken("login", {"_userId": fresh(), "_originTimestamp": sent})
    assert codes(receipt)["/_originTimestamp"] == code
    stored = shop.event(receipt["event_id"])
    assert stored["occurred_at"] == stored["received_at"]


@pytest.mark.parametrize("body", [{}, {"_originTimestamp": ""}, {"_originTimestamp": None}])
def test_an_absent_time_is_the_receipts_time_without_a_warning(shop: Shop, body: dict[str, Any]) -> None:
    receipt = shop.taken("login", {"_userId": fresh(), **body})
    assert receipt["warnings"] == []
    stored = shop.event(receipt["event_id"])
    assert stored["occurred_at"] == stored["received_at"]


# Row 15: booleans that were not sent.


@pytest.mark.parametrize(
    ("agent", "methods", "cash"),
    [(GO, [], 1), (PYTHON, [], None), (PYTHON, [{"_paymentType": "cod"}], 1),
     (PYTHON, [{"_paymentType": "_creditCard"}], 0), (PYTHON, [{"_paymentGateway": "robu_cod"}], 1)],
)  # fmt: skip
def test_an_absent_boolean_is_false_from_go_and_unknown_or_inferred_from_others(
    shop: Shop, agent: str, methods: list[dict[str, str]], cash: int | None
) -> None:
    order_id = fresh("order")
    body = {"_orderId": order_id, "_userId": fresh("user"), "_paymentMethods": methods}
    shop.taken("createOrder", body, User_Agent=agent)
    assert shop.features(order_id)["first_cash_order"] == cash
    assert shop.order(order_id)["order"] == body


# Rows 16 and 17: tags.


@pytest.mark.parametrize(("body", "tags"), [({"_isBad": True}, 1), ({"_isBad": False}, 0), ({}, 0)])
def test_a_tag_is_bad_only_when_it_says_so(shop: Shop, body: dict[str, Any], tags: int) -> None:
    user = fresh("user")
    shop.taken("tag", {"_userId": user, **body})
    assert shop.features(ordered(shop, userId=user))["bad_tags"] == tags


def test_a_newer_tag_replaces_the_older_of_its_abuse_type_alone(shop: Shop) -> None:
    user = fresh("user")
    shop.taken("tag", {"_userId": user, "_isBad": True, "_abuseType": "_paymentAbuse"})
    shop.taken("tag", {"_userId": user, "_isBad": True, "_abuseType": "_accountAbuse"})
    shop.taken("tag", {"_userId": user, "_isBad": False, "_abuseType": "_paymentAbuse"})
    assert shop.features(ordered(shop, userId=user))["bad_tags"] == 1


def test_untag_clears_its_abuse_type_and_without_one_everything(shop: Shop) -> None:
    user = fresh("user")
    shop.taken("tag", {"_userId": user, "_isBad": True})
    for abuse in ("_paymentAbuse", "_accountAbuse"):
        shop.taken("tag", {"_userId": user, "_isBad": True, "_abuseType": abuse})
    assert shop.features(ordered(shop, userId=user))["bad_tags"] == 3
    shop.taken("untag", {"_userId": user, "_abuseType": "_paymentAbuse"})
    assert shop.features(ordered(shop, userId=user))["bad_tags"] == 2
    shop.taken("untag", {"_userId": user})
    assert shop.features(ordered(shop, userId=user))["bad_tags"] == 0


# Row 18: the same order again.


@pytest.mark.parametrize("event", ["createOrder", "create_order", "update_order"])
def test_an_order_submitted_again_replaces_the_one_before_and_is_decided_again(shop: Shop, event: str) -> None:
    order_id = ordered(shop, userId="u", amount="10", userEmail="asha@example.com")
    first = shop.order(order_id)["decision"]["event_id"]
    receipt = shop.taken(event, {"_orderId": order_id, "_userId": "u", "_amount": "20"})
    order = shop.order(order_id)
    assert order["order"] == {"_orderId": order_id, "_userId": "u", "_amount": "20"}
    assert order["decision"]["event_id"] == receipt["event_id"] != first
    assert order["decision"]["features"]["amount"] == 20
    assert len(order["timeline"]) == 2


def test_update_order_creates_an_order_that_nobody_knew(shop: Shop) -> None:
    order_id = fresh("order")
    receipt = shop.taken("update_order", {"_orderId": order_id, "_userId": "u"})
    assert shop.score(order_id)["score"] == receipt["score"]


# Rows 19 and 20: what is formally required.


@pytest.mark.parametrize("event", sorted(NAMED))
@pytest.mark.parametrize("order_id", ["", None, "absent", {"a": 1}])
def test_an_order_or_payment_without_an_order_id_is_refused(shop: Shop, event: str, order_id: object) -> None:
    body = {**NAMED[event], "_orderId": order_id}
    if order_id == "absent":
        del body["_orderId"]
    error = shop.refused(event, body)
    assert (error["pointer"], error["code"]) == ("/_orderId", "missing_key")


@pytest.mark.parametrize(
    ("status", "failed"), [("absent", 0), ("", 0), ("_success", 0), ("_pending", 0), ("_failure", 1), ("_failed", 1)]
)
def test_a_payment_without_a_status_succeeded_and_failed_means_failure(shop: Shop, status: str, failed: int) -> None:
    user = fresh("user")
    order_id = ordered(shop, userId=user)
    body = {"_orderId": order_id, "_userId": user} | ({} if status == "absent" else {"_transactionStatus": status})
    shop.taken("transaction", body)
    assert shop.features(ordered(shop, userId=user))["failed_transactions_24h"] == failed


# Rows 21 to 25: the score.


def test_the_score_is_there_at_once_and_follows_every_event_that_scores_again(shop: Shop) -> None:
    user = fresh("user")
    order_id = ordered(shop, userId=user)
    assert shop.score(order_id)["order_id"] == order_id
    body = {"_orderId": order_id, "_userId": user, "_isBad": True}
    shop.taken("tag", {"_userId": user, "_isBad": True})
    for event, more in (
        ("transaction", {"_transactionStatus": "_success"}),
        ("order_status", {"_orderStatus": "_held"}),
        ("item_status", {"_itemId": "i", "_itemStatus": "_held"}),
        ("update_order", {}),
        ("createOrder", {"_amount": "7"}),
    ):
        receipt = shop.taken(event, {**body, **more})
        decision = shop.order(order_id)["decision"]
        assert decision["event_id"] == receipt["event_id"], event
        assert decision["features"]["bad_tags"] == 1
        assert shop.score(order_id)["score"] == decision["score"]


def test_the_score_reply_has_the_documented_keys_and_types(shop: Shop) -> None:
    user = fresh("user")
    order_id = ordered(shop, userId=user, originTimestamp="1524585600123", userEmail="asha.rao@example.com")
    answer = shop.score(order_id)
    assert list(answer) == ["order_id", "user_id", "order_timestamp", "score", "flag", "reasons"]
    assert (answer["order_id"], answer["user_id"]) == (order_id, user)
    assert answer["order_timestamp"] == "2018-04-24T16:00:00.123Z"
    assert type(answer["score"]) is int
    assert 0 <= answer["score"] <= 100
    assert answer["reasons"]
    for reason in answer["reasons"]:
        assert list(reason) == ["name", "display_name", "flag", "value", "is_display"]
        assert all(isinstance(reason[key], str) for key in ("name", "display_name", "flag", "value"))
        assert isinstance(reason["is_display"], bool)


def test_a_score_above_the_threshold_is_red_and_the_threshold_itself_is_green(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    directory = tmp_path_factory.mktemp("thresholds")
    flags = []
    threshold = "70"
    for step in (0, -1, 0):
        with Served(directory, environment={"FOURTHWATCH_RED_ABOVE": threshold}) as served:
            shop = Shop(served, served.key("ingest", "read"))
            score = shop.taken("createOrder", {"_orderId": fresh("order"), "_userId": fresh("user")})
            flags.append(score["flag"])
        threshold = str(score["score"] + (-1 if step == 0 else 0))
    assert flags == ["green", "red", "green"]


def test_only_red_and_green_leave_the_system(shop: Shop) -> None:
    user = fresh("user")
    shop.taken("tag", {"_userId": user, "_isBad": True})
    bad = shop.score(ordered(shop, userId=user))
    good = shop.score(ordered(shop, userId=fresh("user")))
    assert (bad["flag"], good["flag"]) == ("red", "green")
    assert bad["score"] > 70 >= good["score"]


def test_the_score_of_an_unknown_order_is_404_and_with_a_wrong_key_401(shop: Shop) -> None:
    order_id = ordered(shop, userId="u")
    assert_error(shop.get("/neo/v1/score?order_id=never-seen"), 404)
    assert_error(shop.get("/neo/v1/score"), 400)
    assert_error(shop.get("/neo/v1/score?order_id="), 400)
    for query in (f"order_id={order_id}", f"order_id={order_id}&api_key=", f"order_id={order_id}&api_key=wrong"):
        assert_error(shop.served.request("GET", f"/neo/v1/score?{query}"), 401)


# Row 27: slashes, doubled bases and other names.


@pytest.mark.parametrize("base", ["/event/v1", "/event/event/v1", "/event/event", "/event//v1", "/event//event"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [("createOrder", "createOrder"), ("create_order", "createOrder"), ("item_status", "item_status"), ("tag", "tag"),
     ("tag_user", "tag"), ("untag", "untag"), ("un_tag", "untag"), ("untag_user", "untag"),
     ("custom_event", "custom_event"), ("custom", "custom_event"), ("customEvent", "custom_event")],
)  # fmt: skip
def test_every_alias_is_served_with_and_without_a_slash(shop: Shop, base: str, name: str, kind: str) -> None:
    for slash in ("", "/"):
        body = json.dumps({"_orderId": fresh("order"), "_userId": fresh("user")})
        reply = shop.post(f"{base}/{name}{slash}", body)
        assert reply.status == 200, reply.body
        assert shop.event(reply.json["event_id"])["event"] == kind


@pytest.mark.parametrize("path", ["/neo/v1/score", "/neo/v1/score/", "/v1/get/score", "/event/v1/get/score"])
def test_the_score_is_served_where_it_was_ever_documented(shop: Shop, path: str) -> None:
    order_id = ordered(shop, userId="u")
    reply = shop.served.request("GET", f"{path}?api_key={shop.key}&order_id={order_id}")
    assert reply.status == 200
    assert reply.json["order_id"] == order_id


def test_ids_are_kept_as_they_are_and_never_folded_together(shop: Shop) -> None:
    base = fresh("Zoë")
    ids = [
        base,
        base.upper(),
        base + " ",
        " " + base,
        base.replace("ë", "e\u0308"),
        base + "/",
        base + "?a=b&c",
        base + "\u202e",
    ]
    for order_id in ids:
        body = json.dumps({"_orderId": order_id, "_userId": "u"})
        assert shop.served.request("POST", "/event/v1/createOrder", body, {KEY_HEADER: shop.key}).status == 200
    for order_id in ids:
        order = shop.order(quote(order_id, safe=""))
        assert order["order_id"] == order_id
        assert len(order["timeline"]) == 1
