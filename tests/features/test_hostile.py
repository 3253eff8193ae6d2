"""Definitions and streams made to hurt: what a definition may cost is bounded, whatever is defined and sent."""

from random import Random
from typing import Any

import msgspec
import pytest

from fourthwatch.api.features import why_no_name
from fourthwatch.clock import HOUR_MS
from fourthwatch.engine.definitions import Shelf
from fourthwatch.errors import LanguageError
from fourthwatch.features.definition import Book, Feature
from fourthwatch.features.modes import bytes_max
from fourthwatch.features.observe import Present
from fourthwatch.features.windows import Windows
from fourthwatch.limits import BY_ENTITIES_MAX, OWN_FEATURES_MAX
from story import NOW_MS, Story

ROOM_BYTES = 450
"""What a history may have taken beyond what is in it, so that it need not grow with every thing."""
ENTITY_BYTES_MAX = 160
"""Of a history with one thing in it, with its place in the table."""
OF_EVERY_MODE = {
    "adds": 'sum(custom.worth of custom "x", by {by})',
    "peaks": 'max(custom.worth of custom "x", by {by})',
    "tells apart": 'distinct(custom.worth of custom "x", by {by})',
    "keeps the latest": 'previous(custom.worth of custom "x", by {by})',
    "keeps the first": 'since_first(custom "x" where custom.worth > 0, by {by})',
}


def book_of(*texts: str) -> Book:
    book = Windows().book.for_tenant()
    for number, text in enumerate(texts):
        book.add(Feature(f"own_{number}", text, "", "", tenant=1))
    return book


def told(texts: tuple[str, ...], events: int, **of_event: Any) -> Windows:
    """Windows after so many events, of which each has another worth and, where a list is given, another of it."""
    windows = Windows(own={1: book_of(*texts)})
    windows.completed(windows.incomplete())
    story = Story(windows=windows)
    for number in range(events):
        body = {name: value(number) if callable(value) else value for name, value in of_event.items()}
        at_ms = NOW_MS + number * 9 * HOUR_MS
        subject = story.subject("custom_event", at_ms, _eventName="x", _customInfo={"worth": number + 1}, **body)
        windows.add(Present(subject, {}))
        story.seq += 1
    return windows


@pytest.mark.parametrize("how", OF_EVERY_MODE)
def test_one_definition_keeps_so_much_of_one_entity_whatever_is_sent(how: str) -> None:
    whom = {"_userId": "one", "_deviceIp": "203.0.113.7"}
    text = OF_EVERY_MODE[how].format(by="ip")
    with_it = told((text,), 3_000, **whom)
    without = told((), 3_000, **whom)
    assert len(with_it) == len(without)
    defined = book_of(text).get("own_0")
    assert defined is not None
    most = sum(bytes_max(series.mode) for series in defined.series if series.tenant)
    assert most > 0
    assert most / 2 - ROOM_BYTES <= with_it.memory_bytes - without.memory_bytes <= most + ROOM_BYTES


@pytest.mark.slow
@pytest.mark.parametrize("how", OF_EVERY_MODE)
def test_one_definition_keeps_so_much_of_each_event_when_every_event_is_of_somebody_new(how: str) -> None:
    events = 4_000
    whom = {"_userId": "one", "_deviceId": lambda number: f"d-{number}"}
    with_it = told((OF_EVERY_MODE[how].format(by="device+user"),), events, **whom)
    without = told((), events, **whom)
    assert len(with_it) - len(without) == events
    assert with_it.memory_bytes - without.memory_bytes <= events * ENTITY_BYTES_MAX


def test_a_combination_of_many_things_makes_no_more_histories_of_an_event_than_is_told() -> None:
    promotions = [{"_promotionId": f"p-{number}"} for number in range(9)]
    methods = [{"_cardBin": "411111", "_cardLast4": f"{number:04}"} for number in range(9)]
    items = [{"_itemId": f"i-{number}"} for number in range(9)]
    windows = Windows(own={1: book_of("count(order, by card+item_code+promotion_code)")})
    windows.completed(windows.incomplete())
    plain = Windows()
    for each in (windows, plain):
        story = Story(windows=each)
        story.tell(
            "createOrder", _orderId="o", _userId="u", _promotions=promotions, _paymentMethods=methods, _items=items
        )
    assert len(windows) - len(plain) == 4**BY_ENTITIES_MAX


def test_features_made_of_features_are_read_once_each_however_often_they_are_used() -> None:
    """The last would be read 2**200 times if each read its parts for itself."""
    book = book_of('count(custom "x", by user)')
    for number in range(1, OWN_FEATURES_MAX):
        book.add(Feature(f"own_{number}", f"own_{number - 1} + own_{number - 1}", "", "", tenant=1))
    windows = Windows(own={1: book})
    windows.completed(windows.incomplete())
    story = Story(windows=windows)
    for _ in range(3):
        story.tell("custom_event", NOW_MS, _eventName="x", _userId="u")
    last = f"own_{OWN_FEATURES_MAX - 1}"
    reading, plan = windows.reading_of(book, [last])
    (value,) = windows.read(reading, plan, Present(story.subject("login", NOW_MS, _userId="u"), {}))
    assert value == 3 * 2 ** (OWN_FEATURES_MAX - 1)
    assert len(reading.questions.queries) == 1


NUMBERS = ("0", "1", "399", "400", "401", "99999999999999999999", "1e9", "0.5", "1e308", "-1", "٣", "１", "0x10", "1_0")
UNITS = ("s", "m", "h", "d", "w", "y", "ms", "D", "")


def some_definition(random: Random) -> str:
    """Windows of all lengths, filters of all depths, names that shadow others, letters of all kinds."""
    window = f"{random.choice(('last', 'until', 'nth'))} {random.choice(NUMBERS)}{random.choice(UNITS)}"
    depth = random.randrange(60)
    inner = random.choice(
        ("amount > 1", "own_0 > 1", "custom.a.b.c == 1", "café == 1", "count > 1", "order", "x.y.z in [1]")
    )
    where = f"{'not (' * depth}{inner}{')' * depth}"
    name = random.choice(
        ("order", 'custom "x"', 'custom "\u202e"', "count", "own_0", "Ωmega", 'custom "a\nb"', 'custom ""')
    )
    by = random.choice(("user", "user+user", "own_0", "custom.a", "shop", "ip+device+card", "ゆーざー", "by"))
    function = random.choice(("count", "distinct", "sum", "since_last", "custom", "own_0", "ｃｏｕｎｔ"))
    return random.choice((
        f"{function}({name} where {where}, by {by}, {window})",
        f"{function}(amount of {name}, by {by}, {window}) * own_0",
        f"own_0 {random.choice(('/', '+', 'in', '==', 'and'))} {function}({name}, by {by})",
        f"{'-' * depth}own_0 + {random.choice(NUMBERS)}{random.choice(UNITS)}",
        where,
    ))  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("block", [0, *(pytest.param(block, marks=pytest.mark.slow) for block in range(1, 9))])
def test_a_hostile_definition_is_refused_with_its_place_or_read_like_any_other(block: int) -> None:
    taken = 0
    for seed in range(400 * block, 400 * block + 400):
        random = Random(seed)
        book = book_of('count(custom "x", by user)')
        text = some_definition(random)
        try:
            one = book.add(Feature("hostile", text, "", "", tenant=1))
        except LanguageError as error:
            for diagnostic in error.diagnostics:
                assert diagnostic.line >= 1
                assert 1 <= diagnostic.column <= len(text) + 1
            continue
        taken += 1
        windows = Windows(own={1: book})
        windows.completed(windows.incomplete())
        story = Story(windows=windows)
        for kind in ("custom_event", "createOrder", "login"):
            body = {"_eventName": "x", "_userId": "u", "_orderId": "o", "_customInfo": {"a": {"b": {"c": 1}}}}
            present = Present(story.subject(kind, NOW_MS, **body), {})
            (value,) = windows.read(*windows.reading_of(book, ["hostile"]), present)
            assert value is None or isinstance(value, int | float)
            windows.add(present)
            story.seq += 1
        assert len(one.series) <= 64
    assert taken > 10


def test_a_shelf_with_rows_that_no_release_would_take_today_still_opens() -> None:
    """What is stored is read again by a newer program, and nothing that it holds may keep that from starting."""
    rows = [Feature(f"own_{seed}", some_definition(Random(seed)), "", "", tenant=1) for seed in range(120)]
    shelf = Shelf([*rows, msgspec.structs.replace(rows[0], name="amount", text="amount")])
    assert len(shelf.rejected) + len(shelf.of(1).own()) == 121


@pytest.mark.parametrize(
    "name",
    ["", "Amount", "ａmount", "a-b", "a b", "_a", "1a", "a\n", "a" * 65, "naïve", "sum", "where", "amount", "item"],
)
def test_a_name_that_could_be_taken_for_another_is_refused(name: str) -> None:
    assert why_no_name(name) is not None
