"""What was seen is not sent again: `If-None-Match` on reads, each one that the description names."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from served import KEY_HEADER, Reply, Served

pytestmark = pytest.mark.slow

RULE = {"name": "dear", "class": "review", "says": "Dear", "when": "amount > 20000"}


class Team:
    """A key, and one of each thing that can be read."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.key = served.key("ingest", "read", "manage")
        self.done("POST", "lists", {"name": "ips", "type": "ip"})
        self.done("POST", "rule-sets", {"rules": [RULE]})
        self.done("POST", "features", {"name": "watched", "text": "amount"})
        endpoint = self.done("POST", "webhook-endpoints", {"url": "https://example.com/hook", "types": ["case.opened"]})
        user = self.done("POST", "console-users", {"name": "asha@example.com", "role": "analyst"})
        key = self.done("POST", "keys", {"name": "other", "scopes": ["read"]})
        self.filled = {
            "/api/v1/rules": "/api/v1/rules", "/api/v1/rule-sets": "/api/v1/rule-sets",
            "/api/v1/rule-sets/{version}": "/api/v1/rule-sets/current",
            "/api/v1/lists/{name}": "/api/v1/lists/ips", "/api/v1/keys/{key_id}": key.headers["location"],
            "/api/v1/webhook-endpoints/{endpoint_id}": endpoint.headers["location"],
            "/api/v1/console-users/{user_id}": user.headers["location"],
        }  # fmt: skip

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        named = {
            KEY_HEADER: self.key,
            "If-Match": "*",
            **{key.replace("_", "-"): told for key, told in headers.items()},
        }
        return self.served.request(method, path, None if body is None else json.dumps(body), named)

    def done(self, method: str, path: str, body: Any) -> Reply:
        reply = self.ask(method, "/api/v1/" + path, body)
        assert reply.status in (200, 201), reply.body
        return reply


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with Served(tmp_path_factory.mktemp("seen")) as served:
        yield Team(served)


def test_every_read_that_says_so_answers_304_to_whoever_has_seen_it(team: Team) -> None:
    described = json.loads(team.served.request("GET", "/openapi.json").body)["paths"]
    named = {
        path
        for path, item in described.items()
        if any(one["name"] == "If-None-Match" for one in item.get("get", {}).get("parameters", ()))
    }
    assert named == team.filled.keys()
    for path, filled in team.filled.items():
        assert "304" in described[path]["get"]["responses"]
        shown = team.ask("GET", filled)
        etag = shown.headers["etag"]
        for told in (etag, "W/" + etag, f'"0", W/"1" , {etag}', "*"):
            for method in ("GET", "HEAD"):
                unchanged = team.ask(method, filled, If_None_Match=told)
                assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", etag), (filled, told)
        for told in ('"0"', etag[1:-1], f"{etag[:-1]}x{etag[-1]}", ""):
            again = team.ask("GET", filled, If_None_Match=told)
            assert (again.status, again.body) == (200, shown.body), (filled, told)
        nobody = team.served.request("GET", filled, None, {"If-None-Match": "*"})
        assert nobody.status == 401
    assert team.ask("GET", "/api/v1/lists/none", If_None_Match="*").status == 404


def test_what_is_shown_otherwise_has_another_etag(team: Team) -> None:
    """Each change of anything: whatever reads another body after it is not told that it was seen."""
    changes = [
        ("PUT", "rules/dear", {**RULE, "says": "Very dear"}),
        ("POST", "lists/ips/entries", {"value": "203.0.113.9"}), ("PATCH", "lists/ips", {"says": "Seen lately"}),
        ("PATCH", team.filled["/api/v1/webhook-endpoints/{endpoint_id}"].removeprefix("/api/v1/"), {"enabled": False}),
        ("PATCH", team.filled["/api/v1/console-users/{user_id}"].removeprefix("/api/v1/"), {"role": "viewer"}),
        ("POST", "rule-sets", {"rules": []}),
    ]  # fmt: skip
    paths = [*team.filled.values(), "/api/v1/rule-sets/1"]
    shown = {path: team.ask("GET", path) for path in paths}
    changed = set()
    for method, path, body in changes:
        team.done(method, path, body)
        for one, before in shown.items():
            now = team.ask("GET", one, If_None_Match=before.headers["etag"])
            assert now.status == (304 if team.ask("GET", one).body == before.body else 200), (one, path)
            if now.status == 200:
                changed.add(one)
                shown[one] = now
    assert len(changed) == len(paths) - 1, "a key is never edited"


def test_what_shows_more_than_its_etag_stands_for_is_always_sent(team: Team) -> None:
    for path in ("/api/v1/features/watched", "/api/v1/lists/ips/entries", "/api/v1/keeping", "/api/v1/policy"):
        shown = team.ask("GET", path)
        assert team.ask("GET", path, If_None_Match=shown.headers["etag"]).status == 200


def test_a_connection_goes_on_behind_a_304(team: Team) -> None:
    connection = team.served.connection()
    etag = team.ask("GET", "/api/v1/rules").headers["etag"]
    for told, status in ((etag, 304), ('"0"', 200), (etag, 304), (etag, 304), ('"0"', 200)):
        connection.request("GET", "/api/v1/rules", headers={KEY_HEADER: team.key, "If-None-Match": told})
        reply = connection.getresponse()
        assert (reply.status, bool(reply.read())) == (status, status == 200)
    connection.close()
