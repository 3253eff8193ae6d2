"""What is wrong with the shape of a rule or a set as it was sent or written: where, and what would be right.

A value is never quoted: it may be anything. A key is, with the one that was perhaps meant.
"""

import re
from typing import get_args

import msgspec

from fourthwatch.language.diagnose import did_you_mean
from fourthwatch.rules.rule import CLASSES, Action, Doing, Example, Expected, Rule, RuleSet, RuleState, Told

_PLACE = re.compile(r"(?P<fault>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<number>[0-9]+)\]")
_MISSING = re.compile("Object missing required field `(?P<key>.*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.*)`", re.DOTALL)
_WORDS: dict[str, tuple[str, ...]] = {
    "class": CLASSES,
    "state": get_args(RuleState),
    "do": get_args(Doing),
    "expect": get_args(Expected),
}
"""By key the words that it may be."""
_KEYS = frozenset(key for kind in (RuleSet, Rule, Action, Example, Told) for key in kind.__struct_encode_fields__)


class Misshapen(msgspec.Struct, frozen=True):
    """What is wrong, and where."""

    pointer: str
    """RFC 6901; empty: the whole of it."""
    says: str


def misshapen(error: msgspec.ValidationError) -> Misshapen:
    """What a refused conversion says.

    >>> try: msgspec.convert({"name": "a", "class": "block", "when": "true", "says": "s", "wieght": 3}, Rule)
    ... except msgspec.ValidationError as error: misshapen(error)
    Misshapen(pointer='/wieght', says='there is no key `wieght`; did you mean `weight`?')
    """
    found = _PLACE.fullmatch(str(error))
    assert found is not None
    steps = [step["key"] or step["number"] for step in _STEP.finditer(found["path"] or "")]
    missing, unknown = _MISSING.fullmatch(found["fault"]), _UNKNOWN.fullmatch(found["fault"])
    if missing is not None:
        says = f"{missing['key']} is missing"
        steps.append(missing["key"])
    elif unknown is not None:
        key = unknown["key"][:40]
        meant = did_you_mean(key, _KEYS)
        steps.append(unknown["key"])
        says = f"there is no key `{key}`" + ("" if meant is None else f"; {meant}")
    elif found["fault"].startswith("Invalid enum value") and steps and steps[-1] in _WORDS:
        says = f"{steps[-1]} is one of {', '.join(_WORDS[steps[-1]])}"
    else:
        says = found["fault"][:1].lower() + found["fault"][1:]
    return Misshapen("".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps), says)
