"""A body with several faults is refused with all of them, each at its place; console and commands tell them, too."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.visitor import signed_in
from contract.shop import assert_error
from fourthwatch.limits import WARNINGS_MAX
from served import KEY_HEADER, Reply, Served, run

pytestmark = pytest.mark.slow

RULE = {"name": "dear", "class": "review", "says": "Dear", "when": "amount > 20000"}
Told = list[tuple[str, str]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("faults")) as server:
        yield server


@pytest.fixture(scope="module")
def key(served: Served) -> str:
    made = served.key("ingest", "read", "manage")
    assert ask(served, made, "POST", "lists", {"name": "ips", "type": "ip"}).status == 201
    return made


def ask(served: Served, key: str, method: str, path: str, body: Any) -> Reply:
    return served.request(method, "/api/v1/" + path, json.dumps(body), {KEY_HEADER: key, "If-Match": "*"})


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("POST", "rule-sets", {"prior": "x", "odd": 1, "note": "n" * 301, "rules": [
            {**RULE, "wieght": 3, "class": "blok"}, 5, {**RULE, "name": "Bad", "says": "", "weight": 2},
            {**RULE, "name": "misspelt", "when": "amuont > 3", "shows": "amuont"},
            {**RULE, "name": "tree", "when": {"node": "x"}},
            {**RULE, "name": "unsaid", "examples": [{"expect": "hit"}]}, RULE, RULE,
            {**RULE, "name": "lists", "actions": [{"do": "list", "to": "nowhere", "thing": "ip"}]},
        ]}, [
            ("/odd", "bad_value"), ("/prior", "bad_value"), ("/note", "bad_value"), ("/rules/0/wieght", "bad_value"),
            ("/rules/0/class", "bad_value"), ("/rules/1", "bad_value"), ("/rules/4/when", "bad_value"),
            ("/rules/2/name", "bad_name"), ("/rules/2/says", "bad_sentence"), ("/rules/2/weight", "bad_weight"),
            ("/rules/3/when", "unknown_name"), ("/rules/3/shows", "unknown_name"), ("/rules/7/name", "name_twice"),
            ("/rules/8/actions", "bad_action"), ("/rules/5/examples", "example"),
        ]),
        ("POST", "rule-sets", {"rules": [], "a/b": 1, "c~d": 2}, [("/a~1b", "bad_value"), ("/c~0d", "bad_value")]),
        ("PUT", "policy", {"a/b": 1, "deadline_ms": -1}, [("/a~1b", "bad_value"), ("/deadline_ms", "bad_value")]),
        ("PUT", "rules/dear", {"class": "review", "when": 5, "percentage": "all"},
         [("/says", "missing_key"), ("/when", "bad_value"), ("/percentage", "bad_value")]),
        ("PUT", "rules/dear", {**RULE, "when": "amuont > nobody", "weight": 3, "brake": 0.5},
         [("/weight", "bad_weight"), ("/brake", "bad_brake"), ("/when", "unknown_name"), ("/when", "unknown_name")]),
        ("POST", "rules/preview", {"rule": {**RULE, "class": "odd", "sayz": "x"}},
         [("/rule/sayz", "bad_value"), ("/rule/class", "bad_value")]),
        ("POST", "rules/preview", {"last": 0, "odd": 1, "rule": {**RULE, "class": "odd"}},
         [("/odd", "bad_value"), ("/last", "bad_value"), ("/rule/class", "bad_value")]),
        ("POST", "rules/preview", {"last": "all", "rule": {**RULE, "when": "amuont > 3", "weight": 3}},
         [("/last", "bad_value"), ("/rule/weight", "bad_weight"), ("/rule/when", "unknown_name")]),
        ("POST", "rules/preview", {"last": 0, "when": "amuont > 3"},
         [("/last", "bad_value"), ("/when", "unknown_name")]),
        ("POST", "rules/preview", {"odd": 1, "when": {"node": "x"}}, [("/when", "bad_value"), ("/odd", "bad_value")]),
        ("POST", "rules/preview", {"last": 0, "prior": "x", "rules": [5, {**RULE, "says": ""}]},
         [("/prior", "bad_value"), ("/last", "bad_value"), ("/rules/0", "bad_value"),
          ("/rules/1/says", "bad_sentence")]),
        ("POST", "rules/preview", {"last": 0, "when": "true", "rule": RULE},
         [("", "bad_value"), ("/last", "bad_value")]),
        ("POST", "lists", {"name": "VIP", "type": "odd", "kind": "Block", "says": 5, "more": 1},
         [("/more", "bad_value"), ("/says", "bad_value"), ("/name", "bad_name"), ("/type", "bad_value"),
          ("/kind", "bad_value")]),
        ("PATCH", "lists/ips", {"name": "other", "kind": "", "says": "x" * 301},
         [("/name", "bad_value"), ("/kind", "bad_value"), ("/says", "bad_value")]),
        ("POST", "lists/ips/entries", {"value": "no ip", "reason": "x" * 301, "expires_at": "soon", "until": 1},
         [("/until", "bad_value"), ("/value", "bad_value"), ("/reason", "bad_value"), ("/expires_at", "bad_value")]),
        ("POST", "lists/ips/imports", {"text": "x"}, [("/csv", "bad_csv"), ("/text", "bad_csv")]),
        ("POST", "features", {"name": "Odd", "text": "amuont / nobody", "unit": 5, "sayz": "x"},
         [("/sayz", "bad_value"), ("/unit", "bad_value"), ("/name", "bad_name"), ("/text", "unknown_name"),
          ("/text", "unknown_name")]),
        ("POST", "features", {"name": "odd", "text": "amuont / nobody"},
         [("/text", "unknown_name"), ("/text", "unknown_name")]),
        ("PUT", "policy", {"red_above": 101, "deadline_ms": "soon", "costs": {"margin_percent": -1, "currency": "rs",
         "odd": 1}, "exploration": {"percent": 99, "currency": 5}, "more": 1},
         [("/more", "bad_value"), ("/deadline_ms", "bad_value"), ("/costs/odd", "bad_value"),
          ("/exploration/currency", "bad_value"), ("/red_above", "bad_value"), ("/decline_above", "bad_value")]),
        ("PUT", "policy", {"red_above": 101, "costs": {"margin_percent": -1, "review_minor": -1}},
         [("/red_above", "bad_value"), ("/decline_above", "bad_value"), ("/costs/margin_percent", "bad_value"),
          ("/costs/review_minor", "bad_value")]),
        ("POST", "keys", {"scopes": ["read", "all"], "more": 1},
         [("/name", "missing_key"), ("/more", "bad_value"), ("/scopes/1", "bad_value")]),
        ("POST", "console-users", {"name": 5, "role": "boss"}, [("/name", "bad_value"), ("/role", "bad_value")]),
        ("POST", "deliveries/replay", {"odd": 1, "state": 5, "created_from_ms": -1},
         [("/odd", "bad_value"), ("/state", "bad_value"), ("/created_from_ms", "bad_value")]),
        ("POST", "orders/o-1/decisions", {"verdict": "maybe", "author": "x" * 20_000, "odd": 1},
         [("/odd", "bad_value"), ("/verdict", "bad_value"), ("/author", "bad_value")]),
        ("POST", "orders/o-1/postbacks", {"purpose": "shipping_address", "payment_link": {"discount": "x" * 2_001},
         "shipping_address": {"street": "x", "city": 7, "name": "x" * 2_001}, "odd": 1},
         [("/odd", "bad_value"), ("/shipping_address/street", "bad_value"), ("/shipping_address/city", "bad_value"),
          ("/payment_link", "bad_value"), ("/shipping_address/name", "bad_value"),
          ("/payment_link/discount", "bad_value")]),
        ("POST", "orders/o-1/postbacks", {"purpose": "payment_link", "shipping_address": {}, "odd": 1},
         [("/odd", "bad_value"), ("/shipping_address", "bad_value"), ("/payment_link", "missing_key")]),
        ("POST", "webhook-endpoints", {"url": "ftp://x", "types": [], "enabled": 3, "odd": 1},
         [("/odd", "bad_value"), ("/url", "bad_address"), ("/types", "bad_value"), ("/enabled", "bad_value")]),
        ("POST", "views", {"page": "odd", "name": "", "query": "x" * 3_000, "odd": 1},
         [("/odd", "bad_value"), ("/page", "bad_value")]),
        ("POST", "labels", {"order_id": "", "label": "odd", "abuse_type": "x"},
         [("/order_id", "bad_value"), ("/label", "bad_value"), ("/abuse_type", "bad_value")]),
    ],
)  # fmt: skip
def test_every_fault_is_told_at_its_place(
    served: Served, key: str, method: str, path: str, body: dict[str, Any], told: Told
) -> None:
    trail = served.get(key, "/api/v1/audit?limit=1").body
    error = assert_error(ask(served, key, method, path, body), 400)
    assert [(one["pointer"], one["code"]) for one in error["errors"]] == told
    assert all(one["message"] for one in error["errors"])
    if error["code"] not in ("rules", "language"):
        assert (error["pointer"], error["code"]) == told[0]
        assert error["detail"] == error["errors"][0]["message"] + f" (and {len(told) - 1} more)"
    assert served.get(key, "/api/v1/audit?limit=1").body == trail


def test_only_so_many_are_told_and_how_many_more_there_are(served: Served, key: str) -> None:
    rules = [{**RULE, "name": f"rule_{number}", "says": ""} for number in range(WARNINGS_MAX + 5)]
    error = assert_error(ask(served, key, "POST", "rule-sets", {"rules": rules}), 400)
    assert len(error["errors"]) == WARNINGS_MAX + 1
    assert error["errors"][-1] == {"pointer": "", "code": "more_errors", "message": "5 more errors were left out"}


def test_one_fault_is_told_as_one(served: Served, key: str) -> None:
    error = assert_error(ask(served, key, "PUT", "policy", {"red_above": 101, "decline_above": 101}), 400)
    assert len(error["errors"]) == 2
    error = assert_error(ask(served, key, "PUT", "policy", {"red_above": "x"}), 400)
    assert error["errors"] == [{"pointer": "/red_above", "code": "bad_value", "message": error["detail"]}]


def test_the_console_shows_all_of_them(served: Served, key: str) -> None:
    visitor = signed_in(served, "admin")
    form = {"name": "bad", "class": "review", "when": "amuont > 3", "says": "", "weight": "3", "brake": "0.5"}
    checked = visitor.post("/console/rules/check", {**form, "was": ""}).body.decode()
    assert "did you mean `amount`" in checked
    assert "only score rules have a weight" in checked
    assert "the brake is a multiple" in checked
    edited = visitor.post("/console/rules/edit/new", {**form, "was": ""}).body.decode()
    assert "says is a sentence" in edited
    assert "the brake is a multiple" in edited
    made = visitor.post("/console/lists", {"name": "VIP", "type": "user", "kind": "Block", "says": ""}).body.decode()
    assert "a list&#39;s name has" in made
    assert "kind is block, allow" in made
    defined = visitor.post("/console/features", {"name": "Odd", "text": "amuont / 3"}).body.decode()
    assert "a name has small letters" in defined
    assert "did you mean `amount`" in defined


def test_the_console_takes_a_feature_out(served: Served, key: str) -> None:
    visitor = signed_in(served, "admin")
    defined = visitor.post("/console/features", {"name": "for_now", "text": "amount / 3"})
    assert defined.status == 303, defined.body
    again = visitor.post("/console/features", {"name": "for_now", "text": "amount / 3"})
    assert "there is a feature of this name already" in again.body.decode()
    assert visitor.post("/console/features/for_now/remove").status == 303
    assert served.get(key, "/api/v1/features/for_now").status == 404


def test_a_push_names_all_of_them(served: Served, key: str, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rule]]\nname = "one"\nclass = "review"\nwhen = "amuont > 3"\nsays = "Dear"\n'
        '[[rule]]\nname = "two"\nclass = "review"\nwhen = "true"\nsays = ""\n'
        '[[rule]]\nname = "three"\nclass = "review"\nwhen = "true"\nsays = "x"\n'
        '[[rule.examples]]\nexpect = "miss"\n'
        '[[rule.actions]]\ndo = "list"\nto = "nowhere"\nthing = "ip"\n'
    )
    pushed = run("rules", "push", str(rules), "--to", served.url, "--key", key)
    assert pushed.returncode != 0
    for told in ("did you mean `amount`?", "says is a sentence", "there is no list `nowhere`", "example 1 should be"):
        assert told in pushed.stderr, pushed.stderr
