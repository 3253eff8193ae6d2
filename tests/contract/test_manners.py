"""Manners of every management route, tried as an integrator would: methods, queries, places, pages under changes."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from contract.shop import assert_error
from contract.test_access import MATRIX, OPEN
from served import KEY_HEADER, Reply, Served

pytestmark = pytest.mark.slow

ROUTES = sorted(
    (path, method) for (method, path), scope in MATRIX.items() if scope != OPEN and path.startswith("/api/v1")
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Program:
    """A key at a server."""

    def __init__(self, served: Served, key: str) -> None:
        self.served, self.key = served, key

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = None if body is None else json.dumps(body)
        return self.served.request(method, path, sent, {KEY_HEADER: self.key, **named})

    def pages(self, path: str, row: str, meanwhile: list[tuple[str, str, Any]]) -> list[str]:
        """Names of a whole list, two by two; in between something is changed."""
        found: list[str] = []
        cursor = ""
        while True:
            page = self.ask("GET", f"{path}?limit=2{cursor}").json
            found += [one["name"] for one in page[row]]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"
            if meanwhile:
                method, at, body = meanwhile.pop(0)
                assert self.ask(method, at, body, If_Match="*").status < 300


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Served(tmp_path_factory.mktemp("manners")) as served:
        yield Program(served, served.key("ingest", "read", "manage"))


def filled(path: str) -> str:
    return re.sub(r"\{\w+\}", "never-seen", path)


def taking(path: str) -> set[str]:
    """Methods of every route that this path fits; an order's id may have slashes in it."""
    found = {method for one, method in ROUTES if one == path}
    if path.startswith("/api/v1/orders/{order_id}/"):
        found.add("GET")
    for one, method in ROUTES:
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), path):
            found.add(method)
    return found


def test_every_route_has_a_row_here() -> None:
    assert len(ROUTES) >= 114


@pytest.mark.parametrize("path", sorted({path for path, _ in ROUTES}))
def test_a_path_refuses_other_methods_with_its_own_and_queries_that_it_does_not_know(
    program: Program, path: str
) -> None:
    methods = taking(path)
    allowed = ", ".join(sorted({*methods, *(("HEAD",) if "GET" in methods else ())}))
    for method in METHODS:
        if method not in methods:
            refused = program.ask(method, filled(path), {})
            assert_error(refused, 405)
            assert refused.headers["allow"] == allowed
    for method in {method for one, method in ROUTES if one == path}:
        error = assert_error(program.ask(method, filled(path) + "?no_such=1&other=2", {}), 400)
        assert [one["code"] for one in error["errors"]] == ["bad_query", "bad_query"], method
    if "GET" in methods:
        shown, head = program.ask("GET", filled(path)), program.ask("HEAD", filled(path))
        assert (head.status, head.body, head.headers["content-type"]) == (
            shown.status, b"", shown.headers["content-type"]
        )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "asked", "hint"),
    [
        ("POST", "features?dryrun=true", "`dry_run`"), ("POST", "rule-sets?dry-run=true", "`dry_run`"),
        ("POST", "lists/vip/imports?preveiw=true", "`preview`"), ("GET", "cases?staus=open", "`status`"),
        ("GET", "keys?limt=3", "`limit`"), ("GET", "policy?version=3", "nothing is asked"),
    ],
)  # fmt: skip
def test_what_is_misspelt_in_a_query_does_nothing(program: Program, method: str, asked: str, hint: str) -> None:
    trail = program.ask("GET", "/api/v1/audit?limit=1").body
    error = assert_error(program.ask(method, "/api/v1/" + asked, {"name": "x", "text": "amount"}), 400)
    assert (error["code"], hint in error["detail"]) == ("bad_query", True)
    assert program.ask("GET", "/api/v1/audit?limit=1").body == trail


@pytest.mark.parametrize("asked", ["deliveries?state=odd", "lists/words/entries?format=xml"])
def test_a_word_that_is_not_one_of_a_querys_is_refused(program: Program, asked: str) -> None:
    program.ask("POST", "/api/v1/lists", {"name": "words", "type": "text"})
    assert_error(program.ask("GET", "/api/v1/" + asked), 400)


def test_pages_of_features_go_on_when_the_one_that_they_ended_with_is_gone(program: Program) -> None:
    for name in ("page_e", "page_b", "page_d", "page_a", "page_c"):
        made = program.ask("POST", "/api/v1/features", {"name": name, "text": "amount / 3"})
        assert made.status == 201
    gone: list[tuple[str, str, Any]] = [
        ("DELETE", "/api/v1/features/page_b", None), ("DELETE", "/api/v1/features/page_d", None)
    ]  # fmt: skip
    own = program.ask("GET", "/api/v1/features?own=true").json["features"]
    assert [one["name"] for one in own] == ["page_a", "page_b", "page_c", "page_d", "page_e"]
    found: list[str] = []
    cursor = ""
    while True:
        page = program.ask("GET", f"/api/v1/features?own=true&limit=2{cursor}").json
        found += [one["name"] for one in page["features"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
        method, at, _ = gone.pop(0)
        assert program.ask(method, at, If_Match="*").status == 204
    assert found == ["page_a", "page_b", "page_c", "page_d", "page_e"]
    every = program.pages("/api/v1/features", "features", [])
    assert len(every) == len(set(every)) > 150


def test_pages_of_rules_go_on_in_the_set_that_they_began_with(program: Program) -> None:
    rules = [{"name": f"rule_{at}", "class": "review", "when": f"amount > {at}", "says": "x"} for at in range(7)]
    made = program.ask("POST", "/api/v1/rule-sets", {"rules": rules}, If_Match="*")
    assert made.status == 201
    changes: list[tuple[str, str, Any]] = [
        ("DELETE", "/api/v1/rules/rule_1", None),
        ("POST", "/api/v1/rule-sets", {"rules": [rules[6], rules[0]]}),
    ]
    assert program.pages("/api/v1/rules", "rules", changes) == [f"rule_{at}" for at in range(7)]
    assert program.pages("/api/v1/rules", "rules", []) == ["rule_6", "rule_0"]


def test_a_new_thing_is_asked_to_say_that_it_is_new(program: Program) -> None:
    rule = {"class": "review", "when": "amount > 3", "says": "x"}
    error = assert_error(program.ask("PUT", "/api/v1/rules/quite_new", rule), 428)
    assert "If-None-Match" in error["detail"]
    assert program.ask("PUT", "/api/v1/rules/quite_new", rule, If_None_Match="*").status == 201


def test_no_value_of_a_body_is_told_back(program: Program) -> None:
    for path, body in (
        ("models/never-seen/state", {"state": "secret-word"}), ("models/rollback", {"why": ["secret-word"]}),
        ("views", {"page": "secret-word", "name": 5}), ("trials", {"event": "secret-word", "body": 5}),
        ("keys", {"name": "x", "scopes": ["secret-word"]}), ("backups", ["secret-word"]),
        ("webhook-endpoints", {"url": 5, "types": ["secret-word"], "ordering": "secret-word"}),
        ("orders/o/decisions", {"verdict": "secret-word"}), ("labels", {"order_id": "o", "label": "secret-word"}),
    ):  # fmt: skip
        error = assert_error(program.ask("POST", "/api/v1/" + path, body, If_Match="*"), 400)
        assert "secret-word" not in json.dumps(error), path
