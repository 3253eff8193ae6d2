"""Who is told what, and when: postbacks of the old contract, webhooks, cases, and what brings about nothing."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fourthwatch.rules.rule import Rule
from fourthwatch.store import file as files
from fourthwatch.store.changes import Change
from fourthwatch.store.file import open_file
from fourthwatch.store.outbox import OpenCase, announce
from fourthwatch.webhooks.transport import Transport
from webhooks.listening import Receiver, Told
from webhooks.world import World

SECOND = 1_000
SCORE_KEYS = {"order_id", "flag", "score", "reasons", "user_id", "order_timestamp"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def send(world: World, receiver: Receiver, for_s: float = 0) -> list[dict[str, Any]]:
    """What arrives within so long; a new sender each time, as after a restart."""
    before = len(receiver.heard)

    async def run() -> None:
        sender = world.sender(Transport(receiver.named))
        await world.send(sender, int(for_s * SECOND))
        sender.close()

    asyncio.run(run())
    return [{"path": heard.path, **json.loads(heard.body)} for heard in receiver.heard[before:]]


def plugin(world: World, receiver: Receiver) -> None:
    world.register({"score_postback": receiver.url + "/score", "action_postback": receiver.url + "/action"})


# The score postback.


def test_a_score_is_posted_back_four_seconds_after_the_payment(world: World, receiver: Receiver) -> None:
    plugin(world, receiver)
    world.order("o-1")
    assert send(world, receiver, 2) == []
    world.pay("o-1")
    assert send(world, receiver, 3.9) == []
    (told,) = send(world, receiver, 0.2)
    assert told.pop("path") == "/score"
    assert set(told) == SCORE_KEYS
    assert (told["order_id"], told["flag"]) == ("o-1", "green")
    assert type(told["score"]) is int
    assert set(told["reasons"][0]) == {"name", "display_name", "flag", "value", "is_display"}
    headers = receiver.heard[-1].headers
    assert headers["x-thirdwatch-api-key"] == world.key
    assert headers["content-type"] == "application/json"


def test_without_a_payment_the_score_is_posted_back_after_half_a_minute(world: World, receiver: Receiver) -> None:
    plugin(world, receiver)
    world.order("o-1")
    assert send(world, receiver, 29.9) == []
    assert [told["order_id"] for told in send(world, receiver, 0.2)] == ["o-1"]


def test_an_order_and_its_payment_in_one_batch_are_told_once_after_the_payment(
    world: World, receiver: Receiver
) -> None:
    plugin(world, receiver)
    world.order("o-1")
    world.pay("o-1")
    assert [told["order_id"] for told in send(world, receiver, 5)] == ["o-1"]
    assert send(world, receiver, 60) == []


def test_the_score_is_posted_back_again_when_the_flag_changes_and_only_then(world: World, receiver: Receiver) -> None:
    plugin(world, receiver)
    world.order("o-1")
    world.pay("o-1")
    assert [told["flag"] for told in send(world, receiver, 60)] == ["green"]
    world.tell("order_status", _orderId="o-1", _orderStatus="_wo_processing")
    assert send(world, receiver, 60) == []
    world.tell("order_status", red=True, _orderId="o-1", _orderStatus="_wo_on-hold")
    assert [told["flag"] for told in send(world, receiver, 60)] == ["red"]
    world.tell("update_order", _orderId="o-1", _userId="u-1", _amount="9")
    assert [told["flag"] for told in send(world, receiver, 60)] == ["green"]


def test_what_waits_tells_what_is_true_when_it_is_sent(world: World, receiver: Receiver) -> None:
    plugin(world, receiver)
    world.order("o-1")
    send(world, receiver, 1)
    world.tell("order_status", red=True, _orderId="o-1", _orderStatus="_wo_on-hold")
    assert [told["flag"] for told in send(world, receiver, 60)] == ["red"]


def test_a_flag_that_changes_while_the_old_one_is_refused_is_told_by_the_retry(
    world: World, receiver: Receiver
) -> None:
    plugin(world, receiver)
    receiver.answer = lambda heard: Told(400, b'{"Error":"Authentication Failed"}')
    world.order("o-1")
    world.pay("o-1")
    assert {told["flag"] for told in send(world, receiver, 10)} == {"green"}
    receiver.answer = lambda heard: Told()
    world.tell("order_status", red=True, _orderId="o-1", _orderStatus="_wo_on-hold")
    assert [told["flag"] for told in send(world, receiver, 300)] == ["red"]


def test_a_receiver_that_does_not_know_its_order_yet_gets_it_again(world: World, receiver: Receiver) -> None:
    plugin(world, receiver)
    answers = iter([Told(400), Told(400), Told(500), Told(200)])
    receiver.answer = lambda heard: next(answers)
    world.order("o-1")
    world.pay("o-1")
    assert len(send(world, receiver, 600)) == 4
    (delivery,) = world.deliveries()
    assert (delivery.state, delivery.attempts) == ("delivered", 4)
    assert [attempt.status for attempt in world.log.attempts(1, delivery.number, 10)] == [400, 400, 500, 200]


def test_an_order_id_that_was_sent_as_a_number_comes_back_as_one(world: World, receiver: Receiver) -> None:
    plugin(world, receiver)
    world.tell("createOrder", _orderId=100_045, _userId="u-1")
    assert [told["order_id"] for told in send(world, receiver, 60)] == [100_045]


def test_nothing_is_sent_where_nobody_is_registered(world: World, receiver: Receiver) -> None:
    world.heard.clear()
    world.order("o-1")
    assert not world.log_has_work()
    plugin(world, receiver)
    assert send(world, receiver, 60) == []


def test_an_event_that_concerns_nobody_leaves_nothing_in_the_outbox(world: World, receiver: Receiver) -> None:
    plugin(world, receiver)
    for kind in ("login", "add_to_cart", "custom_event", "chargeback", "create_account"):
        world.tell(kind, _userId="u-1", _orderId="o-1")
    assert not world.log_has_work()


def test_a_shop_is_told_of_its_own_orders_only(world: World, receiver: Receiver) -> None:
    plugin(world, receiver)
    world.order("o-2", tenant=2)
    assert send(world, receiver, 60) == []
    assert world.deliveries(2) == []


def test_a_key_that_was_revoked_opens_no_address(world: World, receiver: Receiver) -> None:
    plugin(world, receiver)
    world.keys.revoke(world.key_ids[1])
    world.order("o-1")
    assert send(world, receiver, 60) == []


# The action postback.


@pytest.mark.parametrize(("verdict", "action"), [("approve", "approved"), ("decline", "declined")])
def test_an_analysts_decision_is_posted_back_at_once(
    world: World, receiver: Receiver, verdict: str, action: str
) -> None:
    plugin(world, receiver)
    world.order("o-1", red=True)
    send(world, receiver, 60)
    world.decide("o-1", verdict, "Called the customer.")
    assert send(world, receiver) == [
        {"path": "/action", "order_id": "o-1", "action_type": action, "action_message": "Called the customer."}
    ]


@pytest.mark.parametrize("message", [None, "", "  ", "none", "None"])
def test_an_action_always_has_a_message_that_magento_can_read(
    world: World, receiver: Receiver, message: str | None
) -> None:
    plugin(world, receiver)
    world.order("o-1", red=True)
    world.decide("o-1", "approve", message)
    told = [told for told in send(world, receiver, 60) if told["path"] == "/action"]
    assert [one["action_message"] for one in told] == ["Approved after review."]


def test_a_hold_is_never_posted_back(world: World, receiver: Receiver) -> None:
    plugin(world, receiver)
    world.order("o-1", red=True)
    send(world, receiver, 60)
    world.decide("o-1", "hold")
    assert send(world, receiver, 60) == []


def test_what_the_shops_own_staff_decided_is_not_told_to_the_shop(world: World, receiver: Receiver) -> None:
    plugin(world, receiver)
    world.order("o-1", red=True)
    send(world, receiver, 60)
    world.decide("o-1", "approve", here=False)
    assert send(world, receiver, 60) == []


def rule(rule_class: Any, when: str = "amount > 5") -> Rule:
    return Rule(name="by_amount", rule_class=rule_class, when=when, says="A sentence")


@pytest.mark.parametrize(("rule_class", "action"), [("block", "declined"), ("allow", "approved")])
def test_a_rules_word_is_posted_back_once_behind_the_score(
    world: World, receiver: Receiver, rule_class: str, action: str
) -> None:
    plugin(world, receiver)
    world.rules = (rule(rule_class),)
    world.order("o-1", red=True)
    world.pay("o-1", red=True)
    told = send(world, receiver, 60)
    assert [one["path"] for one in told] == ["/score", "/action"]
    assert (told[1]["action_type"], told[1]["action_message"]) == (action, "Decided by the rule by_amount.")
    world.tell("order_status", _orderId="o-1", _orderStatus="_wo_completed")
    assert [one for one in send(world, receiver, 60) if one["path"] == "/action"] == []


def test_the_scores_own_opinion_is_no_action(world: World, receiver: Receiver) -> None:
    plugin(world, receiver)
    world.rules = (rule("review"),)
    world.order("o-1")
    assert [one["path"] for one in send(world, receiver, 60)] == ["/score"]


def test_a_rule_does_not_speak_over_a_person(world: World, receiver: Receiver) -> None:
    plugin(world, receiver)
    world.order("o-1", red=True)
    world.decide("o-1", "approve", "Called.")
    send(world, receiver, 60)
    world.rules = (rule("block"),)
    world.pay("o-1", red=True)
    assert [one for one in send(world, receiver, 60) if one["path"] == "/action"] == []


# Webhooks.


def types(told: list[dict[str, Any]]) -> list[str]:
    return [one["type"] for one in told]


def test_an_endpoint_hears_of_scores_decisions_and_cases_with_the_state_in_full(
    world: World, receiver: Receiver
) -> None:
    world.endpoint(receiver.url)
    world.order("o-1", red=True)
    heard = sorted(send(world, receiver), key=lambda one: one["sequence"])
    assert types(heard) == ["order.scored", "case.opened"]
    assert [one["sequence"] for one in heard] == [1, 2]
    first = heard[0]
    assert first["entity"] == "order:o-1"
    data = first["data"]
    assert (data["order_id"], data["user_id"], data["verdict"]) == ("o-1", "u-1", "review")
    assert data["decision"]["flag"] == "red"
    assert data["case"]["status"] == "open"
    assert data["analyst_decision"] is None
    world.decide("o-1", "decline", "a stolen card")
    heard = send(world, receiver)
    assert {"case.closed", "order.decision_changed"} <= set(types(heard))
    assert sorted(one["sequence"] for one in heard) == list(range(3, 3 + len(heard)))
    data = heard[0]["data"]
    assert data["verdict"] == "decline"
    assert data["analyst_decision"]["message"] == "a stolen card"
    assert data["analyst_decision"]["author"] == "meera"
    assert data["case"]["outcome"] == "decline"


def test_an_endpoint_hears_only_of_the_types_it_chose(world: World, receiver: Receiver) -> None:
    world.endpoint(receiver.url, ("case.opened",))
    world.order("o-1", red=True)
    world.order("o-2")
    heard = send(world, receiver)
    assert types(heard) == ["case.opened"]
    assert [one["sequence"] for one in heard] == [1]


def test_a_decision_that_is_made_again_and_stays_the_same_is_not_told(world: World, receiver: Receiver) -> None:
    world.endpoint(receiver.url)
    world.order("o-1")
    for status in ("_shipped", "_delivered"):
        world.tell("item_status", _orderId="o-1", _itemId="i", _itemStatus=status)
    made = [made for _, made in map(world.ledger.stored, (1, 2, 3)) if made is not None]
    changes = [one for one, before in zip(made[1:], made, strict=False) if one.score != before.score]
    assert len(changes) < 2
    assert types(send(world, receiver)) == ["order.scored"] * (1 + len(changes))


def test_a_tag_is_told_with_all_labels_that_stand(world: World, receiver: Receiver) -> None:
    world.endpoint(receiver.url)
    world.tell("tag", _userId="u-1", _isBad=True, _abuseType="_paymentAbuse", _analyst="meera")
    world.tell("tag", _userId="u-1", _isBad=False)
    heard = send(world, receiver)
    assert types(heard) == ["user.labelled", "user.labelled"]
    labels = {label["abuse_type"]: label["is_bad"] for label in heard[-1]["data"]["labels"]}
    assert labels == {"_paymentAbuse": True, None: False}
    world.tell("untag", _userId="u-1")
    assert send(world, receiver)[-1]["data"] == {"user_id": "u-1", "labels": []}


def test_another_room_can_announce_something_in_its_own_transaction(world: World, receiver: Receiver) -> None:
    world.endpoint(receiver.url, ("list.changed",))
    connection = world.endpoints._connection
    with connection:
        announce(connection, 1, "list.changed", "list:blocked", b'{"list":"blocked","added":2}', world.clock.now_ms())
    (heard,) = send(world, receiver)
    assert (heard["type"], heard["entity"], heard["sequence"]) == ("list.changed", "list:blocked", 1)
    assert heard["data"] == {"list": "blocked", "added": 2}


def test_an_endpoint_hears_of_what_happens_in_the_moment_after_it_was_made(world: World, receiver: Receiver) -> None:
    async def run() -> None:
        sender = world.sender(Transport(receiver.named))
        sender.turn()
        world.endpoint(receiver.url, ("order.scored",))
        world.clock.advance(-1_000)  # no time has passed
        world.order("o-1")
        await world.send(sender)
        sender.close()

    asyncio.run(run())
    assert len(receiver.heard) == 1


def test_a_changed_list_and_a_braked_rule_are_told_by_the_audit_trail(world: World, receiver: Receiver) -> None:
    for action, thing in (("list.entry_added", "lists/blocked"), ("rule.braked", "rule-sets/7"), ("key.created", "k")):
        change = Change(tenant=1, actor="key_1", action=action, thing=thing, after={"rule": "many"})
        world.configuration.apply(change)
        assert not world.log_has_work(), "nobody listens"
    world.endpoint(receiver.url)
    for action, thing in (("list.entry_added", "lists/blocked"), ("rule.braked", "rule-sets/7"), ("key.created", "k")):
        change = Change(tenant=1, actor="key_1", action=action, thing=thing, after={"rule": "many"})
        world.configuration.apply(change)
    heard = sorted(send(world, receiver), key=lambda one: str(one["type"]))
    assert [(one["type"], one["entity"]) for one in heard] == [
        ("list.changed", "list:blocked"), ("rule.braked", "rule:many"),
    ]  # fmt: skip
    assert heard[0]["data"]["action"] == "list.entry_added"
    assert heard[0]["data"]["after"] == {"rule": "many"}


def test_a_receiver_that_is_gone_is_disabled_and_the_others_hear_of_it(world: World, receiver: Receiver) -> None:
    gone = world.endpoint(receiver.url + "/gone", ("order.scored",))
    world.endpoint(receiver.url + "/other", ("webhook.disabled",))
    receiver.answer = lambda heard: Told(410 if heard.path == "/gone" else 200)
    world.order("o-1")
    world.order("o-2")
    heard = send(world, receiver, 60)
    notice = [one for one in heard if one["path"] == "/other"]
    assert [one["data"]["endpoint_id"] for one in notice] == [gone.id]
    shown = world.endpoints.find(1, gone.id)
    assert shown is not None
    assert not shown.enabled
    world.order("o-3")
    send(world, receiver, 3_600)
    parked = world.deliveries(receiver=gone.id)
    assert [one.state for one in parked] == ["parked"] * 3, "what it missed is kept"


def test_a_postback_address_that_is_gone_is_called_again_when_it_is_registered_again(
    world: World, receiver: Receiver
) -> None:
    plugin(world, receiver)
    receiver.answer = lambda heard: Told(410)
    world.order("o-1")
    assert len(send(world, receiver, 60)) == 1
    world.order("o-2")
    assert send(world, receiver, 60) == []
    receiver.answer = lambda heard: Told()
    plugin(world, receiver)
    assert world.send_again() == 2
    assert sorted(told["order_id"] for told in send(world, receiver, 1)) == ["o-1", "o-2"]


def test_the_same_occasion_looked_at_twice_makes_one_delivery(world: World, receiver: Receiver) -> None:
    world.endpoint(receiver.url)
    world.order("o-1")
    row = world.ledger._reading.execute("SELECT * FROM outbox").fetchall()
    send(world, receiver)
    marks = ",".join("?" * len(row[0]))
    connection = world.endpoints._connection
    connection.execute(f"INSERT INTO outbox VALUES ({marks})", row[0])  # as after a power cut
    assert send(world, receiver) == []
    assert len(world.deliveries()) == 1


# Cases.


def cases(world: World) -> list[tuple[str, str | None]]:
    return [(case.order_id, case.outcome) for case in world.log.cases(1, 0, 100, is_open=None)]


def test_a_review_opens_one_case_and_a_persons_word_closes_it(world: World) -> None:
    world.order("o-1", red=True)
    world.pay("o-1", red=True)
    assert cases(world) == [("o-1", None)]
    world.decide("o-1", "hold")
    assert cases(world) == [("o-1", None)]
    world.decide("o-1", "approve")
    assert cases(world) == [("o-1", "approve")]


def test_what_a_person_holds_waits_whatever_the_verdict_is(world: World) -> None:
    world.order("o-1")
    assert cases(world) == []
    world.decide("o-1", "hold", red=False)
    assert cases(world) == [("o-1", None)]
    world.decide("o-1", "decline", red=False)
    assert cases(world) == [("o-1", "decline")]
    world.decide("o-1", "hold", red=False)
    assert cases(world) == [("o-1", "decline"), ("o-1", None)]


def test_no_new_opinion_closes_a_case_that_a_person_holds_not_after_a_restart_either(world: World) -> None:
    world.order("o-1", red=True)
    world.decide("o-1", "hold")
    world.pay("o-1")  # a walk of its own each time, which has read the case from the file
    world.tell("update_order", _orderId="o-1", _userId="u-1")
    assert cases(world) == [("o-1", None)]
    world.decide("o-1", "approve")
    assert cases(world) == [("o-1", "approve")]
    for red in (False, True, False):
        world.tell("update_order", red=red, _orderId="o-1", _userId="u-1")
    assert cases(world) == [("o-1", "approve"), ("o-1", "approve")], "the next case is held by nobody"


def test_a_held_case_ends_with_its_order(world: World) -> None:
    world.order("o-1", red=True)
    world.decide("o-1", "hold")
    world.tell("order_status", _orderId="o-1", _userId="u-1", _orderStatus="_canceled")
    assert cases(world) == [("o-1", "decline")]


def test_a_case_that_was_closed_is_not_opened_again_by_the_same_opinion(world: World) -> None:
    world.order("o-1", red=True)
    world.decide("o-1", "approve", here=False)
    world.pay("o-1", red=True)
    assert cases(world) == [("o-1", "approve")]


def test_a_new_opinion_closes_a_case_and_may_open_another(world: World) -> None:
    world.order("o-1", red=True)
    world.pay("o-1")
    assert cases(world) == [("o-1", "approve")]
    world.tell("update_order", red=True, _orderId="o-1", _userId="u-1")
    assert cases(world) == [("o-1", "approve"), ("o-1", None)]


@pytest.mark.parametrize(("status", "outcome"), [("_wo_cancelled", "decline"), ("_wo_completed", "approve"),
                                                 ("_wo_processing", None), ("_wo_on-hold", None)])  # fmt: skip
def test_a_status_closes_a_case_only_when_there_is_nothing_left_to_review(
    world: World, status: str, outcome: str | None
) -> None:
    world.order("o-1", red=True)
    world.tell("order_status", red=True, _orderId="o-1", _orderStatus=status)
    assert cases(world) == [("o-1", outcome)]


def test_an_order_that_turns_red_by_its_status_is_looked_at_too(world: World) -> None:
    world.order("o-1")
    world.tell("order_status", red=True, _orderId="o-1", _orderStatus="_wo_on-hold")
    assert cases(world) == [("o-1", None)]


def test_a_custom_event_that_ends_an_order_closes_its_case(world: World) -> None:
    world.order("o-1", red=True)
    world.tell("custom_event", _eventName="courier", _orderId="o-1", _orderStatus="_rto")
    assert cases(world) == [("o-1", "decline")]


def test_open_cases_are_known_after_a_restart(tmp_path: Path) -> None:
    first = World(tmp_path)
    first.order("o-1", red=True)
    first.order("o-2")
    assert first.ledger.open_cases() == {(1, "o-1"): OpenCase()}
    first.decide("o-1", "decline")  # a walk of its own, which has read them from the file
    assert cases(first) == [("o-1", "decline")]
    first.close()


# What could not be told, and what cannot be written down.


def test_a_score_that_never_arrived_is_told_by_the_next_event_though_the_flag_is_the_same(
    world: World, receiver: Receiver
) -> None:
    plugin(world, receiver)
    receiver.answer = lambda heard: Told(500)
    world.order("o-1", red=True)
    assert send(world, receiver, 8 * 24 * 3_600) != []
    assert [one.state for one in world.deliveries()] == ["parked"]
    receiver.answer = lambda heard: Told()
    world.tell("order_status", red=True, _orderId="o-1", _orderStatus="_wo_processing")
    assert [told["flag"] for told in send(world, receiver, 60)] == ["red"]
    world.tell("order_status", red=True, _orderId="o-1", _orderStatus="_wo_completed")
    assert send(world, receiver, 60) == [], "it has arrived now"


def test_a_receiver_that_is_gone_while_nothing_can_be_written_is_tried_again(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BUSY_MS", 1)
    world.endpoint(receiver.url + "/hook")
    world.order("o-1")
    receiver.answer = lambda heard: Told(410)

    async def run() -> None:
        sender = world.sender(Transport(receiver.named))
        sender.turn()
        assert sender.turn() > 0
        holder = open_file(world.directory)
        holder.execute("BEGIN IMMEDIATE")
        await asyncio.wait(sender._tasks)
        holder.execute("ROLLBACK")
        holder.close()
        sender.turn()
        assert {one.state for one in world.deliveries()} == {"waiting"}
        receiver.answer = lambda heard: Told()
        await world.send(sender, 3_600 * SECOND)
        sender.close()

    asyncio.run(run())
    assert {one.state for one in world.deliveries()} == {"delivered"}
