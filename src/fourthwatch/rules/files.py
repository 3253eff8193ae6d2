"""Rule sets as files of TOML, so that a team can keep them in Git: read, and written in one form.

A file has tables `[[rule]]` with the keys of a rule, and at its top, if wanted, `prior` and `presets`.
"""

import json
import tomllib
from collections.abc import Iterable
from typing import Any

import msgspec

from fourthwatch.errors import LanguageError, RuleFileError
from fourthwatch.language import format_expression, parse
from fourthwatch.language.diagnose import did_you_mean
from fourthwatch.rules.rule import Rule, RuleSet
from fourthwatch.rules.shape import misshapen

_TOP = ("prior", "presets")
_KEYS = (
    "name", "class", "when", "says", "weight", "reason", "shows", "state", "percentage", "brake", "owner", "actions",
    "examples",
)  # fmt: skip
"""In the order in which they are written."""


def read_file(name: str, text: str) -> RuleSet:
    """The set of one file; raises `RuleFileError`, which names the file and the rule."""
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        raise RuleFileError(f"{name}: this is not TOML: {error}") from error
    for key in document.keys() - {"rule", *_TOP}:
        near = did_you_mean(key, ("rule", *_TOP)) or "a file has prior, presets and tables [[rule]]"
        raise RuleFileError(f"{name}: `{key}` is not understood; {near}")
    rows = document.get("rule", [])
    if not isinstance(rows, list):
        raise RuleFileError(f"{name}: a rule is a table [[rule]], with two brackets")
    rules = []
    for number, row in enumerate(rows, 1):
        try:
            rules.append(msgspec.convert(row, Rule))
        except msgspec.ValidationError as error:
            told = row.get("name", f"number {number}") if isinstance(row, dict) else f"number {number}"
            wrong = misshapen(error)
            place = f" (at {wrong.pointer})" if wrong.pointer.count("/") > 1 else ""
            raise RuleFileError(f"{name}: rule {told}: {wrong.says}{place}") from error
    try:
        top = {key: document[key] for key in _TOP if key in document}
        return msgspec.structs.replace(msgspec.convert({**top, "rules": []}, RuleSet), rules=tuple(rules))
    except msgspec.ValidationError as error:
        raise RuleFileError(f"{name}: {error}") from error


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
