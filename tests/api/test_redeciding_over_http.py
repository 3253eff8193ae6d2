"""What a braked rule touched is decided again when somebody asks for it, once, and only the tenant's own."""

from collections.abc import Iterator

import pytest

from console.visitor import signed_in
from contract.shop import Shop, fresh
from fourthwatch.clock import SystemClock
from fourthwatch.rules.rule import Rule, RuleSet, encoded
from fourthwatch.store.changes import Change, Configuration
from fourthwatch.store.rule_sets import BRAKE, RuleSetRow, rule_set_published
from served import KEY_HEADER, Served

DEAR = Rule(name="dear", rule_class="review", state="shadow", says="A dear order", when="amount > 400")
pytestmark = pytest.mark.slow
_LOOKS = 2_000
"""So often is looked whether it has happened."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    directory = tmp_path_factory.mktemp("again")
    changes = Configuration(directory, SystemClock())
    row = RuleSetRow(
        tenant=1, version=7, content=encoded(RuleSet((DEAR,))), features=b"[]", note="dear hit often", author=BRAKE,
        approver=None, created_ms=1, from_seq=1,
    )  # fmt: skip
    changes.apply(rule_set_published(row, "rule.braked", None, {"rule": "dear", "touched": []}))
    changes.close()
    with Served(directory) as served:
        yield Shop(served, served.key("ingest", "read", "manage"))


def braked(shop: Shop, version: int, events: list[str]) -> None:
    """As the brake leaves it in the trail."""
    changes = Configuration(shop.served.directory, SystemClock())
    changes.apply(
        Change(
            tenant=1, actor="brake", action="rule.braked", thing=f"rule-sets/{version}",
            after={"rule": "dear", "state": "shadow", "why": "often", "touched": events},
        )
    )  # fmt: skip
    changes.close()


def names(shop: Shop, order_id: str) -> list[str | None]:
    return [one["name"] for one in shop.order(order_id)["timeline"]]


def test_the_orders_that_the_brake_named_are_decided_again_once(shop: Shop) -> None:
    orders = [fresh("order") for _ in range(3)]
    receipts = [shop.taken("createOrder", {"_orderId": one, "_userId": "u", "_amount": "5"}) for one in orders]
    braked(shop, 7, [one["event_id"] for one in receipts[:2]] + ["ev_" + "0" * 32])
    for _ in range(2):
        reply = shop.post("/api/v1/rule-sets/7/decide-again", "")
        assert (reply.status, reply.json["rule"], len(reply.json["events"])) == (202, "dear", 2)
    for _ in range(_LOOKS):
        if all(len(names(shop, one)) == 2 for one in orders[:2]):
            break
    last = fresh("order")
    shop.taken("createOrder", {"_orderId": last, "_userId": "u"})
    assert [names(shop, one) for one in orders] == [[None, "order_decided_again"]] * 2 + [[None]]
    timeline = shop.order(orders[0])["timeline"]
    assert timeline[1]["own"] is True
    assert timeline[1]["decision"] is not None
    trail = shop.get("/api/v1/audit?action=rule_set.decided_again").json["entries"]
    assert trail[0]["thing"] == "rule-sets/7"


def test_a_version_that_the_brake_did_not_publish_has_nothing_to_be_decided_again(shop: Shop) -> None:
    assert shop.post("/api/v1/rule-sets/8/decide-again", "").status == 404


def test_what_the_brake_did_is_an_alert_until_somebody_publishes_and_is_decided_again_at_the_console(
    shop: Shop,
) -> None:
    (alert,) = shop.get("/api/v1/alerts").json["alerts"]
    assert (alert["code"], alert["severity"], alert["thing"]) == ("rule.braked", "bad", "rule-sets/7")
    assert "dear hit often" in alert["says"]
    order = fresh("order")
    braked(shop, 7, [shop.taken("createOrder", {"_orderId": order, "_userId": "u"})["event_id"]])
    visitor = signed_in(shop.served, "manager")
    for page in ("/console", "/console/rules"):
        assert "dear hit often" in visitor.get(page).body.decode(), page
    assert visitor.post("/console/rules/versions/7/again").status == 303
    assert "1 decision that dear touched is made again." in visitor.get("/console/rules").body.decode()
    published = {KEY_HEADER: shop.key, "If-Match": "*"}
    assert shop.served.request("POST", "/api/v1/rule-sets/7/rollback", "{}", published).status == 201
    assert shop.get("/api/v1/alerts").json["alerts"] == []
    assert "dear hit often" not in visitor.get("/console/rules").body.decode()
