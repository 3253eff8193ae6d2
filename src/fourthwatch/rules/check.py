"""A rule set against what there is: names, bounds, texts. All that is wrong is told together.

What passes holds for good: a checked set can be compiled over windows at any time without a fault.
"""

import math
import re
from collections.abc import Iterator, Mapping

import msgspec

from fourthwatch.errors import Finding, LanguageError, RulesRefused
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.features.definition import Book, Defined, Feature
from fourthwatch.features.things import THINGS
from fourthwatch.language import Schema, read, render
from fourthwatch.language.diagnose import did_you_mean
from fourthwatch.limits import (
    EXPRESSION_CHARS_MAX,
    RULE_ACTIONS_MAX,
    RULE_AGGREGATES_MAX,
    RULE_EXAMPLE_EVENTS_MAX,
    RULE_EXAMPLES_MAX,
    RULE_NAME_CHARS_MAX,
    RULE_POINTS_MAX,
    RULE_SAYS_CHARS_MAX,
    RULES_MAX,
)
from fourthwatch.rules.rule import GOOD, Rule, RuleSet

_NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{RULE_NAME_CHARS_MAX - 1}}}")
_CODE = re.compile(rf"_?[A-Za-z][A-Za-z0-9_]{{0,{RULE_NAME_CHARS_MAX - 1}}}")
_VERDICTS = ("approve", "review", "decline")


class CheckedRule(msgspec.Struct, frozen=True):
    """A rule whose texts hold."""

    rule: Rule
    when: Defined
    shows: Defined | None
    """What its reason shows, where the rule says so."""


class CheckedSet(msgspec.Struct, frozen=True):
    """A set that holds."""

    rule_set: RuleSet
    tenant: int
    rules: tuple[CheckedRule, ...]

    @property
    def asking(self) -> list[Defined]:
        """The expressions of rules that are evaluated, for the windows."""
        return [
            one for each in self.rules if each.rule.is_evaluated for one in (each.when, each.shows) if one is not None
        ]


def check_set(rule_set: RuleSet, book: Book, tenant: int) -> CheckedSet:
    """The set with its texts read; raises `RulesRefused` with every finding."""
    result, findings = findings_in(rule_set, book, tenant)
    if findings:
        raise RulesRefused(tuple(findings))
    return result


def findings_in(rule_set: RuleSet, book: Book, tenant: int) -> tuple[CheckedSet, list[Finding]]:
    """The rules that hold, and everything that is wrong with the others or with the set."""
    schema = book.rule_schema
    findings: list[Finding] = []
    checked: list[CheckedRule] = []
    if len(rule_set.rules) > RULES_MAX:
        findings.append(Finding("", "too_many_rules", f"a set has up to {RULES_MAX} rules, this has more"))
    if not math.isfinite(rule_set.prior) or abs(rule_set.prior) > RULE_POINTS_MAX:
        findings.append(Finding("", "bad_prior", f"the prior is between -{RULE_POINTS_MAX:g} and {RULE_POINTS_MAX:g}"))
    seen: set[str] = set()
    for rule in rule_set.rules[:RULES_MAX]:
        wrong = [Finding(rule.name[:RULE_NAME_CHARS_MAX], code, message) for code, message in _faults(rule)]
        if rule.name in seen:
            wrong.append(Finding(rule.name, "name_twice", "there are two rules of this name"))
        seen.add(rule.name)
        read_rule = None
        if len(rule.when) <= EXPRESSION_CHARS_MAX and len(rule.shows) <= EXPRESSION_CHARS_MAX:
            read_rule = _read(rule, book, schema, tenant, wrong)
        if read_rule is not None:
            checked.append(read_rule)
        findings += wrong
    result = CheckedSet(rule_set, tenant, tuple(checked))
    asked = {node for one in result.asking for node in one.aggregates}
    if not findings and len(asked) > RULE_AGGREGATES_MAX:
        message = f"the rules ask {len(asked)} different aggregates; up to {RULE_AGGREGATES_MAX} are read per decision"
        findings.append(Finding("", "too_costly", message))
    return result, findings


def list_findings(rule_set: RuleSet, lists: Mapping[str, frozenset[str]]) -> list[Finding]:
    """Actions that would put things into lists that are not there, or that hold other things.

    `lists` has the things that can be looked up in each. No part of `check_set`: a list may go after its rules came.
    """
    findings: list[Finding] = []
    for rule in rule_set.rules:
        for action in rule.actions:
            things = lists.get(action.to)
            if action.do != "list" or (things is not None and action.thing in things):
                continue
            if things is None:
                near = did_you_mean(action.to, list(lists)) or "make it first"
                message = f"there is no list `{action.to}` to put the {action.thing} into; {near}"
            else:
                message = f"no {action.thing} goes into the list `{action.to}`, but {', '.join(sorted(things))}"
            findings.append(Finding(rule.name, "bad_action", message))
    return findings


def _faults(rule: Rule) -> Iterator[tuple[str, str]]:
    """Code and message of whatever can be said without reading the texts."""
    if _NAME.fullmatch(rule.name) is None:
        yield (
            "bad_name",
            "a name has small letters, digits and underscores, begins with a letter, and has at most "
            f"{RULE_NAME_CHARS_MAX} of them",
        )
    if rule.reason and _CODE.fullmatch(rule.reason) is None:
        yield "bad_reason", "a reason code has letters, digits and underscores"
    if not rule.says.strip() or len(rule.says) > RULE_SAYS_CHARS_MAX:
        yield "bad_sentence", f"says is a sentence for the merchant, of at most {RULE_SAYS_CHARS_MAX} characters"
    if len(rule.when) > EXPRESSION_CHARS_MAX or len(rule.shows) > EXPRESSION_CHARS_MAX:
        yield "too_long", f"an expression has at most {EXPRESSION_CHARS_MAX:,} characters"
    if not math.isfinite(rule.weight) or abs(rule.weight) > RULE_POINTS_MAX:
        yield "bad_weight", f"a weight is between -{RULE_POINTS_MAX:g} and {RULE_POINTS_MAX:g} points"
    elif rule.rule_class == "score" and rule.weight == 0:
        yield "bad_weight", "a score rule has a weight: 10 points make the odds of fraud ten times as high"
    elif rule.rule_class != "score" and rule.weight != 0:
        yield "bad_weight", f"only score rules have a weight; a rule of class {rule.rule_class} decides by itself"
    if not 0 <= rule.percentage <= 100 or (rule.percentage != 100 and rule.state != "percentage"):
        yield "bad_percentage", "percentage is 0 to 100, and belongs to the state `percentage`"
    if not math.isfinite(rule.brake) or rule.brake < 0 or 0 < rule.brake < 1:
        yield "bad_brake", "the brake is a multiple of the usual rate, 1 or more; 0 is none"
    yield from _action_faults(rule)
    yield from _example_faults(rule)


def _action_faults(rule: Rule) -> Iterator[tuple[str, str]]:
    if len(rule.actions) > RULE_ACTIONS_MAX:
        yield "too_many_actions", f"a rule has up to {RULE_ACTIONS_MAX} actions"
    for action in rule.actions:
        if not action.to.strip() or len(action.to) > RULE_NAME_CHARS_MAX:
            yield "bad_action", f"an action says in `to` what it is about, in at most {RULE_NAME_CHARS_MAX} characters"
        if action.do == "verdict":
            if rule.rule_class != "score":
                yield "bad_action", f"the class {rule.rule_class} is the verdict; only score rules name one"
            if action.to not in _VERDICTS:
                yield "bad_action", "a verdict is approve, review or decline"
        if action.do == "label" and action.to not in ("fraud", "good"):
            yield "bad_action", "a label is fraud or good"
        if action.do == "list" and action.thing not in THINGS:
            yield "bad_action", "`thing` says what goes into the list: card, email, phone, device, ip, address, …"
        if action.do == "tag" and action.thing not in ("", GOOD):
            yield "bad_action", "`thing` of a tag is good, or is left out: then the mark is a bad one"
        if (action.thing and action.do not in ("list", "tag")) or (action.days and action.do != "list"):
            yield "bad_action", "`thing` and `days` belong to the action `list`"
        if not 0 <= action.days <= 3_650:
            yield "bad_action", "`days` is from 0, for never, to 3650"


def _example_faults(rule: Rule) -> Iterator[tuple[str, str]]:
    if len(rule.examples) > RULE_EXAMPLES_MAX:
        yield "too_many_examples", f"a rule has up to {RULE_EXAMPLES_MAX} examples"
    for number, example in enumerate(rule.examples, 1):
        if len(example.before) > RULE_EXAMPLE_EVENTS_MAX:
            yield "bad_example", f"example {number}: up to {RULE_EXAMPLE_EVENTS_MAX} events come before the judged one"
        for event in (example.event, *(told.event for told in example.before)):
            if event not in KIND_OF_NAME:
                yield "bad_example", f"example {number}: there is no kind of event {event[:40]!r}"
        if any(told.seconds_before < 0 for told in example.before):
            yield "bad_example", f"example {number}: seconds_before is 0 or more"


def _read(rule: Rule, book: Book, schema: Schema, tenant: int, findings: list[Finding]) -> CheckedRule | None:
    texts: list[Defined] = []
    for which, text in (("when", rule.when), ("shows", rule.shows)):
        if which == "shows" and not text:
            continue
        try:
            checked = read(text, schema, "truth" if which == "when" else None)
            texts.append(book.asking(Feature(f"rule {rule.name}", text, "", "", "", tenant), checked))
        except LanguageError as error:
            findings.append(
                Finding(rule.name, "language", f"{which}: {error}", error.diagnostics, render(text, error.diagnostics))
            )
    if findings:
        return None
    return CheckedRule(rule, texts[0], texts[1] if len(texts) > 1 else None)
