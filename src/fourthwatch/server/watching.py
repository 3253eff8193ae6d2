"""Models in use, looked at every minute: drift, and now and then what came of what they foretold; metrics and alerts.

What begins to drift is told once: in the log, in the audit trail, and to webhooks that want to hear of it.
"""

import asyncio
from pathlib import Path

from fourthwatch.clock import Clock
from fourthwatch.engine.panel import Panel, Seat
from fourthwatch.engine.watching import weeks_of
from fourthwatch.errors import IndexDamaged, LedgerError
from fourthwatch.logs import log
from fourthwatch.metrics import MODEL_CAME, MODEL_DECISIONS, MODEL_DRIFT, MODEL_FAULTS, MODEL_MATURE
from fourthwatch.model.stability import Drift, drift_of
from fourthwatch.model.watched import Watched, Week
from fourthwatch.store.changes import Change, Configuration
from fourthwatch.store.index_reader import IndexReader

LOOK_EVERY_S = 60.0
_WEEKS_EVERY_LOOKS = 10
WATCH = "watch"
"""Who writes that a model drifts."""


class ModelWatch:
    """One for the server."""

    def __init__(self, directory: Path, panel: Panel, clock: Clock) -> None:
        self._directory = directory
        self._panel = panel
        self._clock = clock
        self._looks = 0
        self._drifting: set[str] = set()
        self._shown: dict[str, tuple[str, set[str]]] = {}
        """By key of a seat its model, and of what drift is shown in the metrics."""

    async def run(self) -> None:
        """For as long as the server runs."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Measure every model in use once."""
        with_weeks = self._looks % _WEEKS_EVERY_LOOKS == 0
        self._looks += 1
        for key, seat in list(self._panel.judging().items()):
            rows = list(seat.recent)
            drift = await asyncio.to_thread(
                drift_of, seat.model.manifest, [row for row, _ in rows], [score for _, score in rows]
            )
            before = self._panel.watched.get(key)
            weeks = () if before is None else before.weeks
            if with_weeks or before is None:
                weeks = await asyncio.to_thread(self._weeks, seat, weeks)
            if key in self._panel.judging():
                self._panel.watched[key] = Watched(drift, weeks)
                await self._tell(key, seat, self._panel.watched[key])
        self._forget()

    def _weeks(self, seat: Seat, otherwise: tuple[Week, ...]) -> tuple[Week, ...]:
        reader = IndexReader(self._directory)
        try:
            manifest = seat.model.manifest
            return weeks_of(reader, seat.tenant, manifest.id, manifest.target, self._clock.now_ms())
        except IndexDamaged:
            return otherwise  # it is made again
        finally:
            reader.close()

    async def _tell(self, key: str, seat: Seat, watched: Watched) -> None:
        model, drift = seat.model.id, watched.drift
        _, shown = self._shown.setdefault(key, (model, set()))
        measured = drift.features if drift.score is None else {"score": drift.score, **drift.features}
        for name, value in measured.items():
            MODEL_DRIFT.labels(model, name).set(value)
            shown.add(name)
        came, orders = watched.came, sum(week.orders for week in watched.weeks)
        if came is not None:
            MODEL_CAME.labels(model).set(came)
        if orders and watched.weeks[-1].mature is not None:
            arrived = sum(week.orders * (week.mature or 0.0) for week in watched.weeks)
            MODEL_MATURE.labels(model).set(arrived / orders)
        if not drift.alarms:
            self._drifting.discard(key)
        elif key not in self._drifting:
            self._drifting.add(key)
            log.warning("model_drifts", tenant=seat.tenant, model=model, moved=list(drift.alarms[:10]))
            try:
                await asyncio.to_thread(self._write, seat.tenant, drift)
            except LedgerError as error:
                self._drifting.discard(key)  # said again at the next look
                log.warning("model_drift_not_written", model=model, reason=str(error))

    def _write(self, tenant: int, drift: Drift) -> None:
        moved = {
            name: drift.score if name == "score" and drift.score is not None else drift.features[name]
            for name in drift.alarms[:10]
        }
        change = Change(
            tenant=tenant, actor=WATCH, action="model.drifted", thing=f"models/{drift.model}",
            after={"decisions": drift.decisions, "moved": moved},
        )  # fmt: skip
        configuration = Configuration(self._directory, self._clock)
        try:
            configuration.apply(change)
        finally:
            configuration.close()

    def _forget(self) -> None:
        """Of models that do not judge any more nothing is shown."""
        judging = self._panel.judging()
        for key in [key for key in self._shown if key not in judging]:
            model, names = self._shown.pop(key)
            self._drifting.discard(key)
            for name in names:
                MODEL_DRIFT.remove(model, name)
            for measure in (MODEL_CAME, MODEL_MATURE, MODEL_DECISIONS, MODEL_FAULTS):
                measure.remove(model)
