"""A payment or a state of an order takes on what the champion made of the order's submission, and says so."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from engine.house import FORGET_AFTER_DAYS, House
from engine.till import submission
from fourthwatch.clock import DAY_MS, HOUR_MS
from fourthwatch.decision import Exploration, Policy
from fourthwatch.engine import orders
from fourthwatch.engine.again import AGAIN
from fourthwatch.engine.explaining import Explained, rule_set_then
from fourthwatch.engine.panel import Seat
from fourthwatch.engine.policies import Policies
from fourthwatch.errors import ModelRefused
from fourthwatch.model import forest
from fourthwatch.model.booster import Booster
from fourthwatch.model.manifest import Manifest, Package, Use
from fourthwatch.model.serving import LiveModel
from fourthwatch.store.file import open_file
from fourthwatch.store.models import ModelFiles, ModelStore
from fourthwatch.store.rule_sets import RuleSetReader
from fourthwatch.workbench.again import decide_again
from rules.judging import rule
from small_model import package_of, small_model, without_answers
from story import NOW_MS

NAMES = (
    "orders_by_user_24h", "orders_by_user_7d", "own_mean_amount", "chargebacks_ever", "amount", "neighbours",
    "orders_by_user_90d", "account_age",
)  # fmt: skip
LOUD = Policy(red_above=0, decline_above=90, deadline_ms=0)
"""Every order is flagged, so that its contributions are told."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    opened.walk.judging.policies = Policies(LOUD)
    yield opened
    opened.close()


def package(name: str) -> Package:
    good = small_model(30 if name == "other" else 20)
    body = without_answers(good.body) if name == "brittle" else good.body
    return package_of(body, good.golden, 300, id=name, features=tuple(Use(name=one) for one in NAMES))


def keep(house: House, *names: str) -> None:
    """Models in the data file, in use once, so that decisions can be made again."""
    store = ModelStore(house.directory, house.clock)
    for name in names:
        made = package(name)
        store.add(1, name, made.manifest, ModelFiles(made.body, made.golden, b""), actor="test")
        store.apply(store.moved(1, name, "shadow", actor="test"))
    store.close()


def seat(house: House, name: str) -> Seat:
    """A model that the first tenant's walk knows from now on."""
    made = package(name)
    model = LiveModel.of(msgspec.json.decode(made.manifest, type=Manifest), made)
    found = house.walk.panel.admit(1, model, house.definitions.book_of(1))
    house.definitions.want(1, found.key, found.wanted)
    return found


def promote(house: House, champion: str, *shadows: str) -> None:
    known = {
        name: house.walk.panel.seats.get(f"1/{name}") or seat(house, name) for name in (champion, *shadows) if name
    }
    house.walk.panel.put(1, known.get(champion), tuple(known[name] for name in shadows))
    house.definitions.advance(10**6)


def told(house: House, kind: str, at_ms: int, **body: Any) -> dict[str, Any]:
    """What is stored of the decision on an event."""
    house.tell(kind, at_ms, **{"_userId": "asha", **body})
    return newest(house)


def newest(house: House) -> dict[str, Any]:
    made = house.walk.ledger.stored(house.walk.ledger.last_seq)[1]
    assert made is not None
    detail: dict[str, Any] = msgspec.json.decode(made.detail)
    return detail


def order(house: House, number: int, at_ms: int, **body: Any) -> dict[str, Any]:
    return told(house, "createOrder", at_ms, _orderId=f"o-{number}", _amount="500", _currencyCode="INR", **body)


def buy_on(house: House, first: int, at_ms: int) -> None:
    """Orders of the same person, after which a model would say something else of an earlier one."""
    for number in range(first, first + 5):
        order(house, number, at_ms + number)


def of_model(detail: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(detail.get(name) for name in ("model", "probability", "model_vector", "shadows"))


def reasons_of_model(detail: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in detail["reasons"] if one["name"] in {use.reason or use.name for use in
            msgspec.json.decode(package("ours").manifest, type=Manifest).features}]  # fmt: skip


def differences(house: House) -> list[tuple[int, Any]]:
    """Of all decisions, made again from the ledger."""
    made = list(decide_again(house.directory, FORGET_AFTER_DAYS))
    assert len(made) > 3
    return [(one.position, one.differences) for one in made if not one.identical]


def test_what_the_library_decided_packed_trees_decide_again_with_the_same_reasons(house: House) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forest, "COMPILED", False)
        promote(house, "ours")
    buy_on(house, 1, NOW_MS)
    champion = house.walk.panel.champion(1)
    assert champion is not None
    assert isinstance(champion.model._predictor, Booster)
    assert reasons_of_model(newest(house))
    keep(house, "ours")
    assert differences(house) == []


@pytest.mark.slow
def test_what_comes_behind_an_order_takes_on_what_was_foretold_of_it_and_its_rules_are_judged_anew(
    house: House,
) -> None:
    keep(house, "ours", "looking")
    house.publish((rule("often", "orders_by_user_24h >= 9", "block"),))
    promote(house, "ours", "looking")
    submitted = order(house, 1, NOW_MS)
    buy_on(house, 10, NOW_MS)
    paid = told(house, "transaction", NOW_MS + HOUR_MS, _orderId="o-1", _transactionStatus="_success")
    buy_on(house, 20, NOW_MS + HOUR_MS)
    state = told(house, "order_status", NOW_MS + 2 * HOUR_MS, _orderId="o-1", _orderStatus="_held")
    another = order(house, 2, NOW_MS + 2 * HOUR_MS + 1)
    assert "judged_on" not in submitted
    assert "judged_on" not in another
    assert another["model_vector"] != submitted["model_vector"]
    for behind in (paid, state):
        assert behind["judged_on"] == 1
        assert of_model(behind) == of_model(submitted)
        assert reasons_of_model(behind) == reasons_of_model(submitted) != []
    assert paid["score"] == submitted["score"]
    assert (paid.get("by", ""), state["by"], state["verdict"]) == ("", "often", "decline")
    assert paid["vector"] != submitted["vector"]  # of rules, as of now
    assert differences(house) == []


def test_of_an_order_that_was_replaced_the_newest_submission_counts(house: House) -> None:
    keep(house, "ours")
    promote(house, "ours")
    order(house, 1, NOW_MS)
    buy_on(house, 10, NOW_MS)
    replaced = told(house, "update_order", NOW_MS + 60_000, _orderId="o-1", _amount="900", _currencyCode="INR")
    paid = told(house, "transaction", NOW_MS + 70_000, _orderId="o-1", _transactionStatus="_success")
    assert (paid["judged_on"], of_model(paid)) == (7, of_model(replaced))
    assert differences(house) == []


def judged_by(model: str) -> float:
    """Decisions, as the metrics have it."""
    return REGISTRY.get_sample_value("fourthwatch_model_decisions_total", {"model": model}) or 0.0


def readings(house: House) -> list[str]:
    """Every question that the walk asks the data file from now on."""
    asked: list[str] = []

    def note(_cursor: Any, statement: str, _bindings: Any) -> bool:
        asked.append(statement)
        return True

    house.walk.ledger._reading.exec_trace = note
    return asked


@pytest.mark.parametrize("snapshot", [True, False])
def test_an_order_of_before_a_start_is_read_with_what_was_foretold_of_it_and_once(
    snapshot: bool,
    house: House,
) -> None:
    keep(house, "ours")
    promote(house, "ours")
    submitted = [order(house, number, NOW_MS + number) for number in range(3)]
    house.restart(snapshot=snapshot)
    house.walk.judging.policies = Policies(LOUD)
    promote(house, "ours")
    buy_on(house, 10, NOW_MS + 2_000)
    asked = readings(house)
    for number in (1, 2):
        asked.clear()
        house.tell("transaction", NOW_MS + 9_000, _orderId=f"o-{number}", _transactionStatus="_success")
        assert ["FROM decision" in one for one in asked] == [True]  # with a snapshot the order has to be read anyhow
        paid = newest(house)
        assert (paid["judged_on"], of_model(paid)) == (number + 1, of_model(submitted[number]))
        asked.clear()
        house.tell("order_status", NOW_MS + 9_500, _orderId=f"o-{number}", _orderStatus="_held")
        assert asked == []
        assert of_model(newest(house)) == of_model(submitted[number])
    assert differences(house) == []


def test_an_order_that_was_forgotten_is_read_with_what_was_foretold_of_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(house, "ours")
    promote(house, "ours")
    house.walk._subjects._orders._kept = 4
    submitted = [order(house, number, NOW_MS + number) for number in range(12)]
    for number in range(12):
        paid = told(house, "transaction", NOW_MS + 9_000, _orderId=f"o-{number}", _transactionStatus="_success")
        assert (paid["judged_on"], of_model(paid)) == (number + 1, of_model(submitted[number]))
    monkeypatch.setattr(orders, "ORDERS_CACHED_MAX", 3)
    assert differences(house) == []


@pytest.mark.slow
def test_another_champion_judges_what_comes_behind_an_order_anew(house: House) -> None:
    keep(house, "ours", "other")
    by_points = order(house, 0, NOW_MS)
    promote(house, "ours", "other")
    submitted = order(house, 1, NOW_MS + 1)
    buy_on(house, 10, NOW_MS + 2)
    before = told(house, "transaction", NOW_MS + 1_000, _orderId="o-0", _transactionStatus="_success")
    promote(house, "other", "ours")
    after = told(house, "transaction", NOW_MS + 2_000, _orderId="o-1", _transactionStatus="_success")
    promote(house, "ours")
    back = told(house, "order_status", NOW_MS + 3_000, _orderId="o-1", _orderStatus="_held")
    promote(house, "")
    none = told(house, "order_status", NOW_MS + 4_000, _orderId="o-1", _orderStatus="_approved")
    assert "model" not in by_points
    assert (before["model"], "judged_on" in before) == ("ours", False)
    assert (after["model"], "judged_on" in after) == ("other", False)
    assert after["shadows"] != [["ours", submitted["probability"]]]
    assert after["model_vector"] != submitted["model_vector"]
    assert (back["judged_on"], of_model(back)[:3]) == (2, of_model(submitted)[:3])
    assert ("model" in none, "judged_on" in none) == (False, False)
    assert differences(house) == []


@pytest.mark.slow
def test_shadows_take_on_what_they_said_with_a_champion_or_without(house: House) -> None:
    keep(house, "ours", "other", "looking")
    promote(house, "", "looking")
    submitted = order(house, 1, NOW_MS)
    buy_on(house, 10, NOW_MS)
    alone = told(house, "transaction", NOW_MS + 1_000, _orderId="o-1", _transactionStatus="_success")
    promote(house, "", "looking", "other")
    both = told(house, "order_status", NOW_MS + 2_000, _orderId="o-1", _orderStatus="_held")
    promote(house, "", "other")
    new = told(house, "order_status", NOW_MS + 3_000, _orderId="o-1", _orderStatus="_approved")
    assert (alone["judged_on"], alone["shadows"]) == (1, submitted["shadows"])
    assert both["judged_on"] == 1
    assert [both["shadows"][0], both["shadows"][1][0]] == [*submitted["shadows"], "other"]
    assert (new["shadows"][0][0], "judged_on" in new) == ("other", False)
    assert differences(house) == []


def test_a_champion_that_looks_on_as_well_judges_an_order_at_which_it_did_not(house: House) -> None:
    keep(house, "ours")
    promote(house, "ours")
    submitted = order(house, 1, NOW_MS)
    buy_on(house, 10, NOW_MS)
    promote(house, "ours", "ours")  # as while the past of the one that is to take its place is not in yet
    paid = told(house, "transaction", NOW_MS + 1_000, _orderId="o-1", _transactionStatus="_success")
    assert (paid["judged_on"], paid["probability"]) == (1, submitted["probability"])
    ((shadow, probability),) = paid["shadows"]
    assert (shadow, probability != submitted["probability"]) == ("ours", True)
    assert differences(house) == []


def test_a_champion_that_has_no_reasons_for_what_it_foretold_leaves_a_decision_that_is_made_again_as_it_was(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_model: LiveModel, _values: object) -> tuple[()]:
        raise ModelRefused("the library fails")

    keep(house, "ours", "other", "looking")
    promote(house, "ours", "other")
    order(house, 1, NOW_MS)
    buy_on(house, 10, NOW_MS)
    promote(house, "ours", "other", "looking")
    with monkeypatch.context() as patch:
        patch.setattr(LiveModel, "contributions", fail)
        paid = told(house, "transaction", NOW_MS + 1_000, _orderId="o-1", _transactionStatus="_success")
    assert ("model" in paid, "shadows" in paid, "judged_on" in paid) == (False, False, False)
    assert house.walk.panel.failing["1/ours"] == (1, "the library fails")
    assert differences(house) == []


def test_what_was_put_off_of_a_submission_is_made_up_for_and_not_taken_on(house: House) -> None:
    keep(house, "ours")
    promote(house, "ours")
    house.walk.judging.policies = Policies(msgspec.structs.replace(LOUD, deadline_ms=50))
    body = {"_userId": "asha", "_amount": "500", "_currencyCode": "INR"}

    def late(number: int, kind: str, **more: Any) -> dict[str, Any]:
        """An event that has waited."""
        at_ms = NOW_MS + number * 1_000
        house.walk.now_ms = at_ms + more.pop("waited_ms")
        return told(house, kind, at_ms, **{**body, **more})

    in_part = late(1, "createOrder", _orderId="o-1", waited_ms=30)
    anew = late(2, "transaction", _orderId="o-1", _transactionStatus="_success", waited_ms=0)
    in_full = late(3, "createOrder", _orderId="o-2", waited_ms=0)
    hurried = late(4, "transaction", _orderId="o-2", _transactionStatus="_success", waited_ms=60_000)
    sent = submission("custom_event", NOW_MS + 5_000, _orderId="o-2", _eventName=AGAIN, wants_score=True, is_own=True)
    house.walk.run([msgspec.structs.replace(sent, is_bulk=True)])
    again = newest(house)
    assert (in_part["degraded"], "degraded" in in_full, len(hurried["degraded"])) == (["enrichment"], False, 3)
    assert "judged_on" not in anew
    assert (hurried["judged_on"], of_model(hurried)) == (3, of_model(in_full))
    assert (again["judged_on"], of_model(again)) == (3, of_model(in_full))
    assert reasons_of_model(hurried) == []
    assert reasons_of_model(again) == reasons_of_model(in_full) != []
    assert differences(house) == []


def test_an_order_that_chance_let_pass_is_let_pass_when_it_is_paid(house: House) -> None:
    keep(house, "ours")
    promote(house, "ours")
    explored = Exploration(percent=20, orders_per_day=10**6, amount_minor_per_day=10**12, currency="INR")
    house.walk.judging.policies = Policies(Policy(red_above=0, decline_above=0, deadline_ms=0, exploration=explored))
    submitted = [order(house, number, NOW_MS + number) for number in range(40)]
    for number, was in enumerate(submitted):
        paid = told(
            house, "transaction", NOW_MS + 90_000 + number, _orderId=f"o-{number}", _transactionStatus="_success"
        )
        assert (paid["judged_on"], of_model(paid)) == (number + 1, of_model(was))
        assert (paid["explored"]["released"], paid["verdict"]) == (was["explored"]["released"], was["verdict"])
    assert {one["verdict"] for one in submitted} == {"approve", "decline"}
    assert differences(house) == []


def test_an_event_that_is_only_tried_takes_on_what_was_foretold_and_leaves_nothing(house: House) -> None:
    keep(house, "ours")
    promote(house, "ours")
    submitted = order(house, 1, NOW_MS)
    buy_on(house, 10, NOW_MS)
    decisions = judged_by("ours")
    for kind, judged_on in (("createOrder", 0), ("transaction", 1)):
        tried = submission(kind, NOW_MS + DAY_MS, _orderId="o-1", _userId="asha", _amount="1")
        assert house.walk.tried(1, tried.decoded, tried.received_ms).judged_on == judged_on
    assert judged_by("ours") == decisions
    paid = told(house, "transaction", NOW_MS + DAY_MS, _orderId="o-1", _transactionStatus="_success")
    assert of_model(paid) == of_model(submitted)
    assert judged_by("ours") == decisions + 1


def test_no_change_of_what_is_known_now_turns_what_was_foretold(house: House) -> None:
    house.publish((rule("many", "orders_by_user_24h >= 1", "score"),))
    keep(house, "ours")
    promote(house, "ours")
    submitted = order(house, 1, NOW_MS)
    house.walk.judging.policies = Policies(
        Policy(red_above=submitted["score"] - 1, decline_above=submitted["score"] + 1)
    )
    buy_on(house, 10, NOW_MS)
    told(house, "transaction", NOW_MS + 1_000, _orderId="o-1", _transactionStatus="_success")
    event, made = house.walk.ledger.stored(house.walk.ledger.last_seq)
    reader = RuleSetReader(house.directory)
    then = rule_set_then(1, 1, reader.one(1, 1))
    reader.close()
    assert made is not None
    assert then is not None
    model = house.walk.panel.seats["1/ours"].model
    assert made.verdict == "review"
    assert Explained(house.walk, event, made, then).flip(model) is None


def change(house: House, what: str) -> None:
    """The stored decision on the first event, by SQLite's functions."""
    connection = open_file(house.directory)
    connection.execute(f"UPDATE decision SET detail = cast({what} AS BLOB) WHERE seq = 1")
    connection.close()


def test_a_decision_of_before_that_took_nothing_on_is_made_again_as_it_was(house: House) -> None:
    keep(house, "ours")
    promote(house, "ours")
    submitted = order(house, 1, NOW_MS)
    buy_on(house, 10, NOW_MS)
    house.restart(snapshot=True)
    promote(house, "ours")
    change(house, """json_set(detail, '$.degraded', json('["enrichment"]'))""")  # so that nothing of it is taken on
    paid = told(house, "transaction", NOW_MS + 1_000, _orderId="o-1", _transactionStatus="_success")
    change(house, "json_remove(detail, '$.degraded')")
    assert (paid["model"], "judged_on" in paid) == ("ours", False)
    assert paid["model_vector"] != submitted["model_vector"]
    assert differences(house) == []
