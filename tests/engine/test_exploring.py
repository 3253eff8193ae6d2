"""Orders that the score declines and chance lets pass: within caps, once, never against a rule, and the same again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from engine.test_corridor import Owner
from engine.till import Till, submission
from fourthwatch.clock import DAY_MS, Millis
from fourthwatch.decision import Exploration, Policy
from fourthwatch.engine.exploring import Exploring
from fourthwatch.engine.subjects import Subjects
from fourthwatch.engine.walk import Answer
from fourthwatch.store.file import FILE_NAME
from fourthwatch.store.ledger import DecisionRow
from fourthwatch.workbench.again import decide_again
from logged import logged
from story import NOW_MS, decoded

ALL = Exploration(percent=20, orders_per_day=10**6, amount_minor_per_day=10**12, currency="INR")


def declining(exploration: Exploration) -> Policy:
    """Whatever the score is above 0, it declines."""
    return Policy(red_above=0, decline_above=0, deadline_ms=0, exploration=exploration)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[list[Till]]:
    tills: list[Till] = []
    yield tills
    for till in tills:
        till.close()


def _order(till: Till, number: int, at_ms: int = NOW_MS, kind: str = "createOrder", **different: Any) -> dict[str, Any]:
    """An order of 100 rupees; what is stored of the decision."""
    body = {"_orderId": f"o-{number}", "_userId": f"u-{number}", "_amount": "100", "_currencyCode": "INR", **different}
    till.tell(kind, at_ms, **body)
    return _newest(till)


def _newest(till: Till) -> dict[str, Any]:
    made = till.ledger.stored(till.ledger.last_seq)[1]
    assert isinstance(made, DecisionRow)
    detail: dict[str, Any] = msgspec.json.decode(made.detail)
    assert (detail["verdict"], detail["flag"], detail["score"]) == (made.verdict, made.flag, made.score)
    return detail


def test_it_is_off_by_default(tmp_path: Path, opened: list[Till]) -> None:
    assert not Policy().exploration.is_on
    opened.append(till := Till(tmp_path, declining(Exploration())))
    made = [_order(till, number) for number in range(50)]
    assert {one["verdict"] for one in made} == {"decline"}
    assert not any("explored" in one for one in made)
    assert till.ledger.spent() == []


@pytest.mark.slow
def test_a_share_of_would_be_declines_is_let_pass_with_its_propensity(tmp_path: Path, opened: list[Till]) -> None:
    opened.append(till := Till(tmp_path, declining(ALL)))
    made = [_order(till, number) for number in range(600)]
    assert {one["explored"]["propensity"] for one in made} == {0.2}
    released = [one for one in made if one["explored"]["released"]]
    assert len(released) == pytest.approx(120, abs=35)
    assert {(one["verdict"], one["flag"], one["score"]) for one in released} == {("approve", "green", 0)}
    assert {one["verdict"] for one in made if not one["explored"]["released"]} == {"decline"}
    assert till.ledger.spent() == [(1, NOW_MS // DAY_MS, len(released), len(released) * 10_000)]


def _released(till: Till, numbers: range, at_ms: int = NOW_MS, **different: Any) -> int:
    return sum(_order(till, number, at_ms, **different)["explored"]["released"] for number in numbers)


@pytest.mark.slow
def test_no_day_lets_more_orders_pass_than_its_cap_also_over_a_restart(tmp_path: Path, opened: list[Till]) -> None:
    capped = declining(msgspec.structs.replace(ALL, orders_per_day=7))
    opened.append(till := Till(tmp_path, capped))
    assert _released(till, range(20)) < 7
    before = till.ledger.spent()[0][2]
    till.close()
    opened[0] = till = Till(tmp_path, capped, seed=5)
    assert before + _released(till, range(20, 300)) == 7
    assert _order(till, 300)["explored"] == {"propensity": 0.0, "released": False}
    assert _released(till, range(400, 700), NOW_MS + DAY_MS) == 7


@pytest.mark.slow
def test_no_day_lets_more_money_pass_than_its_cap(tmp_path: Path, opened: list[Till]) -> None:
    opened.append(till := Till(tmp_path, declining(msgspec.structs.replace(ALL, amount_minor_per_day=35_000))))
    assert _released(till, range(200)) == 3
    too_much = _order(till, 200, _amount="60")
    assert too_much["explored"] == {"propensity": 0.0, "released": False}
    assert till.ledger.spent()[0][3] == 30_000
    assert _order(till, 201, _amount="50")["explored"]["propensity"] == 0.2  # there is room for so much


@pytest.mark.slow
@pytest.mark.parametrize("different", [{"_currencyCode": "USD"}, {"_currencyCode": None}, {"_amount": None}])
def test_an_order_whose_amount_cannot_be_counted_is_not_let_pass(
    tmp_path: Path, opened: list[Till], different: dict[str, Any]
) -> None:
    opened.append(till := Till(tmp_path, declining(ALL)))
    for number in range(60):
        body = {"_orderId": f"o-{number}", "_userId": "u", "_amount": "100", "_currencyCode": "INR", **different}
        till.tell("createOrder", **{name: value for name, value in body.items() if value is not None})
        assert _newest(till)["explored"] == {"propensity": 0.0, "released": False}


@pytest.mark.slow
def test_an_order_stays_what_it_was_drawn_whatever_comes_after(tmp_path: Path, opened: list[Till]) -> None:
    opened.append(till := Till(tmp_path, declining(ALL)))
    first = [_order(till, number)["explored"] for number in range(60)]
    assert {one["released"] for one in first} == {True, False}
    for number, drawn in enumerate(first):
        again = _order(till, number, NOW_MS + 1_000, "update_order", _customInfo={"n": "1"})
        assert again["explored"]["released"] == drawn["released"]
    till.close()
    opened[0] = till = Till(tmp_path, declining(ALL), seed=9)
    for number, drawn in enumerate(first):
        till.tell("order_status", NOW_MS + 3 * DAY_MS, _orderId=f"o-{number}", _orderStatus="_held")
        made = _newest(till)
        assert made["verdict"] == ("approve" if drawn["released"] else "decline")
        dearer = _order(till, number, NOW_MS + 4 * DAY_MS, "update_order", _amount="101")
        assert dearer["verdict"] == "decline"


@pytest.mark.slow
def test_an_order_whose_draw_cannot_be_read_is_declined_and_the_others_are_decided_as_ever(
    tmp_path: Path, opened: list[Till]
) -> None:
    opened.append(till := Till(tmp_path, declining(ALL)))
    first = [_order(till, number)["explored"]["released"] for number in range(300)]
    _order(till, 999, NOW_MS + 2 * DAY_MS)  # the day that a start looks at
    till.close()
    spoil_the_first_draws(tmp_path)
    owner = Owner(tmp_path, policy=declining(ALL))
    owner.corridor.start()
    touched = [number for number in (0, 90) for _ in range(2)]
    with logged() as said:
        for at, number in enumerate(touched):
            status = submission("order_status", NOW_MS + 3 * DAY_MS + at, wants_score=True,
                                _orderId=f"o-{number}", _orderStatus="_held")  # fmt: skip
            owner.submit(status)
            owner.work(at + 1)
    owner.stop()
    answers = [outcome for _, outcome in owner.settled]
    assert all(isinstance(one, Answer) for one in answers), answers
    verdicts = [one.receipt.verdict for one in answers if isinstance(one, Answer)]
    assert verdicts == ["decline"] * 2 + ["approve" if first[90] else "decline"] * 2
    assert [one["event"] for one in said] == ["draw_unreadable"] * 2
    assert "o-0" not in str(said)
    assert owner.broken == 0


def spoil_the_first_draws(directory: Path) -> None:
    """Flip a bit of the page on which the draws stand for orders whose ids come first."""
    path = directory / FILE_NAME
    connection = apsw.Connection(str(path))
    leaves = "SELECT pageno, pgsize FROM dbstat WHERE name = 'exploration' AND pagetype = 'leaf' ORDER BY path"
    numbers: list[Any] = connection.execute(leaves).fetchall()
    connection.close()
    assert len(numbers) > 1
    number, page_bytes = numbers[0]
    spoilt = bytearray(path.read_bytes())
    spoilt[number * page_bytes - page_bytes // 2] ^= 4
    path.write_bytes(spoilt)


def test_history_and_what_no_shop_acts_on_is_not_drawn_for(tmp_path: Path, opened: list[Till]) -> None:
    opened.append(till := Till(tmp_path, declining(ALL)))
    body: dict[str, Any] = {"_userId": "u", "_amount": "100", "_currencyCode": "INR"}
    for number in range(40):
        sent = submission("createOrder", _orderId=f"o-{number}", **body)
        till.take(msgspec.structs.replace(sent, is_bulk=True))
        assert "explored" not in _newest(till)
    assert till.ledger.spent() == []


def test_what_a_rule_declines_is_never_let_pass(tmp_path: Path, opened: list[Till]) -> None:
    opened.append(till := Till(tmp_path, declining(ALL)))
    always = Exploring(bytes, lambda _tenant, _order: None, [])
    event = decoded("createOrder", NOW_MS, _orderId="o-1", _userId="u", _amount="100", _currencyCode="INR")
    by_score = till.walk.tried(1, event, Millis(NOW_MS))
    assert (by_score.verdict, by_score.by) == ("decline", "")
    subject = Subjects(till.ledger, till.windows).present(
        1, 1, event.kind, event.event, event.occurred_ms, event.name, Millis(NOW_MS)
    ).subject  # fmt: skip
    by_rule = msgspec.structs.replace(by_score, by="blocked_cards")
    assert always.of(by_rule, ALL, subject, NOW_MS, may_draw=True) == (by_rule, None)
    assert always.of(by_score, ALL, subject, NOW_MS, may_draw=False) == (by_score, None)
    passed, row = always.of(by_score, ALL, subject, NOW_MS, may_draw=True)
    assert (passed.verdict, row is not None) == ("approve", True)


def test_every_decision_comes_out_the_same_when_it_is_made_again(tmp_path: Path, opened: list[Till]) -> None:
    opened.append(till := Till(tmp_path, declining(msgspec.structs.replace(ALL, orders_per_day=9))))
    made = [_order(till, number) for number in range(80)]
    assert sum(one["explored"]["released"] for one in made) == 9
    found = list(decide_again(tmp_path, 400))
    assert len(found) == 80
    assert all(one.identical for one in found), next(one for one in found if not one.identical)
