"""Every type of webhook from the API that brings it about to a receiver, verified by the standard's own library."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from contract.shop import PATIENCE_S, Shop, fresh
from contract.test_webhooks_over_http import asked_until, call
from fourthwatch.limits import BRAKE_HITS_MIN, BRAKE_LEARNED_MIN, BRAKE_RECENT
from fourthwatch.store.outbox import EVENT_TYPES
from served import KEY_HEADER, Served
from webhooks.listening import Heard, Receiver, Told

pytestmark = pytest.mark.slow
RULES: list[dict[str, Any]] = [
    {"name": "dear", "class": "review", "when": "amount > 400", "says": "It is dear", "actions": [
        {"do": "queue", "to": "senior"}, {"do": "tag", "to": "reseller"}, {"do": "webhook", "to": "dear orders"}]},
    {"name": "dearest", "class": "score", "weight": 1.0, "when": "amount > 4000", "says": "Very dear", "actions": [
        {"do": "webhook", "to": "dear orders"}]},
    {"name": "tried", "class": "review", "when": "amount > 400", "says": "Only tried", "state": "shadow", "actions": [
        {"do": "webhook", "to": "dear orders"}]},
]  # fmt: skip


class Listener:
    """A merchant, and a program of theirs that hears of everything."""

    def __init__(self, served: Served, receiver: Receiver) -> None:
        self.shop = Shop(served, served.key("ingest", "read", "manage"))
        self.receiver = receiver
        made = self.asked("POST", "/webhook-endpoints", {"url": receiver.url + "/all", "types": list(EVENT_TYPES)})
        self.id: str = made["id"]
        (secret,) = self.asked("GET", f"/webhook-endpoints/{self.id}/secrets")["secrets"]
        self._webhook = Webhook(secret)

    def asked(self, method: str, path: str, body: object = None) -> Any:
        reply = call(self.shop, method, path, body, If_Match="*")
        assert 200 <= reply.status < 300, reply.body
        return reply.json if reply.body else None

    def heard(self, what: str, entity: str, path: str = "/all", **told: Any) -> Any:
        """The first message of this type about this entity in whose data this stands; verified."""

        def is_it(heard: Heard) -> bool:
            if heard.path != path or what.encode() not in heard.body:
                return False
            message = json.loads(heard.body)
            if (message["type"], message["entity"]) != (what, entity):
                return False
            return all(message["data"].get(name) == value for name, value in told.items())

        heard = self.receiver.wait_for(is_it)
        message = self._webhook.verify(heard.body, heard.headers) if path == "/all" else json.loads(heard.body)
        assert heard.headers["webhook-id"].startswith("msg_")
        return message

    def order(self, amount: str, **body: Any) -> tuple[str, str]:
        """An order's id, and its user's."""
        order_id, user = fresh("order"), fresh("user")
        self.shop.taken("createOrder", {"_orderId": order_id, "_userId": user, "_amount": amount, **body})
        return order_id, user


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    with Receiver() as receiver:
        settings = {"FOURTHWATCH_PRIVATE_RECEIVERS": f"127.0.0.1:{receiver.port}"}
        with Served(tmp_path_factory.mktemp("types"), environment=settings) as served:
            made = Listener(served, receiver)
            made.asked("POST", "/rule-sets", {"rules": RULES})
            yield made


def test_an_order_that_is_scored_reviewed_and_decided(listener: Listener) -> None:
    order_id, user = listener.order("500")
    entity = f"order:{order_id}"
    scored = listener.heard("order.scored", entity)["data"]
    assert (scored["order_id"], scored["user_id"], scored["decision"]["verdict"]) == (order_id, user, "review")
    opened = listener.heard("case.opened", entity)["data"]
    assert (opened["case"]["status"], opened["case"]["queue"]) == ("open", "senior")
    listener.asked("POST", f"/orders/{order_id}/decisions", {"verdict": "decline", "message": "no", "author": "meera"})
    changed = listener.heard("order.decision_changed", entity)["data"]
    assert (changed["verdict"], changed["analyst_decision"]["author"]) == ("decline", "meera")
    closed = listener.heard("case.closed", entity)["data"]
    assert (closed["case"]["status"], closed["case"]["outcome"]) == ("closed", "decline")


def test_a_rule_that_fires_is_told_with_the_rules_that_name_the_webhook(listener: Listener) -> None:
    order_id, user = listener.order("500")
    told = listener.heard("rule.fired", f"order:{order_id}")["data"]
    assert (told["name"], told["rules"], told["event_type"]) == ("dear orders", ["dear"], "createOrder")
    assert (told["order_id"], told["user_id"], told["decision"]["verdict"]) == (order_id, user, "review")
    assert told["order"]["case"]["queue"] == "senior"
    decision = listener.asked("GET", f"/decisions/{told['event_id']}")
    assert {"do": "webhook", "to": "dear orders"} in decision["actions"]
    dearest, _ = listener.order("5000")
    assert listener.heard("rule.fired", f"order:{dearest}")["data"]["rules"] == ["dear", "dearest"]


def test_a_queue_that_a_rule_names_is_a_part_of_the_review_queue(listener: Listener) -> None:
    order_id, _ = listener.order("500")
    cheap, _ = listener.order("5")
    queue = listener.asked("GET", "/queue?queue=senior&fresh=true&limit=500")["orders"]
    assert order_id in {line["order_id"] for line in queue}
    assert {line["queue"] for line in queue} == {"senior"}
    assert cheap not in {line["order_id"] for line in queue}
    assert order_id in {case["order_id"] for case in listener.asked("GET", "/cases?status=open&queue=senior")["cases"]}
    assert listener.asked("GET", "/cases?queue=junior")["cases"] == []


def test_a_user_who_is_tagged_by_a_rule_and_by_the_shop(listener: Listener) -> None:
    _, user = listener.order("500")
    (label,) = listener.heard("user.labelled", f"user:{user}")["data"]["labels"]
    assert (label["abuse_type"], label["is_bad"], label["source"]) == ("reseller", True, "_rule")
    known = listener.asked("GET", f"/users/{user}/labels")
    assert (known["is_bad"], known["by"]["source"]) == (True, "rule")
    listener.shop.taken("tag", {"_userId": user, "_isBad": False, "_abuseType": "reseller"})
    label = {"abuse_type": "reseller", "is_bad": False, "source": None, "analyst": None, "description": None}
    path = f"/users/{user}/labels"
    known = asked_until(listener.shop, path, lambda shown: shown["is_bad"] is False)
    assert (known["by"]["source"], len(known["labels"])) == ("shop", 2)
    order_id = fresh("order")
    listener.shop.taken("createOrder", {"_orderId": order_id, "_userId": user, "_amount": "5"})
    assert listener.shop.features(order_id)["bad_tags"] == 0


def test_a_rules_tag_is_no_feature_and_cannot_be_forged_by_a_shop_that_only_sends_events(listener: Listener) -> None:
    _, user = listener.order("500")
    listener.heard("user.labelled", f"user:{user}")
    order_id = fresh("order")
    listener.shop.taken("createOrder", {"_orderId": order_id, "_userId": user, "_amount": "5"})
    assert listener.shop.features(order_id)["bad_tags"] in (0, None)
    sender = Shop(listener.shop.served, listener.shop.served.key("ingest", name="sender"))
    other = fresh("user")
    receipt = sender.taken("tag", {"_userId": other, "_isBad": True, "_abuseType": "x", "_source": "_rule"})
    assert [one["code"] for one in receipt["warnings"]] == ["own_name"]
    assert listener.asked("GET", f"/users/{other}/labels")["by"]["source"] == "shop"


def test_a_list_that_is_made_edited_and_removed(listener: Listener) -> None:
    name = fresh("list").replace("-", "_")
    listener.asked("POST", "/lists", {"name": name, "type": "email"})
    listener.asked("POST", f"/lists/{name}/entries", {"value": "cass@example.com", "reason": "dispute"})
    listener.asked("DELETE", f"/lists/{name}/entries/cass%40example.com")
    listener.asked("DELETE", f"/lists/{name}")
    told = [listener.heard("list.changed", f"list:{name}", action=action) for action in (
        "list.created", "list.entry_added", "list.entry_removed", "list.removed")]  # fmt: skip
    assert sorted(one["sequence"] for one in told) == [1, 2, 3, 4]


def test_a_receiver_that_is_gone_is_told_to_the_others(listener: Listener) -> None:
    gone = listener.asked("POST", "/webhook-endpoints", {
        "url": listener.receiver.url + "/gone", "types": ["order.scored"]})["id"]  # fmt: skip
    listener.receiver.answer = lambda heard: Told(410 if heard.path == "/gone" else 200)
    listener.order("5")
    told = listener.heard("webhook.disabled", f"endpoint:{gone}")["data"]
    assert (told["endpoint_id"], told["reason"]) == (gone, "answered 410 Gone")
    assert listener.asked("GET", f"/webhook-endpoints/{gone}")["enabled"] is False


def test_an_endpoint_is_tried_out_before_it_is_enabled_and_gets_nothing_else(listener: Listener) -> None:
    made = listener.asked("POST", "/webhook-endpoints", {
        "url": listener.receiver.url + "/early", "types": list(EVENT_TYPES), "enabled": False})  # fmt: skip
    listener.order("500")
    (delivery,) = listener.asked("POST", f"/webhook-endpoints/{made['id']}/test")["deliveries"]
    heard = listener.receiver.wait_for(lambda heard: heard.path == "/early")
    (secret,) = listener.asked("GET", f"/webhook-endpoints/{made['id']}/secrets")["secrets"]
    message = Webhook(secret).verify(heard.body, heard.headers)
    assert (heard.headers["webhook-id"], message["type"]) == (delivery, "webhook.test")
    listener.order("500")
    asked_until(listener.shop, f"/deliveries/{delivery}", lambda shown: shown["delivery"]["state"] == "delivered")
    page = listener.asked("GET", f"/deliveries?receiver={made['id']}")["deliveries"]
    assert [one["type"] for one in page] == ["webhook.test"]


def test_what_waits_is_in_the_metrics(listener: Listener) -> None:
    def metrics() -> dict[str, float]:
        lines = listener.shop.served.request("GET", "/metrics").body.decode().splitlines()
        found = dict(line.split(" ") for line in lines if line.startswith(("fourthwatch_deliver", "fourthwatch_occas")))
        return {name: float(value) for name, value in found.items()}

    def with_waiting(count: int) -> dict[str, float]:
        until_s = time.monotonic() + PATIENCE_S
        while True:
            found = metrics()
            if found["fourthwatch_deliveries_waiting"] == count and not found["fourthwatch_occasions_waiting"]:
                return found
            assert time.monotonic() < until_s, found

    before = with_waiting(0)
    assert before["fourthwatch_delivery_oldest_seconds"] == 0
    down = listener.asked("POST", "/webhook-endpoints", {
        "url": listener.receiver.url + "/down", "types": ["order.scored"]})["id"]  # fmt: skip
    listener.receiver.answer = lambda heard: Told(500 if heard.path == "/down" else 200)
    listener.order("5")
    path = f"/deliveries?receiver={down}"
    asked_until(listener.shop, path, lambda shown: shown["deliveries"] and shown["deliveries"][0]["attempts"])
    assert with_waiting(1)["fourthwatch_delivery_oldest_seconds"] > 0
    listener.asked("DELETE", f"/webhook-endpoints/{down}")
    assert with_waiting(0)["fourthwatch_deliveries_parked"] > before["fourthwatch_deliveries_parked"]


def test_a_rule_that_is_braked(listener: Listener) -> None:
    listener.asked("PATCH", f"/webhook-endpoints/{listener.id}", {"enabled": False})
    listener.asked("POST", "/webhook-endpoints", {
        "url": listener.receiver.url + "/brakes", "types": ["rule.braked"]})  # fmt: skip
    often = {"name": "often", "class": "score", "weight": 1.0, "when": "amount > 50", "says": "x", "brake": 3.0}
    listener.asked("POST", "/rule-sets", {"rules": [*RULES, often]})
    connection, key = listener.shop.served.connection(), listener.shop.key
    amounts = ["60" if number % 50 == 0 else "10" for number in range(BRAKE_LEARNED_MIN + BRAKE_RECENT + 10)]
    for amount in [*amounts, *["60"] * (BRAKE_HITS_MIN + BRAKE_RECENT)]:
        body = json.dumps({"_orderId": fresh("order"), "_userId": fresh("user"), "_amount": amount})
        connection.request("POST", "/event/v1/createOrder", body, {KEY_HEADER: key})
        assert connection.getresponse().read()
    connection.close()
    told = listener.heard("rule.braked", "rule:often", "/brakes")["data"]
    assert (told["after"]["rule"], told["after"]["state"]) == ("often", "shadow")
    assert told["after"]["touched"]
