"""The rule engine of ezrules beside ours, on the same rules over the same values, where it can be had.

Both are handed every value: ezrules reads no history, so what reading it costs is measured elsewhere. That both say the
same of every order is looked at first; where we say unknown, which ezrules does not know, it is handed 0 or no text.
"""

import importlib
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.figures import Figure, figure
from bench.windows import TENANT
from fourthwatch.engine.rulings import InForce, Rulings
from fourthwatch.features.catalogue import built_in
from fourthwatch.features.inputs import text_of
from fourthwatch.features.observe import Present
from fourthwatch.features.windows import Windows
from fourthwatch.language import AggregateInput, format_expression
from fourthwatch.rules.check import check_set
from fourthwatch.rules.rule import RuleSet
from fourthwatch.rules.ruling import HIT, UNKNOWN

_WANTED = {"DB_ENDPOINT": "postgresql+psycopg2://nobody@127.0.0.1/none", "APP_SECRET": "none", "ORG_ID": "1"}
"""It will have them when it is imported; nothing is opened."""
_ORDERS = 2_000
_WORD = re.compile(r'"[^"]*"|stat\[[^]]*]|[a-z_]\w*')
_STAYS = re.compile(r'"|stat\[|(and|or|not)$')


def measure_peer(rule_set: RuleSet, presents: Sequence[Present], runs: int) -> list[Figure]:
    """Microseconds per order of either engine; nothing, and a line that says why, where ezrules cannot be had."""
    engine = _engine()
    if engine is None:
        return []
    checked = check_set(rule_set, built_in(), TENANT)
    windows = Windows(asked={TENANT: checked.asking})
    ruling = Rulings(windows, {TENANT: InForce(1, checked)}).of(TENANT).ruling
    read = tuple(dict.fromkeys(each for one in checked.asking for each in one.inputs))
    stats = {text_of(one): f"past.s{at}" for at, one in enumerate(read) if isinstance(one, AggregateInput)}
    trees = [one.when.checked.tree for one in checked.rules if one.when.checked is not None]
    theirs = engine([_logic(format_expression(tree), stats) for tree in trees])
    ours, handed = [], []
    for present in presents[:_ORDERS]:
        present = Present(present.subject, {})
        values = ruling.values(present)
        known = {text_of(one): _handed(values[ruling.place_of(one)], text_of(one)) for one in read}
        event = {name: value for name, value in known.items() if name not in stats}
        past = {path: known[text] for text, path in stats.items()}
        letters, said = ruling.judged(values, present.subject).results, theirs(event, past)
        assert all(letter == UNKNOWN or (letter == HIT) == hit for letter, hit in zip(letters, said, strict=True))
        ours.append((values, present.subject))
        handed.append((event, past))
        windows.add(present)
    note = f"the same {len(rule_set.rules)} rules, every value handed in"
    return [
        figure("rules: judging alone", [_us(ruling.judged, ours) for _ in range(runs)], "µs", note=note),
        figure("rules: ezrules, judging alone", [_us(theirs.whole, handed) for _ in range(runs)], "µs", note=note),
    ]  # fmt: skip


class _Theirs:
    def __init__(self, engine: Any, names: Sequence[str]) -> None:
        self.whole: Callable[[dict[str, Any], dict[str, Any]], Any] = engine
        self._names = names

    def __call__(self, event: dict[str, Any], past: dict[str, Any]) -> list[bool]:
        told = self.whole(event, past)["rule_results"]
        return [name in told for name in self._names]


def _engine() -> Callable[[Sequence[str]], _Theirs] | None:
    os.environ |= {"EZRULES_" + name: value for name, value in _WANTED.items()}
    if directory := os.environ.get("BENCH_EZRULES"):
        sys.path.append(directory)
    try:
        rule: Any = importlib.import_module("ezrules.core.rule").Rule
        engine: Any = importlib.import_module("ezrules.core.rule_engine").RuleEngine
    except (ImportError, ValueError, TypeError) as error:
        told = str(error).splitlines()[0]
        print(f"rules: ezrules is skipped ({told}); CONTRIBUTING.md says how to have it",
              file=sys.stderr, flush=True)  # fmt: skip
        return None

    def made(logics: Sequence[str]) -> _Theirs:
        names = [f"r{number}" for number in range(len(logics))]
        return _Theirs(engine([rule(rid=n, logic=one) for n, one in zip(names, logics, strict=True)]), names)

    return made


def _logic(when: str, stats: dict[str, str]) -> str:
    """A condition as ezrules writes it: fields with a dollar, what is handed in of the past as a statistic."""
    for text, path in stats.items():
        when = when.replace(text, f"stat[{path}]")
    told = _WORD.sub(lambda found: found[0] if _STAYS.match(found[0]) else "$" + found[0], when)
    return f"if {told}:\n\treturn !HOLD"


def _handed(value: Any, name: str) -> Any:
    if value is None:
        return "" if name.endswith("_code") else 0
    return value


def _us(judge: Callable[..., Any], handed: Sequence[tuple[Any, Any]]) -> float:
    began = time.thread_time_ns()
    for one, other in handed:
        judge(one, other)
    return (time.thread_time_ns() - began) / len(handed) / 1_000
