"""Conventions of the management API, tried on the routes that there are: problems, pages, ETags, keys, the trail."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from fourthwatch.api.paging import Cursors, Page
from fourthwatch.errors import Malformed
from served import KEY_HEADER, Reply, Served, run

SECRET = b"s" * 32


# Cursors.


def page_of(query: str, tenant: int = 1, name: str = "list", secret: bytes = SECRET) -> Page:
    request = Request({"type": "http", "query_string": query.encode(), "headers": []})
    return Page(Cursors(secret), request, tenant, name)


@pytest.mark.parametrize("place", [0, 2**62, "", "x" * 256, "ü\x00\n", ("a", 5)])
def test_a_cursor_brings_its_place_back(place: Any) -> None:
    cursor = page_of("").next(place)
    assert page_of(f"cursor={cursor}").behind(type(place), None) == place
    assert cursor == page_of("").next(place)
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_a_cursor_tells_nothing_of_its_place() -> None:
    cursors = [page_of("").next(place) for place in range(100)]
    assert len({cursor[:8] for cursor in cursors}) == 100
    assert len({cursor[-2:] for cursor in cursors}) > 50


@pytest.mark.parametrize("other", [{"tenant": 2}, {"name": "another"}, {"secret": b"t" * 32}])
def test_a_cursor_of_another_tenant_list_or_file_is_like_one_that_never_was(other: dict[str, Any]) -> None:
    cursor = page_of("", **other).next(5)
    messages = []
    for sent in (cursor, "AAAA", "!", "", "ü", "A" * 2_000, cursor[:-1]):
        with pytest.raises(Malformed) as refused:
            page_of(f"cursor={sent}").behind(int, 0)
        messages.append((refused.value.code, refused.value.message))
    assert len(set(messages)) == 1
    assert messages[0][0] == "bad_cursor"


def test_a_page_is_cut_where_the_next_one_begins() -> None:
    page = page_of("limit=3")
    assert page.cut([1, 2, 3], lambda row: row) == ([1, 2, 3], None)
    shown, following = page.cut([1, 2, 3, 4], lambda row: row)
    assert shown == [1, 2, 3]
    assert page_of(f"cursor={following}").behind(int, 0) == 3


# The rest is served.


class Manager:
    """One merchant's key at a server."""

    def __init__(self, served: Served, key: str) -> None:
        self.served, self.key = served, key

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = body if body is None or isinstance(body, str) else json.dumps(body)
        return self.served.request(method, "/api/v1" + path, sent, {KEY_HEADER: self.key, **named})

    def trail(self, query: str = "") -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.ask("GET", "/audit" + query).json["entries"]
        return entries


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with Served(tmp_path_factory.mktemp("managed")) as served:
        yield Manager(served, served.key("ingest", "read", "manage"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "pointer"),
    [
        ("GET", "/nowhere", None, 404, "not_found", None),
        ("GET", "", None, 404, "not_found", None),
        ("PUT", "/features", "{}", 405, "method_not_allowed", None),
        ("GET", "/features/never_seen", None, 404, "not_found", None),
        ("POST", "/features", "{", 400, "malformed_json", ""),
        ("POST", "/features", '{"name":"a","name":"b"}', 400, "duplicate_key", "/name"),
        ("POST", "/features", '{"name":"A","text":"amount"}', 400, "bad_name", "/name"),
        ("GET", "/features?cursor=x", None, 400, "bad_cursor", ""),
        ("DELETE", "/features/amount", None, 403, "forbidden", None),
    ],
)
def test_a_management_route_refuses_with_a_problem(
    manager: Manager, method: str, path: str, body: str | None, status: int, code: str, pointer: str | None
) -> None:
    reply = manager.ask(method, path, body)
    assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")
    assert reply.json["type"] == f"urn:fourthwatch:problem:{code}"
    assert (reply.json["status"], reply.json["code"], reply.json.get("pointer")) == (status, code, pointer)
    assert reply.json["title"] == code.replace("_", " ").capitalize()
    assert reply.json["detail"]
    assert (status == 405) == ("allow" in reply.headers)


@pytest.mark.slow
def test_the_old_contracts_paths_keep_its_error(manager: Manager) -> None:
    for path in ("/event/v1/login", "/neo/v1/score", "/nowhere", "/api/v10"):
        reply = manager.served.request("GET", path, headers={KEY_HEADER: manager.key})
        assert reply.headers["content-type"] == "application/json"
        assert reply.json["error"] == reply.json["message"]


@pytest.mark.slow
def test_a_text_that_is_not_understood_is_a_problem_with_diagnostics(manager: Manager) -> None:
    reply = manager.ask("POST", "/features", {"name": "odd", "text": "amout"})
    assert (reply.status, reply.json["code"]) == (400, "language")
    assert reply.json["diagnostics"][0]["column"] == 1
    assert "^" in reply.json["rendered"]


@pytest.mark.slow
def test_an_edit_says_what_it_has_seen(manager: Manager) -> None:
    made = manager.ask("POST", "/features", {"name": "watched", "text": "amount"})
    etag = made.headers["etag"]
    assert manager.ask("GET", "/features/watched").headers["etag"] == etag
    assert manager.ask("DELETE", "/features/watched").json["code"] == "precondition_required"
    stale = manager.ask("DELETE", "/features/watched", if_match='"0"')
    assert (stale.status, stale.json["code"]) == (412, "precondition_failed")
    assert manager.ask("DELETE", "/features/watched", if_match="W/" + etag).status == 412
    assert manager.ask("DELETE", "/features/watched", if_match=f'"0", {etag}').status == 204
    assert manager.ask("DELETE", "/features/watched", if_match="*").status == 404
    again = manager.ask("POST", "/features", {"name": "watched", "text": "amount * 2"})
    assert manager.ask("DELETE", "/features/watched", if_match=etag).status == 412
    assert manager.ask("DELETE", "/features/watched", if_match=again.headers["etag"]).status == 204


@pytest.mark.slow
def test_sixty_four_copies_of_a_creation_have_one_effect_and_one_answer(manager: Manager) -> None:
    body = {"name": "copied", "text": "amount / 3"}
    replies: list[Reply] = []

    def send() -> None:
        replies.append(manager.ask("POST", "/features", body, idempotency_key="copies"))

    threads = [threading.Thread(target=send) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == 64
    assert {(reply.status, reply.body, reply.headers["etag"], reply.headers["location"]) for reply in replies} == {
        (201, replies[0].body, replies[0].headers["etag"], "/api/v1/features/copied")
    }
    assert sum("fourthwatch-replayed" not in reply.headers for reply in replies) == 1
    assert len(manager.trail("?thing=features/copied")) == 1


@pytest.mark.slow
def test_a_key_with_another_request_is_a_conflict_and_a_refused_one_is_free_again(manager: Manager) -> None:
    assert manager.ask("POST", "/features", {"name": "k1", "text": "amout"}, idempotency_key="k").status == 400
    assert manager.ask("POST", "/features", {"name": "k1", "text": "amount"}, idempotency_key="k").status == 201
    spaced = manager.ask("POST", "/features", '{"text": "amount",  "name": "k1"}', idempotency_key="k")
    assert (spaced.status, spaced.headers["fourthwatch-replayed"]) == (201, "true")
    other = manager.ask("POST", "/features", {"name": "k2", "text": "amount"}, idempotency_key="k")
    assert (other.status, other.json["code"]) == (422, "idempotency_conflict")
    query = manager.ask("POST", "/features?dry_run=true", {"name": "k1", "text": "amount"}, idempotency_key="k")
    assert query.status == 422
    assert manager.ask("GET", "/features/k2").status == 404
    for key in ("", "x" * 256):
        assert manager.ask("POST", "/features", {}, idempotency_key=key).json["code"] == "bad_header"


@pytest.mark.slow
def test_a_keys_answer_is_there_after_a_kill_and_also_when_the_thing_is_gone(tmp_path: Path) -> None:
    served = Served(tmp_path).start()
    try:
        manager = Manager(served, served.key("manage"))
        body = {"name": "lasting", "text": "amount"}
        first = manager.ask("POST", "/features", body, idempotency_key="lasting")
        served.kill()
        served.start()
        again = manager.ask("POST", "/features", body, idempotency_key="lasting")
        assert (again.status, again.body) == (201, first.body)
        assert manager.ask("DELETE", "/features/lasting", if_match="*").status == 204
        late = manager.ask("POST", "/features", body, idempotency_key="lasting")
        assert (late.status, late.body) == (201, first.body)
        assert [entry["action"] for entry in manager.trail("?thing=features/lasting")] == [
            "feature.removed", "feature.defined",
        ]  # fmt: skip
    finally:
        served.kill()


@pytest.mark.slow
def test_the_keys_of_two_tenants_are_apart(manager: Manager) -> None:
    other = Manager(manager.served, manager.served.key("manage", "read", tenant="apart"))
    for one, text in ((manager, "amount"), (other, "amount * 2")):
        reply = one.ask("POST", "/features", {"name": "mine", "text": text}, idempotency_key="apart")
        assert (reply.status, reply.json["text"]) == (201, text)


@pytest.mark.slow
def test_what_is_changed_is_in_the_trail_with_before_and_after_and_verified(manager: Manager) -> None:
    assert manager.ask("POST", "/features", {"name": "told", "text": "amount", "says": "how much"}).status == 201
    assert manager.ask("DELETE", "/features/told", if_match="*").status == 204
    gone, made = manager.trail("?thing=features/told")
    assert (made["action"], made["before"], gone["action"], gone["after"]) == (
        "feature.defined", None, "feature.removed", None,
    )  # fmt: skip
    assert made["after"] == gone["before"]
    assert made["after"]["says"] == "how much"
    assert made["actor"].startswith("key_")
    assert made["number"] < gone["number"]
    refused = manager.ask("POST", "/features", {"name": "told", "text": "amout"})
    assert refused.status == 400
    assert len(manager.trail("?thing=features/told")) == 2
    data = ("--data", str(manager.served.directory))
    done = run("audit", "verify", *data, "--json")
    assert done.returncode == 0, done.stderr
    (row,) = [row for row in json.loads(done.stdout) if row["tenant"] == "default"]
    assert row["head"] == manager.trail("?limit=1")[0]["chain"]
    assert run("audit", "verify", *data, "--head", made["chain"]).returncode == 0
    assert run("audit", "verify", *data, "--head", "0" * 32).returncode == 1
    lines = [json.loads(line) for line in run("audit", "export", *data).stdout.splitlines()]
    assert [line["number"] for line in lines] == list(range(1, row["entries"] + 1))
    assert lines[-1]["chain"] == row["head"]


@pytest.mark.slow
def test_the_trail_is_read_in_pages(manager: Manager) -> None:
    for number in range(4):
        manager.ask("POST", "/features", {"name": f"paged_{number}", "text": "amount"})
    numbers: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = manager.ask("GET", "/audit?limit=2" + (cursor and f"&cursor={cursor}")).json
        numbers += [entry["number"] for entry in page["entries"]]
        cursor = page["next"]
    assert numbers == list(range(numbers[0], 0, -1))
