"""Invented shops and invented aggregates: both kernels against a reading of all events one by one.

Everything here is small, so that every answer is exact. `python tests/features/differential.py 30000` looks at so many
seeds, and names those that differ; `test_differential.py` looks at the first few.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.engine.identity import subject_of
from fourthwatch.engine.subjects import Subjects
from fourthwatch.errors import LanguageError
from fourthwatch.features import kernel as chosen
from fourthwatch.features import windows as rooms
from fourthwatch.features.definition import Book, Feature
from fourthwatch.features.fields import number_of, reader_of
from fourthwatch.features.observe import AMOUNT_SCALE, Present, condition_of, event_mark, field_mark, order_mark, scaled
from fourthwatch.features.series import Series, series_of
from fourthwatch.features.specification import Kernel
from fourthwatch.features.things import THINGS
from fourthwatch.features.windows import Windows
from fourthwatch.language import Aggregate
from fourthwatch.store.about import Submission
from fourthwatch.store.ledger import EventRow
from story import NOW_MS, decoded

TENANT = 1
EVENTS = 48
FIELDS = ("amount", "payment_amount", "custom.worth", "shipping_cost")
OFTEN = ("user", "account", "session", "device", "ip", "email", "shop", "promotion_code", "item_code", "city")
CONDITIONS = (
    "amount > 50", 'state == "rto"', 'outcome == "failure"', "is_pre_paid", "not is_pre_paid", "known(device_id)",
    "custom.worth >= 2", 'custom.word in ["a", "b"]', "is_won", "is_guest", "amount > 20 and is_pre_paid",
)  # fmt: skip
WORDS = (
    "order", "login", "signup", "transaction", "chargeback", "delivery", "order_status", "item_status", "cart",
    "custom", "promotion", "session_link", "tag", 'custom "seen"', 'custom "other"', "order | login",
    'order | custom "seen"', "profile", "logout",
)  # fmt: skip


class Shelf:
    """Stored events in memory."""

    def __init__(self) -> None:
        self.rows: list[EventRow] = []
        self.last_seq = 0

    def add(self, row: EventRow) -> None:
        self.rows.append(row)
        self.last_seq = row.seq

    def order_before(
        self, tenant: int, subject: str, kinds: Sequence[int], before_seq: int, *, decided: bool = False
    ) -> Submission | None:
        found = self.newest_about(tenant, subject, kinds, 1, before_seq)
        return Submission(found[0].seq, found[0].kind, found[0].body, found[0].from_go, None) if found else None

    def newest_about(
        self, tenant: int, subject: str, kinds: Sequence[int], limit: int, before_seq: int
    ) -> Sequence[EventRow]:
        rows = [row for row in self.rows if row.subject == subject and row.kind in kinds and row.seq < before_seq]
        return rows[::-1][:limit]


def some_text(random: Random) -> str:
    """An aggregate, which may be none."""
    words = random.choice(WORDS)
    where = f" where {random.choice(CONDITIONS)}" if random.random() < 0.35 else ""
    by = "+".join(
        random.sample(random.choice((OFTEN, OFTEN, OFTEN, sorted(THINGS))), random.choice((1, 1, 1, 1, 2, 3)))
    )
    function = random.choice(("count", "sum", "mean", "max", "min", "distinct", "seen", "since_first", "since_last",
                              "share", "previous", "heard"))  # fmt: skip
    window = "" if random.random() < 0.3 else f", last {random.choice(('10m', '1h', '90m', '24h', '7d', '90d'))}"
    until = f", until {random.choice(('5m', '30m', '2h', '3d'))} ago" if random.random() < 0.15 else ""
    including = ", including this" if random.random() < 0.2 and not until else ""
    thing = random.choice((*OFTEN, *sorted(THINGS), "amount", "custom.word", "city", "custom.worth"))
    match function:
        case "count":
            return f"count({words}{where}, by {by}{window}{until}{including})"
        case "sum" | "mean" | "max" | "min":
            return f"{function}({random.choice(FIELDS)} of {words}{where}, by {by}{window}{until}{including})"
        case "distinct":
            other = "other " if random.random() < 0.3 and thing in THINGS else ""
            of = f" of {words}{where}" if random.random() < 0.6 else ""
            return f"distinct({other}{thing}{of}, by {by}{window}{until}{including})"
        case "seen":
            return f"seen({thing}{f' of {words}{where}' if random.random() < 0.5 else ''}, by {by}{window})"
        case "since_first" | "since_last":
            return f"{function}({words}{where}, by {by})"
        case "share":
            return f"share({words} where {random.choice(CONDITIONS)} in {words}, by {by}{window}{until})"
        case "previous":
            nth = f", nth {random.randint(1, 4)}" if random.random() < 0.5 else ""
            return f"previous({random.choice(FIELDS)} of {words}{where}, by {by}{nth})"
        case _:
            return f"{random.choice(('since_first', 'since_last'))}(by {by})"


def some_features(random: Random, book: Book, many: int) -> list[str]:
    names: list[str] = []
    while len(names) < many:
        try:
            book.add(Feature(f"own_{len(names)}", some_text(random), "", "", tenant=TENANT))
        except LanguageError:
            continue
        names.append(f"own_{len(names)}")
    return names


def some_rows(random: Random) -> Iterator[EventRow]:
    """Guests, linked sessions, late events, orders sent again, labels that come days later, the shop's own events."""
    for seq in range(1, EVENTS + 1):
        kind = random.choice(
            ("createOrder",) * 4 + ("transaction", "transaction", "login", "logout", "link_session_to_user",
             "add_to_cart", "add_promotion", "update_order", "tag", "untag", "custom_event", "custom_event",
             "chargeback", "create_account", "update_account", "item_status", "order_status")
        )  # fmt: skip
        body: dict[str, Any] = {
            key: random.choice(values)
            for key, values, chance in (
                ("_orderId", [f"o-{number}" for number in range(6)], 1.0),
                ("_userId", ["asha", "ravi", "s-1"], 0.5), ("_sessionId", ["s-1", "s-2", "s-3"], 0.7),
                ("_deviceId", ["d-1", "d-2"], 0.7), ("_deviceIp", ["203.0.113.7", "198.51.100.8"], 0.7),
                ("_userEmail", ["a@example.com", "b@example.org"], 0.4), ("_isPrePaid", [True, False], 0.4),
                ("_amount", ["10", "60.5", "99", "much"], 0.7), ("_currencyCode", ["INR", "EUR"], 0.5),
                ("_transactionStatus", ["_success", "_failure"], 0.7), ("_loginStatus", ["_success", "_failure"], 0.7),
                ("_orderStatus", ["_rto", "_approved"], 0.7), ("_itemStatus", ["_rto", "_returned"], 0.7),
                ("_chargebackState", ["_received", "_won"], 0.7), ("_isBad", [True, False], 0.7),
                ("_promotions", [[{"_promotionId": "TEN"}], [{"_promotionId": "A"}, {"_promotionId": "B"}]], 0.4),
                ("_shippingAddress", [{"_address1": "1 Road", "_city": c, "_country": "IN", "_zipcode": z}
                                      for c, z in (("Pune", "411001"), ("Goa", "403001"))], 0.4),
                ("_items", [[{"_itemId": "i-1", "_category": "toys"}], [{"_itemId": "i-2"}, {"_itemId": "i-1"}]], 0.4),
                ("_itemId", ["i-1", "i-2"], 0.5), ("_shippingCost", ["5", "9"], 0.4),
                ("_customInfo", [{"worth": 1, "word": "a"}, {"worth": 3}, {"word": "c", "worth": "x"}], 0.5),
                ("_paymentMethods", [[{"_cardBin": "411111", "_cardLast4": f"000{n}"}] for n in (1, 2)], 0.3),
            )
            if random.random() < chance
        }  # fmt: skip
        if kind == "custom_event":
            body["_eventName"] = random.choice(("seen", "other"))
        elif kind in ("login", "logout", "link_session_to_user", "tag", "untag", "create_account", "update_account"):
            del body["_orderId"]
        if kind == "link_session_to_user":
            body |= {"_userId": random.choice(("asha", "ravi")), "_sessionId": random.choice(("s-1", "s-2", "s-3"))}
        if body.keys().isdisjoint({"_orderId", "_userId"}):
            body.setdefault("_sessionId", "s-3")
        if kind in ("tag", "untag", "create_account", "update_account"):
            body.setdefault("_userId", "asha")
        at_ms = NOW_MS + seq * 10 * MINUTE_MS - random.choice((0, 0, 0, random.randrange(3) * HOUR_MS, 5 * DAY_MS))
        read = decoded(kind, at_ms, **body)
        yield EventRow(
            seq=seq, tenant=TENANT, nonce=b"", identity=b"", fingerprint=b"", kind=read.kind.number, name=read.name,
            subject=subject_of(read.kind, read.event), occurred_ms=read.occurred_ms,
            received_ms=NOW_MS + seq * 10 * MINUTE_MS, body=read.body, warnings=None,
        )  # fmt: skip


class Reading:
    """One aggregate, read off all events of the past."""

    def __init__(self, node: Aggregate, past: list[Present], now: Present) -> None:
        self.node, self.now, self.until_ms = node, now, now.subject.occurred_ms
        self.by = sorted(entity.name for entity in node.by)
        firsts = [now.of(name)[:1] for name in self.by]
        self.whose = tuple(keys[0] for keys in firsts) if all(firsts) else None
        self.past = [one for one in past if self.whose is not None and self.whose in product(*self._keys(one))]
        self.before_ms = self.until_ms - (node.until_ms or 0)
        self.after_ms = -1 if node.last_ms is None else self.until_ms - node.last_ms

    def _keys(self, one: Present) -> list[tuple[int, ...]]:
        many = [one.of(name) for name in self.by]
        return many if len(many) == 1 else [keys[:4] for keys in many]

    def value(self) -> str | float | None:
        node = self.node
        if self.whose is None:
            return None
        if not node.events.names and node.function == "since_first":
            first_ms = min((one.subject.occurred_ms for one in self.past), default=self.until_ms + 1)
            return None if first_ms > self.until_ms else (self.until_ms - first_ms) / 1_000
        series = series_of(node)
        match node.function:
            case "count":
                return self.counted(series[0]) + (node.including_this and self.selects(series[0], self.now))
            case "share":
                part, whole = map(self.counted, series)
                return part / whole if whole else None
            case "sum" | "mean" | "max" | "min":
                return self.of_amounts(series[0])
            case "distinct":
                return self.distinct(series[0])
            case "seen":
                return self.seen(series[0])
            case "since_first":
                times = [one.subject.occurred_ms for one in self.past if self.selects(series[0], one)]
                return (self.until_ms - min(times)) / 1_000 if times and min(times) <= self.until_ms else None
            case "since_last":
                return self.since_last(series[0])
            case _:
                return self.previous(series[0])

    def selects(self, series: Series, one: Present) -> bool:
        subject = one.subject
        told = subject.kind.number in series.kinds or (
            subject.kind.name == "custom_event" and subject.name in series.custom
        )
        return told and (series.where is None or condition_of(series)(subject))

    def newest(self, seen: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        """Of `(mark, at_ms, amount)` each mark once, at its latest time, by time."""
        latest: dict[int, tuple[int, int]] = {}
        for mark, at_ms, amount in seen:
            latest[mark] = max(latest.get(mark, (-1, 0)), (at_ms, amount))
        return sorted((at_ms, mark, amount) for mark, (at_ms, amount) in latest.items())

    def things(self, series: Series) -> list[tuple[int, int, int]]:
        seen = []
        for one in self.past:
            if self.selects(series, one):
                mark, at_ms = event_mark(one.subject, order_mark(one.subject)), one.subject.occurred_ms
                value = None if series.of is None else number_of(reader_of(series.of)(one.subject))
                if series.of is None:
                    seen.append((mark, at_ms, 0))
                elif value is not None:
                    seen.append((mark, at_ms, scaled(value)))
        return self.newest(seen)

    def inside(self, things: list[tuple[int, int, int]], without: int) -> list[int]:
        return [
            amount
            for at_ms, mark, amount in things
            if self.after_ms < at_ms <= self.before_ms and (mark != without or without == 0)
        ]

    def counted(self, series: Series) -> int:
        return len(self.inside(self.things(series), order_mark(self.now.subject)))

    def of_amounts(self, series: Series) -> float | None:
        amounts = [amount / AMOUNT_SCALE for amount in self.inside(self.things(series), order_mark(self.now.subject))]
        if self.node.including_this and self.selects(series, self.now):
            assert series.of is not None
            mine = number_of(reader_of(series.of)(self.now.subject))
            amounts += [] if mine is None else [mine]
        if self.node.function == "sum":
            return sum(amounts)
        if not amounts:
            return None
        if self.node.function == "mean":
            return sum(amounts) / len(amounts)
        return max(amounts) if self.node.function == "max" else min(amounts)

    def marks(self, series: Series, one: Present) -> tuple[int, ...]:
        assert series.of is not None
        if len(series.of) == 1 and series.of[0] in THINGS:
            return one.marks(series.of[0])
        value = reader_of(series.of)(one.subject)
        return () if value is None or isinstance(value, list | dict) else (field_mark(value),)

    def told_apart(self, series: Series) -> list[tuple[int, int, int]]:
        seen = [
            (mark, one.subject.occurred_ms, 0)
            for one in self.past
            if self.selects(series, one)
            for mark in self.marks(series, one)
        ]
        return self.newest(seen)

    def distinct(self, series: Series) -> int:
        own = (*self.marks(series, self.now), 0)[0]
        node = self.node
        found = len(self.inside(self.told_apart(series), own if node.other or node.including_this else 0))
        is_new = node.including_this and not node.other and own != 0 and self.selects(series, self.now)
        return found + is_new

    def seen(self, series: Series) -> float | None:
        own, told = (*self.marks(series, self.now), 0)[0], self.told_apart(series)
        if own == 0 or not any(at_ms <= self.until_ms for at_ms, _, _ in told):
            return None
        return float(any(mark == own and self.after_ms < at_ms <= self.until_ms for at_ms, mark, _ in told))

    def since_last(self, series: Series) -> float | None:
        if self.node.events.names:
            told = self.things(series)
        else:  # the newest four of all
            told = sorted(
                {(o.subject.occurred_ms, event_mark(o.subject, order_mark(o.subject)), 0) for o in self.past}
            )[-4:]
        times = [at_ms for at_ms, _, _ in told if at_ms <= self.until_ms]
        return (self.until_ms - max(times)) / 1_000 if times else None

    def previous(self, series: Series) -> str | float | None:
        assert series.of is not None
        latest: dict[tuple[int, int], int | None] = {}
        for one in self.past:
            value = reader_of(series.of)(one.subject)
            if self.selects(series, one) and isinstance(value, str | bool | int | float):
                at = (one.subject.occurred_ms, field_mark(value))
                amount = None if isinstance(value, str | bool) else scaled(value)  # of one mark all are, or none
                latest[at] = None if amount is None else max(latest.get(at) or amount, amount)
        told = [(at, amount) for at, amount in sorted(latest.items())[-4:] if at[0] <= self.until_ms]
        if len(told) < self.node.nth:
            return None
        (_, mark), amount = told[-self.node.nth]
        if amount is not None:
            return amount / AMOUNT_SCALE
        own = reader_of(series.of)(self.now.subject)
        if isinstance(own, str):  # a field that the sender may write as a text
            return own if field_mark(own) == mark else ANOTHER
        return None


ANOTHER = "(another)"


def windows_of(book: Book, kernel: type[Any]) -> Windows:
    compiled = vars(rooms)["Kernel"]
    setattr(rooms, "Kernel", kernel)  # noqa: B010
    try:
        made = Windows(own={TENANT: book})
    finally:
        setattr(rooms, "Kernel", compiled)  # noqa: B010
    made.completed(made.incomplete())
    return made


def differences(seed: int) -> Iterator[str]:
    """What differs, in words; nothing when all agree."""
    random = Random(seed)
    book = Windows().book.for_tenant()
    names = some_features(random, book, 10)
    both = [windows_of(book, kernel) for kernel in (chosen.Kernel, Kernel)]
    shelf, past = Shelf(), list[Present]()
    subjects = [Subjects(shelf, windows) for windows in both]
    readings = [windows.reading_of(book, names) for windows in both]
    for row in some_rows(random):
        shelf.add(row)
        presents = [each.stored(row) for each in subjects]
        told = [each.read(*reading, present) for each, reading, present in zip(both, readings, presents, strict=True)]
        now = Present(presents[0].subject, {})
        for place, name in enumerate(names):
            defined = book.get(name)
            assert defined is not None
            wanted = Reading(defined.aggregates[0], past, now).value()
            if isinstance(wanted, str):  # a feature is a number
                wanted = None
            for which, values in zip(("compiled", "plain"), told, strict=True):
                if not alike(values[place], wanted):
                    text = defined.feature.text
                    yield f"seed {seed} event {row.seq} {which}: {text} is {values[place]}, not {wanted}"
        for each, present in zip(subjects, presents, strict=True):
            each.add(present)
        past.append(now)


def alike(one: Any, other: Any) -> bool:
    if one is None or other is None or isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    return bool(abs(one - other) <= 1e-9 * max(1, abs(one), abs(other)))


if __name__ == "__main__":
    first, last = (0, int(sys.argv[1])) if len(sys.argv) == 2 else (int(sys.argv[1]), int(sys.argv[2]))
    wrong = 0
    for number in range(first, last):
        for said in differences(number):
            wrong += 1
            print(said, flush=True)
            break
    print(f"{last - first:,} seeds, {wrong:,} of them differ")
    sys.exit(wrong > 0)
