"""`kill -9` between a decision and what its rules want done: in the end all of it is done, and once."""

import json
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from contract.shop import PATIENCE_S
from faults.broken import broken
from faults.history import seeded
from served import KEY_HEADER, Served
from webhooks.listening import Heard, Receiver

pytestmark = pytest.mark.slow
KILLS = 12
RULE: dict[str, Any] = {
    "name": "dear", "class": "score", "weight": 1.0, "when": "amount > 400", "says": "It is dear", "actions": [
        {"do": "webhook", "to": "dear"}, {"do": "queue", "to": "senior"}, {"do": "tag", "to": "reseller"},
        {"do": "label", "to": "fraud"}, {"do": "list", "to": "watched", "thing": "user"}],
}  # fmt: skip


class Merchant:
    """One key at a server that is killed now and then."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.key = served.key("ingest", "read", "manage")

    def ask(self, method: str, path: str, body: object = None) -> Any:
        sent = None if body is None else json.dumps(body)
        reply = self.served.request(method, "/api/v1" + path, sent, {KEY_HEADER: self.key, "If-Match": "*"})
        assert 200 <= reply.status < 300, (path, reply.body)
        return reply.json

    def order(self, number: int, *, is_waited_for: bool) -> HTTPConnection:
        body = json.dumps({"_orderId": f"o-{number}", "_userId": f"u-{number}", "_amount": "500"})
        connection = self.served.connection()
        connection.request("POST", "/event/v1/createOrder", body, {KEY_HEADER: self.key})
        if is_waited_for:
            assert connection.getresponse().status == 200
        return connection

    def done(self, number: int) -> list[object]:
        """What of what the rule wants is done about an order."""
        user, order = f"u-{number}", f"o-{number}"
        listed = self.served.get(self.key, f"/api/v1/lists/watched/entries/{user}")
        tags = self.ask("GET", f"/users/{user}/labels")["labels"]
        labels = self.ask("GET", f"/orders/{order}/labels")["labels"]
        cases = [one for one in self.ask("GET", "/cases?limit=100")["cases"] if one["order_id"] == order]
        told = [(one["kind"], one["source"]) for one in (*tags, *labels)]
        return [listed.status, sorted(told), [case["queue"] for case in cases]]


WHOLE = [200, [("confirmed", "rule"), ("tag", "rule"), ("tag", "rule")], ["senior"]]


def wrong_after_kills(served: Served, receiver: Receiver, kills: int) -> list[list[object]]:
    """What is not as the rule wants it, of the orders that were taken before so many kills."""
    random = seeded("rule actions")
    merchant = Merchant(served)
    merchant.ask("POST", "/webhook-endpoints", {"url": receiver.url, "types": ["rule.fired", "case.opened"]})
    merchant.ask("POST", "/lists", {"name": "watched", "type": "user"})
    merchant.ask("POST", "/rule-sets", {"rules": [RULE]})
    answered = set()
    for number in range(kills):
        is_waited_for = random.random() < 0.5
        connection = merchant.order(number, is_waited_for=is_waited_for)
        if is_waited_for:
            answered.add(number)
        served.kill()
        connection.close()
        served.start()
    merchant.order(kills, is_waited_for=True).close()
    until_s = time.monotonic() + PATIENCE_S
    while merchant.done(kills) != WHOLE:  # what was left undone was put in the queue before this one
        assert time.monotonic() < until_s, "what the rule wants of the last order is not done"
    orders = [
        number for number in range(kills + 1)
        if served.get(merchant.key, f"/api/v1/orders/o-{number}").status == 200
    ]  # fmt: skip
    assert set(orders) >= answered
    for number in orders:
        for what in ("rule.fired", "case.opened"):
            receiver.wait_for(lambda heard, wanted=(what, f"order:o-{number}"): told_of(heard) == wanted)  # type: ignore[misc]
    told = {(told_of(heard), heard.headers["webhook-id"]) for heard in receiver.heard}
    assert len(told) == 2 * len(orders), "a message may come twice, and then under its old id"
    return [found for number in orders if (found := merchant.done(number)) != WHOLE]


def settings(receiver: Receiver) -> dict[str, str]:
    return {"FOURTHWATCH_PRIVATE_RECEIVERS": f"127.0.0.1:{receiver.port}"}


def test_what_rules_want_done_is_done_once_however_often_the_server_is_killed(tmp_path: Path) -> None:
    with Receiver() as receiver, Served(tmp_path, environment=settings(receiver)) as served:
        assert wrong_after_kills(served, receiver, KILLS) == []


def test_a_build_that_forgets_what_was_left_undone_is_caught(tmp_path: Path) -> None:
    program = broken("forgets-what-was-left")
    with Receiver() as receiver, Served(tmp_path, environment=settings(receiver), program=program) as served:
        assert wrong_after_kills(served, receiver, KILLS)


def told_of(heard: Heard) -> tuple[str, str]:
    message = json.loads(heard.body)
    return message["type"], message["entity"]
