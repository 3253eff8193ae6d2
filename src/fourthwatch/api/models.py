"""`/api/v1/models`: what models there are, which one judges, from where on; and changes of state behind their gates."""

from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.bodies import taken
from fourthwatch.api.changes import Asked, Changes, Made, etag_of, json_reply
from fourthwatch.api.paging import Cursors, Page
from fourthwatch.clock import Clock, iso_ms
from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.panel import wanted_by
from fourthwatch.errors import InUse, ModelRefused
from fourthwatch.model.manifest import SCORECARD, Manifest
from fourthwatch.store.models import ModelRow, ModelStore

_WHY_CHARS_MAX = 500
_BEFORE_ALL = (2**62, "")


class ModelView(msgspec.Struct, frozen=True):
    """A model, without its features."""

    id: str
    state: str
    """candidate, shadow, champion or retired."""
    created_at: str
    changed_at: str
    target: str
    """What it foretells."""
    rows: int
    """Orders that it was made of."""
    bad: int
    trees: int
    metrics: msgspec.Raw
    """By name: value, and bounds of the 95 % interval, on orders that came after those it was made of."""


class ModelsView(msgspec.Struct, frozen=True):
    """A page of the tenant's models."""

    models: tuple[ModelView, ...]
    """The newest first."""
    next: str | None
    """Send as `cursor` for the page behind; null when there is none."""


class ModelChangeView(msgspec.Struct, frozen=True):
    """A change of state."""

    state: str
    at: str
    actor: str
    why: str


class WaitingView(msgspec.Struct, frozen=True):
    """How far a model is that has not taken effect yet."""

    counted: int
    """Stored events that were counted for what it reads."""
    events: int
    """Those that are to be."""


class ModelDetailView(msgspec.Struct, frozen=True):
    """A model with all that is known of it."""

    model: ModelView
    manifest: msgspec.Raw
    """Features in order, with sentences; spans, calibration, score map, hashes."""
    report: msgspec.Raw | None
    """The newest comparison with the champion and its gates; null while there was none."""
    passed: bool
    """Whether it may become the champion without a reason: it passed every gate against what judges now."""
    changes: tuple[ModelChangeView, ...]
    """Oldest first."""
    judged_from: tuple[int, ...]
    """Positions of the log from which on a server judged with it."""
    waiting: WaitingView | None
    """Of a champion or shadow that does not judge yet, since the past of what it reads is still counted; or null."""


class ModelMove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A state that a model is to come into."""

    state: Literal["shadow", "champion", "retired"]
    override: str = ""
    """Why a model becomes the champion whatever its gates say; goes into the audit trail."""


class Models:
    """Handlers of `/api/v1/models`."""

    def __init__(
        self, changes: Changes, models: ModelStore, cursors: Cursors, corridor: Corridor, clock: Clock
    ) -> None:
        self._changes = changes
        self._corridor = corridor
        self._models = models
        self._cursors = cursors
        self._clock = clock

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/models", self.all, methods=["GET"]),
            Route("/api/v1/models/{model_id}", self.one, methods=["GET"]),
            Route("/api/v1/models/{model_id}/state", self.move, methods=["POST"]),
        ]

    async def all(self, request: Request) -> Response:
        """Models of the tenant, page by page."""
        caller = self._changes.caller(request, "read")
        page = Page(self._cursors, request, caller.tenant, "models")
        rows = self._models.page(caller.tenant, page.behind(tuple[int, str], _BEFORE_ALL), page.limit + 1)
        shown, following = page.cut(rows, lambda row: (row.created_ms, row.id))
        return json_reply(ModelsView(tuple(_view(row) for row in shown), following))

    async def one(self, request: Request) -> Response:
        """One model."""
        caller = self._changes.caller(request, "read")
        model = request.path_params["model_id"]
        return json_reply(self._detail(caller.tenant, model), _etag(self._models.get(caller.tenant, model)))

    async def move(self, request: Request) -> Response:
        """Another state; a champion wants a comparison that it passed, or a reason to do without."""
        model = request.path_params["model_id"]

        def make(asked: Asked) -> Made:
            wanted = taken(asked.document, ModelMove)
            why = wanted.override.strip()[:_WHY_CHARS_MAX]
            row = self._models.get(asked.caller.tenant, model)
            asked.over(_etag(row))
            against = self._judging(asked.caller.tenant)
            if wanted.state == "champion" and not why and not _passed(row, against):
                raise InUse(
                    f"the model has not passed its gates against {against}, which judges now: run"
                    " `fourthwatch models compare`, or say `override`"
                )
            if wanted.state != "retired":
                try:
                    check_features(self._corridor, row)
                except ModelRefused as error:
                    raise InUse(str(error)) from error
            said = f"gates overridden: {why}" if why else ""
            now_ms = self._clock.now_ms()
            change = self._models.moved(
                asked.caller.tenant, model, wanted.state, actor=asked.caller.key_id, why=said, at_ms=now_ms
            )
            moved = msgspec.structs.replace(row, state=wanted.state, changed_ms=now_ms)
            return Made(change=change, view=_view(moved), headers={"ETag": _etag(moved)})

        return await self._changes.take(request, "manage", make)

    def _judging(self, tenant: int) -> str:
        champion = self._models.champion(tenant)
        return SCORECARD if champion is None else champion.id

    def _detail(self, tenant: int, model: str) -> ModelDetailView:
        row = self._models.get(tenant, model)
        return ModelDetailView(
            _view(row),
            msgspec.Raw(row.manifest),
            None if row.report is None else msgspec.Raw(row.report),
            _passed(row, self._judging(tenant)),
            tuple(
                ModelChangeView(one.state, iso_ms(one.at_ms), one.actor, one.why)
                for one in self._models.changes(tenant, model)
            ),
            tuple(one.from_seq for one in self._models.held(tenant) if one.model == model),
            self._waiting(row),
        )

    def _waiting(self, row: ModelRow) -> WaitingView | None:
        definitions, key = self._corridor.definitions, f"{row.tenant}/{row.id}"
        panel = definitions.walk.panel
        if row.state not in ("champion", "shadow") or key in panel.refused or key in panel.judging():
            return None
        return WaitingView(*definitions.counted_for(key))


def check_features(corridor: Corridor, row: ModelRow) -> None:
    """Raises `ModelRefused` of one that reads what is not there: it would be refused later, where nobody is told."""
    book = corridor.definitions.book_of(row.tenant)
    wanted_by(msgspec.json.decode(row.manifest, type=Manifest), row.tenant, book)


def _etag(row: ModelRow) -> str:
    """Of its state, and of what its newest comparison said."""
    return etag_of((row.id, row.state, row.changed_ms, row.report))


def _passed(row: ModelRow, against: str) -> bool:
    """Whether the newest comparison was with this one, and let it pass."""
    if row.report is None:
        return False
    report = msgspec.json.decode(row.report, type=_Report)
    return report.against == against and bool(report.gates) and all(gate.passed for gate in report.gates)


class _Gate(msgspec.Struct):
    passed: bool


class _Report(msgspec.Struct):
    gates: tuple[_Gate, ...] = ()
    against: str = ""


class _Told(msgspec.Struct):
    target: str
    rows: int
    bad: int
    trees: int = 0
    metrics: msgspec.Raw = msgspec.Raw(b"{}")


def _view(row: ModelRow) -> ModelView:
    told: Any = msgspec.json.decode(row.manifest, type=_Told)
    return ModelView(
        row.id, row.state, iso_ms(row.created_ms), iso_ms(row.changed_ms), told.target, told.rows, told.bad, told.trees,
        told.metrics,
    )  # fmt: skip
