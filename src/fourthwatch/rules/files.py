"""Rule sets as files of TOML, so that a team can keep them in Git: read, and written in one form.

A file has tables `[[rule]]` with the keys of a rule, and at its top, if wanted, `prior` and `presets`.
"""

import json
import tomllib
from collections.abc import Iterable
from typing import Any

import msgspec

from fourthwatch.errors import Finding, LanguageError, RuleFileError
from fourthwatch.language import format_expression, parse
from fourthwatch.language.diagnose import did_you_mean
from fourthwatch.limits import RULE_NAME_CHARS_MAX
from fourthwatch.rules.rule import Rule, RuleSet
from fourthwatch.rules.shape import Misshapen, every_misshapen

_TOP = ("prior", "presets")
_SHAPE = "bad_shape"
"""Code of what is wrong with the shape."""
_KEYS = (
    "name", "class", "when", "says", "weight", "reason", "shows", "state", "percentage", "brake", "owner", "actions",
    "examples",
)  # fmt: skip
"""In the order in which they are written."""


class Looked(msgspec.Struct, frozen=True):
    """A file with the rules that have the shape of one, and what is wrong with the others."""

    rule_set: RuleSet
    rows: int
    """Rules that it has, of whichever shape."""
    findings: tuple[Finding, ...]


def read_file(name: str, text: str) -> RuleSet:
    """The set of one file; raises `RuleFileError`, which names the file and, one on a line, each fault and its rule."""
    looked = look_at_file(name, text)
    if looked.findings:
        told = [f"{name}: " + (f"rule {one.rule}: " if one.rule else "") + one.message for one in looked.findings]
        raise RuleFileError("\n".join(told))
    return looked.rule_set


def look_at_file(name: str, text: str) -> Looked:
    """What can be read of one file, and every fault of its shape; raises `RuleFileError` where nothing can be."""
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        raise RuleFileError(f"{name}: this is not TOML: {error}") from error
    findings: list[Finding] = []
    for key in document:
        if key not in ("rule", *_TOP):
            near = did_you_mean(key, ("rule", *_TOP)) or "a file has prior, presets and tables [[rule]]"
            findings.append(Finding("", _SHAPE, f"`{key[:40]}` is not understood; {near}"))
    rows = document.get("rule", [])
    if not isinstance(rows, list):
        raise RuleFileError(f"{name}: a rule is a table [[rule]], with two brackets")
    rules = []
    for number, row in enumerate(rows, 1):
        wrong = every_misshapen(row, Rule)
        if not wrong:
            rules.append(msgspec.convert(row, Rule))
        findings += [_finding(row, number, one) for one in wrong]
    top = {key: document[key] for key in _TOP if key in document}
    faults = every_misshapen({**top, "rules": []}, RuleSet)
    findings += [Finding("", _SHAPE, f"{one.pointer[1:]}: {one.says}") for one in faults]
    found = RuleSet(()) if faults else msgspec.convert({**top, "rules": []}, RuleSet)
    return Looked(msgspec.structs.replace(found, rules=tuple(rules)), len(rows), tuple(findings))


def _finding(row: Any, number: int, wrong: Misshapen) -> Finding:
    """A fault of one rule, by its name, or by its number where it has none."""
    told = row.get("name") if isinstance(row, dict) else None
    place = ""
    if wrong.pointer.count("/") > 1:
        place = f" (at {wrong.pointer})"
    elif wrong.pointer and wrong.pointer[1:] not in wrong.says:
        place = f" ({wrong.pointer[1:]})"
    if isinstance(told, str) and told:
        return Finding(told[:RULE_NAME_CHARS_MAX], _SHAPE, wrong.says + place)
    return Finding("", _SHAPE, f"rule number {number}: {wrong.says}{place}")


def together(sets: Iterable[RuleSet]) -> RuleSet:
    """The rules of several files as one set, in their order; what stands at the top of the last one counts."""
    rules: list[Rule] = []
    found = RuleSet(())
    for one in sets:
        rules += one.rules
        found = msgspec.structs.replace(
            one,
            prior=one.prior if one.prior != RuleSet(()).prior else found.prior,
            presets=one.presets or found.presets,
        )
    return msgspec.structs.replace(found, rules=tuple(rules))


def write_file(rule_set: RuleSet) -> str:
    """The set as a file; equal sets give equal texts, and reading it gives the set with its texts in canonical form."""
    lines: list[str] = []
    if rule_set.prior != RuleSet(()).prior:
        lines.append(f"prior = {_value(rule_set.prior)}")
    if rule_set.presets:
        lines.append(f"presets = {_value(list(rule_set.presets))}")
    for rule in rule_set.rules:
        if lines:
            lines.append("")
        lines += _rule_lines(rule)
    return "\n".join(lines) + "\n"


def in_canonical_form(rule: Rule) -> Rule:
    """The rule with its expressions as `fmt` writes them; texts that cannot be read stay as they are."""
    return msgspec.structs.replace(rule, when=_canonical(rule.when), shows=_canonical(rule.shows) if rule.shows else "")


def _canonical(text: str) -> str:
    try:
        return format_expression(parse(text))
    except LanguageError:
        return text


def _rule_lines(rule: Rule) -> list[str]:
    row: dict[str, Any] = msgspec.to_builtins(in_canonical_form(rule))
    lines = ["[[rule]]"]
    for key in _KEYS:
        value = row.get(key)
        if value is None or value in ("", [], {}):
            continue
        if key in ("actions", "examples"):
            lines.append(f"{key} = [")
            lines += [f"  {_value(one)}," for one in value]
            lines.append("]")
        else:
            lines.append(f"{key} = {_value(value, literal=key in ('when', 'shows'))}")
    return lines


def _value(value: Any, *, literal: bool = False) -> str:
    """A value on one line; `literal` prefers single quotes, in which nothing is escaped."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if literal and '"' in value and "'" not in value and "\n" not in value and value.isprintable():
            return f"'{value}'"
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(one) for one in value if one is not None) + "]"
    told = [f"{_key(key)} = {_value(one)}" for key, one in value.items() if one is not None]
    return "{ " + ", ".join(told) + " }" if told else "{}"


def _key(key: str) -> str:
    is_bare = key.replace("_", "").replace("-", "").isalnum() and key.isascii()
    return key if is_bare else json.dumps(key, ensure_ascii=False)
