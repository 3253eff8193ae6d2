"""Four eyes are people's, whichever way they come: at the console, by a key made there, or by a key of that key."""

import json
from collections.abc import Iterator
from html import unescape
from typing import Any, NamedTuple

import pytest

from console.visitor import Visitor, make_user
from served import KEY_HEADER, Reply, Served

pytestmark = pytest.mark.slow

RULE = {"name": "dear", "class": "review", "state": "live", "when": "amount > 400", "says": "A dear order"}


class Person(NamedTuple):
    """Somebody at the console, with a key of their own making and one that this key made."""

    visitor: Visitor
    keys: tuple[str, str]


class Team(NamedTuple):
    """Two people where a set waits for a second pair of eyes."""

    served: Served
    asha: Person
    ravi: Person

    def waiting(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.served.get(self.asha.keys[0], "/api/v1/rule-proposals").json["proposals"]
        return found

    def with_key(self, key: str, method: str, path: str, body: Any = None) -> Reply:
        sent = None if body is None else json.dumps(body)
        return self.served.request(method, f"/api/v1/{path}", sent, {KEY_HEADER: key, "If-Match": "*"})

    def version(self) -> int:
        return int(self.served.get(self.asha.keys[0], "/api/v1/rule-sets/current").json["version"])


def person(served: Served, name: str) -> Person:
    make_user(served.directory, name, "admin")
    visitor = Visitor(served)
    assert visitor.sign_in(name).status == 303
    visitor.get("/console/developers/keys")
    scopes = ["read", "manage"]
    form = {"name": f"of {name}", "scope": "manage"}
    made = visitor.post("/console/developers/keys", form).body.decode()
    key = made.partition('id="made-key">')[2].partition("<")[0]
    named = {KEY_HEADER: key, "If-Match": "*"}
    body = json.dumps({"name": "of the key", "scopes": scopes})
    of_the_key = served.request("POST", "/api/v1/keys", body, named).json["key"]
    return Person(visitor, (of_the_key, key))


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with Served(tmp_path_factory.mktemp("eyes"), environment={"FOURTHWATCH_FOUR_EYES": "true"}) as served:
        yield Team(served, person(served, "asha@example.com"), person(served, "ravi@example.com"))


def test_what_one_did_at_the_console_no_key_of_ones_own_approves(team: Team) -> None:
    asha, ravi = team.asha, team.ravi
    before = team.version()
    sent = asha.visitor.post("/console/rules/edit/new", RULE)
    assert sent.status == 303
    assert "waits for a second pair of eyes" in (page := asha.visitor.get("/console/rules").body.decode())
    assert "A dear order" in page
    (one,) = team.waiting()
    approval = f"rule-proposals/{one['proposal']}/approval"
    for key in asha.keys:
        assert team.with_key(key, "POST", approval, {}).status == 403
    assert asha.visitor.post(f"/console/rules/proposals/{one['proposal']}", {"approve": "yes"}).status == 403
    assert (team.version(), len(team.waiting())) == (before, 1)
    assert team.with_key(ravi.keys[0], "POST", approval, {}).status == 201
    assert (team.version(), team.waiting()) == (before + 1, [])


def test_what_a_key_sent_its_maker_does_not_approve_at_the_console(team: Team) -> None:
    asha, ravi = team.asha, team.ravi
    before = team.version()
    for key in asha.keys:
        sent = team.with_key(key, "PUT", "rules/other", {**RULE, "name": "other"})
        assert (sent.status, sent.json["version"]) == (202, None)
        path = f"/console/rules/proposals/{sent.json['proposal']}"
        assert asha.visitor.post(path, {"approve": "yes"}).status == 403
        assert team.version() == before
    assert ravi.visitor.post(path, {"approve": "yes"}).status == 303
    assert team.version() == before + 1
    other = team.waiting()[0]["proposal"]
    assert ravi.visitor.post(f"/console/rules/proposals/{other}", {"approve": "no"}).status == 303
    assert team.waiting() == []


def test_what_was_typed_into_a_rule_that_is_refused_is_still_there_and_a_number_to_its_last_digit(team: Team) -> None:
    visitor = team.asha.visitor
    typed = {**RULE, "name": "typed", "class": "score", "weight": "1234.5678", "examples": "[{'expect': \"hit\"]"}
    refused = visitor.post("/console/rules/edit/new", typed)
    assert refused.status == 400
    page = unescape(refused.body.decode())
    assert typed["examples"] in page
    assert 'name="weight" inputmode="decimal" value="1234.5678"' in page
    sent = team.with_key(team.asha.keys[0], "PUT", "rules/typed", {**typed, "weight": 12.345678, "examples": []})
    assert team.ravi.visitor.post(f"/console/rules/proposals/{sent.json['proposal']}", {"approve": "yes"}).status == 303
    assert 'value="12.345678"' in visitor.get("/console/rules/edit/typed").body.decode()


def test_whatever_waits_is_said_to_wait_and_a_new_rule_takes_no_others_place(team: Team) -> None:
    visitor, before = team.asha.visitor, team.version()
    name = team.served.get(team.asha.keys[0], "/api/v1/rules?limit=1").json["rules"][0]["name"]
    taken = visitor.post("/console/rules/edit/new", {**RULE, "name": name})
    assert taken.status == 412
    assert "there is one of this name already" in taken.body.decode()
    for path in (f"edit/{name}/remove", "versions/0/rollback"):
        visitor.post(f"/console/rules/{path}")
        told = visitor.get("/console/rules").body.decode()
        assert "The set waits for a second pair of eyes." in told
        assert team.version() == before
    for one in team.waiting():
        assert visitor.post(f"/console/rules/proposals/{one['proposal']}", {"approve": "no"}).status == 303


def test_what_looks_wrong_about_a_set_is_said_where_it_is_sent_and_where_it_is_approved(team: Team) -> None:
    asha, ravi = team.asha.visitor, team.ravi.visitor
    asha.post("/console/rules/edit/new", {**RULE, "name": "never", "when": "amount > 5 and amount < 3"})
    looked = "Look at never: its parts exclude each other: it can never hit."
    assert looked in asha.get("/console/rules").body.decode()
    (one,) = team.waiting()
    ravi.post(f"/console/rules/proposals/{one['proposal']}", {"approve": "yes"})
    assert looked in ravi.get("/console/rules").body.decode()
