"""What is wrong with a rule set is told all together, with the rule's name and the place in its text."""

from pathlib import Path

import pytest

from fourthwatch.errors import RulesRefused
from fourthwatch.features.catalogue import built_in
from fourthwatch.limits import RULES_MAX
from fourthwatch.rules.check import check_set
from fourthwatch.rules.examples import findings_of, try_examples
from fourthwatch.rules.rule import Action, Example, Rule, RuleSet, Told, decoded, encoded
from rules.judging import rule

FINDINGS = Path(__file__).parent / "findings.txt"
BAD: tuple[Rule, ...] = (
    rule("Bad-name"),
    Rule(name="no_sentence", rule_class="block", when="true", says=" "),
    rule("misspelt", "amuont > 3"),
    rule("two_faults", 'amount > "a" and user_emial == "b"'),
    rule("no_truth", "amount + 1"),
    rule("no_weight", weight=0.0),
    rule("too_heavy", weight=61.0),
    rule("block_with_weight", rule_class="block", weight=3.0),
    rule("half_percentage", percentage=50),
    rule("percentage", state="percentage", percentage=101),
    rule("weak_brake", brake=0.5),
    rule("bad_reason", reason="two words"),
    rule("bad_shows", shows="nothing_of_this"),
    rule("verdict_of_block", rule_class="block", actions=(Action("verdict", "approve"),)),
    rule("verdict_unheard", actions=(Action("verdict", "maybe"),)),
    rule("list_of_nothing", actions=(Action("list", "cards"),)),
    rule("label_of_another_word", actions=(Action("label", "reseller"),)),
    rule("tag_with_days", actions=(Action("tag", "x", days=3),)),
    rule("example_kind", examples=(Example("hit", event="orders"),)),
    rule("example_future", examples=(Example("hit", before=(Told("login", seconds_before=-1),)),)),
    rule("twice"),
    rule("twice"),
)


def refused(*rules: Rule, prior: float = -15.0) -> RulesRefused:
    with pytest.raises(RulesRefused) as found:
        check_set(RuleSet(rules, prior), built_in(), 1)
    return found.value


def test_findings_read_as_they_did_before() -> None:
    told = refused(*BAD)
    assert told.rendered == FINDINGS.read_text("utf-8")
    assert len(told.findings) >= 20
    assert told.message.endswith(f"(and {len(told.findings) - 1} more)")


def test_too_many_rules_and_a_prior_beyond_all_bounds_are_refused() -> None:
    assert refused(*[rule(f"r{n}") for n in range(RULES_MAX + 1)]).findings[0].code == "too_many_rules"
    assert refused(rule(), prior=float("nan")).findings[0].code == "bad_prior"


def test_more_aggregates_than_are_read_per_decision_are_refused() -> None:
    many = [rule(f"r{n}", f"count(order, by ip, last {n + 1}s) > 1") for n in range(201)]
    assert refused(*many).findings[0].code == "too_costly"


def test_an_example_that_does_not_hold_is_named() -> None:
    one = rule(
        "dear",
        examples=(
            Example("hit", body={"_orderId": "o", "_userId": "u", "_amount": "500"}),
            Example("hit", body={"_orderId": "o", "_userId": "u", "_amount": "5"}),
            Example("miss"),
            Example("hit", body={"_userId": "u"}),
            Example("hit", given={"orders_by_ip_24h": 4}),
        ),
    )
    book = built_in()
    told = [finding.message for finding in findings_of(try_examples(check_set(RuleSet((one,)), book, 1), book))]
    assert len(told) == 4
    assert told[:2] == [
        "example 2 should be a hit, and is miss (amount 5 > 400)",
        "example 3 should be a miss, and is unknown (amount unknown > 400: unknown: no amount)",
    ]
    assert "no event" in told[2]
    assert "`orders_by_ip_24h` is given" in told[3]


def test_who_acts_in_an_example_is_told_by_its_session_as_in_the_walk() -> None:
    login = Told("login", {"_userId": "asha", "_sessionId": "s-1"}, 60)
    one = rule(
        "known",
        "count(login, by user, last 1h) >= 1",
        examples=(
            Example("hit", body={"_orderId": "o", "_sessionId": "s-1"}, before=(login,)),
            Example("hit", body={"_orderId": "o", "_userId": "s-1"}, before=(login,)),
            Example("miss", body={"_orderId": "o", "_userId": "mira", "_sessionId": "s-1"}, before=(login,)),
        ),
    )
    book = built_in()
    assert findings_of(try_examples(check_set(RuleSet((one,)), book, 1), book)) == []


def test_a_set_reads_back_as_it_was_stored() -> None:
    whole = RuleSet((rule(state="shadow", actions=(Action("list", "cards", "card", 30),)), rule("two")), -12.0, ("x",))
    assert decoded(encoded(whole)) == whole
