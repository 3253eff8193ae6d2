"""Which model judges whose orders, which ones look on, and when one may begin: not before its features have their past.

Lives with the walk, on its thread, and outlives it: a walk that begins anew is told what its models read.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from fourthwatch.decision import Foretold, Opinion
from fourthwatch.engine.identity import ORDER_KINDS
from fourthwatch.errors import LanguageError, ModelRefused
from fourthwatch.features.catalogue import Vector
from fourthwatch.features.definition import Book, Feature
from fourthwatch.features.observe import Present
from fourthwatch.features.wanted import WantedFeatures
from fourthwatch.features.windows import Windows
from fourthwatch.limits import MODEL_DECISIONS_REMEMBERED, MODELS_IN_USE_MAX
from fourthwatch.logs import log
from fourthwatch.metrics import MODEL_DECISIONS, MODEL_FAULTS
from fourthwatch.model.manifest import SCORECARD, Manifest
from fourthwatch.model.serving import LiveModel, worth_telling
from fourthwatch.model.watched import Watched
from fourthwatch.wire.reply import Reason


class Seat(msgspec.Struct, frozen=True):
    """A model that was admitted."""

    tenant: int
    model: LiveModel
    wanted: WantedFeatures
    recent: deque[tuple[tuple[float | None, ...], int]]
    """What it was handed of the newest submissions of orders and the score it gave, for those who watch. It has learned
    from submissions: how payments and states differ from these is no drift."""

    @property
    def key(self) -> str:
        """Under which windows know what it reads."""
        return f"{self.tenant}/{self.model.id}"


class Unusable(msgspec.Struct, frozen=True):
    """A model that cannot be used."""

    reason: str
    is_champion: bool
    """Whether it was to judge; else to look on."""


class Panel:
    """Models by tenant: admitted, and of those the champion and the shadows."""

    def __init__(self) -> None:
        self.seats: dict[str, Seat] = {}
        self.watched: dict[str, Watched] = {}
        """By key of a seat what was measured last."""
        self.refused: dict[str, Unusable] = {}
        """By key the models that are wanted and cannot be used."""
        self.failing: dict[str, tuple[int, str]] = {}
        """By key how many events a model had no answer to since it was admitted, and why to the newest of them."""
        self._champions: dict[int, Seat] = {}
        self._shadows: dict[int, tuple[Seat, ...]] = {}

    @property
    def wanted(self) -> Mapping[str, WantedFeatures]:
        """What the admitted read, for windows that begin."""
        return {key: seat.wanted for key, seat in self.seats.items()}

    @property
    def is_full(self) -> bool:
        """Whether nobody else may be admitted."""
        return len(self.seats) >= MODELS_IN_USE_MAX

    def admit(self, tenant: int, model: LiveModel, book: Book) -> Seat:
        """Give a model a seat, without effect yet; raises `ModelRefused` when a feature is not there any more."""
        if self.is_full:
            raise ModelRefused(f"{MODELS_IN_USE_MAX} models are in use; retire one first")
        recent: deque[tuple[tuple[float | None, ...], int]] = deque(maxlen=MODEL_DECISIONS_REMEMBERED)
        seat = Seat(tenant, model, wanted_by(model.manifest, tenant, book), recent)
        self.seats[seat.key] = seat
        return seat

    def dismiss(self, key: str) -> None:
        """Take a seat away."""
        seat = self.seats.pop(key)
        self.watched.pop(key, None)
        self.failing.pop(key, None)
        if self._champions.get(seat.tenant) is seat:
            del self._champions[seat.tenant]
        self._shadows[seat.tenant] = tuple(one for one in self.shadows(seat.tenant) if one is not seat)
        seat.model.close()

    def champion(self, tenant: int) -> Seat | None:
        """Who judges; `None`: the points of the rules do."""
        return self._champions.get(tenant)

    def shadows(self, tenant: int) -> tuple[Seat, ...]:
        """Who looks on."""
        return self._shadows.get(tenant, ())

    def judging(self) -> dict[str, Seat]:
        """By key those who judge or look on now, of all tenants."""
        tenants = self._champions.keys() | self._shadows.keys()
        return {seat.key: seat for tenant in tenants for seat in self._at_work(tenant)}

    def _at_work(self, tenant: int) -> list[Seat]:
        champion = self.champion(tenant)
        return [*([] if champion is None else [champion]), *self.shadows(tenant)]

    def judges(self, tenant: int) -> bool:
        """Whether any model judges a tenant's orders or looks on."""
        return tenant in self._champions or bool(self._shadows.get(tenant))

    def put(self, tenant: int, champion: Seat | None, shadows: tuple[Seat, ...]) -> None:
        """From the next event on these judge and look on."""
        for seat in self._at_work(tenant):
            if seat is not champion and all(seat is not one for one in shadows):
                seat.recent.clear()
                self.watched.pop(seat.key, None)
                self.failing.pop(seat.key, None)
        if champion is None:
            self._champions.pop(tenant, None)
        else:
            self._champions[tenant] = champion
        self._shadows[tenant] = shadows

    def put_by_id(self, tenant: int, champion: str, shadows: Sequence[str]) -> None:
        """The same by id, for decisions that are made again; one that is not there is left out."""
        seats = [self.seats.get(f"{tenant}/{one}") for one in shadows]
        self.put(tenant, self.seats.get(f"{tenant}/{champion}"), tuple(one for one in seats if one is not None))

    def answers(self, windows: Windows, present: Present, foretold: Foretold | None = None) -> Mapping[str, list[Any]]:
        """What histories answer to the champion and the shadows, by key, before the event counts itself; not to those
        whose word of its order is taken on, as in `opinion`."""
        tenant = present.subject.tenant
        if not self.judges(tenant):
            return _NOTHING
        champion, foretold = self._champions.get(tenant), self._taken_on(tenant, foretold)
        said = () if foretold is None else dict(foretold.shadows)
        judging = [one for one in self.shadows(tenant) if one.model.id not in said]
        if champion is not None and foretold is None:
            judging.append(champion)
        return {one.key: windows.wanted_answers(one.key, present) for one in judging}

    def _taken_on(self, tenant: int, foretold: Foretold | None) -> Foretold | None:
        """What was made of an order, if the same champion judged then."""
        champion = self._champions.get(tenant)
        model = "" if champion is None else champion.model.id
        return foretold if foretold is not None and foretold.model == model else None

    def opinion(
        self,
        windows: Windows,
        present: Present,
        vector: Vector,
        beside: Mapping[str, list[Any]],
        red_above: int,
        foretold: Foretold | None = None,
    ) -> Opinion | None:
        """What the champion and the shadows make of an event; `None` without either.

        `vector` was read for the same decision, and `beside` is what `answers` gave. `foretold` is what was made of its
        order when that was submitted: if the same champion judged then, it is taken on, and shadows that did not look
        on then judge the event. A model that fails is left out of this one decision, and counted; with a champion,
        all that was foretold is.
        """
        tenant = present.subject.tenant
        if not self.judges(tenant):
            return None
        champion, foretold = self._champions.get(tenant), self._taken_on(tenant, foretold)
        said = {} if foretold is None else dict(foretold.shadows)
        told = [self._told(seat, windows, present, vector, beside, said) for seat in self.shadows(tenant)]
        looked_on = tuple([one for one in told if one is not None])
        judged_on = 0 if foretold is None else foretold.judged_on
        if champion is None:
            MODEL_DECISIONS.labels(SCORECARD).inc()
            return Opinion(shadows=looked_on, judged_on=judged_on if said.keys() & dict(looked_on).keys() else 0)
        try:
            if foretold is None:
                handed = windows.wanted_values(champion.key, vector, beside[champion.key], present)
                made = champion.model.judge(handed)
            else:
                handed, made = foretold.vector, champion.model.judged(foretold.probability)
            is_told = made.score > red_above and "explanation" not in present.subject.skipped
            parts = champion.model.contributions(handed) if is_told else ()
        except ModelRefused as error:
            self._failed(champion, error)
            MODEL_DECISIONS.labels(SCORECARD).inc()
            return Opinion(shadows=looked_on if foretold is None else ())
        MODEL_DECISIONS.labels(made.model).inc()
        _remember(champion, present, handed, made.score)
        reasons = tuple([_reason(one.reason, one.says, one.value, one.log_odds) for one in worth_telling(parts)])
        return Opinion(made.model, made.probability, made.score, handed, reasons, looked_on, judged_on)

    def _told(
        self, seat: Seat, windows: Windows, present: Present, vector: Vector, beside: Mapping[str, list[Any]],
        said: Mapping[str, float],
    ) -> tuple[str, float] | None:  # fmt: skip
        """What a shadow makes of an event, or has `said` of its order."""
        if seat.model.id in said:
            return seat.model.id, said[seat.model.id]
        try:
            handed = windows.wanted_values(seat.key, vector, beside[seat.key], present)
            made = seat.model.judge(handed)
        except ModelRefused as error:
            self._failed(seat, error)
            return None
        _remember(seat, present, handed, made.score)
        return made.model, made.probability

    def _failed(self, seat: Seat, error: ModelRefused) -> None:
        count, reason = self.failing.get(seat.key, (0, ""))[0] + 1, str(error)
        self.failing[seat.key] = count, reason
        MODEL_FAULTS.labels(seat.model.id).inc()
        if count & (count - 1) == 0:  # the first, and then ever more rarely: it may be all of them
            log.error("model_failed", tenant=seat.tenant, model=seat.model.id, times=count, reason=reason)


def wanted_by(manifest: Manifest, tenant: int, book: Book) -> WantedFeatures:
    """What a model reads, of a tenant's book and of what the model brings; raises `ModelRefused` when that is gone."""
    own = book.for_tenant()
    for use in manifest.features:
        try:
            if use.text:
                own.add(Feature(use.name, use.text, use.unit, use.says, use.reason, tenant))
        except LanguageError as error:
            raise ModelRefused(f"the model's feature {use.name} does not hold any more: {error}") from error
        if use.name not in own:
            raise ModelRefused(f"the model reads the feature {use.name}, which is not there")
    return WantedFeatures(own, manifest.names)


def check_brought(manifest: Manifest, book: Book) -> None:
    """That no feature which a new model brings has the name of another in a tenant's book; raises `ModelRefused`."""
    for use in manifest.features:
        there = book.get(use.name)
        if use.text and there is not None and there.feature.text != use.text:
            raise ModelRefused(
                f"the model defines the feature {use.name}, and there is one of this name with another meaning;"
                " give it another name"
            )


def _remember(seat: Seat, present: Present, vector: tuple[float | None, ...], score: int) -> None:
    if present.subject.kind.number in ORDER_KINDS:
        seat.recent.append((vector, score))


_NOTHING: Mapping[str, list[Any]] = MappingProxyType({})


def _reason(code: str, says: str, value: float | None, log_odds: float) -> Reason:
    shown = "unknown" if value is None else f"{value:.6g}"
    return Reason(code, says, "red" if log_odds > 0 else "green", shown)
