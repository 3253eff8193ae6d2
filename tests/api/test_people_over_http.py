"""Users of the console and keys over HTTP: made, changed and taken back, each change on record."""

from collections.abc import Iterator

import pytest

from served import KEY_HEADER, Reply, Served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("people")) as running:
        yield running


@pytest.fixture(scope="module")
def key(served: Served) -> str:
    return served.key("ingest", "read", "manage", name="everything")


def ask(served: Served, key: str, method: str, path: str, body: str | None = None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return served.request(method, "/api/v1/" + path, body, {KEY_HEADER: key, **named})


def test_a_user_is_made_with_a_link_and_changed_only_by_who_has_seen_it(served: Served, key: str) -> None:
    made = ask(served, key, "POST", "console-users", '{"name": "Asha@example.com", "role": "viewer"}')
    assert made.status == 201
    user = made.json["user"]
    assert (user["name"], user["role"], user["has_password"]) == ("asha@example.com", "viewer", False)
    assert served.request("GET", made.json["link_path"]).status == 200
    again = ask(served, key, "POST", "console-users", '{"name": "asha@example.com", "role": "viewer"}')
    assert (again.status, again.json["code"]) == (409, "name_taken")
    path = f"console-users/{user['user_id']}"
    assert ask(served, key, "PATCH", path, '{"role": "analyst"}').status == 428
    seen = ask(served, key, "GET", path).headers["etag"]
    assert ask(served, key, "PATCH", path, '{"role": "analyst"}', If_Match=seen).json["role"] == "analyst"
    assert ask(served, key, "PATCH", path, '{"role": "admin"}', If_Match=seen).status == 412
    off = ask(served, key, "PATCH", path, '{"disabled": true}', If_Match="*")
    assert off.json["disabled_at"] is not None
    assert served.request("GET", made.json["link_path"]).status == 404
    actions = [row["action"] for row in ask(served, key, "GET", f"audit?thing={path}").json["entries"]]
    assert actions == [
        "console_user.disabled",
        "console_user.role_changed",
        "console_user.link_made",
        "console_user.created",
    ]


@pytest.mark.parametrize(
    "body", ['{"name": "x y", "role": "viewer"}', '{"name": "x", "role": "boss"}', '{"name": "x"}',
             '{"name": "x", "role": "viewer", "password": "no"}', '{"name": 1, "role": "viewer"}'],
)  # fmt: skip
def test_what_is_no_user_is_refused_and_nothing_is_kept(served: Served, key: str, body: str) -> None:
    before = ask(served, key, "GET", "console-users").json
    assert ask(served, key, "POST", "console-users", body).status == 400
    assert ask(served, key, "GET", "console-users").json == before


def test_a_key_is_shown_once_and_refused_after_it_was_revoked(served: Served, key: str) -> None:
    made = ask(served, key, "POST", "keys", '{"name": "shop", "scopes": ["ingest"]}').json
    assert served.send(made["key"], "login", {"_userId": "u"}).status == 200
    listed = ask(served, key, "GET", "keys")
    assert made["key"].encode() not in listed.body
    path = f"keys/{made['key_id']}"
    seen = ask(served, key, "GET", path)
    assert seen.json["scopes"] == ["ingest"]
    assert ask(served, key, "DELETE", path, If_Match=seen.headers["etag"]).status == 204
    statuses = {served.send(made["key"], "login", {"_userId": "u"}).status for _ in range(1_000)}
    assert 401 in statuses
    assert ask(served, key, "GET", "audit?action=key.revoked").json["entries"][0]["thing"] == path
