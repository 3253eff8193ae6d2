"""Which model judges whose orders, which ones look on, and when one may begin: not before its features have their past.

Lives with the walk, on its thread, and outlives it: a walk that begins anew is told what its models read.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from fourthwatch.decision import Foretold, Opinion
from fourthwatch.engine.identity import ORDER_KINDS
from fourthwatch.errors import LanguageError, ModelRefused
from fourthwatch.features.catalogue import Vector
from fourthwatch.features.definition import Book, Feature
from fourthwatch.features.subject import Subject
from fourthwatch.features.wanted import WantedFeatures
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


class AtWork(msgspec.Struct, frozen=True):
    """Who judges a tenant's orders, and who looks on."""

    champion: Seat | None
    shadows: tuple[Seat, ...]
    seats: tuple[Seat, ...]
    """The shadows, and behind them the champion."""
    wanted: tuple[WantedFeatures, ...]
    """What each of these is to be handed."""

    def taken_on(self, foretold: Foretold | None) -> Foretold | None:
        """What was made of an order, if the same champion judged then."""
        model = "" if self.champion is None else self.champion.model.id
        return foretold if foretold is not None and foretold.model == model else None


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
        self._at_work: dict[int, AtWork] = {}

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
        champion = self.champion(seat.tenant)
        shadows = tuple(one for one in self.shadows(seat.tenant) if one is not seat)
        self.put(seat.tenant, None if champion is seat else champion, shadows)
        seat.model.close()

    def champion(self, tenant: int) -> Seat | None:
        """Who judges; `None`: the points of the rules do."""
        at_work = self._at_work.get(tenant)
        return None if at_work is None else at_work.champion

    def shadows(self, tenant: int) -> tuple[Seat, ...]:
        """Who looks on."""
        at_work = self._at_work.get(tenant)
        return () if at_work is None else at_work.shadows

    def judging(self) -> dict[str, Seat]:
        """By key those who judge or look on now, of all tenants."""
        return {seat.key: seat for at_work in self._at_work.values() for seat in at_work.seats}

    def judges(self, tenant: int) -> bool:
        """Whether any model judges a tenant's orders or looks on."""
        return tenant in self._at_work

    def put(self, tenant: int, champion: Seat | None, shadows: tuple[Seat, ...]) -> None:
        """From the next event on these judge and look on."""
        was = self._at_work.pop(tenant, None)
        for seat in () if was is None else was.seats:
            if seat is not champion and all(seat is not one for one in shadows):
                seat.recent.clear()
                self.watched.pop(seat.key, None)
                self.failing.pop(seat.key, None)
        if champion is not None or shadows:
            seats = shadows if champion is None else (*shadows, champion)
            self._at_work[tenant] = AtWork(champion, shadows, seats, tuple([one.wanted for one in seats]))

    def put_by_id(self, tenant: int, champion: str, shadows: Sequence[str]) -> None:
        """The same by id, for decisions that are made again; one that is not there is left out."""
        seats = [self.seats.get(f"{tenant}/{one}") for one in shadows]
        self.put(tenant, self.seats.get(f"{tenant}/{champion}"), tuple(one for one in seats if one is not None))

    def readers(self, tenant: int, foretold: Foretold | None) -> Sequence[WantedFeatures]:
        """What those at work are to be handed of an event; nothing when what all of them said of its order is taken on,
        as in `opinion`."""
        at_work = self._at_work.get(tenant)
        if at_work is None:
            return ()
        foretold = at_work.taken_on(foretold)
        said = () if foretold is None else dict(foretold.shadows)
        is_told = foretold is not None and all(one.model.id in said for one in at_work.shadows)
        return () if is_told else at_work.wanted

    def opinion(
        self, subject: Subject, handed: Sequence[Vector], red_above: int, foretold: Foretold | None = None
    ) -> Opinion | None:
        """What the champion and the shadows make of an event; `None` without either.

        `handed` is what `readers` wanted. `foretold` is what was made of its order when that was submitted: if the same
        champion judged then, it is taken on, and shadows that did not look on then judge the event. A model that fails
        is left out of this one decision, and counted; with a champion, all that was foretold is.
        """
        at_work = self._at_work.get(subject.tenant)
        if at_work is None:
            return None
        champion, foretold = at_work.champion, at_work.taken_on(foretold)
        said = {} if foretold is None else dict(foretold.shadows)
        looked_on = self._told(at_work.shadows, subject, handed, said) if at_work.shadows else ()
        judged_on = 0 if foretold is None else foretold.judged_on
        if champion is None:
            return Opinion(shadows=looked_on, judged_on=judged_on if said.keys() & dict(looked_on).keys() else 0)
        try:
            if foretold is None:
                vector, made = handed[-1], champion.model.judge(handed[-1])
            else:
                vector, made = foretold.vector, champion.model.judged(foretold.probability)
            is_told = made.score > red_above and "explanation" not in subject.skipped
            reasons = _reasons(champion.model, vector) if is_told else ()
        except ModelRefused as error:
            self._failed(champion, error)
            return Opinion(shadows=looked_on if foretold is None else ())
        _remember(champion, subject, vector, made.score)
        return Opinion(made.model, made.probability, made.score, vector, reasons, looked_on, judged_on)

    def _told(
        self, shadows: Sequence[Seat], subject: Subject, handed: Sequence[Vector], said: Mapping[str, float]
    ) -> tuple[tuple[str, float], ...]:
        """What shadows make of an event, or have said of its order."""
        told: list[tuple[str, float]] = []
        for at, seat in enumerate(shadows):
            if seat.model.id in said:
                told.append((seat.model.id, said[seat.model.id]))
                continue
            try:
                made = seat.model.judge(handed[at])
            except ModelRefused as error:
                self._failed(seat, error)
            else:
                _remember(seat, subject, handed[at], made.score)
                told.append((made.model, made.probability))
        return tuple(told)

    @staticmethod
    def count(opinions: Iterable[Opinion | None]) -> None:
        """Decisions were made with these, for the metrics."""
        for model, times in Counter([one.model for one in opinions if one is not None]).items():
            MODEL_DECISIONS.labels(model or SCORECARD).inc(times)

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


def _remember(seat: Seat, subject: Subject, vector: Vector, score: int) -> None:
    if subject.kind.number in ORDER_KINDS:
        seat.recent.append((vector, score))


def _reasons(model: LiveModel, vector: Vector) -> tuple[Reason, ...]:
    told = worth_telling(model.contributions(vector))
    return tuple([_reason(one.reason, one.says, one.value, one.log_odds) for one in told])


def _reason(code: str, says: str, value: float | None, log_odds: float) -> Reason:
    shown = "unknown" if value is None else f"{value:.6g}"
    return Reason(code, says, "red" if log_odds > 0 else "green", shown)
