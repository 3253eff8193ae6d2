"""Who may call what: every route has a row in the published table, and every row is tried with every kind of key."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import apsw
import pytest
from starlette.types import Message

from contract.shop import Shop, assert_error, fresh
from fourthwatch.api.access import REFRESH_S
from fourthwatch.api.app import Application
from fourthwatch.clock import SystemClock
from fourthwatch.decision import Policy
from fourthwatch.engine import queues
from fourthwatch.engine.corridor import Corridor, CorridorSettings
from fourthwatch.server.assembly import Assembly
from fourthwatch.settings import Settings
from fourthwatch.store.keys import KeyStore, key_hash
from fourthwatch.store.reader import LedgerReader
from served import KEY_HEADER, Reply, Served, run

pytestmark = pytest.mark.slow

OPEN = "open"
SCOPES = ("ingest", "read", "manage")
TABLE = Path(__file__).parents[2] / "docs" / "reference" / "access.md"
_ROW = re.compile(r"^\| ([A-Z]+) \| `([^`]+)` \| (\w+) \|$", re.MULTILINE)


def matrix() -> dict[tuple[str, str], str]:
    """Scope by method and path, as the published table has it. A route that is not there fails the tests."""
    page = TABLE.read_text("utf-8")
    events = re.findall(r"`(\w+)`", page.split("`{event}` stands for", 1)[1].split("\n\n", 1)[0])
    assert len(events) == len(set(events)) == 26
    rows: dict[tuple[str, str], str] = {}
    for method, path, scope in _ROW.findall(page):
        assert scope in (OPEN, *SCOPES)
        for event in events if "{event}" in path else [""]:
            row = (method, path.replace("{event}", event))
            assert row not in rows, row
            rows[row] = scope
    return rows


MATRIX = matrix()


class Built(NamedTuple):
    """The application as `serve` puts it together, without a server in front."""

    application: Application
    reader: LedgerReader
    key: str
    """May read."""


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Built]:
    clock = SystemClock()
    settings = CorridorSettings(
        directory=tmp_path, policy=Policy(deadline_ms=0), disk_reserve_bytes=0, snapshot_every_events=1_000_000
    )  # fmt: skip
    corridor = Corridor(settings, clock, bytes, lambda settled: None, lambda: None, lambda call: call())
    corridor.start()
    keys = KeyStore(tmp_path, clock)
    key = keys.create("reader", ["read"])
    keys.close()
    assembly = Assembly(tmp_path, clock, corridor, Settings())
    yield Built(assembly.application, assembly.reader, key)
    corridor.stop()
    assembly.close()


@pytest.fixture(scope="module")
def scoped(shop: Shop) -> dict[str, str]:
    """A key for each scope, with that scope alone."""
    return {scope: shop.served.key(scope, name=f"only {scope}") for scope in SCOPES}


def ask(shop: Shop, method: str, path: str, key: str | None) -> Reply:
    filled = path.replace("{event_id}", "ev_" + "0" * 32).replace("{order_id}", "never-seen")
    filled = (
        filled.replace("{user_id}", "never-seen")
        .replace("{key_id}", "key_0")
        .replace("{name}", "never_seen")
        .replace("{type}", "user")
        .replace("{value}", "never-seen")
    )
    filled = filled.replace("{version}", "9999").replace("{proposal}", "1").replace("{model_id}", "never-seen")
    filled = filled.replace("{view_id}", "never-seen")
    body = (
        json.dumps({"_userId": fresh(), "_orderId": fresh(), "order_id": "never-seen"})
        if method in ("POST", "PATCH", "PUT")
        else None
    )
    return shop.served.request(method, filled, body, {} if key is None else {KEY_HEADER: key})


def test_every_route_of_the_application_has_a_row_and_every_row_a_route(built: Built) -> None:
    contract = {(method, path) for path, method in built.application.contract_paths().items()}
    routed = {
        (method, route.path.replace(":path}", "}"))
        for route in built.application.routes()
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert contract | routed == set(MATRIX)
    assert len(MATRIX) >= 90


def test_every_published_route_has_a_row_and_says_whether_it_needs_a_key(shop: Shop) -> None:
    for path, methods in shop.get("/openapi.json").json["paths"].items():
        for method, operation in methods.items():
            scope = MATRIX[method.upper(), path]
            key_in_body = path in ("/neo/v1/addpostbackurl", "/neo/v1/clientaction")
            assert (operation.get("security") == []) == (scope == OPEN or key_in_body), path


def test_no_route_but_the_open_ones_answers_without_a_key_or_with_a_wrong_one(shop: Shop) -> None:
    before = shop.stored()
    for (method, path), scope in MATRIX.items():
        for key in (None, "", "fw_" + "x" * 27, "x" * 5_000, shop.key[:-1], shop.key + "x", shop.key.swapcase()):
            reply = ask(shop, method, path, key)
            if scope == OPEN:
                assert reply.status == 200, path
            else:
                assert_error(reply, 401)
    assert shop.stored() == before


def test_no_route_answers_a_key_without_its_scope(shop: Shop, scoped: dict[str, str]) -> None:
    before = shop.stored()
    for (method, path), scope in MATRIX.items():
        for other in SCOPES:
            if scope not in (OPEN, other):
                assert_error(ask(shop, method, path, scoped[other]), 403)
    assert shop.stored() == before


def test_every_route_answers_a_key_with_its_scope_alone(shop: Shop, scoped: dict[str, str]) -> None:
    for (method, path), scope in MATRIX.items():
        if scope != OPEN:
            assert ask(shop, method, path, scoped[scope]).status in (200, 400, 404, 409, 428), path


def test_a_route_is_not_reached_around_its_key_by_another_spelling_or_method(shop: Shop) -> None:
    for path in (
        "/api/v1/postbacks/",
        "/api/v1/postbacks//",
        "/api/v1/%70ostbacks",
        "/api/v1/orders/x/",
        "/event/v1/login/",
    ):
        for method in ("GET", "HEAD", "POST"):
            assert shop.served.request(method, path, "{}").status in (401, 404, 405), path


# Keys.


@pytest.mark.parametrize("prefix", ["Token ", "Bearer ", "My Own Prefix ", " "])
def test_whatever_stands_in_front_of_the_key_is_passed_over(shop: Shop, prefix: str) -> None:
    headers = {KEY_HEADER: prefix + shop.key}
    assert shop.served.request("POST", "/event/v1/login", '{"_userId":"u"}', headers).status == 200


@pytest.mark.parametrize("blanks", [" ", "  ", "\t", " \t "])
def test_blanks_around_the_key_are_no_part_of_it(shop: Shop, blanks: str) -> None:
    body = b'{"_userId":"u"}'
    for prefix in ("", "Token" + blanks):
        head = f"POST /event/v1/login HTTP/1.1\r\nHost: s\r\n{KEY_HEADER}:{blanks}{prefix}{shop.key}{blanks}\r\n"
        assert shop.raw(head.encode() + b"Content-Length: 15\r\n\r\n" + body).status == 200
    asked = shop.served.request("GET", f"/neo/v1/score?order_id=none&api_key={shop.key}{quote(blanks)}")
    assert_error(asked, 404)


def test_a_key_in_front_of_something_else_is_not_a_key(shop: Shop) -> None:
    headers = {KEY_HEADER: shop.key + " x"}
    assert_error(shop.served.request("POST", "/event/v1/login", '{"_userId":"u"}', headers), 401)


@pytest.mark.parametrize("version", ["1.1", "1.0"])  # the short way of an event, and the long one
@pytest.mark.parametrize(
    ("target", "body"),
    [("POST /event/v1/login", '{"_userId":"u"}'), ("GET /neo/v1/score?order_id=none", ""),
     ("POST /v1/thirdwatch/orders", '{"order":{"id":"none"}}'), ("GET /api/v1/lists", "")],
)  # fmt: skip
def test_two_different_keys_are_nobodys_and_the_same_one_twice_is_one(
    shop: Shop, target: str, body: str, version: str
) -> None:
    other = shop.served.key("ingest", "read", "manage", name="other")

    def sent(*keys: str) -> Reply:
        lines = "".join(f"{KEY_HEADER}: {key}\r\n" for key in keys)
        head = f"{target} HTTP/{version}\r\nHost: s\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        return shop.raw(head.encode() + body.encode())

    once = sent(shop.key).status
    assert once not in (401, 403)
    for keys in ((shop.key, other), (other, shop.key), (shop.key, shop.key, other), (shop.key, "Token x")):
        for _ in range(2):  # the second time the head of an event is one that was seen
            assert "different API keys were sent" in sent(*keys).body.decode()
            assert_error(sent(*keys), 401)
    for keys in ((shop.key, shop.key), ("Token " + shop.key, shop.key), ("", shop.key), (shop.key, "")):
        assert sent(*keys).status == once, keys


def test_an_event_does_not_take_its_key_from_the_query_or_the_body(shop: Shop) -> None:
    body = json.dumps({"_userId": "u", "secret": shop.key, "api_key": shop.key})
    assert_error(shop.served.request("POST", f"/event/v1/login?api_key={shop.key}&secret={shop.key}", body), 401)


@pytest.mark.parametrize(
    "place", ["header", "api_key in body", "secret in body", "api_key in query", "secret in query"]
)
def test_the_neo_endpoints_take_the_key_in_every_place(shop: Shop, place: str) -> None:
    order_id = fresh("order")
    shop.taken("createOrder", {"_orderId": order_id, "_userId": "u"})
    name, _, where = place.partition(" in ")
    headers = {KEY_HEADER: shop.key} if place == "header" else {}
    query = f"{name}={shop.key}" if where == "query" else ""
    inside = {name: shop.key} if where == "body" else {}
    for path, body in (
        ("/neo/v1/addpostbackurl/", {"score_postback": "https://shop.example.com/score"}),
        ("/neo/v1/clientaction", {"order_id": order_id, "action_type": "approved"}),
    ):
        reply = shop.served.request("POST", f"{path}?{query}", json.dumps({**body, **inside}), headers)
        assert reply.status == 200, (path, reply.body)
    if where != "body":
        assert shop.served.request("GET", f"/neo/v1/score?order_id={order_id}&{query}", headers=headers).status == 200


def test_a_key_is_short_enough_for_the_plugins_and_has_no_blanks(shop: Shop) -> None:
    assert len(shop.key) <= 32
    assert shop.key.isascii()
    assert shop.key.isalnum() or set(shop.key) - {"_"} <= set(shop.key)
    assert not any(character.isspace() for character in shop.key)


def test_a_key_made_while_the_server_runs_works_at_once(shop: Shop) -> None:
    key = shop.served.key("ingest", name="made later")
    assert shop.served.send(key, "login", {"_userId": "u"}).status == 200


def test_a_revoked_key_is_refused_while_the_server_runs(shop: Shop) -> None:
    assert REFRESH_S < 1
    name = fresh("to be revoked")
    key = shop.served.key("ingest", name=name)
    assert shop.served.send(key, "login", {"_userId": "u"}).status == 200
    done = run("keys", "revoke", "--data", str(shop.served.directory), name)
    assert done.returncode == 0, done.stderr
    while (reply := shop.served.send(key, "login", {"_userId": "u"})).status == 200:
        pass  # the server looks every `REFRESH_S`; should it never, the test's time runs out
    assert_error(reply, 401)
    assert shop.send("login", {"_userId": "u"}).status == 200
    again = run("keys", "revoke", "--data", str(shop.served.directory), name)
    assert again.returncode == 1


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_list_of_keys_shows_names_and_scopes_and_no_key(shop: Shop, options: list[str]) -> None:
    key = shop.served.key("read", name="to be listed")
    done = run("keys", "list", "--data", str(shop.served.directory), *options)
    assert done.returncode == 0
    assert "to be listed" in done.stdout
    assert key not in done.stdout + done.stderr
    assert shop.key not in done.stdout + done.stderr
    if options:
        row = next(row for row in json.loads(done.stdout) if row["name"] == "to be listed")
        assert row["scopes"] == ["read"]
        assert row["revoked_at"] is None
        assert len(row["hint"]) < 12


def test_a_key_without_a_scope_named_may_ingest_and_read(shop: Shop) -> None:
    key = shop.served.key()
    assert shop.served.send(key, "login", {"_userId": "u"}).status == 200
    assert_error(shop.served.get(key, "/api/v1/orders/never-seen"), 404)
    assert_error(shop.served.get(key, "/api/v1/postbacks"), 403)


def test_the_data_directory_holds_the_hash_of_a_key_and_never_the_key(shop: Shop) -> None:
    key = shop.served.key("ingest", name="looked for")
    shop.served.send(key, "login", {"_userId": "u"})
    shop.served.request(
        "POST", "/neo/v1/clientaction", json.dumps({"secret": key, "order_id": "x", "action_type": "approved"})
    )
    contents = [path.read_bytes() for path in Path(shop.served.directory).rglob("*") if path.is_file()]
    assert not any(key.encode() in content for content in contents)
    assert any(key_hash(key) in content for content in contents)
    assert not any(key in line for line in shop.served.log)


# Merchants.


def test_another_merchants_ids_answer_byte_for_byte_like_ids_that_never_were(shop: Shop) -> None:
    stranger = shop.served.key("ingest", "read", "manage", name="stranger", tenant=fresh("stranger"))
    order_id = fresh("order")
    receipt = shop.taken("createOrder", {"_orderId": order_id, "_userId": "u"})
    event_id = receipt["event_id"]
    definition = json.dumps({"name": "foreign_feature", "text": "amount / 2"})
    shop.served.request("POST", "/api/v1/features", definition, {KEY_HEADER: shop.key})
    other_id = event_id[:-1] + ("0" if event_id[-1] != "0" else "1")
    pairs = [
        (f"/api/v1/events/{event_id}", f"/api/v1/events/{other_id}"),
        (f"/api/v1/orders/{order_id}", "/api/v1/orders/never-seen"),
        (f"/api/v1/orders/{order_id}?limit=1", "/api/v1/orders/never-seen?limit=1"),
        (f"/neo/v1/score?order_id={order_id}", "/neo/v1/score?order_id=never-seen"),
        ("/api/v1/features/foreign_feature", "/api/v1/features/never_seen"),
    ]
    for foreign, unknown in pairs:
        answers = [shop.served.get(stranger, path) for path in (foreign, unknown)]
        assert answers[0].status == answers[1].status == 404
        assert answers[0].body == answers[1].body
    action = {"secret": stranger, "action_type": "approved"}
    actions = [
        shop.served.request("POST", "/neo/v1/clientaction", json.dumps({**action, "order_id": name}))
        for name in (order_id, "never-seen")
    ]
    assert actions[0].body == actions[1].body
    assert [action.status for action in actions] == [404, 404]
    assert len(shop.order(order_id)["timeline"]) == 1


def test_two_merchants_with_the_same_ids_do_not_see_or_influence_each_other(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    def answers(key: str, served: Served) -> list[Any]:
        shop = Shop(served, key)
        receipts = [
            shop.taken("createOrder", {"_orderId": "o", "_userId": "u", "_deviceIp": "203.0.113.7"}),
            shop.taken("transaction", {"_orderId": "o", "_userId": "u", "_transactionStatus": "_failure"}),
            shop.taken("createOrder", {"_orderId": "p", "_userId": "u", "_deviceIp": "203.0.113.7"}),
        ]
        shown = [(receipt["score"], receipt["reasons"]) for receipt in receipts]
        return [*shown, shop.features("p") | {"account_age": None}, len(shop.order("o")["timeline"])]

    with Served(tmp_path_factory.mktemp("merchants")) as served:
        first, second = (served.key("ingest", "read", name=name, tenant=name) for name in ("first", "second"))
        assert answers(first, served) == answers(second, served)


@pytest.mark.parametrize("pressed", [True, False])
def test_what_goes_through_many_events_is_not_begun_while_events_wait(
    built: Built, monkeypatch: pytest.MonkeyPatch, pressed: bool
) -> None:
    monkeypatch.setattr(queues, "PRESSED_QUEUE", 0 if pressed else 1)
    answers: dict[str, tuple[int, dict[bytes, bytes]]] = {}

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    for path in (
        "/api/v1/search",
        "/api/v1/graph",
        "/api/v1/insights/days",
        "/api/v1/users/u/export",
        "/api/v1/orders",
        "/api/v1/lists/vip/imports",
        "/api/v1/rules/preview",
        "/api/v1/policy",
    ):
        method = "POST" if path.endswith(("imports", "preview")) else "GET"
        scope: dict[str, Any] = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [],
        }  # fmt: skip

        async def send(message: Message, path: str = path) -> None:
            if message["type"] == "http.response.start":
                answers[path] = (message["status"], dict(message["headers"]))

        asyncio.run(built.application(scope, receive, send))
    assert answers.pop("/api/v1/policy")[0] == 401
    assert {status for status, _ in answers.values()} == ({503} if pressed else {401})
    assert all((b"retry-after" in headers) == pressed for _, headers in answers.values())


def test_a_fault_of_the_server_is_a_json_500_that_tells_nothing(built: Built) -> None:
    built.reader.close()
    path = "/api/v1/events/ev_" + "0" * 32
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"x-thirdwatch-api-key", built.key.encode())],
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(apsw.ConnectionClosedError):  # goes on to the server, which logs it
        asyncio.run(built.application(scope, receive, send))
    assert sent[0]["status"] == 500
    assert (b"content-type", b"application/problem+json") in sent[0]["headers"]
    error = json.loads(sent[1]["body"])
    assert error["detail"] == "the server failed to answer this request"
