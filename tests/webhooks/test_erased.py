"""A person who is erased is in no delivery, attempt, occasion, case or stream either, and everybody else still is."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fourthwatch.clock import DAY_MS, ManualClock
from fourthwatch.engine.person import events_of
from fourthwatch.limits import DELIVERY_LIFE_MS
from fourthwatch.rules.rule import Action, Rule
from fourthwatch.store import erasure
from fourthwatch.store.erasure import erase, erase_again
from fourthwatch.store.file import open_file
from fourthwatch.webhooks.transport import NotReplied, Replied, Transport
from story import NOW_MS
from webhooks.world import World

CANARIES = ("cassandra-77", "ord-cass", "sess-cass", "Canary Lane", "cass@example.com", "said of cass")
TABLES = ("outbox", "delivery", "delivery_attempt", "delivery_stream", "review_case")
RULE = Rule(
    name="any", rule_class="score", weight=1.0, when="known(user_id) or known(session_id)", says="A sentence",
    actions=(Action("webhook", "everything"), Action("queue", "senior"), Action("tag", "odd")),
)  # fmt: skip


class Choosy(Transport):
    """Takes what is sent to some, and not what is sent to others."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, plain_is_right: bool) -> Replied:
        if "/down" in url:
            raise NotReplied("no connection: refused")
        return Replied(200, None, b"thanks for " + body, "192.0.2.1")


def live(world: World, user: str, order_id: str, session: str, secret: str) -> None:
    """What one person leaves behind, delivered, waiting, parked and not looked at."""
    body: dict[str, Any] = {"_orderId": order_id, "_userId": user, "_sessionId": session, "_amount": "10",
            "_userEmail": "cass@example.com" if user == "cassandra-77" else "omar@example.com"}  # fmt: skip
    world.tell("createOrder", red=True, **body, _shippingAddress={"_address1": secret})
    world.tell("login", _userId=user, _sessionId=session)
    world.tell("tag", _userId=user, _isBad=True, _description=f"said of {user[:4]}")
    world.decide(order_id, "decline", f"said of {user[:4]}")


def rows(directory: Path) -> dict[str, int]:
    connection = open_file(directory, read_only=True)
    try:
        counted = {table: f"SELECT count(*) FROM {table}" for table in TABLES}
        counted["others' attempts"] = (
            "SELECT count(*) FROM delivery_attempt a JOIN delivery d ON number = delivery WHERE entity LIKE '%omar%'"
        )
        return {name: next(iter(connection.execute(count)))[0] for name, count in counted.items()}
    finally:
        connection.close()


def left_in(directory: Path) -> set[str]:
    content = b"".join(path.read_bytes() for path in directory.iterdir())
    return {canary for canary in CANARIES if canary.encode() in content}


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A directory in which every table of postbacks, webhooks and cases has rows of two people."""
    world = World(tmp_path)
    world.rules = (RULE,)
    world.endpoint("https://shop.example.com/up")
    world.endpoint("https://shop.example.com/down", ordering="entity")
    world.register({"score_postback": "http://shop.example.com/s", "action_postback": "http://shop.example.com/down"})

    async def sending(for_ms: int) -> None:
        sender = world.sender(Choosy())
        await world.send(sender, for_ms)
        sender.close()

    people = (("cassandra-77", "ord-cass", "sess-cass", "1 Canary Lane"), ("omar", "ord-omar", "sess-omar", "2 Lane"))
    for person in people:
        live(world, *person)
    asyncio.run(sending(DELIVERY_LIFE_MS + DAY_MS))
    for user, order_id, session, secret in people:
        live(world, user, order_id + "-2", session, secret)
    asyncio.run(sending(1_000))
    for user, order_id, session, secret in people:
        live(world, user, order_id + "-3", session, secret)
        world.tell("login", _sessionId=session)
    states = {row.state for row in world.deliveries()}
    assert states >= {"delivered", "waiting", "queued", "parked"}
    world.close()
    assert all(rows(tmp_path).values())
    return tmp_path


@pytest.mark.slow
def test_nothing_of_the_person_is_left_and_nothing_of_others_is_gone(told: Path) -> None:
    assert left_in(told) == set(CANARIES)
    before = rows(told)
    erase(told, events_of(told, 1, "cassandra-77"), "test", ManualClock(NOW_MS))
    assert left_in(told) == set()
    after = rows(told)
    assert after.pop("delivery_attempt") == after.pop("others' attempts") == before.pop("others' attempts")
    del before["delivery_attempt"]
    assert {table: 2 * count for table, count in after.items()} == before, "both had done the same"


@pytest.mark.slow
def test_an_erasure_that_was_killed_before_the_file_was_written_anew_is_finished_by_the_next_start(
    told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Exception):
        pass

    def dying(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(erasure, "_scrub", dying)
    with pytest.raises(Killed):
        erase(told, events_of(told, 1, "cassandra-77"), "test", ManualClock(NOW_MS))
    assert left_in(told), "no row has it, but the file has"
    monkeypatch.undo()
    assert erase_again(told, ManualClock(NOW_MS)) == 0
    assert left_in(told) == set()
    assert not (told / erasure.SCRUB_NAME).exists()
