"""What `rule.fired` tells: the name that a rule's action has, the rules that hit and have it, and the decision.

Of the decision that wanted it told, while the order is shown as it stands when the message is sent.
"""

from typing import Any

import msgspec

from fourthwatch.clock import iso_ms
from fourthwatch.engine.explaining import rule_set_then, version_of
from fourthwatch.engine.standing import DecisionStanding, reasons_of
from fourthwatch.events import KIND_OF_NUMBER
from fourthwatch.rules.rule import Rule
from fourthwatch.rules.ruling import HIT
from fourthwatch.store.ledger import DecisionRow
from fourthwatch.store.reader import Entry
from fourthwatch.store.rule_sets import RuleSetReader
from fourthwatch.wire.decode import read_stored

_COUNTING = ("live", "percentage")


class _Detail(msgspec.Struct):
    name: str = ""


class _Results(msgspec.Struct):
    results: str = ""


_results = msgspec.json.Decoder(_Results)


def fired_name(detail: bytes | None) -> str:
    """The name of the webhook, of an occasion or a delivery."""
    return msgspec.json.decode(detail or b"{}", type=_Detail).name


class Firings:
    """Reads rule sets as they were."""

    def __init__(self, sets: RuleSetReader) -> None:
        self._sets = sets
        self._newest: tuple[tuple[int, int], tuple[Rule, ...]] | None = None

    def told(self, entry: Entry, detail: bytes | None) -> dict[str, Any]:
        """What an event, on which rules fired, tells of them."""
        event, made, name = entry.event, entry.decision, fired_name(detail)
        assert made is not None
        about = read_stored(KIND_OF_NUMBER[event.kind], event.body, from_go=event.from_go)
        decided_at, reasons = iso_ms(event.received_ms), reasons_of(made.detail)
        return {
            "name": name,
            "rules": self._rules(event.tenant, made, name),
            "event_id": event.event_id,
            "event_type": KIND_OF_NUMBER[event.kind].name,
            "order_id": about.order_id,
            "user_id": about.user_id,
            "session_id": about.session_id,
            "decision": DecisionStanding(event.event_id, decided_at, made.score, made.flag, made.verdict, reasons),
        }

    def _rules(self, tenant: int, made: DecisionRow, name: str) -> list[str]:
        """Names of the rules that hit and have an action of this name."""
        evaluated = [rule for rule in self._set(tenant, version_of(made)) if rule.is_evaluated]
        results = _results.decode(made.detail).results
        return [
            rule.name
            for rule, letter in zip(evaluated, results, strict=False)
            if letter == HIT and rule.state in _COUNTING
            and any(one.do == "webhook" and one.to == name for one in rule.actions)
        ]  # fmt: skip

    def _set(self, tenant: int, version: int) -> tuple[Rule, ...]:
        key = (tenant, version)
        if self._newest is None or self._newest[0] != key:
            then = rule_set_then(tenant, version, self._sets.one(tenant, version) if version else None)
            self._newest = (key, () if then is None else then.rules)
        return self._newest[1]
