"""Events that walk side by side come to the very same as when each walks by itself: answers, rows, what follows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from engine.house import CARD, CONDITIONS, OWN, House
from engine.test_foretold import keep, promote
from engine.till import submission
from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS, Millis
from fourthwatch.decision import Exploration, Policy
from fourthwatch.engine.again import AGAIN
from fourthwatch.engine.policies import Policies
from fourthwatch.engine.walk import Answer, Outcome, Submission, Taken
from fourthwatch.errors import Conflict, Unavailable
from fourthwatch.events import RULE_SOURCE
from fourthwatch.limits import ORDERS_CACHED_MAX
from fourthwatch.rules.rule import Action, Rule
from fourthwatch.store.ledger import NONCE_BYTES, DecisionRow, EventRow
from rules.judging import rule
from story import NOW_MS, memory_of

STEPS = 24
DEADLINE_MS = 50
EXPLORED = Exploration(percent=60, orders_per_day=25, amount_minor_per_day=10**12, currency="INR")
POLICY = Policy(red_above=8, decline_above=25, deadline_ms=DEADLINE_MS, exploration=EXPLORED)
RULES: tuple[Rule, ...] = (
    rule("often", "orders_by_user_24h >= 2 and amount > 300", weight=4.0),
    rule("shared", "count(order, by device, last 1h) >= 2", weight=6.0, actions=(Action("queue", "desk"),)),
    rule("marked", 'in_list(user, "bad")', weight=9.0, actions=(Action("label", "fraud"),)),
    rule("guest", 'in_list(user, "vip") or amount > 1300', "review", actions=(Action("tag", "_accountAbuse"),)),
    rule("some", "amount > 200", weight=7.0, state="percentage", percentage=50, actions=(Action("webhook", "w"),)),
    rule("disputed", "chargebacks_ever >= 9", "block", actions=(Action("list", "bad", "user", 3),)),
    rule("paid", 'count(transaction where outcome == "failure", by user, last 1h) >= 2', weight=3.0),
    *[rule(f"asks_{number}", condition, state="shadow") for number, condition in enumerate(CONDITIONS)],
)


Turn = tuple[int, Sequence[Submission]]
"""When it is walked, by our clock, and its events."""


class Chance:
    """The same bytes for the same purpose, in however many pieces they are asked for."""

    def __init__(self, seed: int) -> None:
        random = Random(seed)
        self._left = {is_nonce: random.randbytes(200_000) for is_nonce in (True, False)}

    def __call__(self, count: int) -> bytes:
        is_nonce = count % NONCE_BYTES == 0
        left = self._left[is_nonce]
        self._left[is_nonce] = left[count:]
        return left[:count]


class Side:
    """A house in which events walk in one of the two ways, and all that came of them."""

    def __init__(self, directory: Path, seed: int, models: Sequence[str], orders_kept: int) -> None:
        self.house = House(directory)
        self._orders_kept = orders_kept
        self._chance = Chance(seed)
        self._models = models
        self.outcomes: list[Outcome] = []
        self.taken: list[Taken] = []
        self.taken_on_within_a_turn = 0
        """Decisions for which that on a submission in the same turn was taken on."""
        self._furnish()
        for name, value in (("bad", "u-1"), ("vip", "u-2")):
            self.house.edit_list(name, value)
        for name, text in OWN.items():
            self.house.define(name, text)
        self.house.publish(RULES)
        self.house.publish((RULES[1], *RULES[4:6]), tenant=2)
        keep(self.house, "ours", "other", "brittle")
        self.promote(*models)

    def _furnish(self) -> None:
        """What a start leaves as it is by default."""
        walk = self.house.walk
        walk._random_bytes = walk._exploring._random_bytes = self._chance
        walk._consequences._heard = {1, 2}  # all are heard of
        walk._subjects._orders._kept = self._orders_kept
        walk.judging._ticks_ns = None
        walk.judging.policies = Policies(POLICY)

    def restart(self) -> None:
        self.house.restart(snapshot=True)
        self._furnish()
        self.promote(*self._models)

    def promote(self, *models: str) -> None:
        self._models = models
        promote(self.house, *models)

    def walk(self, *turns: Turn) -> None:
        """Turns that are written together."""
        taken = Taken()
        for now_ms, turn in turns:
            self.house.walk.now_ms = now_ms
            before = self.house.walk.last_seq
            self.house.walk.take(turn, taken)
            self.house.walk.windows.lists.found.clear()
            made = [msgspec.json.decode(one.detail) for one in taken.decisions if one.seq > before]
            self.taken_on_within_a_turn += sum(one.get("judged_on", 0) > before for one in made)
        taken.append_to(self.house.walk.ledger)
        self.taken.append(taken)
        self.outcomes += self.house.walk.answers(taken)

    def told(self) -> dict[str, Any]:
        """All that came of it beside the answers and what the ledger keeps."""
        names = ("events", "decisions", "occasions", "case_moves", "wishes", "degraded", "spoken", "draws")
        hits: dict[int, tuple[int, int]] = {}
        for taken in self.taken:
            for entry, (count, last_ms) in taken.hits.items():
                before = hits.get(entry, (0, 0))
                hits[entry] = before[0] + count, max(before[1], last_ms)
        found: dict[str, Any] = {name: [one for taken in self.taken for one in getattr(taken, name)] for name in names}
        return {**found, "hits": hits, "subjects": [each.subject for taken in self.taken for each in taken.presents]}

    def rows(self) -> list[tuple[EventRow, DecisionRow | None]]:
        ledger = self.house.walk.ledger
        return [ledger.stored(seq) for seq in range(1, ledger.last_seq + 1)]

    def watched(self) -> dict[str, Any]:
        """What is remembered of each model, to watch it."""
        panel = self.house.walk.panel
        return {key: (list(seat.recent), panel.failing.get(key)) for key, seat in panel.seats.items()}


class Shop:
    """Random events of two tenants, of which those in one turn have much to do with each other."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now_ms = NOW_MS
        self._orders = 0
        self._sent: list[Submission] = []

    def turn(self) -> Turn:
        """1 to 32 events."""
        random = self.random
        self.now_ms += random.choice((20, 1_000, MINUTE_MS, HOUR_MS, DAY_MS))
        count = random.choice((1, 3, 8, 16, 32))
        turn: list[Submission] = []
        while len(turn) < count:
            turn += self._scene()
        turn = turn[:count]
        self._sent += turn
        return self.now_ms, turn

    def _scene(self) -> Iterator[Submission]:
        """A few events about one order, or what else happens."""
        random = self.random
        draw, tenant = random.random(), random.choice((1, 1, 1, 2))
        if draw < 0.12 and self._sent:
            yield random.choice(self._sent[-40:])  # an exact repeat
            return
        user, session = f"u-{random.randrange(4)}", f"s-{random.randrange(6)}"
        if draw < 0.2:
            yield self._one("login", tenant, _userId=user, _sessionId=session, _loginStatus="_success")
        elif draw < 0.25:
            yield self._one("tag", tenant, _userId=user, _isBad=True, _abuseType="_accountAbuse", _source=RULE_SOURCE)
        if draw < 0.75:
            self._orders += 1
            number = self._orders
        else:
            number = random.randrange(max(1, self._orders - 40), self._orders + 1) if self._orders else 1
        first = self._order(tenant, number, user, session) if draw < 0.85 else None
        if first is not None:
            yield first
        for _ in range(random.randrange(4)):
            if first is not None and random.random() < 0.2:
                yield first if random.random() < 0.5 else self._copy(first)  # repeats, within the turn
            yield self._about(tenant, number, user)
            if random.random() < 0.25:
                yield self._order(tenant, number, user, session, again=True)

    def _copy(self, one: Submission) -> Submission:
        """The same under a key, as which another body may come."""
        return msgspec.structs.replace(one, idempotency_key=f"k-{self.random.randrange(6)}")

    def _order(self, tenant: int, number: int, user: str, session: str, *, again: bool = False) -> Submission:
        random = self.random
        who: dict[str, Any] = {"_sessionId": session, "_deviceId": f"d-{random.randrange(3)}",
                               "_deviceIp": f"203.0.113.{random.randrange(3)}"}  # fmt: skip
        if random.random() < 0.6:
            who["_userId"] = user
        address = {"_name": "Asha", "_address1": f"{random.randrange(3)} Lake Road", "_zipcode": "411001",
                   "_country": "IN", "_phone": f"+91 98100 0000{random.randrange(3)}"}  # fmt: skip
        kind = random.choice(("createOrder", "update_order")) if again else "createOrder"
        return self._one(
            kind, tenant, **who, _orderId=f"o-{number}", _amount=str(random.randrange(1, 1_500)),
            _currencyCode=random.choice(("INR", "INR", "INR", "USD")), _isPrePaid=random.random() < 0.5,
            _customInfo={"vip": random.choice((True, False, "no"))}, _shippingAddress=address,
            _paymentMethods=[{**CARD, "_cardLast4": f"000{random.randrange(3)}"}],
        )  # fmt: skip

    def _about(self, tenant: int, number: int, user: str) -> Submission:
        random = self.random
        order = {"_orderId": f"o-{number}"}
        what = random.randrange(6)
        if what <= 1:
            return self._one("transaction", tenant, **order, _transactionId=f"t-{random.randrange(10**6)}",
                             _transactionStatus=random.choice(("_success", "_failure")))  # fmt: skip
        if what == 2:
            state = random.choice(("_held", "_approved", "_rto", "_canceled"))
            by_hand = {"_source": "_manualReview", "_analyst": "asha"} if random.random() < 0.4 else {}
            return self._one("order_status", tenant, **order, _orderStatus=state, **by_hand)
        if what == 3:
            return self._one("chargeback", tenant, **order, _userId=user, _chargebackState="_received")
        if what == 4:
            moved = {"_orderStatus": "_returned"} if random.random() < 0.5 else {}
            return self._one("custom_event", tenant, **order, _eventName="parcel", **moved)
        again = self._one("custom_event", tenant, **order, _eventName=AGAIN)
        return msgspec.structs.replace(again, is_bulk=True, is_own=True, wants_score=True, actor="key")

    def _one(self, kind: str, tenant: int, **body: Any) -> Submission:
        """An event; some have waited for too long, and some are about what was long ago."""
        random = self.random
        waited_ms = random.choice((*[0] * 20, DEADLINE_MS // 2, DEADLINE_MS, 9 * DEADLINE_MS))
        made = submission(
            kind, self.now_ms - random.choice((0, 0, HOUR_MS)), tenant=tenant, wants_score=random.random() < 0.3,
            key=f"k-{random.randrange(40)}" if random.random() < 0.1 else None, **body,
        )  # fmt: skip
        return msgspec.structs.replace(made, received_ms=Millis(self.now_ms - waited_ms))


def same(beside: Side, alone: Side) -> None:
    """Fails with the first thing that is not the same."""
    for at, two in enumerate(zip(beside.outcomes, alone.outcomes, strict=True)):
        assert repr(two[0]) == repr(two[1]), at
    for at, rows in enumerate(zip(beside.rows(), alone.rows(), strict=True), 1):
        assert rows[0] == rows[1], at
    ours, theirs = beside.told(), alone.told()
    for name, told in ours.items():
        assert told == theirs[name], name
    assert beside.watched() == alone.watched()
    assert memory_of(beside.house.walk.windows) == memory_of(alone.house.walk.windows)
    assert beside.house.walk.ledger.spent() == alone.house.walk.ledger.spent()


PANELS: tuple[tuple[str, ...], ...] = (
    ("ours", "other"), ("ours",), ("", "other"), ("",), ("ours", "ours", "other"), ("brittle", "ours"),
    ("ours", "brittle"),
)  # fmt: skip
"""Champion and shadows; the brittle one has no answer to some orders."""


@pytest.mark.parametrize("seed", range(10))
def test_a_turn_comes_to_the_same_as_its_events_one_by_one(seed: int, tmp_path: Path) -> None:
    shop = Shop(seed)
    models = PANELS[seed % len(PANELS)]
    beside = Side(tmp_path / "beside", seed, models, orders_kept=ORDERS_CACHED_MAX)
    alone = Side(tmp_path / "alone", seed, models, orders_kept=2)  # so that most are read back from the ledger
    for step in range(STEPS):
        turns = [shop.turn() for _ in range(shop.random.choice((1, 1, 2, 3)))]
        beside.walk(*turns)
        for now_ms, turn in turns:
            for one in turn:
                alone.walk((now_ms, [one]))
        if step == STEPS // 2:
            for side in (beside, alone):
                side.restart()
        if shop.random.random() < 0.2:
            models = shop.random.choice(PANELS)
            for side in (beside, alone):
                side.promote(*models)
    same(beside, alone)
    took = beside.told()
    assert min(len(took[name]) for name in ("draws", "wishes", "degraded", "case_moves", "spoken")) > 5
    assert len(took["hits"]) == 2
    assert beside.taken_on_within_a_turn > 2
    assert sum(isinstance(one, Conflict) for one in beside.outcomes) > 5
    assert sum(isinstance(one, Answer) and one.replayed for one in beside.outcomes) > 5
    for side in (beside, alone):
        side.house.close()


def unreadable(side: Side, subject: str) -> None:
    """From now on the data file gives nothing about a subject."""
    reading = side.house.walk.ledger._reading
    reading.exec_trace = lambda _cursor, _statement, bindings: subject not in (bindings or ())


def test_what_cannot_be_read_in_the_middle_of_a_turn_is_refused_and_all_around_it_comes_to_the_same(
    tmp_path: Path,
) -> None:
    def order(number: int, amount: str = "500") -> Submission:
        body: dict[str, Any] = {"_orderId": f"o-{number}", "_userId": "u-0", "_amount": amount, "_currencyCode": "INR"}
        return submission("createOrder", NOW_MS, **body)

    def paid(number: int) -> Submission:
        return submission("transaction", NOW_MS, _orderId=f"o-{number}", _transactionStatus="_success")

    def moved(number: int) -> Submission:
        return submission("order_status", NOW_MS, _orderId=f"o-{number}", _orderStatus="_held")

    sides = [Side(tmp_path / name, 1, ("ours", "other"), orders_kept=ORDERS_CACHED_MAX) for name in ("beside", "alone")]
    beside, alone = sides
    for side in sides:
        side.walk((NOW_MS, [order(number) for number in (1, 2, 3)]))
        side.restart()
        unreadable(side, "order:o-2")
    turn = [order(4), paid(2), paid(4), moved(2), paid(1), order(4, "900"), order(2, "9"), moved(4)]
    beside.walk((NOW_MS, turn))
    for one in turn:
        alone.walk((NOW_MS, [one]))
    refused = [isinstance(one, Unavailable) for one in beside.outcomes[3:]]
    assert refused == [False, True, False, True, False, False, False, False]
    assert beside.taken_on_within_a_turn == 2
    same(beside, alone)
    for side in sides:
        side.house.close()


def test_a_champion_without_an_answer_in_the_middle_of_a_turn_is_left_out_there_and_withdrawn_behind_it(
    tmp_path: Path,
) -> None:
    def order(number: int, user: str = "u-0") -> Submission:
        body: dict[str, Any] = {"_orderId": f"o-{number}", "_userId": user, "_amount": "500", "_currencyCode": "INR"}
        return submission("createOrder", NOW_MS, **body)

    def paid(number: int) -> Submission:
        return submission("transaction", NOW_MS, _orderId=f"o-{number}", _transactionStatus="_success")

    sides = [Side(tmp_path / name, 1, ("brittle",), orders_kept=ORDERS_CACHED_MAX) for name in ("beside", "alone")]
    beside, alone = sides
    first = [order(1), order(1, "u-1"), order(2), order(3), paid(1), order(4), paid(4), order(2, "u-2"), paid(2)]
    second = [order(1, "u-3"), order(5), paid(5), paid(3), order(6)]
    taken = Taken()
    beside.house.walk.take(first, taken)
    failing = dict(beside.house.walk.panel.failing)
    beside.promote("", "ours")
    beside.house.walk.take(second, taken)
    taken.append_to(beside.house.walk.ledger)
    beside.taken.append(taken)
    beside.outcomes += beside.house.walk.answers(taken)
    for one in first:
        alone.walk((0, [one]))
    alone.promote("", "ours")
    for one in second:
        alone.walk((0, [one]))
    models = [msgspec.json.decode(one.detail).get("model") for one in taken.decisions]
    assert models[: len(first)] == [None, None, "brittle", "brittle", None, "brittle", "brittle", None, None]
    assert set(models[len(first) :]) == {None}
    assert failing == {"1/brittle": (5, "the model gives nan for a row, which is no margin")}
    same(beside, alone)
    for side in sides:
        side.house.close()
