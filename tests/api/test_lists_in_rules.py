"""Rules that ask lists, over HTTP: from which event on an edit holds, what is a hit, and decisions made again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.shop import fresh
from served import KEY_HEADER, Reply, Served, run

pytestmark = pytest.mark.slow

RULE = {
    "name": "on_the_blocklist", "class": "block", "says": "On the blocklist",
    "when": 'in_list(ip, "bad_networks") and not in_list(email, "vip")',
}  # fmt: skip


class Merchant:
    """One merchant's key at a server."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.key = served.key("ingest", "read", "manage")

    def ask(self, method: str, path: str, body: Any = None) -> Reply:
        sent = None if body is None else json.dumps(body)
        return self.served.request(method, "/api/v1" + path, sent, {KEY_HEADER: self.key, "If-Match": "*"})

    def order(self, ip: str = "203.0.113.7", email: str = "asha@example.com") -> str:
        body = {"_orderId": fresh("o"), "_userId": "u", "_deviceIp": ip, "_userEmail": email, "_amount": "10"}
        receipt = self.served.send(self.key, "createOrder", body).json
        self.newest = receipt["event_id"]
        return str(receipt["verdict"])

    def says(self) -> str:
        """The rule's line in the trace of the newest order."""
        return str(self.ask("GET", f"/decisions/{self.newest}/trace").json["rules"][0]["says"])

    def entry(self, name: str, value: str) -> Any:
        return self.ask("GET", f"/lists/{name}/entries/{value}").json


@pytest.fixture
def merchant(tmp_path: Path) -> Iterator[Merchant]:
    with Served(tmp_path) as served:
        made = Merchant(served)
        for name, type_name in (("bad_networks", "ip"), ("vip", "email")):
            assert made.ask("POST", "/lists", {"name": name, "type": type_name}).status == 201
        published = made.ask("POST", "/rule-sets", {"rules": [RULE]})
        assert published.status == 201, published.body
        yield made


def test_an_edit_holds_from_the_next_event_on_and_a_decision_is_made_again_over_the_lists_that_it_saw(
    merchant: Merchant,
) -> None:
    verdicts = [merchant.order()]
    merchant.ask("POST", "/lists/bad_networks/entries", {"value": "203.0.113.0/24", "reason": "a proxy"})
    verdicts.append(merchant.order())
    hit = merchant.newest
    merchant.ask("POST", "/lists/vip/entries", {"value": "ASHA@example.com"})
    verdicts.append(merchant.order())
    merchant.ask("DELETE", "/lists/vip/entries/asha%40example.com")
    verdicts.append(merchant.order())
    merchant.served.kill()
    merchant.served.start()
    verdicts.append(merchant.order())
    merchant.ask("DELETE", "/lists/bad_networks/entries/203.0.113.0%2F24")
    verdicts.append(merchant.order())
    assert verdicts == ["approve", "decline", "approve", "decline", "decline", "approve"]
    assert merchant.ask("GET", f"/decisions/{hit}").json["lists"] == [
        {"list": "bad_networks", "what": "ip", "is_in": True, "entry": "203.0.113.0/24", "reason": "a proxy"},
        {"list": "vip", "what": "email", "is_in": False, "entry": None, "reason": None},
    ]
    assert merchant.ask("GET", f"/decisions/{merchant.newest}").json["lists"][0]["is_in"] is False
    merchant.served.stop()
    again = run("replay-decision", "--all", "--data", str(merchant.served.directory))
    assert again.returncode == 0, again.stdout + again.stderr


def test_a_hit_is_a_decision_that_found_the_entry_and_survives_a_kill(merchant: Merchant) -> None:
    for value in ("203.0.113.0/24", "198.51.100.1"):
        assert merchant.ask("POST", "/lists/bad_networks/entries", {"value": value}).status == 201
    told = []
    for ip in ("203.0.113.7", "203.0.113.9", "192.0.2.1"):
        merchant.order(ip=ip)
        told.append(merchant.says())
    assert told[1:] == [
        "ip 203.0.113.9 in list bad_networks and email asha@example.com not in list vip: hit",
        "ip 192.0.2.1 not in list bad_networks and email asha@example.com not in list vip: miss",
    ]
    merchant.served.kill()
    merchant.served.start()
    found, other = (merchant.entry("bad_networks", value)["entry"] for value in ("203.0.113.9", "198.51.100.1"))
    assert (found["value"], found["hits"], other["hits"], other["last_hit_at"]) == ("203.0.113.0/24", 2, 0, None)
    assert found["last_hit_at"] is not None


def test_a_list_that_a_rule_asks_stays_and_one_that_is_not_there_is_not_asked(merchant: Merchant) -> None:
    refused = merchant.ask("DELETE", "/lists/vip")
    assert (refused.status, refused.json["code"]) == (409, "in_use")
    assert "on_the_blocklist" in refused.json["detail"]
    wrong = {**RULE, "when": 'in_list(email, "vop")'}
    told = merchant.ask("POST", "/rule-sets", {"rules": [wrong]})
    assert told.status == 400
    assert "did you mean `vip`?" in told.body.decode()


def test_a_rule_puts_what_it_hit_into_a_list_and_the_next_order_is_in_it(merchant: Merchant) -> None:
    catching: dict[str, Any] = {
        "name": "seen_before", "class": "review", "says": "A mailbox that was caught",
        "when": 'user_email == "caught@example.net"',
        "actions": [{"do": "list", "to": "bad_networks", "thing": "ip", "days": 7}],
    }  # fmt: skip

    for wrong, told in (
        (
            {"to": "bad_network"},
            "there is no list `bad_network` to put the ip into; did you mean `bad_networks`?",
        ),
        ({"thing": "user"}, "no user goes into the list `bad_networks`, but "),
    ):
        refused = merchant.ask(
            "POST", "/rule-sets", {"rules": [{**catching, "actions": [{**catching["actions"][0], **wrong}]}]}
        )
        assert (refused.status, refused.json["code"]) == (400, "rules")
        assert f"seen_before: {told}" in refused.json["rendered"]
    published = merchant.ask("POST", "/rule-sets", {"rules": [catching]})
    assert published.status == 201, published.body
    assert merchant.ask("DELETE", "/lists/bad_networks").json["code"] == "in_use"
    published = merchant.ask("POST", "/rule-sets", {"rules": [RULE, catching]})
    assert published.status == 201, published.body
    assert merchant.order(ip="192.0.2.55") == "approve"
    assert merchant.order(ip="192.0.2.55", email="caught@example.net") == "review"
    while not merchant.ask("GET", "/lists/bad_networks/entries").json["entries"]:
        pass  # it is written right behind the order; should it never be, the test's time runs out
    assert merchant.order(ip="192.0.2.55") == "decline"
    (entry,) = merchant.ask("GET", "/lists/bad_networks/entries").json["entries"]
    assert (entry["value"], entry["author"], entry["hits"]) == ("192.0.2.55", "rule", 1)
    assert entry["expires_at"] is not None
    assert merchant.ask("GET", "/audit?action=list.entry_added").json["entries"][0]["actor"] == "rule"
    merchant.served.stop()
    again = run("replay-decision", "--all", "--data", str(merchant.served.directory))
    assert again.returncode == 0, again.stdout + again.stderr
