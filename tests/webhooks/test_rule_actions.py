"""What rules want queued and told outside: in the transaction of the decision, once, and never over a person's word."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.indexed import Shelf
from engine.till import submission
from fourthwatch.decision import Policy
from fourthwatch.engine.walk import Walk
from fourthwatch.rules.rule import Action, Rule
from fourthwatch.store.outbox import OpenCase, open_cases
from fourthwatch.webhooks.transport import Transport
from story import NOW_MS
from webhooks.listening import Receiver
from webhooks.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def rule(name: str, *actions: Action, when: str = "amount > 5", **different: Any) -> Rule:
    return Rule(name=name, rule_class="score", weight=1.0, when=when, says="A sentence", actions=actions, **different)


def send(world: World, receiver: Receiver) -> list[dict[str, Any]]:
    before = len(receiver.heard)

    async def run() -> None:
        sender = world.sender(Transport(receiver.named))
        await world.send(sender)
        sender.close()

    asyncio.run(run())
    return [json.loads(heard.body) for heard in receiver.heard[before:]]


def cases(world: World) -> list[tuple[str, str | None, str | None]]:
    found = world.log.cases(1, 0, 100, is_open=None)
    known = world.ledger.open_cases()
    queues = {order: case.queue for order, case in known.items()}
    assert queues == {(1, case.order_id): case.queue for case in found if case.closed_seq is None}
    return [(case.order_id, case.queue, case.outcome) for case in found]


TELLS = rule("dear", Action("webhook", "dear orders"))
QUEUES = rule("dear", Action("queue", "senior"))


# `webhook`


def test_a_rule_tells_endpoints_what_fired_with_the_decision_and_the_order(world: World, receiver: Receiver) -> None:
    world.endpoint(receiver.url, ("rule.fired",))
    world.rules = (TELLS,)
    world.order("o-1")
    (heard,) = send(world, receiver)
    assert (heard["type"], heard["entity"], heard["sequence"]) == ("rule.fired", "order:o-1", 1)
    told = heard["data"]
    assert (told["name"], told["order_id"], told["user_id"]) == ("dear orders", "o-1", "u-1")
    assert told["decision"]["event_id"] == told["event_id"] == told["order"]["decision"]["event_id"]
    assert told["order"]["order_id"] == "o-1"


def test_two_webhooks_of_one_decision_are_two_messages(world: World, receiver: Receiver) -> None:
    world.endpoint(receiver.url, ("rule.fired",))
    world.rules = (rule("a", Action("webhook", "one"), Action("webhook", "two")), rule("b", Action("webhook", "one")))
    world.order("o-1")
    heard = send(world, receiver)
    assert sorted(one["data"]["name"] for one in heard) == ["one", "two"]
    assert sorted(one["sequence"] for one in heard) == [1, 2]
    assert len({one.id for one in world.deliveries()}) == 2


def test_a_rule_that_keeps_firing_on_an_order_is_told_once_and_again_when_it_had_stopped(
    world: World, receiver: Receiver
) -> None:
    world.endpoint(receiver.url, ("rule.fired",))
    world.rules = (TELLS,)
    world.order("o-1")
    world.pay("o-1")
    world.tell("order_status", _orderId="o-1", _orderStatus="_wo_processing")
    assert len(send(world, receiver)) == 1
    world.tell("update_order", _orderId="o-1", _userId="u-1", _amount="1")
    assert send(world, receiver) == []
    world.tell("update_order", _orderId="o-1", _userId="u-1", _amount="10")
    assert len(send(world, receiver)) == 1


def test_a_rule_in_shadow_or_below_its_condition_tells_nothing(world: World, receiver: Receiver) -> None:
    world.endpoint(receiver.url, ("rule.fired",))
    world.rules = (
        rule("dear", Action("webhook", "x"), state="shadow"),
        rule("c", Action("webhook", "y"), when="amount > 99"),
    )
    world.order("o-1")
    assert send(world, receiver) == []


def test_where_nobody_listens_a_rule_leaves_nothing_in_the_outbox(world: World) -> None:
    world.heard.clear()
    world.rules = (TELLS,)
    world.order("o-1")
    assert not world.log_has_work()


def test_what_is_about_no_order_is_told_of_its_user(world: World, receiver: Receiver) -> None:
    world.endpoint(receiver.url, ("rule.fired",))
    world.rules = (rule("any", Action("webhook", "sign-ins"), when='user_id == "u-7"'),)
    walk = Walk(world.ledger, world.windows, Policy(), world.random.randbytes, world._rulings(), heard=world.heard)
    walk.run([submission("login", NOW_MS, wants_score=True, _userId="u-7")])
    (heard,) = send(world, receiver)
    assert heard["entity"] == "user:u-7"
    assert (heard["data"]["event_type"], heard["data"]["user_id"], heard["data"]["order"]) == ("login", "u-7", None)


# `queue`


def test_a_rule_puts_an_order_into_its_queue_also_one_that_is_approved(world: World, receiver: Receiver) -> None:
    world.endpoint(receiver.url, ("case.opened", "case.closed"))
    world.rules = (QUEUES,)
    world.order("o-1")
    assert cases(world) == [("o-1", "senior", None)]
    (heard,) = send(world, receiver)
    assert heard["type"] == "case.opened"
    assert (heard["data"]["case"]["queue"], heard["data"]["verdict"]) == ("senior", "approve")


def test_only_a_person_or_the_end_of_the_order_closes_what_a_rule_has_queued(world: World) -> None:
    world.rules = (QUEUES,)
    for order_id in ("o-1", "o-2"):
        world.order(order_id, red=True)
        world.pay(order_id)
    world.rules = ()
    world.tell("update_order", _orderId="o-1", _userId="u-1", _amount="1")
    assert [outcome for *_, outcome in cases(world)] == [None, None]
    world.decide("o-1", "decline", red=False)
    world.tell("order_status", _orderId="o-2", _orderStatus="_wo_completed")
    assert [outcome for *_, outcome in cases(world)] == ["decline", "approve"]


def test_an_order_comes_into_a_queue_once_however_often_the_rule_fires(world: World) -> None:
    world.rules = (QUEUES,)
    world.order("o-1")
    world.pay("o-1")
    world.decide("o-1", "approve", red=False)
    world.pay("o-1")
    world.tell("update_order", _orderId="o-1", _userId="u-1", _amount="11")
    assert cases(world) == [("o-1", "senior", "approve")]
    world.tell("update_order", red=True, _orderId="o-1", _userId="u-1", _amount="12")
    assert cases(world)[1:] == [("o-1", "senior", None)], "a new opinion opens a case as it always did"


def test_a_case_that_is_open_moves_to_the_queue_that_a_rule_names(world: World, receiver: Receiver) -> None:
    world.endpoint(receiver.url, ("case.opened",))
    world.order("o-1", red=True)
    assert cases(world) == [("o-1", None, None)]
    world.rules = (QUEUES,)
    world.pay("o-1", red=True)
    assert cases(world) == [("o-1", "senior", None)]
    world.rules = (rule("dear", Action("queue", "fraud desk"), Action("queue", "other")),)
    world.pay("o-1", red=True)
    assert cases(world) == [("o-1", "fraud desk", None)]
    assert len(send(world, receiver)) == 1


HAPPENINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("createOrder", {"_amount": "10"}), ("update_order", {"_amount": "10"}), ("transaction", {}), ("transaction", {}),
    ("order_status", {"_orderStatus": "_approved", "_source": "_manualReview"}),
    ("order_status", {"_orderStatus": "_declined", "_analyst": "meera"}),
    ("order_status", {"_orderStatus": "_held", "_source": "manualReview"}),
    ("order_status", {"_orderStatus": "_wo_on-hold"}), ("order_status", {"_orderStatus": "_wo_completed"}),
    ("custom_event", {"_eventName": "moved", "_orderStatus": "_canceled"}), ("custom_event", {"_eventName": "seen"}),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_cases_are_the_same_in_the_file_in_memory_and_in_the_index_after_any_history(tmp_path: Path, seed: int) -> None:
    """Walks remember which orders may have an open case, and the review queue is read from the index."""
    found = []
    for is_new_each_time in (True, False):
        world = World(tmp_path / str(is_new_each_time), seed=seed)
        random, rulings, kept = world.random, [], None
        for world.rules in ((), (QUEUES,), (rule("d", Action("queue", "b")),)):
            rulings.append(world._rulings())
        for step in range(200):
            policy = Policy(red_above=0 if random.random() < 0.4 else 100, decline_above=100)
            walk = Walk(world.ledger, world.windows, policy, random.randbytes, random.choice(rulings))
            if not is_new_each_time:
                kept = kept or walk._consequences
                walk._consequences = kept
            kind, body = random.choice(HAPPENINGS)
            order_id, wants = f"o-{random.randrange(5)}", random.random() < 0.5
            told = submission(kind, NOW_MS + step, wants_score=wants, _orderId=order_id, _userId="u-1", **body)
            walk.run([told])
        found.append(cases(world))
        known = world.ledger.open_cases()
        newest = {
            case.order_id: (case.closed_seq is None, case.queue, known.get((1, case.order_id), OpenCase()).is_held)
            for case in world.log.cases(1, 0, 1_000, is_open=None)
        }
        world.close()
        shelf = Shelf(tmp_path / str(is_new_each_time))
        for order_id, case in newest.items():
            line = shelf.line(order_id)
            assert (bool(line.is_open), line.queue, bool(line.is_held)) == case
        shelf.close()
    assert found[0] == found[1]
    assert {queue for _, queue, _ in found[0]} == {None, "senior", "b"}


# In one transaction.


def test_a_batch_that_cannot_be_written_leaves_neither_case_nor_message(world: World) -> None:
    world.rules = (rule("dear", Action("queue", "senior"), Action("webhook", "dear orders")),)
    walk = Walk(world.ledger, world.windows, Policy(), world.random.randbytes, world._rulings(), heard=world.heard)
    taken = walk.take([submission("createOrder", NOW_MS, _orderId="o-1", _userId="u-1", _amount="10")])
    taken.seal(world.ledger)
    assert {one.type for one in taken.occasions} == {"decided", "rule.fired"}
    assert open_cases(world.ledger._reading) == {}, "nothing before it is written"
    assert not world.log_has_work()
    taken.append_to(world.ledger)
    assert cases(world) == [("o-1", "senior", None)]
    assert world.log_has_work()
