"""An event judged, in four steps: what is known of it before it counts itself, what rules and what models say of that,
the decision.

Only the first needs histories as they are at the event's position. So all events of a turn take it one after the other,
each counting before the next, and the others behind that, step by step for all of them (ADR 37).
"""

from collections.abc import Callable
from typing import Any

import msgspec

from fourthwatch.decision import Decision, Foretold, Opinion, decide
from fourthwatch.engine.panel import Panel
from fourthwatch.engine.policies import Policies
from fourthwatch.engine.rulings import Ready, Rulings
from fourthwatch.features.observe import Present
from fourthwatch.rules.ruling import Judgement

STAGES = ("enrichment", "neighbourhood", "explanation")
"""Parts of a decision that may be skipped, in the order in which they are."""
_SKIPPED_AT_QUARTERS = (2, 3, 4)
"""Of the deadline: half of it costs the first stage, three quarters the second, all of it the third."""


class Known(msgspec.Struct, frozen=True, gc=False):
    """All that a decision on an event is made of, as of before it counts itself; good for one decision."""

    present: Present
    """As it is judged, which may be without some stages."""
    ready: Ready
    """What judges it."""
    answers: list[Any]
    """What the histories answer to the rules, and to models that are to judge it."""
    micros: int
    """What it took to ask; 0 where nobody measures."""


class Judging:
    """The steps, over what judges now."""

    def __init__(self, rulings: Rulings, policies: Policies, panel: Panel, ticks_ns: Callable[[], int] | None) -> None:
        """`ticks_ns` times what is told in a decision's `micros`; without it nothing is."""
        self._rulings = rulings
        self.policies = policies
        """Which policy holds for whom."""
        self._panel = panel
        self._ticks_ns = ticks_ns

    def known(self, present: Present, foretold: Foretold | None) -> Known:
        """What is known of an event; `foretold` is what models made of its order, as far as that is known by now."""
        tenant, ticks_ns = present.subject.tenant, self._ticks_ns
        ready = self._rulings.of(tenant, self._panel.readers(tenant, foretold))
        began = 0 if ticks_ns is None else ticks_ns()
        answers = ready.ruling.answers(present)
        micros = 0 if ticks_ns is None else (ticks_ns() - began) // 1_000
        return Known(present, ready, answers, micros)

    def judged(self, known: Known) -> tuple[Judgement, tuple[int, ...]]:
        """What the rules say, and the microseconds that it took to read and to judge."""
        ruling, present, ticks_ns = known.ready.ruling, known.present, self._ticks_ns
        if ticks_ns is None:
            return ruling.judged(ruling.read(known.answers, present), present.subject), ()
        began = ticks_ns()
        values = ruling.read(known.answers, present)
        read = ticks_ns()
        judgement = ruling.judged(values, present.subject)
        return judgement, (known.micros + (read - began) // 1_000, (ticks_ns() - read) // 1_000)

    def opinion(self, known: Known, judgement: Judgement, foretold: Foretold | None) -> Opinion | None:
        """What models make of it, `foretold` what they made of its order."""
        subject = known.present.subject
        return self._panel.opinion(subject, judgement.handed, self.policies.of(subject.tenant).red_above, foretold)

    def decided(self, known: Known, judgement: Judgement, micros: tuple[int, ...], opinion: Opinion | None) -> Decision:
        """What is decided."""
        subject, ready = known.present.subject, known.ready
        policy, ruling = self.policies.of(subject.tenant), ready.ruling
        return decide(judgement, ruling.rules, policy, ready.versions, ruling.lacking, micros, subject.skipped, opinion)

    def put_off(self, tenant: int, waited_ms: int) -> tuple[str, ...]:
        """Stages to skip because of how long an event has waited; nothing for nearly all."""
        budget_ms = self.policies.of(tenant).deadline_ms
        if waited_ms * 2 < budget_ms or budget_ms == 0:
            return ()
        return STAGES[: sum(waited_ms * 4 >= budget_ms * quarters for quarters in _SKIPPED_AT_QUARTERS)]


def reduced(present: Present, skipped: tuple[str, ...]) -> Present:
    """The event as it is judged without some stages."""
    supplied = None if "enrichment" in skipped else present.subject.supplied
    return Present(msgspec.structs.replace(present.subject, skipped=skipped, supplied=supplied), {})
