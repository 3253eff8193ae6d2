"""Orders that chance lets pass, as a shop sees it: set in the policy, told by each decision, and summed up."""

import json
from pathlib import Path
from typing import Any

import pytest

from served import KEY_HEADER, Reply, Served

pytestmark = pytest.mark.slow

WANTED = {
    "red_above": 0, "decline_above": 0,
    "exploration": {"percent": 20, "orders_per_day": 10, "amount_minor_per_day": 10_000_000, "currency": "INR"},
}  # fmt: skip


def _ask(served: Served, key: str, method: str, path: str, body: Any = None) -> Reply:
    sent = None if body is None else json.dumps(body)
    return served.request(method, "/api/v1" + path, sent, {KEY_HEADER: key, "If-Match": "*"})


def test_what_came_of_orders_that_chance_let_pass_is_summed_up(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        key = served.key("ingest", "read", "manage")
        assert _ask(served, key, "GET", "/policy").json["exploration"]["percent"] == 0
        assert _ask(served, key, "PUT", "/policy", WANTED).json["exploration"] == WANTED["exploration"]
        assert (
            _ask(served, key, "PUT", "/policy", {"red_above": 0, "decline_above": 0}).json["exploration"]
            == (
                WANTED["exploration"]  # what is absent stays
            )
        )
        released, drawn = [], 0
        for number in range(300):
            order = {"_orderId": f"o-{number}", "_userId": f"u-{number}", "_amount": "100", "_currencyCode": "INR"}
            receipt = served.send(key, "createOrder", order).json
            told = _ask(served, key, "GET", f"/decisions/{receipt['event_id']}").json
            drawn += told["explored"]["propensity"] > 0
            if told["explored"]["released"]:
                assert (receipt["verdict"], receipt["flag"]) == ("approve", "green")
                assert "let pass by chance" in told["why"]
                released.append(order["_orderId"])
        assert len(released) == 10
        for order_id in released[:4]:
            served.send(key, "chargeback", {"_orderId": order_id, "_userId": "u", "_chargebackState": "_received"})
        for order_id in released[4:6]:
            served.send(key, "order_status", {"_orderId": order_id, "_userId": "u", "_orderStatus": "_fulfilled"})
        report = _ask(served, key, "GET", "/insights/exploration?fresh=true").json
        found = {name: report[name] for name in ("drawn", "released", "released_minor", "bad", "good", "unknown")}
        assert found == {
            "drawn": drawn, "released": 10, "released_minor": 100_000, "bad": 4, "good": 2, "unknown": 4
        }  # fmt: skip
        assert report["matured"] == 0  # bad ends are told first, so what is told of young ones is no share
        assert {report[name] for name in ("false_positive_share", "low", "high", "good_turned_away")} == {None}
        old = _ask(served, key, "GET", "/insights/exploration?matured_days=0").json
        assert (old["bad"], old["good"], old["unknown"], old["matured"]) == (4, 6, 0, 10)
        assert old["false_positive_share"] == pytest.approx(0.6)
        assert 0 < old["low"] < 0.6 < old["high"] < 1
        assert old["good_turned_away"] == pytest.approx((drawn - 10) * 0.6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"percent": 21}, {"percent": -1}, {"orders_per_day": -1}, {"amount_minor_per_day": "many"}, {"surprise": 1},
        {"percent": 1, "orders_per_day": 1, "amount_minor_per_day": 1, "currency": "rupees"},
        {"percent": 1, "orders_per_day": 1, "amount_minor_per_day": 1},
    ],
)  # fmt: skip
def test_an_exploration_that_makes_no_sense_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with Served(tmp_path) as served:
        key = served.key("manage", "read")
        assert _ask(served, key, "PUT", "/policy", {"exploration": wrong}).status == 400
        assert _ask(served, key, "GET", "/policy").json["version"] == 0
