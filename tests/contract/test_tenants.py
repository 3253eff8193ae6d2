"""One merchant hears nothing of another: its answers are the same bytes whether or not there is another's traffic."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.test_access import MATRIX, OPEN
from contract.two_merchants import (
    LOOKED_UP,
    OF_A_RECEIVER,
    OF_AN_EVENT,
    OF_ANOTHER_THING,
    House,
    TwoMerchants,
    gets,
    machine_settings,
    reads,
)
from fourthwatch.decision import Policy
from served import Served, run

pytestmark = pytest.mark.slow

TestTwoMerchants = TwoMerchants.TestCase
TestTwoMerchants.settings = machine_settings(3_000, derandomize=True)


@pytest.fixture
def machine() -> Iterator[TwoMerchants]:
    made = TwoMerchants()
    yield made
    made.teardown()


@pytest.fixture
def house() -> Iterator[House]:
    made = House.furnished()
    yield made
    made.close()


def test_a_house_that_lets_one_policy_hold_for_all_would_be_noticed(machine: TwoMerchants) -> None:
    policies = machine.crowded.corridor.definitions.walk.judging.policies
    of: Callable[[int], Policy] = policies.of
    policies.of = lambda tenant: of(min(tenant, 2))  # type: ignore[method-assign]
    machine.crowded.ask("a", [("PUT", "/api/v1/policy", {"red_above": 5, "decline_above": 10})])
    with pytest.raises(AssertionError):
        machine.both(*gets("/api/v1/policy"))


def test_every_read_that_needs_a_key_is_compared() -> None:
    asked = [path for piece in reads("one") for path in piece]
    asked += [f"/api/v1/search?q={LOOKED_UP[0]}"]
    asked += ["/api/v1/" + path.format("x") for path in (*OF_AN_EVENT, *OF_A_RECEIVER, *OF_ANOTHER_THING)]
    plain = [path.partition("?")[0] for path in asked]
    routes = [path for (method, path), scope in MATRIX.items() if method == "GET" and scope != OPEN]
    assert len(routes) >= 60
    for route in routes:
        pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(route)))
        assert any(pattern.fullmatch(path) for path in plain), route


def test_whoever_makes_several_keys_in_one_millisecond_hears_the_id_of_each(house: House) -> None:
    told = [
        json.loads(body)
        for _, body in house.ask("b", [("POST", "/api/v1/keys", {"name": "k", "scopes": ["read"]})] * 8)
    ]
    hints = {row["key_id"]: row["hint"] for row in json.loads(house.ask("b", gets("/api/v1/keys"))[0][1])["keys"]}
    assert [hints[one["key_id"]][-4:] for one in told] == [one["key"][-4:] for one in told]


def test_sets_that_wait_have_numbers_of_their_own_also_when_two_merchants_send_them_in_one_millisecond(
    house: House,
) -> None:
    one = {"rules": [{"name": "any", "class": "review", "when": "amount > 5", "says": "Any"}]}
    numbers: dict[str, list[int]] = {}
    for who in ("a", "b"):
        sent = [("PUT", "/api/v1/policy", {"four_eyes": True}), *[("POST", "/api/v1/rule-sets", one)] * 3]
        told = house.ask(who, sent)
        assert [status for status, _ in told] == [200, 202, 202, 202], told
        numbers[who] = [json.loads(body)["proposal"] for _, body in told[1:]]
    assert numbers["a"] == numbers["b"]
    assert len(set(numbers["a"])) == 3
    listed, path = [], "/api/v1/rule-proposals?limit=2"
    while path:
        page = json.loads(house.ask("b", gets(path))[0][1])
        listed += [one["proposal"] for one in page["proposals"]]
        path = page["next"] and f"/api/v1/rule-proposals?limit=2&cursor={page['next']}"
    assert listed == numbers["b"]


def test_how_far_the_index_is_behind_is_told_of_ones_own_events_alone(house: House) -> None:
    def index(who: str) -> Any:
        return json.loads(house.ask(who, gets("/api/v1/index"))[0][1])

    for number in range(3):
        house.ask("a", [("POST", "/event/v1/login", {"_userId": str(number)})])
    assert index("a") == {"position": None, "newest": None, "behind_events": 3, "behind_ms": 0}
    assert index("b")["behind_events"] == 0
    house.ask("b", [("POST", "/event/v1/login", {"_userId": "u"})])
    house.clock.advance(5)
    assert (index("b")["behind_events"], index("b")["behind_ms"]) == (1, 5)
    for path in ("orders", "queue", "events", "search?q=u"):
        assert json.loads(house.ask("b", gets("/api/v1/" + path))[0][1])["behind_events"] == 1, path


def test_tenants_are_made_and_listed_and_their_keys_are_theirs(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    assert run("tenants", "create", "second shop", *data).returncode == 0
    twice = run("tenants", "create", "second shop", *data)
    assert (twice.returncode, "already" in twice.stderr) == (2, True)
    with Served(tmp_path) as served:
        key = served.key("read", "manage", tenant="second shop")
        made = json.loads(run("tenants", "create", "third", *data, "--json").stdout)
        rows = json.loads(run("tenants", "list", *data, "--json").stdout)
        assert [(row["name"], row["keys"]) for row in rows] == [("default", 0), ("second shop", 1), ("third", 0)]
        assert rows[2]["id"] == made["id"]
        actions = [entry["action"] for entry in served.get(key, "/api/v1/audit").json["entries"]]
        assert actions == ["key.created", "tenant.created"]
