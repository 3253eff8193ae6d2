"""Random expressions that fit the tests' shop, random values for their inputs, and random damage to their texts."""

from random import Random
from typing import Any

from fourthwatch.language.tree import (
    Aggregate,
    AggregateName,
    Arithmetic,
    Call,
    Compare,
    Duration,
    EntityName,
    EventName,
    Events,
    Expression,
    ListOf,
    Logic,
    Membership,
    Name,
    Negate,
    Not,
    Number,
    Scalar,
    Text,
    Truth,
)

TEXTS = ["", "a", "A", "ab", "COD", "12", " 7 ", "-0.5", "1e3", "ß", 'q"\\\n\t', "İ", "\u202e", "ab" * 30]
NUMBERS: list[int | float] = [0, 1, 2, 3, -1, 20000, 0.5, 1.5, 2.5, -2.5, 0.1, 1e15, 1e300, 5e-324, 2**63 - 1, 10.0]
TRUTHS = [True, False]
OTHERS: list[Any] = [[], ["a", 1, None], [True, 2.0], {}, {"a": 1}]
DURATIONS = [1_000, 60_000, 90_000, 3_600_000, 86_400_000, 14 * 86_400_000]
NUMBER_NAMES = ["amount", "orders_by_ip_24h", "account_age"]
TEXT_NAMES = ["currency_code", "user_email", "shipping_address.zipcode"]
TRUTH_NAMES = ["is_pre_paid", "is_new_device"]
ANY_NAMES = [("custom", "a"), ("custom", "b", "c"), ("custom", "of"), ("custom", "cart-total")]


def expression(random: Random, wanted: str, levels: int) -> Expression:
    """A tree of the type wanted: `number`, `text` or `truth`; sometimes a custom field, which may be anything."""
    if random.random() < 0.12:
        return Name(random.choice(ANY_NAMES))
    return {"number": _number, "text": _text, "truth": _truth}[wanted](random, levels)


def values(random: Random, name: str) -> Any:
    """A value for an input: mostly of its type, often unknown, and sometimes of a wrong type all the same."""
    roll = random.random()
    if roll < 0.2:
        return None
    if roll < 0.28:
        return random.choice([*OTHERS, *TRUTHS, *TEXTS, *NUMBERS])
    if name.startswith("custom"):
        return random.choice([*NUMBERS, *NUMBERS, *TEXTS, *TRUTHS, *TRUTHS, *OTHERS])
    return random.choice(TEXTS if name in TEXT_NAMES else TRUTHS if name in TRUTH_NAMES else NUMBERS)


def damaged(random: Random, text: str) -> str:
    """The text after one to four small accidents."""
    for _ in range(random.randint(1, 4)):
        at = random.randint(0, len(text))
        to = min(len(text), at + random.randint(0, 6))
        piece = random.choice(_PIECES)
        text = random.choice(
            [text[:at] + text[to:], text[:at] + piece + text[at:], text[:at] + piece + text[to:], text + text[at:to]]
        )
    return text


_PIECES = [
    *"()[],.|+-*/%<>=!\"'\\ \n\t#$&;:_^~`0159eE", "==", "!=", "<=", "&&", "and ", " or ", "not ", " in ", "true",
    "where ", " of ", "by ", "last 7d", ", until 3d ago", "including this", "other ", "nth 2", "custom", 'custom "x"',
    "any", "10m", "1e999", "9" * 30, "count(", "max(", "share(", "previous(", "distinct(", "lower(", "if_else(",
    "0x1f", "1.5h", "é", "“", "\u00a0", "\x00", "\ud800", "\U0001f600", "((((((((", "- - - ", '"\\u00e9"',
    '"\\ud800"', "None", "AND",
]  # fmt: skip


def _number(random: Random, levels: int) -> Expression:
    if levels <= 0 or random.random() < 0.25:
        return random.choice([_number_literal, _number_name, _duration, _aggregate])(random)

    def one() -> Expression:
        return expression(random, "number", levels - 1)

    roll = random.randrange(9)
    if roll < 3:
        return Arithmetic(random.choice(["+", "-", "*", "/", "%"]), one(), one())
    if roll == 3:
        return Negate(one())
    if roll == 4:
        return Call(random.choice(["abs", "round", "log"]), (one(),))
    if roll == 5:
        return Call(random.choice(["min", "max"]), tuple(one() for _ in range(random.randint(2, 4))))
    if roll == 6:
        return Call("number", (expression(random, random.choice(["text", "number"]), levels - 1),))
    if roll == 7:
        return Call("len", (expression(random, "text", levels - 1),))
    return _choice(random, "number", levels)


def _text(random: Random, levels: int) -> Expression:
    if levels <= 0 or random.random() < 0.4:
        return Text(random.choice(TEXTS)) if random.random() < 0.5 else _name(random.choice(TEXT_NAMES))
    roll = random.randrange(3)
    if roll == 0:
        return Call(random.choice(["lower", "upper"]), (expression(random, "text", levels - 1),))
    if roll == 1:
        return Call("text", (expression(random, random.choice(["text", "number", "truth"]), levels - 1),))
    return _choice(random, "text", levels)


def _truth(random: Random, levels: int) -> Expression:
    if levels <= 0 or random.random() < 0.1:
        return Truth(random.random() < 0.5) if random.random() < 0.3 else _name(random.choice(TRUTH_NAMES))
    kind = random.choice(["number", "text", "truth"])

    def one(wanted: str) -> Expression:
        return expression(random, wanted, levels - 1)

    roll = random.randrange(10)
    if roll < 3:
        return Logic(random.choice(["and", "or"]), tuple(one("truth") for _ in range(random.randint(2, 4))))
    if roll == 3:
        return Not(one("truth"))
    if roll == 4:
        return Compare(random.choice(["==", "!="]), one(kind), one(kind))
    if roll in (5, 6):
        return Compare(random.choice(["<", "<=", ">", ">="]), one("number"), one("number"))
    if roll == 7:
        if random.random() < 0.3:
            return Membership(one("text"), one("text"), random.random() < 0.3)
        return Membership(one(kind), _list(random, kind), random.random() < 0.3)
    if roll == 8:
        if random.random() < 0.5:
            return Call(random.choice(["known", "missing"]), (one(kind),))
        return Call(random.choice(["starts_with", "ends_with", "contains"]), (one("text"), one("text")))
    return _choice(random, "truth", levels)


def _choice(random: Random, wanted: str, levels: int) -> Expression:
    one, other = expression(random, wanted, levels - 1), expression(random, wanted, levels - 1)
    if random.random() < 0.5:
        return Call("default", (one, other))
    return Call("if_else", (expression(random, "truth", levels - 1), one, other))


def _number_literal(random: Random) -> Expression:
    return Number(random.choice(NUMBERS))


def _number_name(random: Random) -> Expression:
    return _name(random.choice(NUMBER_NAMES))


def _duration(random: Random) -> Expression:
    return Duration(random.choice(DURATIONS))


def _name(dotted: str) -> Name:
    return Name(tuple(dotted.split(".")))


def _list(random: Random, kind: str) -> ListOf:
    pools: dict[str, list[Scalar]] = {
        "number": [Number(value) for value in NUMBERS],
        "text": [Text(value) for value in TEXTS],
        "truth": [Truth(True), Truth(False)],
    }
    return ListOf(tuple(random.choice(pools[kind]) for _ in range(random.randint(1, 4))))


def _aggregate(random: Random) -> Expression:
    last, until = random.choice([None, 3_600_000, 7 * 86_400_000]), random.choice([None, None, 60_000])
    this = until is None and random.random() < 0.3
    orders, any_event = _past(random, "order"), _past(random, "any")
    by = tuple(EntityName(name) for name in random.sample(["user", "ip", "device"], random.randint(1, 2)))
    amount, card = Name(("amount",)), Name(("card",))
    names: list[AggregateName] = ["sum", "mean", "max", "min"]
    return random.choice([
        Aggregate("count", orders, by, last_ms=last, until_ms=until, including_this=this),
        Aggregate(random.choice(names), orders, by, of=amount, last_ms=last, until_ms=until),
        Aggregate("distinct", orders, by, of=card, other=random.random() < 0.3, last_ms=last, including_this=False),
        Aggregate("distinct", any_event, by, of=card, until_ms=until),
        Aggregate("since_first", any_event, by),
        Aggregate("since_last", orders, by),
        Aggregate("previous", orders, by, of=amount, nth=random.randint(1, 4)),
        Aggregate("share", orders, by, whole=any_event, last_ms=last, until_ms=until),
    ])  # fmt: skip


def _past(random: Random, name: str) -> Events:
    conditions: list[Expression] = [
        Compare(">", Name(("custom", "x")), Number(5)),
        Membership(Text("a"), Name(("custom", "y"))),
        Logic("or", (Membership(Name(("custom", "x")), ListOf((Text("a"),))), Name(("custom", "z")))),
    ]
    where = random.choice(conditions) if random.random() < 0.4 else None
    names: tuple[EventName, ...] = ()
    if name != "any":
        names = (EventName(name), *([EventName("c d", True)] if random.random() < 0.3 else []))
    return Events(names, where)
