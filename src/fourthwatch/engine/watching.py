"""Models watched: how far orders have moved from those of training, and whether what was foretold came, week by week.

Nothing here changes a decision. What should not wait is an alert, in a sentence for people.
"""

from collections.abc import Iterator, Sequence

import msgspec

from fourthwatch.clock import DAY_MS
from fourthwatch.engine.panel import Panel
from fourthwatch.model.arrival import arrived_by_age, share_at
from fourthwatch.model.stability import Drift
from fourthwatch.model.watched import CAME_LEAST, CAME_MOST, Week
from fourthwatch.store.index_reader import IndexReader
from fourthwatch.store.model_weeks import WEEK_MS, arrivals, by_week
from fourthwatch.store.rule_sets import BRAKE, RuleSetRow

WEEKS = 26
_REFUSED = {
    True: ("bad", "what judged before it stays"),
    False: ("warn", "it does not look on, and no decision changes"),
}
"""By whether it was to judge."""


class Alert(msgspec.Struct, frozen=True):
    """Something that should not wait."""

    code: str
    """`model.drifted`, `model.miscalibrated`, `model.failing`, `model.refused` or `rule.braked`."""
    severity: str
    """bad: it decides; warn: it looks on."""
    thing: str
    """As its path below `/api/v1`."""
    says: str


def weeks_of(reader: IndexReader, tenant: int, model: str, target: str, now_ms: int) -> tuple[Week, ...]:
    """The last half year, oldest week first; raises `IndexDamaged`."""
    from_ms, to_ms = now_ms - WEEKS * WEEK_MS, now_ms + DAY_MS
    shares = arrived_by_age(arrivals(reader, tenant, target, 0, to_ms, now_ms))
    has_labels = len(shares) > 1
    rows = by_week(reader, tenant, target, from_ms, to_ms)
    of: dict[int, int] = {}
    for row in rows:
        of[row.from_ms] = of.get(row.from_ms, 0) + row.orders
    return tuple(
        Week(
            from_ms=row.from_ms,
            orders=row.orders,
            share=row.orders / of[row.from_ms],
            refused=row.refused,
            foretold=row.foretold / max(1, row.orders - row.refused),
            bad=row.bad,
            mature=share_at(shares, (now_ms - row.from_ms - WEEK_MS / 2) / DAY_MS) if has_labels else None,
        )
        for row in rows
        if row.model == model
    )


def alerts_of(panel: Panel, tenant: int) -> Iterator[Alert]:
    """What should not wait, of a tenant's models."""
    champion = panel.champion(tenant)
    judging = panel.judging()
    for key, seat in judging.items():
        watched = panel.watched.get(key)
        if seat.tenant == tenant and watched is not None:
            severity = "bad" if seat is champion else "warn"
            thing = f"models/{seat.model.id}"
            if watched.drift.alarms:
                yield Alert("model.drifted", severity, thing, _drift_says(seat.model.id, watched.drift))
            came = watched.came
            if came is not None and not CAME_LEAST <= came <= CAME_MOST:
                yield Alert(
                    "model.miscalibrated", severity, thing,
                    f"{came:.1f} times as many orders turned out bad as the model {seat.model.id} foretold.",
                )  # fmt: skip
    for key, (count, reason) in panel.failing.items():
        seat = judging[key]
        if seat.tenant == tenant:
            instead, severity = (", so the rules' points stand", "bad") if seat is champion else ("", "warn")
            events = "one event" if count == 1 else f"{count:,} events"
            says = f"The model {seat.model.id} had no answer to {events} since it is in use{instead}: {reason}"
            yield Alert("model.failing", severity, f"models/{seat.model.id}", says)
    for key, unusable in panel.refused.items():
        owner, _, model = key.partition("/")
        if owner == str(tenant):
            severity, so = _REFUSED[unusable.is_champion]
            says = f"The model {model} cannot be used, so {so}: {unusable.reason}"
            yield Alert("model.refused", severity, f"models/{model}", says)


def brake_alert(row: RuleSetRow | None) -> Iterator[Alert]:
    """What should not wait about the rule set in force: that the brake published it, and nobody has since."""
    if row is not None and row.author == BRAKE:
        says = f"A rule took itself out of force: {row.note}. The orders that it touched can be decided again."
        yield Alert("rule.braked", "bad", f"rule-sets/{row.version}", says)


def _drift_says(model: str, drift: Drift) -> str:
    named: Sequence[str] = drift.alarms[:3]
    more = len(drift.alarms) - len(named)
    told = ", ".join(named) + (f" and {more} more" if more > 0 else "")
    says = f"The newest orders are not like those that the model {model} learned from: {told} moved far."
    if drift.score is None or "score" in drift.alarms:
        return says
    return f"{says} Its scores have moved less (PSI {drift.score:.2f})."
