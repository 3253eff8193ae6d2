"""`Idempotency-Key` on every change of the management API: one effect and one answer, also after a kill.

Which routes there are is read off the served description: one that is added and has no step here fails.
"""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

from contract.test_audited import RULE
from fourthwatch.clock import ManualClock, SystemClock
from fourthwatch.store.backup import backups_in, name_at
from fourthwatch.store.changes import Change, Configuration, Write
from fourthwatch.store.file import FILE_NAME, register_checksums
from fourthwatch.store.models import ModelFiles, ModelStore
from served import KEY_HEADER, Reply, Served

pytestmark = pytest.mark.slow

LOOKS_ONLY = {
    ("POST", "/api/v1/rules/preview"), ("POST", "/api/v1/trials"), ("POST", "/api/v1/orders/{order_id}/presence"),
}  # fmt: skip
"""What is sent to these changes nothing."""
SHOWN_ONCE = {
    ("POST", "/api/v1/keys"): "key", ("POST", "/api/v1/console-users"): "link_path",
    ("POST", "/api/v1/console-users/{user_id}/links"): "link_path",
}  # fmt: skip
"""What of an answer is secret, and is not told to a repeat."""
ORDER = "/api/v1/orders/o-1"
SETS, PROPOSALS = "/api/v1/rule-sets", "/api/v1/rule-proposals"
HOOKS, USERS, LISTS = "/api/v1/webhook-endpoints", "/api/v1/console-users", "/api/v1/lists"
MANIFEST = b'{"target": "chargeback", "rows": 1, "bad": 1}'


class Step(NamedTuple):
    """One change; `{name}` in `at` is what an earlier step's `told` found under that name."""

    method: str
    route: str
    body: dict[str, Any] | None = None
    at: str = ""
    """The path; the route when there is nothing to fill in."""
    told: tuple[str, Callable[[Any], Any]] | None = None
    by: str = "first"
    """Whose key."""
    before: Callable[[Path], None] = lambda directory: None


def braked(directory: Path) -> None:
    """As the brake leaves it in the trail."""
    changes = Configuration(directory, SystemClock())
    told = {"rule": "dear", "state": "shadow", "why": "often", "touched": []}
    changes.apply(Change(tenant=1, actor="brake", action="rule.braked", thing="rule-sets/1", after=told))
    changes.close()


def forget_answers(directory: Path) -> None:
    changes = Configuration(directory, SystemClock())
    forget = Write(("DELETE FROM kept_answer", ()))
    changes.apply(Change(tenant=1, actor="test", action="test.cut_off", thing="test", writes=(forget,)))
    changes.close()


def answers(directory: Path) -> list[bytes]:
    """Bodies of those that were kept."""
    register_checksums()
    connection = apsw.Connection(str(directory / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [row[0] for row in connection.execute("SELECT body FROM kept_answer")]
    finally:
        connection.close()


def candidate(directory: Path) -> None:
    store = ModelStore(directory, SystemClock())
    store.add(1, "m-1", MANIFEST, ModelFiles(b"body", b"golden", b"card"), actor="test")
    store.close()


def champion(directory: Path) -> None:
    store = ModelStore(directory, SystemClock())
    store.apply(store.moved(1, "m-1", "champion", actor="test"))
    store.close()


STEPS = (
    Step("POST", "/api/v1/labels", {"order_id": "o-1", "label": "fraud"}),
    Step("POST", "/api/v1/orders/{order_id}/decisions", {"verdict": "hold"}, ORDER + "/decisions"),
    Step("POST", "/api/v1/orders/{order_id}/notes", {"text": "looked at"}, ORDER + "/notes"),
    Step("PUT", "/api/v1/orders/{order_id}/claim", {}, ORDER + "/claim"),
    Step("DELETE", "/api/v1/orders/{order_id}/claim", None, ORDER + "/claim"),
    Step("POST", "/api/v1/views", {"page": "queue", "name": "Red", "query": "flag=red"},
         told=("view", lambda made: made["view_id"])),
    Step("DELETE", "/api/v1/views/{view_id}", None, "/api/v1/views/{view}"),
    Step("PUT", "/api/v1/users/{user_id}/erasure", {}, "/api/v1/users/u-1/erasure"),
    Step("PUT", "/api/v1/users/{user_id}/erasure", {}, "/api/v1/users/u-1/erasure"),
    Step("DELETE", "/api/v1/users/{user_id}/erasure", None, "/api/v1/users/u-1/erasure"),
    Step("POST", "/api/v1/features", {"name": "carts", "text": "count(cart, by user, last 1h)", "says": "Carts"}),
    Step("DELETE", "/api/v1/features/{name}", None, "/api/v1/features/carts"),
    Step("POST", LISTS, {"name": "vip", "type": "user"}),
    Step("PATCH", LISTS + "/{name}", {"says": "our best"}, LISTS + "/vip"),
    Step("POST", LISTS + "/{name}/entries", {"value": "u 1/2"}, LISTS + "/vip/entries"),
    Step("POST", LISTS + "/{name}/imports", {"csv": "value\nu-2\n"}, LISTS + "/vip/imports"),
    Step("POST", LISTS + "/{name}/imports", {"csv": "value\n"}, LISTS + "/vip/imports"),
    Step("DELETE", LISTS + "/{name}/entries/{value}", None, LISTS + "/vip/entries/u-2"),
    Step("DELETE", LISTS + "/{name}", None, LISTS + "/vip"),
    Step("POST", SETS, {"rules": [RULE], "note": "first"}),
    Step("PUT", "/api/v1/rules/{name}", {**RULE, "says": "Dearer"}, "/api/v1/rules/dear"),
    Step("POST", SETS + "/{version}/rollback", {}, SETS + "/1/rollback"),
    Step("POST", SETS + "/{version}/decide-again", None, SETS + "/1/decide-again", before=braked),
    Step("DELETE", "/api/v1/rules/{name}", None, "/api/v1/rules/dear"),
    Step("PUT", "/api/v1/policy", {"red_above": 60, "four_eyes": True}),
    Step("POST", SETS, {"rules": [RULE]}, told=("proposal", lambda made: made["proposal"])),
    Step("POST", PROPOSALS + "/{proposal}/approval", {}, PROPOSALS + "/{proposal}/approval", by="second"),
    Step("POST", SETS, {"rules": []}, told=("proposal", lambda made: made["proposal"])),
    Step("DELETE", PROPOSALS + "/{proposal}", None, PROPOSALS + "/{proposal}"),
    Step("POST", HOOKS, {"url": "https://shop.example.com/hook", "types": ["order.scored"]},
         told=("hook", lambda made: made["id"])),
    Step("PATCH", HOOKS + "/{endpoint_id}", {"description": "ours"}, HOOKS + "/{hook}"),
    Step("POST", HOOKS + "/{endpoint_id}/secrets", {}, HOOKS + "/{hook}/secrets"),
    Step("POST", HOOKS + "/{endpoint_id}/test", None, HOOKS + "/{hook}/test",
         told=("delivery", lambda made: made["deliveries"][0])),
    Step("DELETE", HOOKS + "/{endpoint_id}", None, HOOKS + "/{hook}"),
    Step("POST", "/api/v1/deliveries/{delivery_id}/replay", None, "/api/v1/deliveries/{delivery}/replay"),
    Step("POST", "/api/v1/deliveries/replay", {"type": "webhook.test"}),
    Step("POST", "/api/v1/postbacks/test", None),
    Step("POST", "/api/v1/orders/{order_id}/postbacks",
         {"purpose": "shipping_address", "shipping_address": {"city": "Pune"}}, ORDER + "/postbacks"),
    Step("POST", USERS, {"name": "asha@example.com", "role": "analyst"},
         told=("user", lambda made: made["user"]["user_id"])),
    Step("PATCH", USERS + "/{user_id}", {"role": "viewer", "disabled": True}, USERS + "/{user}"),
    Step("PATCH", USERS + "/{user_id}", {}, USERS + "/{user}"),
    Step("POST", USERS + "/{user_id}/links", {}, USERS + "/{user}/links"),
    Step("POST", "/api/v1/keys", {"name": "third", "scopes": ["ingest"]}, told=("key", lambda made: made["key_id"])),
    Step("DELETE", "/api/v1/keys/{key_id}", None, "/api/v1/keys/{key}"),
    Step("DELETE", "/api/v1/keys/{key_id}", None, "/api/v1/keys/{key}"),
    Step("POST", "/api/v1/models/{model_id}/state", {"state": "retired"}, "/api/v1/models/m-1/state",
         before=candidate),
    Step("POST", "/api/v1/models/rollback", {"why": "a test"}, before=champion),
    Step("PUT", "/api/v1/keeping", {"forget_after_days": 500}),
    Step("POST", "/api/v1/backups", {}),
)  # fmt: skip


class Programs:
    """Two keys of one tenant at a server."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.keys = {name: served.key("ingest", "read", "manage", name=name) for name in ("first", "second")}

    def ask(self, method: str, path: str, body: Any = None, attempt: str | None = None, by: str = "first") -> Reply:
        headers = {KEY_HEADER: self.keys[by], "If-Match": "*"}
        if attempt is not None:
            headers["Idempotency-Key"] = attempt
        return self.served.request(method, path, None if body is None else json.dumps(body), headers)

    def rows(self) -> int:
        """Of the audit trail."""
        entries = self.ask("GET", "/api/v1/audit?limit=1").json["entries"]
        return int(entries[0]["number"])


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    served = Served(tmp_path).start()
    try:
        made = Programs(served)
        order = {"_orderId": "o-1", "_userId": "u-1", "_amount": "30000"}
        assert served.send(made.keys["first"], "createOrder", order).status == 200
        addresses = {f"{one}_postback": f"https://shop.example.com/{one}" for one in ("score", "shipping_address")}
        told = json.dumps({"secret": made.keys["first"], **addresses})
        assert served.request("POST", "/neo/v1/addpostbackurl/", told).status == 200
        yield made
    finally:
        served.kill()


def changing(served: Served) -> dict[tuple[str, str], bool]:
    """Every writing operation of the description, and whether it takes the header."""
    paths: dict[str, dict[str, Any]] = served.request("GET", "/openapi.json").json["paths"]
    found = {
        (method.upper(), path): any(one["name"] == "Idempotency-Key" for one in told.get("parameters", ()))
        for path, item in paths.items()
        for method, told in item.items()
        if path.startswith("/api/v1/") and method != "get"
    }
    assert len(found) >= 46
    return found


def told_of(step: Step, reply: Reply) -> tuple[int, Any, str | None, str | None]:
    """What both answers have in common."""
    shown: Any = reply.json if reply.body else None
    secret = SHOWN_ONCE.get((step.method, step.route))
    if secret is not None:
        shown = {name: value for name, value in shown.items() if name not in (secret, "note")}
    return reply.status, shown, reply.headers.get("etag"), reply.headers.get("location")


def test_every_change_has_one_effect_and_one_answer_under_its_key_also_after_a_kill(programs: Programs) -> None:
    served = programs.served
    routes = changing(served)
    assert {route for route, takes_it in routes.items() if not takes_it} == LOOKS_ONLY
    assert {(step.method, step.route) for step in STEPS} == set(routes) - LOOKS_ONLY
    found: dict[str, Any] = {}
    done: list[tuple[Step, str, Reply]] = []
    secrets: list[str] = []
    for number, step in enumerate(STEPS):
        step.before(served.directory)
        path = (step.at or step.route).format(**found) if step.at else step.route
        first = programs.ask(step.method, path, step.body, f"step {number}", step.by)
        assert first.status < 300, (step, first.body)
        assert "fourthwatch-replayed" not in first.headers, step
        if first.status == 201:
            there = programs.ask("GET", first.headers["location"])
            assert there.status == 200, (step, first.headers["location"], there.body)
        if (step.method, step.route) in SHOWN_ONCE:
            secrets.append(first.json[SHOWN_ONCE[step.method, step.route]].rsplit("/", 1)[-1])
        done.append((step, path, first))
        rows = programs.rows()
        repeated(programs, number, *done[-1])
        other = programs.ask("POST", "/api/v1/views", {"page": "orders", "name": "x", "query": ""}, f"step {number}")
        assert (other.status, other.json["code"]) == (422, "idempotency_conflict"), step
        if step.body is not None:
            more = programs.ask(step.method, path, {**step.body, "other": 1}, f"step {number}", step.by)
            assert (more.status, more.json["code"]) == (422, "idempotency_conflict"), step
        assert programs.rows() == rows, step
        if step.told is not None:
            found[step.told[0]] = step.told[1](first.json)
    rows = programs.rows()
    served.kill()
    served.start()
    for number, one in enumerate(done):
        repeated(programs, number, *one)
    assert programs.rows() == rows
    assert len(backups_in(served.directory)) == 1
    kept = [path.read_bytes() for path in served.directory.rglob("*") if path.is_file()]
    assert len(secrets) == 3
    assert not any(secret.encode() in content for secret in secrets for content in kept)


def repeated(programs: Programs, number: int, step: Step, path: str, first: Reply) -> None:
    """That a repeat is answered as the first was."""
    again = programs.ask(step.method, path, step.body, f"step {number}", step.by)
    assert told_of(step, again) == told_of(step, first), step
    assert again.headers.get("fourthwatch-replayed") == "true", step
    if (step.method, step.route) in SHOWN_ONCE:
        assert again.json[SHOWN_ONCE[step.method, step.route]] is None
        assert "shown once" in again.json["note"]
    else:
        assert again.body == first.body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/keys", {"name": "copied", "scopes": ["read"]}),
        (ORDER + "/notes", {"text": "copied"}),
        ("/api/v1/backups", {}),
    ],
)
def test_many_copies_at_once_have_one_effect(programs: Programs, path: str, body: dict[str, Any]) -> None:
    rows = programs.rows()
    replies: list[Reply] = []
    threads = [
        threading.Thread(target=lambda: replies.append(programs.ask("POST", path, body, "copies"))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reply.status for reply in replies] == [201] * 16, [reply.body for reply in replies]
    assert sum("fourthwatch-replayed" not in reply.headers for reply in replies) == 1
    assert len({reply.headers["location"] for reply in replies}) == 1
    assert len({reply.body for reply in replies}) == (2 if path == "/api/v1/keys" else 1)
    assert programs.rows() == rows + 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/labels", {"order_id": "o-1", "label": "chargeback"}),
        (ORDER + "/notes", {"text": "once"}),
        (ORDER + "/decisions", {"verdict": "approve"}),
    ],
)
def test_an_event_that_was_durable_when_the_server_was_killed_is_found_again(
    programs: Programs, path: str, body: dict[str, Any]
) -> None:
    first = programs.ask("POST", path, body, "cut off")
    programs.served.kill()
    forget_answers(programs.served.directory)  # killed before the answer was kept
    programs.served.start()
    rows = programs.rows()
    again = programs.ask("POST", path, body, "cut off")
    assert (again.status, again.json["event_id"]) == (first.status, first.json["event_id"])
    assert again.headers["fourthwatch-replayed"] == "true"
    third = programs.ask("POST", path, body, "cut off")
    assert (third.status, third.body) == (again.status, again.body)
    assert programs.rows() == rows
    assert programs.ask("POST", path, {**body, "other": 1}, "cut off").status == 422


def test_a_backup_that_was_whole_when_the_server_was_killed_is_the_one_that_was_asked_for(programs: Programs) -> None:
    made = programs.ask("POST", "/api/v1/backups", {}, "nightly").json["name"]
    assert made.endswith(name_at(ManualClock(0).now_ms(), "nightly").partition("Z")[2])
    programs.served.kill()
    forget_answers(programs.served.directory)  # killed before it was on record
    partial = programs.served.directory / "backups" / (name_at(ManualClock(0).now_ms()) + ".partial")
    partial.mkdir()
    programs.served.start()
    assert programs.ask("POST", "/api/v1/backups", {}, "nightly").json["name"] == made
    assert [one.name for one in backups_in(programs.served.directory)] == [made]
    assert not partial.exists(), "what another was cut off at is cleared away"
    other = programs.ask("POST", "/api/v1/backups", {}, "weekly").json["name"]
    assert {one.name for one in backups_in(programs.served.directory)} == {made, other}


def test_a_user_who_is_erased_is_gone_from_the_answers_that_were_kept(programs: Programs) -> None:
    told = "a-word-about-u-1-alone"
    for path, method, body in (
        (ORDER + "/notes", "POST", {"text": told}),
        ("/api/v1/labels", "POST", {"user_id": "u-1", "label": "bad", "reason": told}),
        (ORDER + "/claim", "PUT", {}),
        ("/api/v1/users/u-1/erasure", "PUT", {}),
    ):
        assert programs.ask(method, path, body, path).status < 300
    of_others = {"name": "third", "scopes": ["ingest"]}
    assert programs.ask("POST", "/api/v1/keys", of_others, "a key").status == 201
    served = programs.served
    assert len(answers(served.directory)) == 5
    served.stop()
    served.start()  # which erases
    (left,) = answers(served.directory)
    assert b"key_id" in left
    content = (served.directory / FILE_NAME).read_bytes()
    assert told.encode() not in content
