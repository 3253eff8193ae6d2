"""Every change over the management API stands in the audit trail, and nothing else does: state against trail."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

from contract.test_access import MATRIX
from fourthwatch.store.file import FILE_NAME, register_checksums
from served import KEY_HEADER, Reply, Served

pytestmark = pytest.mark.slow

CHANGING = ("POST", "PUT", "PATCH", "DELETE")
KEEPS_NOTHING = {
    ("POST", "/api/v1/rules/preview"), ("POST", "/api/v1/trials"), ("POST", "/api/v1/orders/{order_id}/presence"),
}  # fmt: skip
"""Routes that take a body and change nothing."""
NEEDS_MORE = {
    ("POST", "/api/v1/models/{model_id}/state"), ("POST", "/api/v1/models/rollback"),
}  # fmt: skip
"""A model has to be trained first: `tests/server/test_models_live.py` looks at their rows in the trail."""
ELSEWHERE = {
    ("POST", "/api/v1/orders/{order_id}/postbacks"), ("POST", "/api/v1/rule-sets/{version}/decide-again"),
    ("POST", "/api/v1/postbacks/test"), ("POST", "/api/v1/deliveries/replay"),
    ("POST", "/api/v1/deliveries/{delivery_id}/replay"), ("DELETE", "/api/v1/rule-proposals/{proposal}"),
    ("POST", "/api/v1/rule-proposals/{proposal}/approval"),
}  # fmt: skip
"""What has to be under way first: their rows are looked at where that is made."""
BESIDE = ("audit_entry", "kept_answer", "delivery", "delivery_attempt", "delivery_stream", "outbox", "sqlite_sequence")
"""Tables of the trail itself, of repeats, and of what is under way."""

RULE = {
    "name": "dear", "class": "review", "says": "Dear", "when": "amount > 20000",
    "examples": [{"expect": "hit", "body": {"_orderId": "x", "_amount": "30000"}},
                 {"expect": "miss", "body": {"_orderId": "x", "_amount": "3"}}],
}  # fmt: skip


class Step(NamedTuple):
    """One call; `{}` in the path is what the step named by `of` was told its id is."""

    method: str
    route: str
    body: dict[str, Any] | None = None
    filled: str = ""
    """The path with its placeholders filled; as the route when there are none."""
    of: str = ""
    changes: bool = True


STEPS = (
    Step("POST", "/api/v1/labels", {"order_id": "o-1", "label": "fraud"}),
    Step("POST", "/api/v1/labels", {"user_id": "u-1", "label": "good"}),
    Step("POST", "/api/v1/orders/{order_id}/decisions", {"verdict": "hold"}, "/api/v1/orders/o-1/decisions"),
    Step("POST", "/api/v1/orders/{order_id}/notes", {"text": "looked at"}, "/api/v1/orders/o-1/notes"),
    Step("PUT", "/api/v1/orders/{order_id}/claim", {}, "/api/v1/orders/o-1/claim"),
    Step("DELETE", "/api/v1/orders/{order_id}/claim", None, "/api/v1/orders/o-1/claim"),
    Step("POST", "/api/v1/orders/{order_id}/presence", {}, "/api/v1/orders/o-1/presence", changes=False),
    Step("POST", "/api/v1/views", {"page": "queue", "name": "Red", "query": "flag=red"}),
    Step("DELETE", "/api/v1/views/{view_id}", None, "/api/v1/views/{}", of="/api/v1/views"),
    Step("PUT", "/api/v1/users/{user_id}/erasure", {}, "/api/v1/users/u-1/erasure"),
    Step("DELETE", "/api/v1/users/{user_id}/erasure", None, "/api/v1/users/u-1/erasure"),
    Step("POST", "/api/v1/features", {"name": "carts", "text": "count(cart, by user, last 1h)", "says": "Carts"}),
    Step("DELETE", "/api/v1/features/{name}", None, "/api/v1/features/carts"),
    Step("PUT", "/api/v1/policy", {"red_above": 60}),
    Step("POST", "/api/v1/lists", {"name": "vip", "type": "user"}),
    Step("PATCH", "/api/v1/lists/{name}", {"says": "our best"}, "/api/v1/lists/vip"),
    Step("POST", "/api/v1/lists/{name}/entries", {"value": "u-1"}, "/api/v1/lists/vip/entries"),
    Step("POST", "/api/v1/lists/{name}/imports", {"csv": "value\nu-2\n"}, "/api/v1/lists/vip/imports"),
    Step("DELETE", "/api/v1/lists/{name}/entries/{value}", None, "/api/v1/lists/vip/entries/u-1"),
    Step("DELETE", "/api/v1/lists/{name}", None, "/api/v1/lists/vip"),
    Step("POST", "/api/v1/rule-sets", {"rules": [RULE], "note": "first"}),
    Step("PUT", "/api/v1/rules/{name}", {**RULE, "says": "Dearer"}, "/api/v1/rules/dear"),
    Step("POST", "/api/v1/rules/preview", {"when": "amount > 1"}, changes=False),
    Step("POST", "/api/v1/rule-sets/{version}/rollback", {}, "/api/v1/rule-sets/1/rollback"),
    Step("DELETE", "/api/v1/rules/{name}", None, "/api/v1/rules/dear"),
    Step("POST", "/api/v1/webhook-endpoints", {"url": "https://shop.example.com/hook", "types": ["order.scored"]}),
    Step("PATCH", "/api/v1/webhook-endpoints/{endpoint_id}", {"description": "ours"},
         "/api/v1/webhook-endpoints/{}", of="/api/v1/webhook-endpoints"),
    Step("POST", "/api/v1/webhook-endpoints/{endpoint_id}/secrets", {}, "/api/v1/webhook-endpoints/{}/secrets",
         of="/api/v1/webhook-endpoints"),
    Step("POST", "/api/v1/webhook-endpoints/{endpoint_id}/test", {}, "/api/v1/webhook-endpoints/{}/test",
         of="/api/v1/webhook-endpoints", changes=False),
    Step("DELETE", "/api/v1/webhook-endpoints/{endpoint_id}", None, "/api/v1/webhook-endpoints/{}",
         of="/api/v1/webhook-endpoints"),
    Step("POST", "/api/v1/console-users", {"name": "asha@example.com", "role": "analyst"}),
    Step("PATCH", "/api/v1/console-users/{user_id}", {"role": "viewer"}, "/api/v1/console-users/{}",
         of="/api/v1/console-users"),
    Step("POST", "/api/v1/console-users/{user_id}/links", {}, "/api/v1/console-users/{}/links",
         of="/api/v1/console-users"),
    Step("POST", "/api/v1/keys", {"name": "third", "scopes": ["ingest"]}),
    Step("DELETE", "/api/v1/keys/{key_id}", None, "/api/v1/keys/{}", of="/api/v1/keys"),
    Step("POST", "/api/v1/trials", {"event": "createOrder", "body": {"_orderId": "t"}}, changes=False),
    Step("PUT", "/api/v1/keeping", {"forget_after_days": 500}),
    Step("POST", "/api/v1/backups", {}, changes=False),
)  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("audited")) as server:
        yield server


def test_every_changing_route_is_looked_at() -> None:
    routes = {
        (method, path) for method, path in MATRIX if method in CHANGING and path.startswith("/api/v1/")
    }  # fmt: skip
    looked_at = {(step.method, step.route) for step in STEPS} | KEEPS_NOTHING | NEEDS_MORE | ELSEWHERE
    assert routes - looked_at == set(), "a route that changes something has no step here"
    assert looked_at - routes == set()


def test_what_changes_stands_in_the_trail_with_who_did_it_and_what_does_not_change_leaves_no_row(
    served: Served,
) -> None:
    key = served.key("ingest", "read", "manage", name="asha")
    assert served.send(key, "createOrder", {"_orderId": "o-1", "_userId": "u-1", "_amount": "30000"}).status == 200
    (asha,) = [one["key_id"] for one in served.get(key, "/api/v1/keys").json["keys"] if one["name"] == "asha"]
    ids: dict[str, str] = {}
    for step in STEPS:
        path = (step.filled or step.route).replace("{}", ids.get(step.of, ""))
        before, rows_before = state(served.directory), trail(served.directory)
        reply = ask(served, key, step.method, path, step.body)
        assert reply.status < 300, (step, reply.body)
        after, rows_after = state(served.directory), trail(served.directory)
        if step.method == "POST" and "{" not in step.route:
            ids[step.route] = id_of(reply)
        assert (before != after) == step.changes, (step, differing(before, after))
        fresh = rows_after[len(rows_before) :]
        assert rows_after[: len(rows_before)] == rows_before
        if step.changes:
            assert fresh, (step, "changed something, and nothing says so")
            assert {row[2] for row in fresh} == {asha}, (step, fresh)


def test_what_is_refused_changes_nothing_and_leaves_no_row(served: Served) -> None:
    key = served.key("read", "manage", name="omar")
    before, rows = state(served.directory), trail(served.directory)
    for step in STEPS:
        path = (step.filled or step.route).replace("{}", "never-was")
        if step.body is None:
            path = path.replace("o-1", "never-was").replace("u-1", "never-was").replace("vip", "never_was")
            path = path.replace("carts", "never_was").replace("dear", "never_was")
        body = None if step.body is None else {**step.body, "no_such_key": 1}
        reply = ask(served, key, step.method, path, body)
        assert reply.status >= 400 or step.method == "DELETE", (step, reply.body)
    assert differing(before, state(served.directory)) == []
    assert trail(served.directory) == rows


def ask(served: Served, key: str, method: str, path: str, body: dict[str, Any] | None) -> Reply:
    sent = None if body is None else json.dumps(body)
    return served.request(method, path, sent, {KEY_HEADER: key, "If-Match": "*"})


def id_of(reply: Reply) -> str:
    """Of what was made."""
    shown = reply.json
    for name in ("view_id", "endpoint_id", "user_id", "key_id", "id"):
        for place in (shown, shown.get("user", {}), shown.get("key", {}), shown.get("endpoint", {})):
            if isinstance(place, dict) and isinstance(place.get(name), str):
                return str(place[name])
    return ""


def state(directory: Path) -> dict[str, list[Any]]:
    """All rows of all tables that are neither the trail nor under way."""
    register_checksums()
    connection = apsw.Connection(str(directory / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {one: connection.execute(f'SELECT * FROM "{one}"').fetchall() for one in tables if one not in BESIDE}
    finally:
        connection.close()


def trail(directory: Path) -> list[Any]:
    """Number, tenant, actor and action of each row."""
    connection = apsw.Connection(str(directory / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute(
            "SELECT number, tenant, actor, action, thing FROM audit_entry ORDER BY number"
        ).fetchall()
    finally:
        connection.close()


def differing(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> list[str]:
    return [name for name in one if one[name] != other.get(name)]
