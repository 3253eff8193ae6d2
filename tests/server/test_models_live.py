"""Models in a running server: tried apart, given their past, taking over between two events; the damaged never do."""

import json
import time
from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import pytest

from console.visitor import signed_in
from fourthwatch.clock import SystemClock
from fourthwatch.model.manifest import Package, Use
from fourthwatch.store.models import ModelFiles, ModelStore
from served import KEY_HEADER, Served
from small_model import package_of, small_model
from small_onnx import fails_from, onnx_package

pytestmark = pytest.mark.slow

NAMES = (
    "amount", "account_age", "orders_by_user_24h", "orders_by_user_7d", "own_mean_amount", "chargebacks_ever",
    "neighbours", "orders_by_user_90d",
)  # fmt: skip
PATIENCE_S = 120.0
VISITS_2H = {"name": "visits_2h", "text": "count(order, by user, last 2h)", "unit": "orders", "says": "orders of late"}


class Shop:
    """A merchant whose models lie in the server's data file."""

    def __init__(self, served: Served, directory: Path) -> None:
        self.served = served
        self.key = served.key("ingest", "read", "manage")
        self.store = ModelStore(directory, SystemClock())
        self.sent = 0

    def ask(self, method: str, path: str, body: Any = None, seen: str = "*") -> Any:
        sent = None if body is None else json.dumps(body)
        return self.served.request(method, path, sent, {KEY_HEADER: self.key, "If-Match": seen})

    def add(self, package: Package, name: str) -> None:
        files = ModelFiles(package.body, package.golden, b"<p>card</p>")
        self.store.add(1, name, package.manifest, files, actor="test")

    def decision(self, amount: str = "") -> dict[str, Any]:
        self.sent += 1
        order = {
            "_orderId": f"o-{self.sent}",
            "_userId": f"u-{self.sent % 7}",
            "_amount": amount or str(10 * self.sent),
        }
        told = self.ask("POST", "/event/v1/createOrder", order).json
        found: dict[str, Any] = self.ask("GET", f"/api/v1/decisions/{told['event_id']}").json
        return found

    def parts(self, decision: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/api/v1/decisions/{decision['event_id']}/contributions").json
        return found


def _package(name: str, trees: int = 20) -> Package:
    good = small_model(trees)
    return package_of(good.body, good.golden, 300, id=name, features=tuple(Use(name=one) for one in NAMES))


def test_a_model_takes_over_when_it_is_promoted_and_a_damaged_one_never_does(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        shop = Shop(served, tmp_path)
        for _ in range(20):
            shop.decision()
        shop.add(_package("first"), "first")
        refused = shop.ask("POST", "/api/v1/models/first/state", {"state": "champion"})
        assert refused.status == 409
        moved = shop.ask("POST", "/api/v1/models/first/state", {"state": "champion", "override": "a test"})
        assert (moved.status, moved.json["state"]) == (200, "champion")
        _wait_for(shop, "first")
        assert shop.decision()["model"] == "first"
        good = _package("broken", 30)
        shop.add(Package(good.manifest, good.body[: len(good.body) // 2], good.golden), "broken")
        shop.ask("POST", "/api/v1/models/broken/state", {"state": "champion", "override": "a test"})
        alerts = _decided_until(shop, lambda: shop.ask("GET", "/api/v1/alerts").json["alerts"])
        assert shop.store.held(1)[-1].model == "first"
        (alert,) = alerts
        assert (alert["code"], alert["thing"]) == ("model.refused", "models/broken")
        shop.add(Package(_package("onlooker", 30).manifest, good.body[:-1_000], good.golden), "onlooker")
        shop.ask("POST", "/api/v1/models/onlooker/state", {"state": "shadow"})
        alerts = _decided_until(
            shop, lambda: [one for one in shop.ask("GET", "/api/v1/alerts").json["alerts"] if one["severity"] == "warn"]
        )
        assert [(one["code"], one["thing"]) for one in alerts] == [("model.refused", "models/onlooker")]
        assert "it does not look on" in alerts[0]["says"]
        detail = shop.ask("GET", "/api/v1/models/first").json
        assert detail["judged_from"] == [shop.store.held(1)[-1].from_seq]
        assert [one["state"] for one in detail["changes"]] == ["candidate", "champion", "retired"]
        assert {one["id"] for one in shop.ask("GET", "/api/v1/models").json["models"]} == {
            "first",
            "broken",
            "onlooker",
        }
        audit = shop.ask("GET", "/api/v1/audit?action=models.moved").json["entries"]
        assert "gates overridden: a test" in json.dumps(audit)
        shop.store.close()


def test_any_decision_is_taken_apart_when_somebody_asks_also_of_a_model_that_has_retired(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        shop = Shop(served, tmp_path)
        by_points = shop.decision()
        told = shop.parts(by_points)
        assert told["model"] is None
        assert _total(told) == pytest.approx(_log_odds(by_points["probability"]))
        shop.add(_package("first"), "first")
        shop.ask("POST", "/api/v1/models/first/state", {"state": "champion", "override": "a test"})
        _wait_for(shop, "first")
        by_model = shop.decision(amount="0.10")
        assert by_model["flag"] == "green"  # of which no contribution was given when it was decided
        told = shop.parts(by_model)
        assert (told["model"], told["is_exact"], len(told["contributions"])) == ("first", True, len(NAMES))
        assert _total(told) == pytest.approx(_log_odds(by_model["probability"]))
        _taken_on_by_a_payment(shop, by_model)
        _turn_by_one_change(shop)
        weeks = shop.ask("GET", "/api/v1/models/first/weeks?fresh=true").json
        assert sum(week["orders"] for week in weeks["weeks"]) > 0
        assert {week["mature"] for week in weeks["weeks"]} == {None}
        by = {row["name"]: row["sums"] for row in shop.ask("GET", "/api/v1/insights/groups?by=model").json["rows"]}
        assert by["first"]["orders"] == sum(week["orders"] for week in weeks["weeks"])
        assert by[None]["orders"] > 0
        assert shop.ask("GET", "/api/v1/models/first/drift").json["decisions"] > 0
        assert shop.ask("GET", "/api/v1/models/nobody/drift").status == 404
        sizes = [abs(part["log_odds"]) for part in told["contributions"]]
        assert sizes == sorted(sizes, reverse=True)
        shop.ask("POST", "/api/v1/models/first/state", {"state": "retired"})
        _wait_for(shop, "")
        assert shop.parts(by_model) == told
        nobody = shop.ask("GET", "/api/v1/decisions/ev_0000000000ff00000000000000000000/contributions")
        assert nobody.status == 404
        shop.store.close()


def _taken_on_by_a_payment(shop: Shop, submitted: dict[str, Any]) -> None:
    """A payment's decision has the probability of the order's submission, and says where it comes from."""
    about = shop.ask("GET", f"/api/v1/events/{submitted['event_id']}").json["body"]
    sent = {**{key: about[key] for key in ("_orderId", "_userId")}, "_transactionStatus": "_success"}
    told = shop.ask("POST", "/event/v1/transaction", sent).json
    paid = shop.ask("GET", f"/api/v1/decisions/{told['event_id']}").json
    assert (submitted["judged_on"], paid["judged_on"]) == (None, submitted["event_id"])
    assert (paid["model"], paid["probability"]) == (submitted["model"], submitted["probability"])
    parts, before = shop.parts(paid), shop.parts(submitted)
    assert parts == {**before, "event_id": paid["event_id"], "judged_on": submitted["event_id"]}
    for made, is_told in ((paid, True), (submitted, False)):
        page = signed_in(shop.served, "analyst").get(f"/console/decisions/{made['event_id']}").body.decode()
        assert ("when the order was submitted" in page) is is_told


def _turn_by_one_change(shop: Shop) -> None:
    """What would have had to be otherwise is said of the verdict that was given, over what the model makes of it."""
    watched = {"class": "score", "says": "A dear order", "when": "amount > 0.25", "weight": -1}
    assert shop.ask("PUT", "/api/v1/rules/watched", watched).status == 201
    assert shop.ask("PUT", "/api/v1/policy", {"red_above": 70, "decline_above": 100}).status == 200
    for amount in ("2", "50"):
        made = shop.decision(amount=amount)
        told = shop.ask("GET", f"/api/v1/decisions/{made['event_id']}/counterfactual").json
        assert (told["verdict"], told["would_be"]) == (made["verdict"], "approve") == ("review", "approve")
        (change,) = told["changes"]
        assert (change["what"], change["would_be"]) == ("amount", 0.25)
        assert shop.decision(amount="0.25")["verdict"] == "approve"


def test_an_onnx_model_of_ones_own_judges_every_order_from_its_promotion_on(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        shop = Shop(served, tmp_path)
        shop.decision()
        shop.add(onnx_package(id="ours", features=tuple(Use(name=one) for one in NAMES)), "ours")
        shop.ask("POST", "/api/v1/models/ours/state", {"state": "champion", "override": "a test"})
        _wait_for(shop, "ours")
        made = shop.decision(amount="0.20")
        told = shop.parts(made)
        assert (told["model"], told["is_exact"], told["contributions"]) == ("ours", False, [])
        assert 0.2 < made["probability"] < 0.5  # of the regression, and not of the points
        shop.store.close()


@pytest.mark.parametrize("state", ["champion", "shadow"])
def test_an_order_that_a_model_has_no_answer_to_is_decided_by_the_points_and_told(tmp_path: Path, state: str) -> None:
    with Served(tmp_path) as served:
        shop = Shop(served, tmp_path)
        uses = tuple(Use(name=one) for one in NAMES)
        shop.add(onnx_package(fails_from(100_000), id="brittle", features=uses), "brittle")
        shop.ask("POST", "/api/v1/models/brittle/state", {"state": state, "override": "a test"})
        _decided_until(shop, lambda: [1] if _judged_by(shop, "brittle") else [])
        assert shop.ask("GET", "/api/v1/alerts").json["alerts"] == []
        made = shop.decision(amount="1000000.00")
        assert (made["model"], _shadows(made)) == (None, [])
        assert shop.parts(made)["model"] is None
        assert _judged_by(shop, "brittle")  # the next order it knows again
        (alert,) = shop.ask("GET", "/api/v1/alerts").json["alerts"]
        instead, severity = (", so the rules' points stand", "bad") if state == "champion" else ("", "warn")
        assert (alert["code"], alert["severity"], alert["thing"]) == ("model.failing", severity, "models/brittle")
        says = f"The model brittle had no answer to one event since it is in use{instead}: onnxruntime fails at a row: "
        assert alert["says"].startswith(says)
        shop.store.close()


def test_a_model_whose_feature_has_vanished_is_told_and_the_champion_stays(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        shop = Shop(served, tmp_path)
        shop.add(_package("first"), "first")
        shop.ask("POST", "/api/v1/models/first/state", {"state": "champion", "override": "a test"})
        _wait_for(shop, "first")
        good = small_model(20)
        uses = tuple(Use(name=one) for one in ("loyalty_points", *NAMES[1:]))
        shop.add(package_of(good.body, good.golden, 300, id="stale", features=uses), "stale")
        sentence = "the model reads the feature loyalty_points, which is not there"
        for state in ("shadow", "champion"):
            refused = shop.ask("POST", "/api/v1/models/stale/state", {"state": state, "override": "a test"})
            assert (refused.status, refused.json["detail"]) == (409, sentence)
        shop.store.apply(shop.store.moved(1, "stale", "champion", actor="a test"))  # as when it was there then
        alerts = _decided_until(shop, lambda: shop.ask("GET", "/api/v1/alerts").json["alerts"])
        (alert,) = alerts
        assert sentence in alert["says"]
        assert shop.store.held(1)[-1].model == "first"
        assert shop.parts(shop.decision())["model"] == "first"
        shop.store.close()


def test_what_a_model_is_watched_by_are_submissions_whatever_comes_after_them(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        shop, good = Shop(served, tmp_path), small_model(20)
        names = (
            "orders_by_user_24h",
            "amount",
            *(name for name in NAMES if name not in ("orders_by_user_24h", "amount")),
        )
        uses = tuple(Use(name=name) for name in names)
        shop.add(package_of(good.body, good.golden, 300, id="first", features=uses), "first")
        early = {"_orderId": "early", "_userId": "u-again", "_amount": "0.20"}
        assert shop.ask("POST", "/event/v1/createOrder", early).status == 200
        shop.ask("POST", "/api/v1/models/first/state", {"state": "champion", "override": "a test"})
        _wait_for(shop, "first")
        before = shop.ask("GET", "/api/v1/models/first/drift").json["decisions"]

        def probability(event: str, order: str, **more: str) -> float:
            body = {"_orderId": order, "_userId": "u-again", **more}
            told = shop.ask("POST", f"/event/v1/{event}", body).json
            made = shop.ask("GET", f"/api/v1/decisions/{told['event_id']}").json
            assert made["model"] == "first", told
            return float(made["probability"])

        foretold = [probability("createOrder", f"again-{number}", _amount="0.20") for number in range(10)]
        assert probability("transaction", "again-0", _transactionStatus="_success") == foretold[0]
        probability("transaction", "early", _transactionStatus="_success")  # judged by itself, and watched by nobody
        probability("order_status", "again-0", _orderStatus="_approved")
        assert shop.ask("GET", "/api/v1/models/first/drift").json["decisions"] == before + 10
        (week,) = shop.ask("GET", "/api/v1/models/first/weeks?fresh=true").json["weeks"]
        assert week["orders"] == before + 10
        probability("order_status", "again-0", _orderStatus="_canceled")
        (then,) = shop.ask("GET", "/api/v1/models/first/weeks?fresh=true").json["weeks"]
        assert (then["orders"], then["refused"]) == (before + 10, 1)
        assert then["foretold"] * (before + 9) == pytest.approx(week["foretold"] * (before + 10) - foretold[0])
        shop.store.close()


def test_a_feature_that_a_model_in_use_reads_stays(tmp_path: Path) -> None:
    """A server would go on with it until it is started again, and then have no champion."""
    with Served(tmp_path) as served:
        shop, good = Shop(served, tmp_path), small_model(20)
        assert shop.ask("POST", "/api/v1/features", VISITS_2H).status == 201
        uses = tuple(Use(name=name) for name in ("visits_2h", *NAMES[1:]))
        shop.add(package_of(good.body, good.golden, 300, id="ours", features=uses), "ours")
        shop.ask("POST", "/api/v1/models/ours/state", {"state": "champion", "override": "a test"})
        _wait_for(shop, "ours")
        refused = shop.ask("DELETE", "/api/v1/features/visits_2h")
        assert (refused.status, refused.json["code"]) == (409, "in_use")
        assert refused.json["detail"] == "models in use read this feature; retire them first: ours"
        shop.ask("POST", "/api/v1/models/ours/state", {"state": "retired"})
        _decided_until(shop, lambda: [1] if shop.ask("DELETE", "/api/v1/features/visits_2h").status == 204 else [])
        shop.store.close()


def test_a_rollback_brings_back_at_once_what_was_kept_for_it(tmp_path: Path) -> None:
    """A long log is counted for minutes, and all the while the model that is not wanted any more would decide."""
    with Served(tmp_path) as served:
        shop, good = Shop(served, tmp_path), small_model(20)
        assert shop.ask("POST", "/api/v1/features", VISITS_2H).status == 201
        brings = Use(name="visits_3h", text="count(order, by user, last 3h)")
        uses = (Use(name="visits_2h"), brings, *(Use(name=name) for name in NAMES[2:]))
        shop.add(package_of(good.body, good.golden, 300, id="first", features=uses), "first")
        shop.add(_package("second"), "second")
        for name in ("first", "second"):
            before = shop.ask("GET", f"/api/v1/models/{name}").json["waiting"]
            shop.ask("POST", f"/api/v1/models/{name}/state", {"state": "champion", "override": "a test"})
            waiting = shop.ask("GET", f"/api/v1/models/{name}").json["waiting"]  # it is on trial, in a process apart
            _wait_for(shop, name)
            assert (before, shop.ask("GET", f"/api/v1/models/{name}").json["waiting"]) == (None, None)
            assert waiting["counted"] == 0
        refused = shop.ask("DELETE", "/api/v1/features/visits_2h")
        sentence = "first, which a rollback would bring back, reads this feature; it may go after the next model"
        assert (refused.status, refused.json["detail"]) == (409, sentence)
        counted = _said(served, "past_counted")
        told = shop.ask("POST", "/api/v1/models/rollback", {"why": "a test"})
        assert told.json == {"retired": "second", "champion": "first"}
        _wait_for(shop, "first")
        assert shop.decision()["model"] == "first"
        _decided_until(shop, lambda: [1] if _said(served, "model_judges") == 3 else [])
        assert _said(served, "past_counted") == counted
        shop.store.close()


def test_a_rollback_to_what_cannot_judge_any_more_is_refused_over_http_too(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        shop, good = Shop(served, tmp_path), small_model(20)
        gone = (Use(name="phase_of_the_tide"), *(Use(name=name) for name in NAMES[1:]))
        shop.add(package_of(good.body, good.golden, 300, id="tidal", features=gone), "tidal")
        shop.store.apply(shop.store.moved(1, "tidal", "champion", actor="a test"))  # as when it was there then
        shop.add(_package("second"), "second")
        shop.ask("POST", "/api/v1/models/second/state", {"state": "champion", "override": "a test"})
        _wait_for(shop, "second")
        refused = shop.ask("POST", "/api/v1/models/rollback", {"why": "a test"})
        sentence = (
            "tidal, the champion before, cannot decide again: the model reads the feature phase_of_the_tide, which is"
            " not there; retire this one instead"
        )
        assert (refused.status, refused.json["detail"]) == (409, sentence)
        assert shop.ask("GET", "/api/v1/alerts").json["alerts"] == []
        assert shop.decision()["model"] == "second"
        shop.store.close()


def test_models_come_in_pages_and_a_state_is_changed_over_what_was_seen(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        shop = Shop(served, tmp_path)
        for number in range(5):
            shop.add(_package(f"m-{number}"), f"m-{number}")
        found, cursor = [], ""
        while True:
            page = shop.ask("GET", f"/api/v1/models?limit=2{cursor}").json
            assert len(page["models"]) <= 2
            found += [model["id"] for model in page["models"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert sorted(found) == [f"m-{number}" for number in range(5)]
        etag = shop.ask("GET", "/api/v1/models/m-1").headers["etag"]
        path, retired = "/api/v1/models/m-1/state", {"state": "retired"}
        assert served.request("POST", path, json.dumps(retired), {KEY_HEADER: shop.key}).status == 428
        assert shop.ask("POST", path, retired, seen='"another"').status == 412
        assert shop.ask("POST", path, retired, seen=etag).status == 200
        assert shop.ask("POST", path, {"state": "shadow"}, seen=etag).status == 412
        for against, second, may in (
            ("scorecard", "false", False),
            ("m-3", "true", False),  # which does not judge
            ("scorecard", "true", True),
        ):
            shop.store.report(
                1, "m-2", f'{{"against": "{against}", "gates": [{{"passed": true}}, {{"passed": {second}}}]}}'.encode()
            )
            assert shop.ask("GET", "/api/v1/models/m-2").json["passed"] is may
            moved = shop.ask("POST", "/api/v1/models/m-2/state", {"state": "champion"})
            assert moved.status == (200 if may else 409)
        assert moved.json == shop.ask("GET", "/api/v1/models/m-2").json["model"]
        assert not shop.ask("GET", "/api/v1/models/m-2").json["passed"]  # it judges now, and was compared with another
        shop.store.close()


def _said(served: Served, event: str) -> int:
    return sum(event in line for line in served.log)


def _total(told: dict[str, Any]) -> float:
    found: float = told["baseline"] + sum(part["log_odds"] for part in told["contributions"])
    return found


def _log_odds(probability: float) -> float:
    return log(probability / (1 - probability))


def _judged_by(shop: Shop, name: str) -> bool:
    made = shop.decision(amount="0.20")
    return name in (made["model"], *_shadows(made))


def _shadows(made: dict[str, Any]) -> list[str]:
    return list(made["shadows"])


def _wait_for(shop: Shop, name: str) -> None:
    _decided_until(shop, lambda: [held for held in shop.store.held(1)[-1:] if held.model == name])


def _decided_until(shop: Shop, told: Callable[[], list[Any]]) -> list[Any]:
    """What is told once anything is; orders are decided all the while."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        shop.decision()
        if found := told():
            return found
    raise AssertionError("nothing came of it")
