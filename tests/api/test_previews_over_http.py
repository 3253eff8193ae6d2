"""A draft tried over the past through the API: what it hits, what is known of that, what would be decided otherwise."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from contract.shop import Shop, assert_error, fresh
from served import Served

pytestmark = pytest.mark.slow
PATH = "/api/v1/rules/preview"
DRAFT = {"name": "dear", "class": "block", "says": "dear", "when": "amount > 700"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Served(tmp_path_factory.mktemp("preview")) as served:
        shop = Shop(served, served.key("ingest", "read", "manage"))
        for number in range(10):
            body = {"_orderId": f"o-{number}", "_userId": f"u-{number}", "_amount": str(100 * number)}
            shop.taken("createOrder", body | ({"_deviceIp": "203.0.113.9"} if number % 2 else {}))
        shop.taken("chargeback", {"_orderId": "o-9", "_chargebackState": "_received", "_chargebackReason": "_fraud"})
        shop.taken("order_status", {"_orderId": "o-8", "_orderStatus": "_rto"})
        shop.taken("order_status", {"_orderId": "o-7", "_orderStatus": "_fulfilled"})
        while shop.get("/api/v1/index").json["behind_events"]:
            pass
        yield shop


def preview(shop: Shop, **body: Any) -> Any:
    reply = shop.post(PATH, json.dumps(body))
    assert reply.status == 200, reply.body
    return reply.json


def test_a_condition_is_tried_over_the_newest_orders_and_nothing_is_changed(shop: Shop) -> None:
    before = shop.get("/api/v1/rule-sets/current").json
    told = preview(shop, when="amount >= 600")
    (rule,) = told["rules"]
    assert (told["orders"], told["bad"], told["good"]) == (10, 2, 1)
    assert (rule["rule"], rule["hits"], rule["misses"], rule["unknown"], rule["share"]) == ("draft", 4, 6, 0, 0.4)
    assert (rule["hits_bad"], rule["hits_good"], rule["hits_open"]) == (2, 1, 1)
    assert rule["samples"] == ["o-9", "o-8", "o-7", "o-6"]
    assert told["verdicts"] == {"approve": 10}
    assert told["verdicts_with_draft"] == {"approve": 6, "review": 4}
    assert told["changes"] == [
        {"from": "approve", "to": "review", "orders": 4, "bad": 2, "good": 1, "samples": ["o-9", "o-8", "o-7", "o-6"]}
    ]
    assert (told["events_counted"], told["not_counted"], told["behind_events"]) == (0, [], 0)
    assert shop.get("/api/v1/rule-sets/current").json == before


def test_what_nobody_asked_then_is_counted_again_as_of_each_order(shop: Shop) -> None:
    told = preview(shop, when="count(order where amount > 0, by ip, last 1h) >= 2")
    (rule,) = told["rules"]
    assert (rule["hits"], rule["misses"], rule["unknown"], rule["not_counted"]) == (3, 2, 5, 0)
    assert rule["samples"] == ["o-9", "o-7", "o-5"]
    assert told["events_counted"] >= 4


def test_a_rule_takes_the_place_of_the_one_of_its_name_and_a_set_of_all(shop: Shop) -> None:
    told = preview(shop, rule=DRAFT, last=4)
    assert (told["orders"], told["verdicts_with_draft"]) == (4, {"approve": 2, "decline": 2})
    shadow = preview(shop, rule={**DRAFT, "state": "draft"})
    assert (shadow["rules"][0]["hits"], shadow["changes"]) == (2, [])
    in_force = shop.get("/api/v1/rule-sets/current").json
    every = preview(shop, rules=[*in_force["rules"], DRAFT], prior=in_force["prior"])
    assert [(one["rule"], one["hits"]) for one in every["rules"]] == [("dear", 2)]
    tree = preview(shop, when={"node": "compare", "operator": ">", "left": {"node": "name", "path": ["amount"]},
                               "right": {"node": "number", "value": 700}})  # fmt: skip
    assert tree["rules"][0]["hits"] == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"when": "amuont > 3"}, "rules"),
        ({"when": "amount >"}, "rules"),
        ({"rule": {**DRAFT, "weight": 3.0}}, "rules"),
        ({"rule": {**DRAFT, "class": "odd"}}, "bad_value"),
        ({"rule": {"when": "true"}}, "missing_key"),
        ({"rules": [DRAFT, DRAFT]}, "rules"),
        ({"when": "true", "rule": DRAFT}, "bad_value"),
        ({}, "bad_value"),
        ({"when": "true", "last": 0}, "bad_value"),
        ({"when": "true", "last": 10_001}, "bad_value"),
        ({"when": "true", "first": 1}, "bad_value"),
        ({"when": {"node": "x"}}, "bad_value"),
    ],
)
def test_a_faulty_draft_is_refused_with_the_place_of_its_fault(shop: Shop, body: dict[str, Any], code: str) -> None:
    error = assert_error(shop.post(PATH, json.dumps(body)), 400)
    assert error["code"] == code
    if "amuont" in str(body):
        assert "did you mean `amount`?" in error["rendered"]
        assert (error["diagnostics"][0]["line"], error["diagnostics"][0]["column"]) == (1, 1)


def test_another_tenants_orders_are_not_among_them(shop: Shop) -> None:
    other = Shop(shop.served, shop.served.key("ingest", "manage", tenant=fresh("other")))
    assert preview(other, when="true")["orders"] == 0
    other.taken("createOrder", {"_orderId": "o-1", "_userId": "u-1", "_deviceIp": "203.0.113.9", "_amount": "5"})
    told = preview(other, when="count(order, by ip) >= 1")
    assert (told["orders"], told["rules"][0]["hits"]) == (1, 0)


def test_tries_at_once_are_answered_or_put_off_and_orders_are_decided_meanwhile(shop: Shop) -> None:
    told: list[int] = []

    def ask() -> None:
        told.append(shop.post(PATH, json.dumps({"when": f"count(order, by ip) >= {len(told)}", "last": 10_000})).status)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    verdicts = [shop.taken("createOrder", {"_orderId": fresh("o"), "_userId": "u"})["verdict"] for _ in range(20)]
    for thread in threads:
        thread.join()
    assert len(verdicts) == 20
    assert set(told) <= {200, 503}
    assert told.count(200) >= 1
