"""An order that is told again counts once, however many came in between: in the walk, rebuilt, and in a later past.

The oracle is the kernel in plain Python with room for everything, in which nothing is ever folded.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.till import Till, submission
from fourthwatch.clock import DAY_MS, MINUTE_MS
from fourthwatch.decision import Policy
from fourthwatch.engine.backfill import Backfill
from fourthwatch.engine.recovery import read_again
from fourthwatch.engine.subjects import Subjects
from fourthwatch.engine.walk import Submission, Walk
from fourthwatch.features import answers, specification, summaries
from fourthwatch.features import windows as rooms
from fourthwatch.features.definition import Book, Feature
from fourthwatch.features.observe import Present
from fourthwatch.features.windows import Windows
from fourthwatch.limits import BATCH_MAX
from story import NOW_MS, Story, memory_of

TEXTS = [
    "count(order, by ip)",
    "sum(amount of order where amount > 20, by ip)",
    "mean(amount of order, by user)",
    "count(order where is_pre_paid, by ip+user)",
    'count(delivery where state == "rto", by ip)',
    "count(chargeback, by device)",
    "count(signup, by device)",
    "sum(custom.worth of order, by ip)",
    'count(custom "seen", by ip)',
    "max(amount of order, by ip)",
]
SEEDS = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 8))])


def book() -> Book:
    made = Windows().book.for_tenant()
    for number, text in enumerate(TEXTS):
        made.add(Feature(f"own_{number}", text, "", "", tenant=1))
    return made


class Shop(Till):
    """A walk whose windows keep what the texts ask, from the first event on or not yet."""

    def __init__(self, directory: Path, *, asks: bool = True) -> None:
        super().__init__(directory)
        self.windows = Windows(own={1: book()} if asks else None)
        self.walk = Walk(self.ledger, self.windows, Policy(), Random(1).randbytes)
        if asks:
            self.windows.completed(self.windows.incomplete())

    def told(self) -> list[tuple[float | None, ...]]:
        mine = book()
        reading = self.windows.reading_of(mine, [f"own_{number}" for number in range(len(TEXTS))])
        return [
            self.windows.read(
                *reading, Present(Story(windows=self.windows).subject("createOrder", NOW_MS + 30 * DAY_MS, **probe), {})
            )
            for probe in ({"_orderId": "probe", **whom(number)} for number in range(3))
        ]


def but_for_the_greatest(shop: Shop) -> list[tuple[float | None, ...]]:
    return [told[:-1] for told in shop.told()]


def unbounded(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Nothing is folded in its histories, so that it knows every thing again."""
    monkeypatch.setattr(summaries, "THINGS_EXACT_MAX", 10**9)
    monkeypatch.setattr(answers, "THINGS_EXACT_MAX", 10**9)
    with monkeypatch.context() as changed:
        changed.setattr(rooms, "Kernel", specification.Kernel)
        return Shop(directory)


def whom(number: int) -> dict[str, Any]:
    return {"_userId": f"u-{number % 2}", "_deviceIp": f"203.0.113.{number % 2}", "_deviceId": f"d-{number % 3}"}


def traffic(random: Random, many: int) -> Iterator[Submission]:
    """A busy place: orders are sent again with other amounts, from other places, late and early."""
    for number in range(many):
        order = random.choice((number, number, random.randrange(number + 1), random.randrange(40)))
        about: dict[str, Any] = {"_orderId": f"o-{order}"}
        at_ms = NOW_MS + number * 20 * MINUTE_MS - random.choice((0, 0, random.randrange(9 * DAY_MS)))
        kind = random.choice(
            ("createOrder",) * 6 + ("update_order", "order_status", "chargeback", "create_account", "custom_event")
        )
        all_more: dict[str, dict[str, Any]] = {
            "createOrder": {"_amount": str(random.randrange(200)), "_isPrePaid": random.random() < 0.8},
            "update_order": {"_amount": str(random.randrange(200)), "_customInfo": {"worth": random.randrange(5)}},
            "order_status": {"_orderStatus": random.choice(("_rto", "_rto", "_approved"))},
            "chargeback": {"_chargebackState": "_received"},
            "create_account": {"_userEmail": f"{order}@example.com"},
            "custom_event": {"_eventName": "seen", "_orderStatus": random.choice(("_approved", "_held"))},
        }  # fmt: skip
        who = whom(random.choice((0, random.randrange(6))))
        if kind == "create_account":
            who["_userId"] = f"new-{order}"
            about = {}
        if kind in ("order_status", "chargeback") and random.random() < 0.5:
            who = {}
        yield submission(kind, at_ms, key=f"{number}", **about, **who, **all_more[kind])


def in_batches(random: Random, shop: Shop, events: list[Submission]) -> None:
    while events:
        size = random.choice((1, 5, BATCH_MAX))
        shop.take(*events[:size])
        events = events[size:]


@pytest.mark.slow
@SEEDS
def test_an_order_that_is_told_again_counts_once_however_many_came_in_between(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = list(traffic(Random(seed), 700))
    shop, oracle = Shop(tmp_path / "shop"), unbounded(tmp_path / "oracle", monkeypatch)
    in_batches(Random(seed), shop, events)
    in_batches(Random(seed), oracle, events)
    assert but_for_the_greatest(shop) == but_for_the_greatest(oracle)
    assert shop.told()[0][0] > 200  # type: ignore[operator]
    rebuilt = Windows(own={1: book()})
    rebuilt.completed(rebuilt.incomplete())
    read_again(Walk(shop.ledger, rebuilt, Policy(), Random(1).randbytes), 0, lambda done, total: None)
    assert memory_of(rebuilt) == memory_of(shop.windows)
    shop.close()
    oracle.close()


@pytest.mark.slow
@SEEDS
def test_so_it_does_in_a_past_that_is_counted_while_orders_are_told_again(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = list(traffic(Random(seed), 700))
    shop, oracle = Shop(tmp_path / "shop", asks=False), unbounded(tmp_path / "oracle", monkeypatch)
    in_batches(Random(seed), oracle, events)
    in_batches(Random(seed), shop, events[:300])
    mine = book()
    shop.windows.own_is(1, mine)
    backfill = Backfill(shop.walk, shop.windows.need(mine.own()))
    random = Random(seed)
    for event in events[300:]:
        shop.take(event)
        backfill.advance(random.choice((0, 1, 2)))
    while not backfill.advance(100):
        pass
    assert but_for_the_greatest(shop) == but_for_the_greatest(oracle)
    shop.close()
    oracle.close()


def test_the_greatest_amount_of_a_folded_order_stays_though_it_was_lowered(tmp_path: Path) -> None:
    """A bucket keeps one maximum, and nobody knows the second."""
    shop = Shop(tmp_path)
    amounts: dict[int, float] = {}
    for number, amount in ((0, "900"), *((number, "10") for number in range(1, 80)), (0, "20")):
        at_ms = NOW_MS - (80 - number if len(amounts) < 80 else 0) * MINUTE_MS
        shop.tell("createOrder", at_ms, _orderId=f"o-{number}", _amount=amount, **whom(0))
        amounts[number] = float(amount)
    count, total, greatest = shop.told()[0][0], shop.told()[0][2], shop.told()[0][9]
    assert count == len(amounts)
    assert total == sum(amounts.values()) / len(amounts)
    assert (greatest, max(amounts.values())) == (900, 20)
    shop.close()


@pytest.mark.slow
def test_an_account_that_is_known_by_its_mailbox_alone_counts_again_after_sixty_four_others(tmp_path: Path) -> None:
    """No index leads from a mailbox to the events that name it."""
    shop = Shop(tmp_path)
    for person, about in enumerate(({"_userId": "twice"}, {"_userEmail": "twice@example.com"})):
        device = {"_deviceId": f"d-{person}"}
        for number in range(80):
            shop.tell(
                "create_account",
                NOW_MS + number,
                **device,
                **(about if number in (0, 79) else {"_userId": f"u-{number}"}),
            )
    assert [told[6] for told in shop.told()[:2]] == [79, 80]
    shop.close()


@pytest.mark.slow
def test_a_build_that_looks_nothing_up_counts_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Subjects, "others", lambda self, present, before_seq=None: [])
    events = list(traffic(Random(1), 700))
    shop, oracle = Shop(tmp_path / "shop"), unbounded(tmp_path / "oracle", monkeypatch)
    in_batches(Random(1), shop, events)
    in_batches(Random(1), oracle, events)
    assert but_for_the_greatest(shop) != but_for_the_greatest(oracle)
    shop.close()
    oracle.close()
