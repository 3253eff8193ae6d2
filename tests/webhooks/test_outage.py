"""Nothing is lost over 72 hours of a receiver that does anything, with the sender killed 500 times (R-13, R-14)."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from standardwebhooks.webhooks import Webhook

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, ManualClock
from fourthwatch.limits import DELIVERY_DEADLINE_S
from fourthwatch.store.deliveries import DeliveryQueue
from fourthwatch.store.endpoints import secret_rotated
from fourthwatch.webhooks.schedule import delay_bound_ms
from fourthwatch.webhooks.sender import Sender
from fourthwatch.webhooks.signing import fault_of
from fourthwatch.webhooks.transport import NotReplied, Replied, Transport
from webhooks.world import World

HOURS = 72
KILLS = 500
ORDERS = 300
SLACK_MS = HOUR_MS
"""At most: a receiver that asks for time again and again, with one attempt at a time in between."""
USUAL_SLACK_MS = 3 * MINUTE_MS
WEATHER = (
    ("200", 20), ("204", 10), ("301", 4), ("302", 4), ("400", 8), ("404", 4), ("410", 1), ("429", 8), ("500", 8),
    ("502", 4), ("503", 6), ("reset before", 8), ("reset after", 8), ("hang", 4),
    ("hang after", 2), ("a byte a second", 2),
)  # fmt: skip


class Arrival(NamedTuple):
    """A request that the receiver has taken in."""

    url: str
    message_id: str
    body: bytes


class Weather(Transport):
    """In place of the network: takes requests in or not, answers or not; chance has a seed, and time is simulated."""

    def __init__(self, clock: ManualClock, seed: int, secrets: dict[str, list[str]]) -> None:
        super().__init__()
        self._clock = clock
        self._random = Random(seed)
        self._secrets = secrets
        self.calm = False
        self.may_be_gone = True
        self.arrived: list[Arrival] = []
        self.seen: set[str] = set()
        self.gone_ms: defaultdict[str, list[int]] = defaultdict(list)
        """When it said 410, by address."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, plain_is_right: bool) -> Replied:
        names, weights = zip(*WEATHER, strict=True)
        what = "200" if self.calm else self._random.choices(names, weights)[0]
        if what == "410" and not self.may_be_gone:
            what = "404"
        self.seen.add(what)
        if what == "410":
            self.gone_ms[url].append(self._clock.now_ms())
        for _ in range(self._random.randrange(3)):
            await asyncio.sleep(0)  # others come between
        if what == "reset before":
            raise NotReplied("no connection: reset")
        if what == "hang":
            self._clock.advance(int(DELIVERY_DEADLINE_S * SECOND_MS))
            raise NotReplied("no whole reply within 15 s")
        if what in ("200", "204", "reset after", "hang after", "a byte a second"):
            self._take_in(url, headers, body)
        if what == "reset after":
            raise NotReplied("the connection was closed before the reply was whole")
        if what in ("hang after", "a byte a second"):
            self._clock.advance(int(DELIVERY_DEADLINE_S * SECOND_MS))
            raise NotReplied("no whole reply within 15 s")
        self._clock.advance(self._random.randrange(50))
        retry_after = str(self._random.randrange(1, 120)) if what in ("429", "503") else None
        return Replied(int(what), retry_after, b"", "192.0.2.1")

    def _take_in(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        message_id = headers.get("webhook-id", "")
        if message_id:
            now_s = self._clock.now_ms() / SECOND_MS
            assert fault_of({k.lower(): v for k, v in headers.items()}, body, self._secrets[url][:1], now_s) is None
            at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
            signed = [Webhook(secret).sign(message_id, at, body.decode()) for secret in self._secrets[url]]
            assert headers["webhook-signature"].split(" ") == signed, "as the reference library signs it"
            assert abs(now_s - at.timestamp()) < 60, "the time is the attempt's"
        self.arrived.append(Arrival(url, message_id, body))


class Careless(Sender):
    """Broken on purpose: takes a request that was not answered for one that arrived."""

    def _judged(self, delivery, ready, replied, failure, started_ms, took_ms):  # type: ignore[no-untyped-def]
        if failure is not None:
            replied, failure = Replied(200, None, b"", ""), None
        return super()._judged(delivery, ready, replied, failure, started_ms, took_ms)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def lived_through(
    world: World, *, seed: int, kind: type[Sender] = Sender, kills: int = KILLS, may_be_gone: bool = True
) -> Weather:
    """Three days of orders and weather, then calm until nothing is left."""
    urls = ("https://shop.example.com/plain", "https://shop.example.com/in-order")
    endpoints = [world.endpoint(urls[0]), world.endpoint(urls[1], ordering="entity")]
    world.register({"score_postback": "http://shop.example.com/s", "action_postback": "http://shop.example.com/a"})
    weather = Weather(world.clock, seed, {one.url: list(one.secrets) for one in endpoints})
    weather.may_be_gone = may_be_gone
    random = Random(seed)
    begun_ms = world.clock.now_ms()

    def operate() -> None:
        """The operator lets on again what was disabled, and sends again what was parked."""
        world.register({"score_postback": "http://shop.example.com/s", "action_postback": "http://shop.example.com/a"})
        for one in world.endpoints.of(1):
            if not one.enabled:
                world.change(one, enabled=True)
        world.send_again(state="parked")

    async def live() -> None:
        sender = kind(world.directory, world.clock, random, weather)
        happenings = sorted(
            [(random.randrange(HOURS * HOUR_MS), "order", number) for number in range(ORDERS)]
            + [(random.randrange(HOURS * HOUR_MS), "kill", number) for number in range(kills)]
            + [(at * 6 * HOUR_MS, "operate", at) for at in range(1, HOURS // 6 + 1)]
        )
        for at_ms, what, number in happenings:
            await _until(sender, begun_ms + at_ms)
            if what == "order":
                red = random.random() < 0.5
                world.order(f"o-{number}", red=red)
                if red:
                    world.decide(f"o-{number}", random.choice(("approve", "decline")), "seen")
            elif what == "operate":
                operate()
            else:
                await _killed(sender, random)
                sender = kind(world.directory, world.clock, random, weather)
        weather.calm = True
        for _ in range(3):
            operate()
            await world.send(sender, 2 * DAY_MS)
        sender.close()

    async def _until(sender: Sender, at_ms: int) -> None:
        while world.clock.now_ms() < at_ms:
            sender.turn()
            await sender.settled()
            due_ms = sender.next_due_ms()
            now_ms = world.clock.now_ms()
            world.clock.advance(max(min(at_ms if due_ms is None else due_ms, at_ms) - now_ms, 1))

    asyncio.run(live())
    return weather


async def _killed(sender: Sender, random: Random) -> None:
    """Somewhere between the claim and the record: before anything was sent, while it is, or when all is answered."""
    sender.turn()
    for _ in range(random.choice((0, 1, 3, 50))):
        await asyncio.sleep(0)
    sender.close()


def check(world: World, weather: Weather) -> None:
    """Whatever was to be told has arrived or is parked; and in the end all of it has arrived."""
    rows = world.deliveries()
    assert {row.state for row in rows} == {"delivered"}
    arrived = defaultdict(list)
    for one in weather.arrived:
        arrived[one.message_id].append(one)
    webhooks = [row for row in rows if row.receiver.startswith("we_")]
    assert all(row.id in arrived for row in webhooks)
    endpoints = world.endpoints.of(1)
    for endpoint in endpoints:
        mine = [row for row in webhooks if row.receiver == endpoint.id]
        first = [row for row in mine if row.type == "order.scored" and row.sequence == 1]
        assert {row.entity for row in first} == {f"order:o-{number}" for number in range(ORDERS)}
        lines = defaultdict(list)
        for row in mine:
            lines[row.entity].append(row.sequence)
        assert all(line == list(range(1, len(line) + 1)) for line in lines.values()), "gap-free per entity"
    told = defaultdict(list)
    for one in arrived[""]:
        told[one.url].append(json.loads(one.body)["order_id"])
    assert set(told["http://shop.example.com/s"]) == {f"o-{number}" for number in range(ORDERS)}
    decided = {row.order_id for row in world.log.cases(1, 0, 10_000, is_open=False)}
    assert set(told["http://shop.example.com/a"]) == decided


def check_schedule(world: World, weather: Weather) -> int:
    """Each retry comes within its bound, and not before what the receiver asked for; how many there were."""
    gaps = []
    urls = {one.id: one.url for one in world.endpoints.of(1)} | world.addresses.of(1)
    for row in world.deliveries():
        gone_ms = weather.gone_ms[urls[row.receiver]]
        attempts = world.log.attempts(1, row.number, 10_000)
        for before, after in pairwise(attempts):
            if any(before.started_ms - MINUTE_MS <= at_ms <= after.started_ms for at_ms in gone_ms):
                continue  # parked with all others of its receiver, and sent again by the operator
            if after.attempt != before.attempt + 1:
                continue  # one between the two was killed
            gap_ms = after.started_ms - before.started_ms - before.took_ms
            late_ms = gap_ms - delay_bound_ms(before.attempt)
            assert gap_ms >= 0
            assert late_ms <= SLACK_MS
            gaps.append(late_ms)
    assert sum(late_ms <= USUAL_SLACK_MS for late_ms in gaps) > 0.5 * len(gaps), (
        "the others waited while their receiver had asked for time"
    )
    return len(gaps)


@pytest.mark.slow
def test_nothing_is_lost_in_three_days_of_anything(world: World) -> None:
    weather = lived_through(world, seed=13)
    assert weather.seen == {name for name, _ in WEATHER}
    check(world, weather)
    assert check_schedule(world, weather) > 1_000


@pytest.mark.slow
def test_a_sender_that_trusts_silence_would_lose(world: World) -> None:
    weather = lived_through(world, seed=13, kind=Careless, kills=20)
    with pytest.raises(AssertionError):
        check(world, weather)


@pytest.mark.slow
def test_a_sender_that_forgets_what_the_one_before_had_claimed_would_lose(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeliveryQueue, "let_go", lambda queue: 0)
    weather = lived_through(world, seed=13, kills=100, may_be_gone=False)
    with pytest.raises(AssertionError):
        check(world, weather)


def test_an_id_stays_over_all_attempts_and_each_has_its_own_time(world: World) -> None:
    world.endpoint("https://shop.example.com/hook", ("order.scored",))
    sent: list[Mapping[str, str]] = []

    class Refusing(Transport):
        async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, plain_is_right: bool) -> Replied:
            sent.append(headers)
            return Replied(200 if len(sent) == 6 else 400, None, b"", "192.0.2.1")

    async def sending() -> None:
        sender = world.sender(Refusing())
        world.order("o-1")
        await world.send(sender, DAY_MS)
        sender.close()

    asyncio.run(sending())
    assert len(sent) == 6
    assert len({one["webhook-id"] for one in sent}) == 1
    assert len({one["webhook-timestamp"] for one in sent}) == 6


def test_while_a_secret_rotates_both_sign_and_then_only_the_new_one(world: World) -> None:
    made = world.endpoint("https://shop.example.com/hook", ("order.scored",))
    (old,) = made.secrets
    until_ms = world.clock.now_ms() + HOUR_MS
    world.configuration.apply(secret_rotated(made, world.endpoints.seal, "test", until_ms))
    rotated = world.endpoints.find(1, made.id)
    assert rotated is not None
    new = rotated.secrets[0]
    assert rotated.secrets == (new, old)
    sent: list[tuple[Mapping[str, str], bytes]] = []

    class Taking(Transport):
        async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, plain_is_right: bool) -> Replied:
            sent.append((headers, body))
            return Replied(200, None, b"", "192.0.2.1")

    async def sending() -> None:
        sender = world.sender(Taking())
        for number in range(2):
            world.order(f"o-{number}")
            await world.send(sender, 2 * HOUR_MS)
        sender.close()

    asyncio.run(sending())
    for (headers, body), fits in zip(sent, [{old, new}, {new}], strict=True):
        at_s = int(headers["webhook-timestamp"])
        lower = {name.lower(): value for name, value in headers.items()}
        assert {secret for secret in (old, new) if fault_of(lower, body, [secret], at_s) is None} == fits
