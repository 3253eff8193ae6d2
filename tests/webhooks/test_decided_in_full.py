"""An order that waited for too long is decided in part, then in full: the shop hears of the other verdict."""

import asyncio
import json
from pathlib import Path

import msgspec

from engine.test_corridor import Owner
from engine.till import submission
from fourthwatch.clock import ManualClock, Millis
from fourthwatch.decision import Policy
from fourthwatch.engine.judging import STAGES
from fourthwatch.engine.rulings import InForce
from fourthwatch.engine.walk import Answer
from fourthwatch.features.catalogue import built_in
from fourthwatch.rules.check import check_set
from fourthwatch.rules.rule import Rule, RuleSet
from fourthwatch.webhooks.transport import Transport
from story import NOW_MS
from webhooks.listening import Receiver
from webhooks.world import World

UNKNOWN_TO_US = Rule(
    name="unknown_neighbours", rule_class="review", says="Nobody knows who else is there", when="missing(walked_users)"
)
RECEIVED_MS = Millis(NOW_MS + 5_000)


def test_another_verdict_in_full_is_told_by_webhook_and_the_postback_says_what_holds(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Receiver() as receiver:
        world.endpoint(receiver.url, ("order.scored", "order.decision_changed"))
        world.register({"score_postback": receiver.url + "/score"})
        owner = Owner(tmp_path, policy=Policy(), heard=frozenset({1}))
        owner.corridor.start()
        clock = owner.corridor._clock
        assert isinstance(clock, ManualClock)
        checked = check_set(RuleSet((UNKNOWN_TO_US,)), built_in().for_tenant(), 1)
        owner.corridor.publish(1, InForce(1, checked))
        order = submission("createOrder", RECEIVED_MS, _orderId="o-1", _userId="asha", _amount="10", _deviceId="d")
        owner.submit(msgspec.structs.replace(order, received_ms=RECEIVED_MS))
        clock.advance(RECEIVED_MS - NOW_MS + 60)
        (answer,) = owner.work(1)
        assert isinstance(answer, Answer)
        assert (answer.receipt.verdict, answer.receipt.degraded) == ("review", STAGES)
        while owner.stored() < 2:
            owner.do_what_is_posted()
        owner.stop()

        async def tell() -> None:
            world.clock.advance(10_000)
            sender = world.sender(Transport(receiver.named))
            await world.send(sender, 60_000)
            sender.close()

        asyncio.run(tell())
        told = [{"path": heard.path, **json.loads(heard.body)} for heard in receiver.heard]
    world.close()
    webhooks = sorted((one for one in told if "type" in one), key=lambda one: one["sequence"])
    assert [(one["type"], one["data"]["verdict"]) for one in webhooks if one["type"] == "order.decision_changed"] == [
        ("order.decision_changed", "approve")
    ]
    (score,) = [one for one in told if one["path"] == "/score"]
    assert (score["order_id"], score["flag"]) == ("o-1", "green")
