"""The rules that come with the program: enough of them, each tried, in presets by kind of shop."""

import pytest

from fourthwatch.features.catalogue import built_in
from fourthwatch.features.windows import Windows
from fourthwatch.rules.check import check_set
from fourthwatch.rules.examples import try_examples
from fourthwatch.rules.files import read_file, write_file
from fourthwatch.rules.rule import Rule, RuleSet
from fourthwatch.rules.starter import PRESETS, THEMES, of_themes, preset, theme

ALL = of_themes(tuple(THEMES)).rules


def test_there_are_at_least_forty_rules_in_every_preset() -> None:
    assert len(ALL) >= 90
    for name in PRESETS:
        assert len(preset(name).rules) >= 40, name


@pytest.mark.parametrize("one", ALL, ids=lambda rule: rule.name)
def test_each_has_an_example_that_hits_and_one_that_does_not(one: Rule) -> None:
    assert {"hit", "miss"} <= {example.expect for example in one.examples}


def test_every_example_says_what_it_should() -> None:
    book = built_in()
    tried = try_examples(check_set(RuleSet(ALL), book, 1), book.for_tenant())
    assert len(tried) >= 190
    assert [(one.rule, one.number, one.told) for one in tried if not one.passed] == []


def test_no_two_rules_have_a_name_and_every_theme_is_in_a_preset() -> None:
    assert len({one.name for one in ALL}) == len(ALL)
    assert {one for themes in PRESETS.values() for one in themes} == set(THEMES)


def test_the_themes_speak_of_what_shops_lose_money_by() -> None:
    wanted = "card_testing account_takeover promotion_abuse return_to_origin resellers refunds chargebacks"
    assert set(wanted.split()) <= set(THEMES)


def test_the_general_preset_asks_nothing_that_is_not_kept_anyway() -> None:
    checked = check_set(preset("general"), built_in(), 0)
    plain, asked = Windows(), Windows(asked={0: checked.asking})
    assert asked.registry.all().keys() == plain.registry.all().keys()


def test_the_contracts_own_reasons_are_given() -> None:
    codes = {one.code for one in preset("general").rules}
    assert {"_numOfFailedTransactions", "_accountAge", "_numOfOrderSameIp"} <= codes


@pytest.mark.parametrize("name", THEMES)
def test_the_files_are_in_the_form_in_which_files_are_written(name: str) -> None:
    assert read_file(name, write_file(theme(name))) == theme(name)
