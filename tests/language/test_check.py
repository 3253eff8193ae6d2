"""What the checker makes of names and types, what an expression costs, and how a room above adds to the language."""

import msgspec
import pytest

from fourthwatch.errors import LanguageError
from fourthwatch.language import (
    FUNCTIONS,
    Function,
    NameInput,
    Parameter,
    Schema,
    compile_expression,
    parse,
    read,
)
from fourthwatch.language.check import Cost, check
from fourthwatch.language.operators import TEXT
from fourthwatch.limits import EXPRESSION_AGGREGATES_MAX, WINDOW_MS_MAX
from language.stall import SHOP


def codes(text: str, schema: Schema = SHOP) -> list[str]:
    """What is wrong with an expression; nothing when it is fine."""
    try:
        read(text, schema)
    except LanguageError as error:
        return [one.code for one in error.diagnostics]
    return []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amount", "number"), ("amount + 1", "number"), ("user_email", "text"), ("is_pre_paid", "truth"),
        ("occurred", "time"), ("occurred - occurred", "duration"), ("occurred - 1h", "time"), ("1h + occurred", "time"),
        ("1h + 30m", "duration"), ("1h * 2", "duration"), ("1h / 30m", "number"), ("1h / 2", "duration"),
        ("-1h", "duration"),
        ("since_last(order, by user)", "duration"), ("seen(card, by user)", "truth"),
        ("count(order, by user)", "number"),
        ("previous(currency_code of order, by user)", "text"), ("previous(occurred of order, by user)", "time"),
        ("previous(custom.x of order, by user)", "any"), ("custom.x", "any"), ("custom.x + 1", "number"),
        ("-custom.x", "any"), ("default(custom.x, 1)", "any"), ("default(user_email, \"\")", "text"),
        ("if_else(is_pre_paid, 1h, 2h)", "duration"), ("if_else(is_pre_paid, 1h, 2)", "number"),
        ("min(1h, 2h)", "duration"),
        ("round(1h)", "duration"), ("account_age", "duration"), ("account_age > 7d", "truth"),
        ("account_age > 3600", "truth"), ("occurred > 1700000000", "truth"), ("len(items)", "number"),
        ("\"a\" in items", "truth"), ("custom.x and custom.y", "truth"),
    ],
)  # fmt: skip
def test_an_expression_has_the_type_that_a_reader_expects(text: str, expected: str) -> None:
    assert read(text, SHOP).type == expected


def test_a_field_that_differs_between_events_is_looked_at_when_it_comes() -> None:
    assert read("previous(amount of order | transaction, by user)", SHOP).type == "number"
    assert read("previous(amount of order | message, by user)", SHOP).type == "any"
    assert read("previous(amount of any, by user)", SHOP).type == "any"
    assert codes("sum(amount of message, by user) > 1") == ["wrong_type"]


def test_a_field_goes_before_a_feature_of_its_name() -> None:
    schema = msgspec.structs.replace(SHOP, names={"amount": "text", "city_size": "number"})
    checked = read("amount > city_size", schema)
    assert checked.named == {"city_size"}
    assert compile_expression(checked).inputs[1] == NameInput("city_size")


def test_an_entity_goes_before_a_field_in_distinct() -> None:
    schema = msgspec.structs.replace(SHOP, entities=SHOP.entities | {"currency_code"})
    assert codes("distinct(other currency_code, by user) > 1", schema) == []
    assert codes("distinct(other currency_code, by user) > 1") == ["unknown_entity"]


def test_a_shop_without_custom_fields_has_none() -> None:
    schema = msgspec.structs.replace(SHOP, custom_allowed=False)
    assert codes('custom.x == 1 and count(custom "a" where custom.y, by user) > 1', schema) == [
        "unknown_name", "unknown_event", "unknown_field",
    ]  # fmt: skip


def test_fields_of_own_events_are_known_when_they_are_told() -> None:
    schema = msgspec.structs.replace(SHOP, custom_fields={"points": "number"})
    assert codes('sum(points of custom "spin", by user) > 1', schema) == []
    assert codes('sum(points of custom "spin", by user) > 1') == ["unknown_field"]


def test_the_same_question_costs_once() -> None:
    text = "count(order, by user) > 1 or count( order , by user ) > 2 or count(order, by ip, last 1h) > 3"
    assert read(text, SHOP).cost == Cost(aggregates=2, series=1)
    assert read("share(chargeback in order, by card) > mean(amount of order, by card)", SHOP).cost == Cost(2, 3)
    assert read("amount > 3", SHOP).cost == Cost(0, 0)


def test_what_cannot_be_bounded_is_refused() -> None:
    days = WINDOW_MS_MAX // 86_400_000
    assert codes(f"count(order, by ip, last {days}d) > 1") == []
    assert codes(f"count(order, by ip, last {days + 1}d) > 1") == ["window_too_long"]
    assert codes(f"count(order, by ip, until {days + 1}d ago) > 1") == ["window_too_long"]
    many = " or ".join(f"count(order, by ip, last {n}m) > 1" for n in range(1, EXPRESSION_AGGREGATES_MAX + 1))
    assert codes(many) == []
    assert codes(many + " or count(order, by ip) > 1") == ["too_costly"]


def test_one_fault_is_told_once_however_much_hangs_on_it() -> None:
    assert codes("round(abs(-nothing + 1)) > 2 and not (nothing_else in [1, 2])") == ["unknown_name"] * 2


def test_a_result_of_another_type_than_wanted_is_refused() -> None:
    with pytest.raises(LanguageError, match="this gives a number, and a truth is wanted"):
        read("amount", SHOP, "truth")
    assert read("custom.x", SHOP, "truth").type == "truth"
    assert read("1h", SHOP, "number").type == "duration"


def test_without_a_source_places_are_those_of_the_canonical_text() -> None:
    with pytest.raises(LanguageError) as caught:
        check(parse("(  (amount)) >     nothing"), SHOP)
    assert caught.value.diagnostics[0].column == len("amount > ") + 1


def test_a_room_above_can_add_a_function() -> None:
    vip = Function(
        "on_list",
        (Parameter("value", frozenset({"text", "any"}), TEXT), Parameter("list", frozenset({"text"}), TEXT)),
        "truth",
        lambda value, name: (value, name) == ("a@b.example", "vip"),
        "whether the value is on the list",
        'on_list(user_email, "vip")',
    )
    schema = msgspec.structs.replace(SHOP, functions={**FUNCTIONS, vip.name: vip})
    compiled = compile_expression(read('not on_list(user_email, "vip")', schema))
    assert [compiled.run([value]) for value in ("a@b.example", "c", None, 5)] == [False, True, None, None]
    assert codes('on_list(user_email, "vip")') == ["unknown_function"]
