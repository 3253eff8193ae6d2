"""What looks wrong about rules that hold, found and never invented."""

from random import Random
from typing import Any

import pytest

from fourthwatch.features.catalogue import built_in
from fourthwatch.language import compile_expression
from fourthwatch.rules import lint as linter
from fourthwatch.rules.check import check_set
from fourthwatch.rules.lint import lint
from fourthwatch.rules.rule import Action, Rule, RuleSet
from fourthwatch.rules.starter import PRESETS, preset
from rules.judging import rule


def found(*rules: Rule) -> list[tuple[str, str]]:
    return [(one.rule, one.code) for one in lint(check_set(RuleSet(rules), built_in(), 1))]


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ("false", "dead"),
        ("1 > 2", "dead"),
        ("amount > 3 and false", "dead"),
        ("true", "over_wide"),
        ("missing(amount) or known(amount)", "over_wide"),
        ("missing(user_email) and known(user_email)", "contradictory"),
        ('missing(currency_code) and currency_code == "INR"', "contradictory"),
        ('missing(currency_code) or currency_code == "INR"', None),
        ("known(amount) and amount > 5", None),
        ("not missing(amount)", None),
        ("seen(device, by user) and not seen(device, by user)", "contradictory"),
        ("seen(device, by user) or not seen(device, by user)", "over_wide"),
        ("amount > payment_amount and not amount > payment_amount", "contradictory"),
        ("amount > payment_amount and amount < payment_amount", None),
        ("amount > 5 or true", "over_wide"),
        ("amount > 5 and amount < 3", "contradictory"),
        ("amount > 5 and amount <= 5", "contradictory"),
        ('currency_code == "INR" and currency_code == "USD"', "contradictory"),
        ('currency_code == "INR" and currency_code not in ["INR", "USD"]', "contradictory"),
        ("count(order, by ip) < 0", "contradictory"),
        ("not (amount > 5 or amount <= 5)", "contradictory"),
        ("is_pre_paid and not is_pre_paid", "contradictory"),
        ("amount > 5 and (amount < 3 or amount < 4)", "contradictory"),
        ('login_status == "_success"', "always_unknown"),
        ("amount >= 5 and amount <= 5", None),
        ("amount > 5 or amount < 3", None),
        ("amount > 5 or not amount > 5", "over_wide"),
        ("count(order, by ip) >= 0", "over_wide"),
        ("count(order, by ip) > 0", None),
        ("count(order, by ip) == -1", "contradictory"),
        ("count(order, by ip) != -1", "over_wide"),
        ("count(order, by ip) >= 0 and amount > 5", None),
        ("count(order, by ip) >= 0 or amount > 5", "over_wide"),
        ("distinct(user, by ip) > -1", "over_wide"),
        ("share(login in order, by user) <= 1", "over_wide"),
        ("share(login in order, by user) > 1", "contradictory"),
        ("sum(amount of order, by user) >= 0", None),
        ("users_by_device_30d >= 0", "over_wide"),
        ("users_by_device_30d >= 1", None),
        ("is_new_device > 1", "contradictory"),
        ("is_new_device == 2", "contradictory"),
        ("is_new_device in [2, 3]", "contradictory"),
        ("is_new_device >= 0 and is_new_device <= 1", "over_wide"),
        ("amount > 5 or amount <= 5", "over_wide"),
        ("amount >= 0", None),
        ('outcome == "failure"', None),
    ],
)
def test_a_condition_that_looks_wrong_is_named(when: str, code: str | None) -> None:
    assert found(rule("one", when)) == ([] if code is None else [("one", code)])


def test_a_rule_that_another_of_its_class_makes_needless_is_named() -> None:
    wide, narrow = rule("wide", "amount > 5", "review"), rule("narrow", "amount > 9 and is_pre_paid", "review")
    assert found(wide, narrow) == [("narrow", "subsumed")]
    assert found(rule("a", "amount > 5", "block"), rule("b", "amount > 5", "block")) == [("b", "subsumed")]


def test_a_rule_before_which_another_always_goes_is_dead() -> None:
    allow, block = rule("friends", "amount > 5", "allow"), rule("dear", "amount > 9", "block")
    assert found(allow, block) == [("dear", "dead")]
    assert found(block, rule("look", "amount > 9 and is_pre_paid", "review")) == [("look", "dead")]


@pytest.mark.parametrize(
    "rules",
    [
        (rule("friends", "amount > 5", "allow"), rule("dear", "amount > 3", "block")),
        (rule("friends", "amount > 5", "allow", state="shadow"), rule("dear", "amount > 9", "block")),
        (rule("friends", "amount > 5", "allow"), rule("dear", "amount > 9", "block", actions=(Action("tag", "x"),))),
        (rule("friends", "amount > 5", "allow"), rule("dear", "amount > 9")),
        (rule("wide", "amount > 5", "review"), rule("narrow", "amount > 9", "block")),
        (rule("wide", "amount > 5"), rule("narrow", "amount > 9")),
        (rule("wide", "amount > 5", "review", state="shadow"), rule("narrow", "amount > 9", "review")),
        (rule("wide", "amount > 5 and is_pre_paid", "review"), rule("narrow", "amount > 9", "review")),
    ],
)
def test_rules_that_add_something_are_left_alone(rules: tuple[Rule, ...]) -> None:
    assert found(*rules) == []


@pytest.mark.parametrize("name", PRESETS)
def test_the_starter_sets_look_right(name: str) -> None:
    assert lint(check_set(preset(name), built_in(), 1)) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_what_is_said_to_be_impossible_or_needless_never_shows_otherwise(seed: int) -> None:
    random = Random(seed)

    def text(depth: int = 2) -> str:
        if depth == 0 or random.random() < 0.3:
            name = random.choice(("amount", "account_age", "payment_amount"))
            return f"{name} {random.choice(('<', '<=', '>', '>=', '==', '!='))} {random.randrange(4)}"
        parts = [text(depth - 1) for _ in range(random.randrange(2, 4))]
        joined = random.choice((" and ", " or ")).join(f"({part})" for part in parts)
        return f"not ({joined})" if random.random() < 0.3 else joined

    rules = tuple(rule(f"r{n}", text(), "review") for n in range(6))
    checked = check_set(RuleSet(rules), built_in(), 1)
    codes = {one.rule: (one.code, one.message) for one in lint(checked)}
    for _ in range(300):
        given = {name: random.choice((0, 0.5, 1, 2, 3, 3.5)) for name in ("amount", "account_age", "payment_amount")}
        hits = set()
        for one in checked.rules:
            assert one.when.checked is not None
            compiled = compile_expression(one.when.checked)
            values = [given[".".join(each.path) if hasattr(each, "path") else each.name] for each in compiled.inputs]  # type: ignore[union-attr]
            if compiled.run(values):
                hits.add(one.rule.name)
        for name in hits:
            code, message = codes.get(name, ("", ""))
            assert code not in ("contradictory", "dead")
        for name, (code, _) in codes.items():
            assert code != "over_wide" or name in hits, name
        for name in hits:
            code, message = codes.get(name, ("", ""))
            if code == "subsumed":
                assert message.split()[3] in hits, (name, message)


def test_rules_that_ask_of_other_things_are_not_held_against_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a rule that is covered is held against no more than it takes to know. The time grew with their square."""
    held = 0
    covers = linter._covers

    def counted(*pair: Any) -> bool:
        nonlocal held
        held += 1
        return covers(*pair)

    monkeypatch.setattr(linter, "_covers", counted)
    apart = [rule(f"r{at}", f"amount > 5 and count(login, by ip, last {at + 1}h) > 3", "review") for at in range(100)]
    assert found(*apart) == []
    assert held == len(apart), "more than each against itself"
    nested = [rule(f"r{at}", f"amount > {at}", "review") for at in range(100)]
    held = 0
    assert len(found(*nested)) == len(nested) - 1
    assert held < 3 * len(nested)
