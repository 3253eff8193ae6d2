"""A rule that hits far more often than it used to is taken out of force, and the orders it touched are named."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.house import House
from engine.test_unfinished import spoil
from faults.test_damaged_page import note
from fourthwatch.engine.brake import Brake, Habit
from fourthwatch.engine.flight import Edited
from fourthwatch.engine.rulings import InForce
from fourthwatch.limits import BRAKE_LEARNED_MIN, BRAKE_RECENT
from fourthwatch.rules.rule import Rule
from fourthwatch.store.changes import AuditTrail, Configuration
from logged import logged
from rules.judging import rule
from story import NOW_MS

DEAR = rule("dear", "amount > 400", "review", brake=5.0)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    yield opened
    opened.close()


def brake_of(house: House) -> Brake:
    def publish(tenant: int, in_force: InForce) -> None:
        house.walk.rulings.put(tenant, in_force)

    return Brake(house.directory, house.clock, publish)


def order(house: House, number: int, amount: int) -> None:
    house.tell("createOrder", NOW_MS + number, _orderId=f"o-{number}", _userId=f"u-{number}", _amount=str(amount))


def noted(brake: Brake, house: House, first: int, amounts: list[int]) -> list[Any]:
    """Orders, one after the other, looked at as they become durable; the edits that came of them."""
    edits = []
    for number, amount in enumerate(amounts, first):
        order(house, number, amount)
        made = house.walk.ledger.stored(house.walk.ledger.last_seq)[1]
        assert made is not None
        edits += list(brake.after(house.walk, [made]))
    return edits


@pytest.mark.slow
def test_a_rule_that_hits_far_more_often_than_usual_drops_to_shadow_and_names_what_it_touched(house: House) -> None:
    house.publish((DEAR, rule("other")))
    brake = brake_of(house)
    usual = [500 if number % 50 == 0 else 100 for number in range(BRAKE_LEARNED_MIN + BRAKE_RECENT)]
    assert noted(brake, house, 0, usual) == []
    edits = noted(brake, house, 5_000, [500] * 40)
    assert edits
    edited = edits[0](house.walk.last_seq + 1)
    assert isinstance(edited, Edited)
    changes = Configuration(house.directory, house.clock)
    changes.apply(edited.change)
    changes.close()
    in_force = house.walk.rulings.in_force(1)
    assert (in_force.version, [one.state for one in in_force.checked.rule_set.rules]) == (2, ["shadow", "live"])
    trail = AuditTrail(house.directory)
    (entry,) = trail.page(1, 10**9, 10, action="rule.braked")
    trail.close()
    assert entry.after is not None
    told = msgspec.json.decode(entry.after)
    assert len(told["touched"]) > 10
    assert set(told["touched"]) <= {row.event_id for row in house.walk.ledger.read_after(0)}
    assert entry.actor == "brake"
    order(house, 9_000, 500)
    made = house.walk.ledger.stored(house.walk.ledger.last_seq)[1]
    assert made is not None
    assert made.verdict == "approve"
    assert edits[-1](house.walk.last_seq + 1) is None, "it brakes once"
    house.restart(snapshot=False)
    assert house.walk.rulings.in_force(1).version == 2


@pytest.mark.slow
def test_what_is_usual_is_learned_from_what_is_stored_and_anew_for_a_rule_that_is_put_back(house: House) -> None:
    house.publish((DEAR,))
    for number in range(BRAKE_LEARNED_MIN + BRAKE_RECENT):
        order(house, number, 500 if number % 50 == 0 else 100)
    house.restart(snapshot=True)
    brake = brake_of(house)
    brake.learn(house.walk, [1])
    edits = noted(brake, house, 5_000, [500] * 40)
    assert isinstance(edits[0](house.walk.last_seq + 1), Edited)
    house.publish((DEAR,))
    assert noted(brake, house, 6_000, [500]) == [], "the same hits do not brake it again"
    assert edits[-1](house.walk.last_seq + 1) is None, "nor does what was to brake it then"


@pytest.mark.slow
def test_a_rule_is_braked_also_when_an_order_that_it_touched_cannot_be_read(house: House) -> None:
    house.publish((DEAR,))
    for number in range(BRAKE_LEARNED_MIN + BRAKE_RECENT - 1):
        order(house, number, 500 if number % 50 == 0 else 100)
    spoilt = house.tell("createOrder", NOW_MS, _orderId="o-bad", _amount="500", _customInfo={"note": note(1)})
    order(house, 4_000, 100)
    house.restart(snapshot=True)
    house.close()
    spoil(house.directory, 1)
    house.open()
    brake = brake_of(house)
    brake.learn(house.walk, [1])
    edit = noted(brake, house, 5_000, [500] * 40)[0]
    with logged() as said:
        edited = edit(house.walk.last_seq + 1)
    assert isinstance(edited, Edited)
    assert isinstance(edited.change.after, dict)
    touched = edited.change.after["touched"]
    assert len(touched) > 10
    assert spoilt.receipt.event_id not in touched
    assert [one["what"] for one in said if one["event"] == "not_followed"] == ["brake"]


@pytest.mark.slow
@pytest.mark.parametrize("many", [DEAR, rule("dear", "amount > 400", "review")])
def test_a_rule_that_always_hit_as_often_or_has_no_brake_stays(many: Rule, house: House) -> None:
    house.publish((many,))
    amounts = [500 if number % 3 == 0 else 100 for number in range(BRAKE_LEARNED_MIN + BRAKE_RECENT + 100)]
    assert noted(brake_of(house), house, 0, amounts) == []


def test_nothing_is_unusual_before_enough_was_seen() -> None:
    habit = Habit(DEAR)
    for seq in range(BRAKE_LEARNED_MIN - 1):
        habit.note(seq, hit=seq > 300)
        assert not habit.is_unusual()
