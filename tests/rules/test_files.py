"""Rules in files: read, written in one form, and refused with the file's and the rule's name."""

from itertools import combinations, permutations

import pytest

from fourthwatch.errors import RuleFileError
from fourthwatch.rules.difference import differences
from fourthwatch.rules.files import look_at_file, read_file, together, write_file
from fourthwatch.rules.rule import Action, Example, RuleSet, Told
from rules.judging import rule

WHOLE = RuleSet(
    (
        rule(
            "one", 'currency_code == "INR" and  amount>3', state="percentage", percentage=20, brake=4.0, owner="risk",
            actions=(Action("list", "cards", "card", 30), Action("queue", "senior")), shows="amount",
            examples=(
                Example("hit", body={"_items": [{"_itemId": "i\n1", "x y": "ä\x7f"}], "a": 1.5, "b": True}),
                Example("unknown", "login", given={"f": 3}, before=(Told("login", {"_userId": "u"}, 60),)),
            ),
        ),
        rule("two", "not (amount > 3)", "block"),
    ),
    -12.5,
    ("fashion",),
)  # fmt: skip


def test_what_is_written_reads_back_with_its_texts_in_canonical_form() -> None:
    text = write_file(WHOLE)
    back = read_file("rules.toml", text)
    assert back.rules[0].when == 'currency_code == "INR" and amount > 3'
    assert (back.rules[0].when, back.rules[1].when) != (WHOLE.rules[0].when, WHOLE.rules[1].when)
    assert differences(WHOLE, back) == []
    assert write_file(back) == text


def test_several_files_are_one_set() -> None:
    one, two = RuleSet((rule("one"),), -10.0), RuleSet((rule("two"),), presets=("x",))
    assert together([one, two]) == RuleSet((rule("one"), rule("two")), -10.0, ("x",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[rule]", "rules.toml: this is not TOML"),
        ("[[rules]]\nname='x'", "`rules` is not understood"),
        ("[rule]\nname='x'", "two brackets"),
        ("[[rule]]\nname='x'", "rule x: class is missing"),
        (
            "[[rule]]\nname='x'\nclass='maybe'\nwhen='true'\nsays='s'",
            "rule x: class is one of allow, block, review, score",
        ),
        (
            "[[rule]]\nname='x'\nclass='block'\nwhen='true'\nsays='s'\nsay='s'",
            "there is no key `say`; did you mean `says`?",
        ),
        ("prior = 'x'", "prior: expected `float`"),
        (
            "[[rule]]\nname='x'\nclass='block'\nwhen='true'\nsays='s'\nactions=[{do='lst', to='x'}]",
            "rule x: do is one of verdict, list, tag, label, queue, webhook (at /actions/0/do)",
        ),
    ],
)
def test_a_file_that_is_none_is_told_what_would_be_right(text: str, told: str) -> None:
    with pytest.raises(RuleFileError) as found:
        read_file("rules.toml", text)
    assert told in str(found.value)


def test_every_fault_of_the_shape_is_told_and_the_rules_that_have_it_are_read() -> None:
    text = """prior = "x"
priors = 3
[[rule]]
name = "first"
class = "maybe"
when = 3
say = "s"
actions = [{ do = "lst", to = "x" }, { do = "tag", too = "x" }, 5]
[[rule]]
name = "good"
class = "block"
when = "true"
says = "s"
[[rule]]
class = "block"
when = "true"
says = "s"
weight = "3"
"""
    looked = look_at_file("rules.toml", text)
    assert [one.name for one in looked.rule_set.rules] == ["good"]
    assert looked.rows == 3
    assert [(one.rule, one.message) for one in looked.findings] == [
        ("", "`priors` is not understood; did you mean `prior`?"),
        ("first", "says is missing"),
        ("first", "there is no key `say`; did you mean `says`?"),
        ("first", "class is one of allow, block, review, score"),
        ("first", "expected `str`, got `int` (when)"),
        ("first", "do is one of verdict, list, tag, label, queue, webhook (at /actions/0/do)"),
        ("first", "to is missing (at /actions/1/to)"),
        ("first", "there is no key `too`; did you mean `to`? (at /actions/1/too)"),
        ("first", "expected `object`, got `int` (at /actions/2)"),
        ("", "rule number 3: name is missing"),
        ("", "rule number 3: expected `float`, got `str` (weight)"),
        ("", "prior: expected `float`, got `str`"),
    ]
    assert {one.code for one in looked.findings} == {"bad_shape"}
    with pytest.raises(RuleFileError) as found:
        read_file("rules.toml", text)
    assert len(str(found.value).splitlines()) == len(looked.findings)


def test_differences_tell_what_was_added_removed_changed_and_moved() -> None:
    before = RuleSet((rule("a"), rule("b"), rule("c"), rule("d")))
    after = RuleSet((rule("b"), rule("a"), rule("c", weight=9.0), rule("e")), -9.0)
    assert [(one.rule, one.kind, one.keys) for one in differences(before, after)] == [
        ("b", "moved", ()), ("c", "changed", ("weight",)), ("e", "added", ()),
        ("d", "removed", ()), ("", "changed", ("prior",)),
    ]  # fmt: skip
    assert differences(before, before) == []
    spaced = RuleSet((rule("a", "amount>5 and(amount<9)"),))
    assert differences(spaced, RuleSet((rule("a", "amount > 5 and amount < 9"),))) == []
    (changed,) = differences(spaced, RuleSet((rule("a", "amount > 5 and amount < 8"),)))
    assert (changed.kind, changed.keys) == ("changed", ("when",))


def places(*names: str) -> RuleSet:
    return RuleSet(tuple(rule(name) for name in names))


@pytest.mark.parametrize(
    ("after", "moved"),
    [("bcdefa", "a"), ("fabcde", "f"), ("acbdef", "c"), ("badcfe", "bdf"), ("fedcba", "fedcb"), ("abcdef", "")],
)
def test_only_rules_that_really_moved_are_told_as_moved(after: str, moved: str) -> None:
    found = differences(places(*"abcdef"), places(*after))
    assert [(one.rule, one.kind) for one in found if one.kind == "moved"] == [(one, "moved") for one in moved]


def test_no_fewer_rules_could_have_moved() -> None:
    names = "abcde"
    for after in permutations(names):
        moved = [one.rule for one in differences(places(*names), places(*after))]
        stayed = [name for name in after if name not in moved]
        assert stayed == sorted(stayed)
        fewer = [kept for kept in combinations(after, len(stayed) + 1) if list(kept) == sorted(kept)]
        assert fewer == []


def test_a_changed_rule_that_moved_says_so() -> None:
    before = RuleSet((rule("a"), rule("b"), rule("c")))
    after = RuleSet((rule("b"), rule("c"), rule("a", weight=9.0)))
    assert [(one.rule, one.kind, one.keys) for one in differences(before, after)] == [
        ("a", "changed", ("weight", "place"))
    ]
