"""The policy of a tenant: set over what was seen, in force from the next event on, told by each decision."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contract.shop import fresh
from served import KEY_HEADER, Reply, Served

pytestmark = pytest.mark.slow


class Merchant:
    """One merchant's key at a server."""

    def __init__(self, served: Served, key: str) -> None:
        self.served, self.key = served, key

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        sent = None if body is None else json.dumps(body)
        return self.served.request(method, "/api/v1" + path, sent, {KEY_HEADER: self.key, **named})

    def decision(self, order_id: str) -> dict[str, Any]:
        receipt = self.served.send(self.key, "createOrder", {"_orderId": order_id, "_userId": "u", "_amount": "10"})
        decision: dict[str, Any] = self.ask("GET", f"/events/{receipt.json['event_id']}").json["decision"]
        return decision


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("policy"), environment={"FOURTHWATCH_DEADLINE_MS": "50"}) as running:
        yield running


@pytest.fixture
def tenant() -> str:
    """One of whom nothing is known yet."""
    return fresh("merchant")


@pytest.fixture
def merchant(served: Served, tenant: str) -> Merchant:
    return Merchant(served, served.key("ingest", "read", "manage", tenant=tenant))


def test_a_policy_holds_from_the_next_event_on_and_over_a_kill_and_every_decision_names_its_own(
    merchant: Merchant,
) -> None:
    first = merchant.ask("GET", "/policy")
    assert (first.json["version"], first.json["red_above"], first.json["deadline_ms"]) == (0, 70, 50)
    before = merchant.decision("o-1")
    assert (before["policy"], before["flag"]) == (0, "green")
    assert merchant.ask("PUT", "/policy", {"red_above": 0, "decline_above": 100}).status == 428
    wanted = {"red_above": 0, "decline_above": 100, "costs": {"currency": "INR", "review_minor": 5_000}}
    made = merchant.ask("PUT", "/policy", wanted, if_match=first.headers["etag"])
    assert (made.status, made.json["version"], made.json["costs"]["review_minor"]) == (200, 1, 5_000)
    after = merchant.decision("o-2")
    assert (after["policy"], after["flag"], after["verdict"]) == (1, "red", "review")
    assert merchant.ask("PUT", "/policy", {}, if_match=first.headers["etag"]).status == 412
    merchant.served.kill()
    merchant.served.start()
    assert merchant.ask("GET", "/policy").headers["etag"] == made.headers["etag"]
    assert merchant.decision("o-3")["policy"] == 1
    assert merchant.ask("PUT", "/policy", {}, if_match=made.headers["etag"]).json["version"] == 2
    assert merchant.decision("o-4")["flag"] == "green"
    versions = merchant.ask("GET", "/policy/versions").json["versions"]
    assert [one["policy"]["version"] for one in versions] == [2, 1]
    assert merchant.ask("GET", "/audit?action=policy.set").json["entries"][0]["before"]["red_above"] == 0


def test_another_tenants_policy_is_its_own(merchant: Merchant) -> None:
    other = Merchant(merchant.served, merchant.served.key("ingest", "read", "manage", tenant=fresh("other")))
    assert merchant.ask("PUT", "/policy", {"red_above": 0}, if_match="*").status == 200
    assert other.ask("GET", "/policy").json["red_above"] == 70
    assert other.decision("o-1")["policy"] == 0


def test_a_tenant_wants_a_second_pair_of_eyes_and_one_alone_cannot_do_without_it_again(
    merchant: Merchant, tenant: str
) -> None:
    served = merchant.served
    second = Merchant(served, served.key("read", "manage", tenant=tenant, name="second"))
    other = Merchant(served, served.key("read", "manage", tenant=fresh("other")))
    body = {"rules": [{"name": "all", "class": "review", "when": "true", "says": "All"}]}
    assert merchant.ask("PUT", "/policy", {"four_eyes": True}, if_match="*").json["four_eyes"] is True
    assert merchant.ask("PUT", "/policy", {"red_above": 60}, if_match="*").json["four_eyes"] is True
    sent = merchant.ask("POST", "/rule-sets", body, if_match="*")
    assert (sent.status, sent.json["version"]) == (202, None)
    assert other.ask("POST", "/rule-sets", body, if_match="*").status == 201
    approval = f"/rule-proposals/{sent.json['proposal']}/approval"
    assert merchant.ask("POST", approval, {}).status == 403
    assert second.ask("POST", approval, {}).status == 201
    off = {"red_above": 60, "four_eyes": False}
    for wanted in (off, off, {"four_eyes": False}, off):
        waits = merchant.ask("PUT", "/policy", wanted, if_match="*")
        assert (waits.status, waits.json["four_eyes"]) == (202, True)
    assert merchant.ask("POST", "/rule-sets", body, if_match="*").status == 202
    otherwise = second.ask("PUT", "/policy", {"red_above": 50, "four_eyes": False}, if_match="*")
    assert otherwise.status == 202  # it is not what the first has asked for
    assert second.ask("PUT", "/policy", off, if_match="*").status == 202
    both = merchant.ask("PUT", "/policy", off, if_match="*")
    assert (both.status, both.json["four_eyes"]) == (200, False)
    assert merchant.ask("POST", "/rule-sets", body, if_match="*").status == 201
    actions = [one["action"] for one in merchant.ask("GET", "/audit?action=policy.").json["entries"]]
    assert actions.count("policy.asked_for") == 6


def test_a_key_that_one_makes_oneself_is_no_second_pair_of_eyes(merchant: Merchant, tenant: str) -> None:
    scopes = {"name": "my own", "scopes": ["read", "manage"]}
    own = Merchant(merchant.served, merchant.ask("POST", "/keys", scopes).json["key"])
    owns_own = Merchant(merchant.served, own.ask("POST", "/keys", scopes).json["key"])
    body = {"rules": [{"name": "all", "class": "review", "when": "true", "says": "All"}]}
    assert merchant.ask("PUT", "/policy", {"four_eyes": True}, if_match="*").status == 200
    approval = f"/rule-proposals/{merchant.ask('POST', '/rule-sets', body, if_match='*').json['proposal']}/approval"
    for one in (merchant, own, owns_own, merchant):
        assert one.ask("POST", approval, {}).status == 403
        assert one.ask("PUT", "/policy", {"four_eyes": False}, if_match="*").status == 202
    other = Merchant(merchant.served, merchant.served.key("read", "manage", tenant=tenant, name="somebody else"))
    assert other.ask("POST", approval, {}).status == 201


def test_who_asked_to_do_without_the_second_pair_of_eyes_is_known_after_a_restart(
    merchant: Merchant, tenant: str
) -> None:
    second = Merchant(merchant.served, merchant.served.key("read", "manage", tenant=tenant, name="second"))
    assert merchant.ask("PUT", "/policy", {"four_eyes": True}, if_match="*").status == 200
    assert merchant.ask("PUT", "/policy", {"four_eyes": False}, if_match="*").status == 202
    merchant.served.stop()
    merchant.served.start()
    assert merchant.ask("PUT", "/policy", {"four_eyes": False}, if_match="*").status == 202
    assert second.ask("PUT", "/policy", {"four_eyes": False}, if_match="*").status == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"red_above": 101}, "/red_above"), ({"red_above": 80, "decline_above": 70}, "/decline_above"),
        ({"deadline_ms": -1}, "/deadline_ms"), ({"red_above": "70"}, "/red_above"), ({"odd": 1}, "/odd"),
        ({"costs": {"currency": "rupees"}}, "/costs/currency"),
        ({"costs": {"review_minor": -5}}, "/costs/review_minor"),
    ],
)  # fmt: skip
def test_what_is_no_policy_is_refused(merchant: Merchant, body: dict[str, Any], pointer: str) -> None:
    reply = merchant.ask("PUT", "/policy", body, if_match="*")
    assert (reply.status, reply.json["code"], reply.json["pointer"]) == (400, "bad_value", pointer)
    assert merchant.ask("GET", "/policy").json["version"] == 0
