"""Rule sets over HTTP: checked, tried, published between two events, compared, rolled back, approved by a second."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.shop import assert_error, fresh
from served import KEY_HEADER, Reply, Served, run

pytestmark = pytest.mark.slow

LOOK = {
    "name": "third_order_within_the_hour", "class": "review", "says": "Third order from one IP within the hour",
    "when": "count(order, by ip, last 1h) >= 2",
    "examples": [{"expect": "unknown"}, {"expect": "miss", "body": {
        "_orderId": "o", "_userId": "u", "_deviceIp": "203.0.113.9"}}],
}  # fmt: skip


class Team:
    """A merchant's people at one server."""

    def __init__(self, served: Served, tenant: str = "default") -> None:
        self.served = served
        self.key = served.key("ingest", "read", "manage", name=fresh("team"), tenant=tenant)

    def ask(self, method: str, path: str, body: Any = None, *, if_match: str | None = "*", key: str = "") -> Reply:
        headers = {KEY_HEADER: key or self.key, **({} if if_match is None else {"If-Match": if_match})}
        return self.served.request(method, path, None if body is None else json.dumps(body), headers)

    def found(self, path: str) -> Any:
        reply = self.ask("GET", path)
        assert reply.status == 200, reply.body
        return reply.json

    def order(self, **body: Any) -> dict[str, Any]:
        reply = self.served.send(self.key, "createOrder", {"_orderId": fresh("o"), "_userId": fresh("u"), **body})
        assert reply.status == 200, reply.body
        receipt: dict[str, Any] = reply.json
        return receipt


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("rules")) as running:
        yield running


@pytest.fixture
def team(served: Served) -> Team:
    """A merchant who has done nothing yet."""
    return Team(served, fresh("merchant"))


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Team]:
    """The only merchant of a server that has just begun."""
    with Served(tmp_path) as served:
        yield Team(served)


def test_third_order_from_one_ip_within_the_hour_goes_to_review_from_the_publication_on(alone: Team) -> None:
    verdicts = [alone.order(_deviceIp="203.0.113.9")["verdict"] for _ in range(3)]
    assert verdicts == ["approve"] * 3
    made = alone.ask("POST", "/api/v1/rule-sets", {"rules": [LOOK], "note": "first"})
    assert made.status == 201, made.body
    assert (made.json["version"], made.headers["location"]) == (1, "/api/v1/rule-sets/1")
    receipt = alone.order(_deviceIp="203.0.113.9")
    assert (receipt["verdict"], receipt["flag"]) == ("review", "red")
    assert [(one["name"], one["value"]) for one in receipt["reasons"]] == [("third_order_within_the_hour", "3")]
    decision = alone.found(f"/api/v1/events/{receipt['event_id']}")["decision"]
    assert decision["versions"]["rules"] == 1
    shown = alone.found("/api/v1/rule-sets/current")
    assert (shown["version"], shown["from_position"], shown["note"], shown["in_force"]) == (1, 4, "first", True)


def test_what_is_published_judges_after_a_restart(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        team = Team(served)
        assert (
            team.ask("POST", "/api/v1/rule-sets", {"rules": [{**LOOK, "when": "true", "examples": []}]}).status == 201
        )
        assert team.order()["verdict"] == "review"
    with Served(tmp_path) as served:
        team = Team(served)
        assert team.order()["verdict"] == "review"
        assert team.found("/api/v1/rule-sets/1")["from_position"] == 1


def test_a_set_with_faults_is_refused_whole_and_nothing_changes(team: Team) -> None:
    bad = {**LOOK, "name": "misspelt", "when": "amuont > 3"}
    reply = team.ask("POST", "/api/v1/rule-sets", {"rules": [LOOK, bad]})
    error = assert_error(reply, 400)
    assert error["code"] == "rules"
    assert "did you mean `amount`?" in error["rendered"]
    failing = {**LOOK, "examples": [{"expect": "hit"}]}
    error = assert_error(team.ask("POST", "/api/v1/rule-sets", {"rules": [failing]}), 400)
    assert "example 1 should be a hit, and is unknown" in error["rendered"]
    assert team.found("/api/v1/rule-sets")["rule_sets"][0]["version"] == 0


def test_a_rule_of_the_wrong_shape_is_refused_with_the_place_and_what_would_be_right(team: Team) -> None:
    for wrong, pointer, told in (
        ({"class": "blok"}, "/rules/0/class", "class is one of allow, block, review, score"),
        ({"wieght": 3}, "/rules/0/wieght", "there is no key `wieght`; did you mean `weight`?"),
        ({"actions": [{"do": "tag"}]}, "/rules/0/actions/0/to", "to is missing"),
        ({"says": 5}, "/rules/0/says", "expected `str`, got `int`"),
    ):
        error = assert_error(team.ask("POST", "/api/v1/rule-sets", {"rules": [{**LOOK, **wrong}]}), 400)
        code = "missing_key" if "missing" in told else "bad_value"
        assert (error["code"], error["pointer"]) == (code, pointer)
        assert told in error["detail"]


def test_with_dry_run_a_set_is_only_checked_and_tried(team: Team) -> None:
    reply = team.ask("POST", "/api/v1/rule-sets?dry_run=true", {"rules": [LOOK]}, if_match=None)
    assert reply.status == 200, reply.body
    assert (reply.json["rules"], reply.json["examples"], reply.json["aggregates"]) == (1, 2, 1)
    assert {one["kind"] for one in reply.json["differences"]} == {"added", "removed"}
    assert team.found("/api/v1/rule-sets/current")["version"] == 0


def test_what_looks_wrong_is_told_and_refuses_nothing(team: Team) -> None:
    never = {**LOOK, "name": "never", "when": "amount > 5 and amount < 3", "examples": []}
    finding = {
        "rule": "never", "code": "contradictory", "message": "its parts exclude each other: it can never hit",
    }  # fmt: skip
    tried = team.ask("POST", "/api/v1/rule-sets?dry_run=true", {"rules": [never, LOOK]}).json
    assert (tried["findings"], tried["warnings"]) == ([finding], [f"never: {finding['message']}"])
    made = team.ask("POST", "/api/v1/rule-sets", {"rules": [never, LOOK]})
    assert (made.status, made.json["findings"]) == (201, [finding])
    assert team.ask("PUT", "/api/v1/rules/never", {**never, "owner": "risk"}).json["findings"] == [finding]
    assert team.ask("POST", "/api/v1/rule-sets/1/rollback", {}).json["findings"] == [finding]
    assert team.ask("DELETE", "/api/v1/rules/never").json["findings"] == []


def test_an_edit_over_what_one_has_not_seen_is_refused(team: Team) -> None:
    assert_error(team.ask("POST", "/api/v1/rule-sets", {"rules": [LOOK]}, if_match=None), 428)
    etag = team.ask("GET", "/api/v1/rule-sets/current").headers["etag"]
    assert team.ask("POST", "/api/v1/rule-sets", {"rules": [LOOK]}, if_match=etag).status == 201
    assert_error(team.ask("POST", "/api/v1/rule-sets", {"rules": []}, if_match=etag), 412)


def test_one_rule_is_changed_and_removed_and_each_change_is_a_version(team: Team) -> None:
    assert team.ask("PUT", f"/api/v1/rules/{LOOK['name']}", LOOK).status == 201
    shown = team.ask("GET", f"/api/v1/rules/{LOOK['name']}")
    assert shown.json["rule"]["when"] == LOOK["when"]
    assert len(team.found("/api/v1/rules?limit=500")["rules"]) >= 41
    changed = {**LOOK, "state": "shadow"}
    made = team.ask("PUT", f"/api/v1/rules/{LOOK['name']}", changed, if_match=shown.headers["etag"])
    assert made.status == 201, made.body
    assert [(one["kind"], one["keys"]) for one in made.json["differences"]] == [("changed", ["state"])]
    assert_error(team.ask("PUT", f"/api/v1/rules/{LOOK['name']}", LOOK, if_match=shown.headers["etag"]), 412)
    removed = team.ask("DELETE", f"/api/v1/rules/{LOOK['name']}", if_match=made.headers["etag"])
    assert removed.status == 201, "what an edit answers with is the ETag of the rule, good for the next one"
    assert_error(team.ask("GET", f"/api/v1/rules/{LOOK['name']}"), 404)
    assert [one["version"] for one in team.found("/api/v1/rule-sets")["rule_sets"]] == [3, 2, 1, 0]
    told = team.found("/api/v1/rule-sets/3/differences?against=1")
    assert [(one["rule"], one["kind"]) for one in told["differences"]] == [(LOOK["name"], "removed")]


def test_a_rule_that_is_only_to_be_made_takes_no_others_place(team: Team) -> None:
    def make(body: dict[str, Any]) -> Reply:
        headers = {KEY_HEADER: team.key, "If-None-Match": "*"}
        return team.served.request("PUT", f"/api/v1/rules/{LOOK['name']}", json.dumps(body), headers)

    assert make(LOOK).status == 201
    assert_error(make({**LOOK, "state": "shadow"}), 412)
    assert "state" not in team.found(f"/api/v1/rules/{LOOK['name']}")["rule"]
    told = assert_error(team.ask("PUT", "/api/v1/rules/another", {**LOOK, "name": "another"}, if_match='"seen"'), 412)
    assert "If-None-Match" in told["detail"]


def test_a_condition_is_told_as_a_tree_and_taken_as_one(team: Team) -> None:
    assert team.ask("PUT", f"/api/v1/rules/{LOOK['name']}", LOOK).status == 201
    tree = team.found(f"/api/v1/rules/{LOOK['name']}")["tree"]
    assert (tree["node"], tree["operator"], tree["left"]["function"]) == ("compare", ">=", "count")
    tree["right"]["value"] = 7
    assert team.ask("PUT", f"/api/v1/rules/{LOOK['name']}", {**LOOK, "when": tree}).status == 201
    shown = team.found(f"/api/v1/rules/{LOOK['name']}")
    assert shown["rule"]["when"] == "count(order, by ip, last 1h) >= 7"
    error = assert_error(team.ask("PUT", f"/api/v1/rules/{LOOK['name']}", {**LOOK, "when": {"node": "x"}}), 400)
    assert error["pointer"] == "/when"


def test_an_older_version_is_published_again_under_a_new_number(team: Team) -> None:
    assert team.ask("POST", "/api/v1/rule-sets", {"rules": [{**LOOK, "when": "true", "examples": []}]}).status == 201
    assert team.order()["verdict"] == "review"
    back = team.ask("POST", "/api/v1/rule-sets/0/rollback", {})
    assert back.status == 201, back.body
    assert team.order()["verdict"] == "approve"
    shown = team.found("/api/v1/rule-sets/current")
    assert (shown["version"], shown["note"]) == (2, "back to version 0")
    assert_error(team.ask("POST", "/api/v1/rule-sets/9/rollback", {}), 404)


def test_every_publication_is_in_the_trail(team: Team) -> None:
    team.ask("PUT", f"/api/v1/rules/{LOOK['name']}", LOOK)
    (entry,) = team.found("/api/v1/audit?action=rule.")["entries"]
    assert (entry["action"], entry["thing"], entry["before"]) == ("rule.changed", "rule-sets/1", None)
    assert entry["after"][LOOK["name"]]["when"] == LOOK["when"]


def test_a_retry_of_a_publication_is_one_version(team: Team) -> None:
    headers = {KEY_HEADER: team.key, "If-Match": "*", "Idempotency-Key": "once"}
    body = json.dumps({"rules": [LOOK]})
    replies = [team.served.request("POST", "/api/v1/rule-sets", body, headers) for _ in range(2)]
    assert [reply.status for reply in replies] == [201, 201]
    assert replies[0].body == replies[1].body
    assert team.found("/api/v1/rule-sets/current")["version"] == 1


def test_a_feature_that_a_rule_in_force_uses_cannot_be_removed(team: Team) -> None:
    assert team.ask("POST", "/api/v1/features", {"name": "calls_1h", "text": "count(message, by user)"}).status == 201
    rule = {**LOOK, "when": "calls_1h > 3", "examples": []}
    assert team.ask("POST", "/api/v1/rule-sets", {"rules": [rule]}).status == 201
    assert_error(team.ask("DELETE", "/api/v1/features/calls_1h"), 409)
    assert team.ask("POST", "/api/v1/rule-sets/0/rollback", {}).status == 201
    assert team.ask("DELETE", "/api/v1/features/calls_1h").status == 204


def test_where_two_pairs_of_eyes_are_wanted_a_set_waits_for_another_key(tmp_path: Path) -> None:
    with Served(tmp_path, environment={"FOURTHWATCH_FOUR_EYES": "true"}) as served:
        team = Team(served)
        second = served.key("read", "manage", name="second")
        always = {**LOOK, "when": "true", "examples": []}
        sent = team.ask("POST", "/api/v1/rule-sets", {"rules": [always], "note": "look at all"})
        assert sent.status == 202, sent.body
        number = sent.json["proposal"]
        assert team.order()["verdict"] == "approve"
        (waiting,) = team.found("/api/v1/rule-proposals")["proposals"]
        assert (waiting["proposal"], waiting["note"]) == (number, "look at all")
        assert_error(team.ask("POST", f"/api/v1/rule-proposals/{number}/approval", {}), 403)
        approved = team.ask("POST", f"/api/v1/rule-proposals/{number}/approval", {}, key=second)
        assert approved.status == 201, approved.body
        assert team.order()["verdict"] == "review"
        shown = team.found("/api/v1/rule-sets/current")
        assert shown["author"] != shown["approver"]
        again = team.ask("POST", "/api/v1/rule-sets", {"rules": []})
        assert team.ask("DELETE", f"/api/v1/rule-proposals/{again.json['proposal']}").status == 204
        assert team.found("/api/v1/rule-proposals")["proposals"] == []


def test_rules_of_one_merchant_are_nothing_to_another(team: Team) -> None:
    other = team.served.key("ingest", "read", "manage", tenant=fresh("other"))
    assert team.ask("PUT", f"/api/v1/rules/{LOOK['name']}", LOOK).status == 201
    assert_error(team.ask("GET", f"/api/v1/rules/{LOOK['name']}", key=other), 404)
    assert_error(team.ask("GET", "/api/v1/rule-sets/1", key=other), 404)
    assert team.ask("GET", "/api/v1/rule-sets/current", key=other).json["version"] == 0


def test_a_decision_is_told_rule_by_rule_with_what_would_have_flipped_it(team: Team) -> None:
    dear = {"name": "dear", "class": "review", "when": "amount > 400", "says": "A dear order"}
    team.ask("POST", "/api/v1/rule-sets", {"rules": [dear, LOOK]})
    event = team.order(_amount="500", _currencyCode="INR", _deviceIp="203.0.113.9")["event_id"]
    told = team.found(f"/api/v1/decisions/{event}")
    assert (told["verdict"], told["decided_by"], told["rule_set"]) == ("review", "dear", 1)
    assert told["why"] == "the review rule dear decides, whatever the score"
    assert (told["hits"], told["misses"], told["unknown"]) == (1, 1, 0)
    assert (told["model"], told["shadows"], told["policy"], told["degraded"], told["lists"]) == (None, {}, 0, [], [])
    assert len(told["micros"]) == 2
    trace = team.found(f"/api/v1/decisions/{event}/trace")
    assert [line["says"] for line in trace["rules"]] == [
        "amount 500 > 400: hit", "0 orders by ip 203.0.113.9 in 1h >= 2: miss",
    ]  # fmt: skip
    flip = team.found(f"/api/v1/decisions/{event}/counterfactual")
    assert (flip["would_be"], flip["changes"]) == ("approve", [{"what": "amount", "was": 500.0, "would_be": 400}])
    other = team.served.key("read", tenant=fresh("other"))
    for path in (f"/api/v1/decisions/{event}", f"/api/v1/decisions/{event}/trace"):
        assert_error(team.ask("GET", path, key=other), 404)


def test_a_list_in_a_rule_is_asked_as_it_stands_and_a_decision_is_made_again_with_it_as_it_stood(alone: Team) -> None:
    assert alone.ask("POST", "/api/v1/lists", {"name": "vip", "type": "email", "kind": "allow"}).status == 201
    rule = {"name": "vip", "class": "allow", "when": 'in_list(email, "vip")', "says": "Known to us"}
    block = {"name": "all", "class": "block", "when": "true", "says": "Everybody"}
    made = alone.ask("POST", "/api/v1/rule-sets", {"rules": [rule, block]})
    assert made.status == 201, made.body
    verdicts = [alone.order(_userEmail="asha@example.com")["verdict"]]
    assert alone.ask("POST", "/api/v1/lists/vip/entries", {"value": "asha@example.com"}).status == 201
    verdicts.append(alone.order(_userEmail="asha@example.com")["verdict"])
    assert alone.ask("DELETE", "/api/v1/lists/vip/entries/asha@example.com").status == 204
    verdicts.append(alone.order(_userEmail="asha@example.com")["verdict"])
    assert verdicts == ["decline", "approve", "decline"]
    assert_error(alone.ask("DELETE", "/api/v1/lists/vip"), 409)
    again = run("replay-decision", "--all", "--data", str(alone.served.directory))
    assert (again.returncode, again.stdout) == (0, ""), again.stdout
    assert "3 decisions made again, 0 differ" in again.stderr
