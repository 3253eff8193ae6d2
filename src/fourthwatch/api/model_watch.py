"""Models watched: `/api/v1/models/{model_id}/drift` and `/weeks`; `/api/v1/alerts`, what should not wait, rules too."""

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.aside import Aside
from fourthwatch.api.changes import Changes, json_reply
from fourthwatch.api.paging import truth_in
from fourthwatch.clock import Clock, iso_ms
from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.panel import Panel
from fourthwatch.engine.watching import Alert, alerts_of, brake_alert, weeks_of
from fourthwatch.model.manifest import Manifest
from fourthwatch.model.stability import ALARM, drift_of
from fourthwatch.model.watched import came_of
from fourthwatch.store.models import ModelStore
from fourthwatch.store.rule_sets import RuleSetReader


class DriftView(msgspec.Struct, frozen=True):
    """How far the newest orders are from those that a model learned from: the population stability index (PSI)."""

    model: str
    decisions: int
    """Newest decisions that it is measured on, since the server was started; of fewer than 200 nothing is said."""
    score: float | None
    """Null: too few decisions, or the model brings no shares of its score."""
    features: dict[str, float]
    """By name, the greatest first; unknown is a group of its own."""
    alarm: float
    """From here on something moved far."""
    alarms: tuple[str, ...]
    """What did; `score` is the score."""


class WeekView(msgspec.Struct, frozen=True):
    """Orders placed in one week and answered by the model."""

    from_at: str
    """Monday, UTC."""
    orders: int
    share: float
    """Of all orders of the week that were answered, whatever judged them."""
    refused: int
    """Of them declined or canceled: what would have become of them nobody learns."""
    foretold: float
    """Mean of the probabilities that the others were answered with, as they were submitted; 0 when there are none."""
    bad: int
    """Of the others, known to be bad by now."""
    mature: float | None
    """Share of the bad labels that has arrived, at the age of these orders; null while no bad label has."""
    expected: float
    """Bad orders that should be known by now: what was foretold, as far as labels have arrived."""


class WeeksView(msgspec.Struct, frozen=True):
    """Calibration of a model, week by week, over half a year."""

    model: str
    target: str
    came: float | None
    """Bad orders of the mature weeks as a multiple of what was foretold; null while fewer than ten were expected and
    fewer than twenty came."""
    weeks: tuple[WeekView, ...]
    """Oldest first."""


class AlertsView(msgspec.Struct, frozen=True):
    """What should not wait."""

    alerts: tuple[Alert, ...]
    at: str


class ModelWatching:
    """The handlers."""

    def __init__(
        self, changes: Changes, corridor: Corridor, models: ModelStore, rule_sets: RuleSetReader, aside: Aside,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._changes = changes
        self._corridor = corridor
        self._models = models
        self._rule_sets = rule_sets
        self._aside = aside
        self._clock = clock

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/models/{model_id}/drift", self.drift, methods=["GET"]),
            Route("/api/v1/models/{model_id}/weeks", self.weeks, methods=["GET"]),
            Route("/api/v1/alerts", self.alerts, methods=["GET"]),
        ]

    async def drift(self, request: Request) -> Response:
        """Of one model in use, now; of any other nothing is measured."""
        tenant, manifest = self._manifest(request)
        seat = self._panel.seats.get(f"{tenant}/{manifest.id}")
        rows = [] if seat is None else list(seat.recent)
        drift = await asyncio.to_thread(drift_of, manifest, [row for row, _ in rows], [score for _, score in rows])
        return json_reply(
            DriftView(manifest.id, drift.decisions, drift.score, drift.features, ALARM, drift.alarms)
        )  # fmt: skip

    async def weeks(self, request: Request) -> Response:
        """What came of what one model foretold."""
        tenant, manifest = self._manifest(request)
        found = await self._aside.ask(
            lambda readers: weeks_of(readers.index, tenant, manifest.id, manifest.target, self._clock.now_ms()),
            fresh=truth_in(request, "fresh") is True,
        )
        views = tuple(
            WeekView(
                iso_ms(week.from_ms),
                week.orders,
                week.share,
                week.refused,
                week.foretold,
                week.bad,
                week.mature,
                week.expected,
            )
            for week in found
        )
        return json_reply(WeeksView(manifest.id, manifest.target, came_of(found), views))

    async def alerts(self, request: Request) -> Response:
        """Of all models in use, as they were measured last, within a minute; and of the rules."""
        tenant = self._changes.caller(request, "read").tenant
        version = self._corridor.definitions.walk.rulings.in_force(tenant).version
        row = await asyncio.to_thread(self._rule_sets.one, tenant, version)
        alerts = (*brake_alert(row), *alerts_of(self._panel, tenant))
        return json_reply(AlertsView(alerts, iso_ms(self._clock.now_ms())))

    @property
    def _panel(self) -> Panel:
        return self._corridor.definitions.walk.panel

    def _manifest(self, request: Request) -> tuple[int, Manifest]:
        caller = self._changes.caller(request, "read")
        row = self._models.get(caller.tenant, request.path_params["model_id"])
        return caller.tenant, msgspec.json.decode(row.manifest, type=Manifest)
