"""Rules and rule sets as they are sent: all that is wrong with them is told together, each at its place in the body.

Rules that have the shape of one are looked at further, also where others have not.
"""

from typing import Any

import msgspec

from fourthwatch.api.bodies import as_far, failed, faults_of_shape, refuse, taken
from fourthwatch.api.rule_views import NOTE_CHARS_MAX, NoteSent, RuleSetSent
from fourthwatch.errors import Fault, Finding, LanguageError, ManyFaults, RulesRefused, faults_in_text
from fourthwatch.language import format_expression, from_json
from fourthwatch.rules.rule import Rule, RuleSet
from fourthwatch.rules.shape import pointer_to

_TREES = ("when", "shows")
_KEY_OF = {
    "bad_name": "name", "name_twice": "name", "bad_reason": "reason", "bad_sentence": "says", "bad_weight": "weight",
    "bad_percentage": "percentage", "bad_brake": "brake", "bad_action": "actions", "too_many_actions": "actions",
    "bad_example": "examples", "too_many_examples": "examples", "example": "examples",
}  # fmt: skip
"""Of a rule, by the code of what is wrong with it."""
_TOP_KEY_OF = {"too_many_rules": "/rules", "too_costly": "/rules", "bad_prior": "/prior"}


class Sent(msgspec.Struct, frozen=True):
    """A set that somebody wants to be in force."""

    rule_set: RuleSet
    """What can be read of it."""
    note: str = ""
    faults: tuple[Fault, ...] = ()
    """What keeps the rest from being read."""
    places: tuple[tuple[str, str], ...] = ()
    """Names of rules that came with the body, and where each stands in it; a rule that was in force before has none."""

    def refuse(self, findings: list[Finding]) -> None:
        """Raises `RulesRefused` or `ManyFaults` with everything that is wrong, when anything is."""
        faults = tuple(fault for found in findings for fault in self._faults_of(found))
        if self.faults:
            raise ManyFaults((*self.faults, *faults))
        if findings:
            raise RulesRefused(tuple(findings), faults)

    def _faults_of(self, found: Finding) -> tuple[Fault, ...]:
        places = [place for name, place in self.places if name[: len(found.rule)] == found.rule] if found.rule else []
        if not places:
            pointer = _TOP_KEY_OF.get(found.code, "") if self.places else ""
            return (Fault(pointer, found.code, f"{found.rule or 'the set'}: {found.message}"),)
        place = places[-1 if found.code == "name_twice" else 0]
        if found.diagnostics:
            return faults_in_text(f"{place}/{found.message.partition(':')[0]}", found.diagnostics)
        key = _KEY_OF.get(found.code)
        return (Fault(place if key is None else f"{place}/{key}", found.code, found.message),)


def set_sent(document: dict[str, Any]) -> Sent:
    """A set as it was sent; raises `ManyFaults` when there are no rules to be looked at."""
    rows = document.get("rules")
    if not isinstance(rows, list):
        return Sent(taken(document, RuleSetSent).rule_set)
    rest = {**document, "rules": []}
    faults = faults_of_shape(rest, RuleSetSent)
    note = document.get("note", "")
    if isinstance(note, str):
        faults += _note_faults(note)
    top = as_far(rest, RuleSetSent, faults)
    rules, places = list[Rule](), list[tuple[str, str]]()
    for at, row in enumerate(rows):
        rule, wrong = _rule_of(row, pointer_to("rules", str(at)))
        faults += wrong
        if rule is not None:
            rules.append(rule)
            places.append((rule.name, pointer_to("rules", str(at))))
    found = msgspec.structs.replace(top.rule_set, rules=tuple(rules))
    return Sent(found, top.note, tuple(faults), tuple(places))


def rule_sent(document: dict[str, Any], name: str, place: str = "") -> Rule:
    """A rule as it was sent under a name, somewhere in the body; raises `ManyFaults`."""
    rule, faults = _rule_of({"name": name, **document}, place)
    if document.get("name", name) != name:
        faults.append(Fault(f"{place}/name", "bad_value", "name is that of the path"))
    refuse(faults)
    assert rule is not None
    return rule


def note_sent(document: dict[str, Any]) -> str:
    """The note of a publication that needs no other body; raises `ManyFaults`."""
    note = taken(document, NoteSent).note
    refuse(_note_faults(note))
    return note


def _note_faults(note: str) -> list[Fault]:
    return failed([("/note", len(note) <= NOTE_CHARS_MAX, f"note has at most {NOTE_CHARS_MAX} characters")])


def _rule_of(row: Any, place: str) -> tuple[Rule | None, list[Fault]]:
    """A rule, with trees in the place of texts written out; or what is wrong with its shape."""
    if not isinstance(row, dict):
        return None, faults_of_shape(row, Rule, place)
    told, faults = dict(row), list[Fault]()
    for key in _TREES:
        if isinstance(told.get(key), dict):
            try:
                told[key] = format_expression(from_json(msgspec.json.encode(told[key])))
            except LanguageError as error:
                told[key] = ""
                message = f"{key} is not the tree of an expression: {error}"
                faults.append(Fault(f"{place}/{key}", "bad_value", message))
    faults += faults_of_shape(told, Rule, place)
    return (None if faults else msgspec.convert(told, Rule)), faults
