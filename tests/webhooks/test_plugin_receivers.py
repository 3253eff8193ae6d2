"""Each plugin ends with the right state of every order, on a good day and through lost replies, restarts, outages."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from fourthwatch.limits import DELIVERY_LIFE_MS
from fourthwatch.webhooks.fan_out import Waits
from fourthwatch.webhooks.transport import NotReplied, Replied, Transport
from fourthwatch.wire.reply import encode
from webhooks.listening import LOST, Heard, Receiver, Told
from webhooks.plugins import PLUGINS, Magento2July, Plugin, Shop
from webhooks.world import World

ORDERS = 12
ACTIONS = {"approve": "approved", "decline": "declined"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


class Wanted(NamedTuple):
    """How an order ends."""

    order_id: str
    flag: str
    action: str | None


def weather(plugin: Plugin, random: Random, is_calm: Callable[[], bool]) -> Callable[[Heard], Told]:
    """Bad weather: requests that never arrive, replies that are lost, and answers of whatever stands in front."""

    def answer(heard: Heard) -> Told:
        if is_calm():
            return plugin.answer(heard)
        what = random.choice(("lost", "reply lost", "500", "503", "429", "redirect", "fine"))
        if what == "lost":
            return Told(LOST)
        if what == "reply lost":
            plugin.answer(heard)
            return Told(LOST)
        if what == "fine":
            return plugin.answer(heard)
        if what == "redirect":
            return Told(302, b"", {"Location": "/maintenance"})
        return Told(int(what), b"", {"Retry-After": "90"} if what != "500" else {})

    return answer


def calm_after(world: World, ends_ms: int) -> Callable[[], bool]:
    """When bad weather is over."""
    return lambda: world.clock.now_ms() > ends_ms


def played(world: World, plugin: Plugin, receiver: Receiver, random: Random, *, waits: Waits | None = None,
           step_ms: int = MINUTE_MS, kind: type[Transport] = Transport) -> list[Wanted]:  # fmt: skip
    """Orders come, are paid, change their colour and are decided upon, with a new sender every few minutes."""
    world.register({"score_postback": receiver.url + "/score", "action_postback": receiver.url + "/action"})
    transport = kind(receiver.named, deadline_s=5)

    def run(for_ms: int, *, killed: bool = False) -> None:
        async def sending() -> None:
            sender = world.sender(transport, waits, seed=random.randrange(2**30))
            await world.send(sender, for_ms)
            if killed:  # between the claim and the reply
                sender.turn()
                await asyncio.sleep(0)
            sender.close()

        asyncio.run(sending())

    wanted = []
    for number in range(ORDERS):
        order_id = f"o-{number}"
        first, last = random.choice((True, False)), random.choice((True, False))
        world.order(order_id, red=first)
        world.pay(order_id, red=first)
        run(1 * SECOND_MS)
        plugin.shop.placed(order_id)  # a second after the payment the plugin's calls have returned
        run(random.randrange(step_ms), killed=random.random() < 0.5)
        world.tell("order_status", red=last, _orderId=order_id, _orderStatus="_wo_on-hold")
        run(random.randrange(step_ms), killed=random.random() < 0.5)
        action = random.choice(("approve", "decline", None)) if last else None
        wanted.append(Wanted(order_id, "red" if last else "green", ACTIONS.get(action or "")))
        if action is not None:
            world.decide(order_id, action, "seen")
            run(random.randrange(step_ms), killed=random.random() < 0.5)
    run(3 * DAY_MS)
    return wanted


@pytest.mark.slow
@pytest.mark.parametrize("name", PLUGINS)
@pytest.mark.parametrize("day", ["good", "bad"])
def test_every_order_ends_in_the_right_state(world: World, name: str, day: str) -> None:
    random = Random(f"{name} {day}")
    plugin = PLUGINS[name](Shop(world.key))
    outage_ends_ms = world.clock.now_ms() + DAY_MS
    calm = (lambda: True) if day == "good" else (lambda: world.clock.now_ms() > outage_ends_ms)
    with Receiver(weather(plugin, Random(7), calm)) as receiver:
        wanted = played(world, plugin, receiver, random, step_ms=MINUTE_MS if day == "good" else HOUR_MS)
    for one in wanted:
        assert plugin.shop.orders[one.order_id] == plugin.expected(one.flag, one.action), one
    assert {one.state for one in world.deliveries()} == {"delivered"}
    if name.startswith("WooCommerce"):
        rows = {"green": "APPROVED", "red": "FLAGGED"}
        assert all(plugin.shop.rows[one.order_id] == rows[one.flag] for one in wanted)


@pytest.mark.slow
def test_without_the_wait_woocommerce_1_0_would_lose_flags(world: World) -> None:
    """The test above can fail: a sender that posts at once tells an order that has no row yet."""
    plugin = PLUGINS["WooCommerce 1.0.0"](Shop(world.key))
    with Receiver(plugin.answer) as receiver:
        wanted = played(world, plugin, receiver, Random(1), waits=Waits(0, 0))
    assert any(plugin.shop.orders[one.order_id] != plugin.expected(one.flag, one.action) for one in wanted)


class Trusting(Transport):
    """Broken on purpose: whatever a receiver answers, or does not, is taken for its thanks."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, plain_is_right: bool) -> Replied:
        try:
            replied = await super().post(url, headers, body, plain_is_right=plain_is_right)
        except NotReplied:
            return Replied(200, None, b"", "127.0.0.1")
        return msgspec.structs.replace(replied, status=200)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLUGINS)
def test_a_sender_that_gives_up_would_leave_orders_in_the_wrong_state(world: World, name: str) -> None:
    """The test above can fail in the shop of every plugin; of the one that saves nothing only the log tells."""
    random = Random(f"{name} trusting")
    plugin = PLUGINS[name](Shop(world.key))
    ends_ms = world.clock.now_ms() + DAY_MS
    thanks = 0

    def answer(heard: Heard) -> Told:
        nonlocal thanks
        told = stormy(heard)
        thanks += told.status == 200
        return told

    stormy = weather(plugin, Random(7), calm_after(world, ends_ms))
    with Receiver(answer) as receiver:
        wanted = played(world, plugin, receiver, random, step_ms=HOUR_MS, kind=Trusting)
    wrong = [one for one in wanted if plugin.shop.orders[one.order_id] != plugin.expected(one.flag, one.action)]
    if isinstance(plugin, Magento2July):
        assert thanks < len(world.deliveries()), "said to be delivered, and never taken in"
    else:
        assert wrong


@pytest.mark.slow
@pytest.mark.parametrize("key", ["score", "reasons", "action_message"])
def test_a_payload_without_what_magento_reads_would_never_arrive(
    world: World, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken on purpose: one key of the contract is not sent."""
    monkeypatch.setattr(
        "fourthwatch.webhooks.payloads.encode",
        lambda document: encode({name: value for name, value in document.items() if name != key}),
    )
    plugin = PLUGINS["Magento 2, August 2018"](Shop(world.key))
    with Receiver(plugin.answer) as receiver:
        wanted = played(world, plugin, receiver, Random(2))
    assert any(plugin.shop.orders[one.order_id] != plugin.expected(one.flag, one.action) for one in wanted)
    assert {one.state for one in world.deliveries()} - {"delivered"}


@pytest.mark.slow
def test_an_action_that_overtakes_its_score_would_leave_orders_in_review(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: with score and action in no common line, WooCommerce ends with another state."""
    monkeypatch.setattr("fourthwatch.webhooks.fan_out.POSTBACKS", None)
    wrong = 0
    for seed in range(6):
        world = World(tmp_path / str(seed), seed=seed)
        plugin = PLUGINS["WooCommerce 1.1.4"](Shop(world.key))
        ends_ms = world.clock.now_ms() + DAY_MS
        answer = weather(plugin, Random(seed), calm_after(world, ends_ms))
        with Receiver(answer) as receiver:
            wanted = played(world, plugin, receiver, Random(seed), step_ms=HOUR_MS)
        wrong += sum(plugin.shop.orders[one.order_id] != plugin.expected(one.flag, one.action) for one in wanted)
        world.close()
    assert wrong > 0


def test_an_order_that_woocommerce_1_1_has_not_stored_yet_gets_its_flag_all_the_same(world: World) -> None:
    plugin = PLUGINS["WooCommerce 1.1.4"](Shop(world.key))
    with Receiver(plugin.answer) as receiver:
        world.register({"score_postback": receiver.url + "/score"})

        async def sending() -> None:
            sender = world.sender(Transport(receiver.named))
            world.order("o-1", red=True)
            world.pay("o-1", red=True)
            await world.send(sender, 20 * SECOND_MS)
            assert receiver.heard, "it was told before it knew"
            plugin.shop.placed("o-1")
            await world.send(sender, HOUR_MS)
            sender.close()

        asyncio.run(sending())
    assert plugin.shop.orders == {"o-1": "review status"}
    assert [attempt.status for attempt in world.log.attempts(1, world.deliveries()[0].number, 50)][-2:] == [400, 200]


def test_a_shop_that_never_comes_back_has_its_postbacks_parked_after_a_week_and_they_can_be_sent_then(
    world: World,
) -> None:
    plugin = PLUGINS["Magento 1"](Shop(world.key))
    with Receiver(lambda heard: Told(LOST)) as receiver:
        world.register({"score_postback": receiver.url + "/score"})
        world.order("o-1")
        plugin.shop.placed("o-1")

        async def sending(for_ms: int) -> None:
            sender = world.sender(Transport(receiver.named))
            await world.send(sender, for_ms)
            sender.close()

        asyncio.run(sending(DELIVERY_LIFE_MS + HOUR_MS))
        (delivery,) = world.deliveries()
        assert delivery.state == "parked"
        assert delivery.attempts > 20
        receiver.answer = plugin.answer
        assert world.send_again(ids=(delivery.id,)) == 1
        asyncio.run(sending(MINUTE_MS))
    assert world.deliveries()[0].state == "delivered"
    assert plugin.shop.orders == {"o-1": "processing"}
