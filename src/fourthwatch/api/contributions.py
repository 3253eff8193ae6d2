"""`/api/v1/decisions/{event_id}/contributions`: what made the probability of a decision, part by part, whoever asks.

A decision holds what its model was handed, so its parts can be told again at any time, exactly; also those of an order
that was not flagged, and of a model that has retired.
"""

import asyncio
import math
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.changes import json_reply
from fourthwatch.api.decisions import Decisions
from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.explaining import Explained
from fourthwatch.model.score import log_odds_of
from fourthwatch.model.serving import Contribution

_LOG_ODDS_OF_A_POINT = math.log(10) / 10
_DIGITS = 9


class ContributionView(msgspec.Struct, frozen=True):
    """One part of what made a probability."""

    name: str
    """The feature that the model reads, or the rule that hit."""
    reason: str
    says: str
    value: float | None
    """What the feature was; null: unknown, or it is a rule."""
    log_odds: float
    """What it adds to the log-odds of a bad outcome; below 0 it speaks for the order."""


class ContributionsView(msgspec.Struct, frozen=True):
    """What made the probability of a decision: `baseline` and all `log_odds` add up to the log-odds of it."""

    event_id: str
    model: str | None
    """Null: the points of the rules judged."""
    judged_on: str | None
    """Id of the event by which the order was submitted, when the model judged that; null: it judged this event."""
    probability: float
    baseline: float
    """Log-odds before anything is known of the order."""
    contributions: tuple[ContributionView, ...]
    """The strongest first; every feature of a model, every rule that counted."""
    is_exact: bool
    """False for kinds of models that do not tell their parts; then there are none."""


class Contributions:
    """The handler."""

    def __init__(self, decisions: Decisions, corridor: Corridor) -> None:
        self._decisions = decisions
        self._corridor = corridor

    def routes(self) -> list[Route]:
        """For the router."""
        return [Route("/api/v1/decisions/{event_id}/contributions", self.one, methods=["GET"])]

    async def one(self, request: Request) -> Response:
        """The parts of one decision's probability."""
        entry, made, then = await self._decisions.found(request)
        detail: dict[str, Any] = msgspec.json.decode(made.detail)
        probability = float(detail["probability"])
        event_id, model = entry.event.event_id, str(detail.get("model", ""))
        if not model:
            explained = Explained(self._corridor.definitions.walk, entry.event, made, then)
            parts = _of_rules(await asyncio.to_thread(explained.lines))
            baseline = then.checked.rule_set.prior * _LOG_ODDS_OF_A_POINT
            return json_reply(ContributionsView(event_id, None, None, probability, baseline, parts, is_exact=True))
        found = await self._told(made.tenant, model, detail.get("model_vector", ()))
        views = tuple(ContributionView(*msgspec.structs.astuple(one)) for one in found)
        baseline = log_odds_of(probability) - sum(one.log_odds for one in found)
        judged_on, baseline = self._decisions.judged_on(made, detail), round(baseline, _DIGITS)
        return json_reply(
            ContributionsView(event_id, model, judged_on, probability, baseline, views, is_exact=bool(found))
        )

    async def _told(self, tenant: int, model: str, vector: list[float | None]) -> tuple[Contribution, ...]:
        seat = self._corridor.definitions.walk.panel.seats.get(f"{tenant}/{model}")
        if seat is not None:
            return seat.model.contributions(vector)  # on the loop, which has it; it takes a fifth of a millisecond
        return await self._decisions.apart.ask(tenant, model, lambda live: live.contributions(vector))


def _of_rules(lines: Any) -> tuple[ContributionView, ...]:
    parts = [
        ContributionView(line.rule, line.reason, line.says, None, line.weight * _LOG_ODDS_OF_A_POINT)
        for line in lines
        if line.counted and line.weight
    ]
    return tuple(sorted(parts, key=lambda one: (-abs(one.log_odds), one.name)))
