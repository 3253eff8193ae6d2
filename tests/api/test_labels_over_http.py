"""Labels: what is true stands apart from what was decided; who outranks whom; nothing that was told is lost."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contract.shop import Shop, fresh
from served import Served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Served(tmp_path_factory.mktemp("labels")) as served:
        yield Shop(served, served.key("ingest", "read", "manage"))


def label(shop: Shop, status: int = 201, **body: str) -> dict[str, Any]:
    reply = shop.post("/api/v1/labels", json.dumps(body))
    assert reply.status == status, reply.body
    told: dict[str, Any] = reply.json
    return told


def order_of(shop: Shop, user: str | None = None) -> str:
    order_id = fresh("order")
    shop.taken("createOrder", {"_orderId": order_id, "_userId": user or fresh("user"), "_amount": "10"})
    return order_id


def labels(shop: Shop, order_id: str) -> dict[str, Any]:
    reply = shop.get(f"/api/v1/orders/{order_id}/labels")
    assert reply.status == 200, reply.body
    told: dict[str, Any] = reply.json
    return told


def test_nothing_is_true_of_an_order_before_somebody_says_so_whatever_was_decided(shop: Shop) -> None:
    told = labels(shop, order_of(shop))
    assert (told["is_fraud"], told["by"], told["outcome"], told["labels"]) == (None, None, None, [])
    assert told["decision"]["verdict"] in ("approve", "review", "decline")


def test_the_bank_stands_over_an_analyst_and_an_analyst_over_the_shop_and_over_a_rule(shop: Shop) -> None:
    user = fresh("user")
    order_id = order_of(shop, user)
    ruled = {"label": "good", "source": "rule", "author": "rule_7"}
    shop.taken("custom_event", {"_orderId": order_id, "_eventName": "order_labelled", "_customInfo": ruled})
    assert (labels(shop, order_id)["is_fraud"], labels(shop, order_id)["by"]["source"]) == (False, "rule")
    shop.taken("tag", {"_userId": user, "_isBad": True})
    assert (labels(shop, order_id)["is_fraud"], labels(shop, order_id)["by"]["source"]) == (True, "shop")
    label(shop, order_id=order_id, label="good", reason="called them", author="dana")
    told = labels(shop, order_id)
    assert (told["is_fraud"], told["by"]["source"], told["by"]["author"]) == (False, "analyst", "dana")
    shop.taken("chargeback", {"_orderId": order_id, "_userId": user, "_chargebackState": "_received"})
    assert (labels(shop, order_id)["is_fraud"], labels(shop, order_id)["by"]["source"]) == (True, "bank")
    label(shop, order_id=order_id, label="good", reason="still")
    assert labels(shop, order_id)["is_fraud"] is True
    label(shop, order_id=order_id, label="chargeback_won")
    assert labels(shop, order_id)["is_fraud"] is False
    kinds = [(one["kind"], one["source"], one["value"], one["stands"]) for one in labels(shop, order_id)["labels"]]
    assert kinds == [
        ("confirmed", "rule", False, True), ("tag", "shop", True, True), ("confirmed", "analyst", False, False),
        ("chargeback", "bank", True, False), ("confirmed", "analyst", False, True), ("chargeback", "bank", False, True),
    ]  # fmt: skip


def test_a_key_that_may_only_send_events_cannot_speak_for_an_analyst_a_rule_or_the_console(shop: Shop) -> None:
    order_id = order_of(shop)
    forger = Shop(shop.served, shop.served.key("ingest", "read"))
    for name, info in (
        ("order_labelled", {"label": "fraud", "source": "analyst", "author": "dana"}),
        ("order_labelled", {"label": "fraud", "source": "rule"}),
        ("order_decided_again", {"event_id": "ev_1"}),
        ("note", {"text": "all is well", "author": "dana"}),
    ):
        before = (labels(shop, order_id)["labels"], shop.order(order_id)["decision"])
        body = {"_orderId": order_id, "_eventName": name, "_customInfo": info}
        receipt = forger.taken("custom_event", body)
        assert [one["code"] for one in receipt["warnings"]] == ["own_name"]
        now = shop.order(order_id)
        assert (now["timeline"][-1]["name"], now["timeline"][-1]["own"]) == (name, False), "kept, as the shop's"
        assert (labels(shop, order_id)["labels"], now["decision"]) == before
        shop.taken("custom_event", body)  # of who may manage, as a replay of an export is
        assert shop.order(order_id)["timeline"][-1]["own"] is True
    assert [one["source"] for one in labels(shop, order_id)["labels"]] == ["analyst", "rule"]


def test_a_label_that_is_corrected_or_taken_back_stays_in_the_history(shop: Shop) -> None:
    order_id = order_of(shop)
    for word, truth in (("fraud", True), ("good", False), ("none", None), ("fraud", True)):
        told = label(shop, order_id=order_id, label=word)
        assert told["order"]["is_fraud"] is truth
    told = labels(shop, order_id)
    assert [one["value"] for one in told["labels"]] == [True, False, None, True]
    assert [one["stands"] for one in told["labels"]] == [False, False, False, True]
    assert [entry["name"] for entry in shop.order(order_id)["timeline"][1:]] == ["order_labelled"] * 4


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (["_fulfilled"], "fulfilled"), (["_rto"], "rto"), (["_returned"], "returned"), (["_wo_refunded"], "returned"),
        (["_wo_completed"], "fulfilled"), (["_wo_processing"], None), (["_rto", "_fulfilled"], "rto"),
        (["_fulfilled", "_returned"], "returned"), (["_returned", "_wo_completed"], "returned"),
    ],
)  # fmt: skip
def test_where_the_parcel_ended_is_told_by_the_words_of_shops_and_plugins(
    shop: Shop, words: list[str], outcome: str | None
) -> None:
    order_id = order_of(shop)
    for word in words:
        shop.taken("order_status", {"_orderId": order_id, "_orderStatus": word})
    told = labels(shop, order_id)
    assert (told["outcome"], told["is_fraud"]) == (outcome, None)


def test_a_line_that_comes_back_speaks_for_the_order(shop: Shop) -> None:
    order_id = order_of(shop)
    shop.taken("item_status", {"_orderId": order_id, "_itemId": "i", "_itemStatus": "_fulfilled"})
    assert labels(shop, order_id)["outcome"] is None
    shop.taken("item_status", {"_orderId": order_id, "_itemId": "i", "_itemStatus": "_returned"})
    assert labels(shop, order_id)["outcome"] == "returned"


def test_a_user_is_labelled_for_one_kind_of_abuse_or_in_general_and_cleared(shop: Shop) -> None:
    user = fresh("user")
    assert shop.get(f"/api/v1/users/{user}/labels").json["is_bad"] is None
    told = label(shop, user_id=user, label="bad", abuse_type="_promotion", reason="six accounts")
    assert (told["user"]["is_bad"], told["user"]["by"]["reason"]) == (True, "six accounts")
    assert label(shop, user_id=user, label="good")["user"]["is_bad"] is False
    label(shop, user_id=user, label="none", abuse_type="_promotion")
    assert label(shop, user_id=user, label="none")["user"]["is_bad"] is None
    shown = shop.get(f"/api/v1/users/{user}/labels").json["labels"]
    assert len([one for one in shown if one["value"] is not None]) == 2
    assert not any(one["stands"] for one in shown)
    assert labels(shop, order_of(shop, user))["is_fraud"] is None


def test_a_label_counts_as_what_a_shop_would_have_sent_and_once(shop: Shop) -> None:
    user = fresh("user")
    order_id = order_of(shop, user)
    body = json.dumps({"order_id": order_id, "label": "chargeback"})
    key = {"Idempotency_Key": fresh("key")}
    first, again = (shop.post("/api/v1/labels", body, **key) for _ in range(2))
    assert (first.status, again.status, again.headers["fourthwatch-replayed"]) == (201, 201, "true")
    assert first.json["event_id"] == again.json["event_id"]
    other = shop.post("/api/v1/labels", json.dumps({"order_id": order_id, "label": "chargeback_won"}), **key)
    assert (other.status, other.json["code"]) == (422, "idempotency_conflict")
    assert shop.event(first.json["event_id"])["event"] == "chargeback"
    shown = shop.get(f"/api/v1/entities/user/{user}").json["features"]
    known = {one["name"]: one["value"] for one in shown}
    assert 1 in [value for name, value in known.items() if "chargeback" in name]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"label": "fraud"}, ""), ({"order_id": "a", "user_id": "b", "label": "good"}, ""),
        ({"order_id": "a", "label": "bad"}, "/label"), ({"user_id": "a", "label": "fraud"}, "/label"),
        ({"order_id": "a", "label": "fraud", "abuse_type": "x"}, "/abuse_type"),
        ({"order_id": "a", "label": "fraud", "odd": "x"}, "/odd"), ({"order_id": 7, "label": "fraud"}, "/order_id"),
    ],
)  # fmt: skip
def test_what_is_no_label_is_refused_and_leaves_nothing(shop: Shop, body: dict[str, Any], pointer: str) -> None:
    before = shop.stored()
    reply = shop.post("/api/v1/labels", json.dumps(body))
    assert (reply.status, reply.json["pointer"]) == (400, pointer)
    assert shop.stored() == before


def test_an_order_of_another_tenant_is_labelled_like_one_that_never_was(shop: Shop) -> None:
    order_id = order_of(shop)
    other = Shop(shop.served, shop.served.key("read", "manage", tenant="other"))
    foreign = other.post("/api/v1/labels", json.dumps({"order_id": order_id, "label": "fraud"}))
    unknown = other.post("/api/v1/labels", json.dumps({"order_id": "never-seen", "label": "fraud"}))
    assert foreign.status == unknown.status == 404
    assert foreign.body == unknown.body
    shown, never = (other.get(f"/api/v1/orders/{name}/labels") for name in (order_id, "never-seen"))
    assert shown.body == never.body
    assert labels(shop, order_id)["labels"] == []


def test_who_may_only_send_events_speaks_for_the_shop_whatever_name_is_given(shop: Shop) -> None:
    user = fresh("user")
    order_id = order_of(shop, user)
    program = Shop(shop.served, shop.served.key("ingest", "read"))
    marked = {"_userId": user, "_isBad": True, "_analyst": "dana", "_source": "_manualReview"}
    assert program.taken("tag", marked)["warnings"] == []
    by = labels(shop, order_id)["by"]
    assert (by["source"], by["author"], by["value"]) == ("shop", "dana", True)
    shop.taken("tag", {**marked, "_isBad": False})
    assert labels(shop, order_id)["by"]["source"] == "analyst"
    program.taken("tag", {**marked, "_isBad": False})  # the same words are another event, and the shop's
    program.taken("untag", {"_userId": user, "_analyst": "dana"})
    by = labels(shop, order_id)["by"]
    assert (by["source"], by["value"]) == ("analyst", False)


def test_an_analysts_decision_stands_over_that_of_the_shops_program(shop: Shop) -> None:
    order_id = order_of(shop)
    program = Shop(shop.served, shop.served.key("ingest", "read"))
    by_hand = {"_orderId": order_id, "_source": "_manualReview", "_analyst": "dana"}
    program.taken("order_status", {**by_hand, "_orderStatus": "_approved"})
    line = shop.get("/api/v1/orders?fresh=true&limit=1").json["orders"][0]
    assert (line["order_id"], line["analyst_decision"], line["analyst"]) == (order_id, "approve", None)
    body = json.dumps({"verdict": "decline", "author": "meera"})
    standing = shop.post(f"/api/v1/orders/{order_id}/decisions", body).json["order"]
    assert (standing["verdict"], standing["analyst_decision"]["source"]) == ("decline", "analyst")
    program.taken("order_status", {**by_hand, "_orderStatus": "_approved", "_description": "again"})
    line = shop.get("/api/v1/orders?fresh=true&limit=1").json["orders"][0]
    assert (line["analyst_decision"], line["analyst"], line["state"]) == ("decline", "meera", "approved")
    again = shop.post(f"/api/v1/orders/{order_id}/decisions", json.dumps({"verdict": "hold", "author": "meera"}))
    assert again.json["order"]["analyst_decision"]["verdict"] == "hold"
    program.taken("order_status", {**by_hand, "_orderStatus": "_canceled"})
    line = shop.get("/api/v1/orders?fresh=true&limit=1").json["orders"][0]
    assert (line["analyst_decision"], line["analyst"]) == ("decline", None)


def trail(shop: Shop, *actions: str) -> list[tuple[str, str, Any, str]]:
    """What the audit trail has of these, oldest first."""
    found = [one for action in actions for one in shop.get(f"/api/v1/audit?action={action}&limit=500").json["entries"]]
    found.sort(key=lambda one: one["number"])
    return [(one["action"], one["thing"], one["after"]["told"], one["actor"]) for one in found]


def test_what_people_say_is_in_the_audit_trail_once_and_with_its_event(shop: Shop) -> None:
    user = fresh("user")
    order_id = order_of(shop, user)
    before = len(trail(shop, "label.told", "order.decided"))
    program = Shop(shop.served, shop.served.key("ingest", "read"))
    program.taken("tag", {"_userId": user, "_isBad": True, "_analyst": "dana"})  # no word of ours
    key = {"Idempotency_Key": fresh("label")}
    body = json.dumps({"order_id": order_id, "label": "fraud", "reason": "told by the bank"})
    told = [shop.post("/api/v1/labels", body, **key).json for _ in range(2)]
    more = [label(shop, user_id=user, label="bad"), label(shop, order_id=order_id, label="chargeback")]
    decided = shop.post(f"/api/v1/orders/{order_id}/decisions", json.dumps({"verdict": "decline"})).json
    rows = trail(shop, "label.told", "order.decided")[before:]
    events = [told[0]["event_id"], *(one["event_id"] for one in more), decided["event_id"]]
    assert [(action, thing, word) for action, thing, word, _ in rows] == [
        ("label.told", f"events/{events[0]}", "fraud"), ("label.told", f"events/{events[1]}", "bad"),
        ("label.told", f"events/{events[2]}", "_received"), ("order.decided", f"events/{events[3]}", "decline"),
    ]  # fmt: skip
    assert len({actor for *_, actor in rows}) == 1
