"""Tenants' own features while the server runs: what is defined, and how far the past of each is in.

A new series joins the windows between two events, and from then on every event counts in it; what was stored before is
counted by one `Backfill` after the other. Features that come while one is under way wait for the next, and are not
known to the windows until then, so no event can count twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from fourthwatch.clock import Clock
from fourthwatch.engine.backfill import Backfill
from fourthwatch.engine.walk import Walk
from fourthwatch.errors import InUse, LanguageError, NotFound, TooManyFeatures
from fourthwatch.features.catalogue import built_in
from fourthwatch.features.definition import Book, Defined, Feature, Window
from fourthwatch.features.lists import Lists
from fourthwatch.features.modes import bytes_max
from fourthwatch.features.series import Series
from fourthwatch.features.wanted import WantedFeatures
from fourthwatch.features.windows import Windows
from fourthwatch.language import did_you_mean
from fourthwatch.limits import OWN_FEATURES_MAX, OWN_SERIES_MAX, OWN_SERIES_OF_ALL_MAX
from fourthwatch.logs import log
from fourthwatch.rules.check import CheckedSet
from fourthwatch.store.features import FeatureStore

BESIDE_A_BATCH = 8
"""Stored events counted again after each commit."""
AT_REST = 64
"""The same while nobody waits."""

Counting = Literal["complete", "counting", "resting", "rejected"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A feature, and whether it can be known yet."""

    feature: Feature
    state: Counting
    """`resting`: comes with the program, and is kept as soon as a feature that is kept is made of it. `rejected`: a
    newer program does not take the stored definition; it is never known, and can only be removed."""
    done: int = 0
    """Stored events that were counted."""
    total: int = 0
    """Stored events that there are to count."""
    series: int = 0
    """Selections of events that are remembered for it."""
    own_series: int = 0
    """Those of them that nobody else asks, besides this tenant's features."""
    bytes_max: int = 0
    """The most that those take of one entity each, added up."""
    aggregates: int = 0
    """Questions to the histories per decision."""
    windows: tuple[Window, ...] = ()
    """What its own aggregates look through."""
    uses: tuple[str, ...] = ()
    """Features and facts that it is made of."""
    why: str = ""
    """Why a definition was rejected."""


class Rejected(msgspec.Struct, frozen=True):
    """A stored definition that does not hold any more."""

    feature: Feature
    why: str


class Shelf:
    """The books of all tenants that have features of their own, made from what is stored."""

    def __init__(self, stored: Iterable[Feature], lists: Lists | None = None) -> None:
        """`lists` are those that rules can ask; without them rules may name any."""
        self.built_in = built_in()
        self._lists = lists
        self.books: dict[int, Book] = {}
        self.rejected: dict[tuple[int, str], Rejected] = {}
        for feature in stored:
            book = self.of(feature.tenant)
            try:
                if feature.name in book:
                    raise _Taken
                book.add(feature)
            except LanguageError as error:
                self._reject(feature, str(error))
            except _Taken:
                self._reject(feature, "a feature of this name comes with the program now")

    def of(self, tenant: int) -> Book:
        """A tenant's book."""
        book = self.books.get(tenant)
        if book is None:
            book = self.books[tenant] = self.built_in.for_tenant()
            lists = self._lists
            if lists is not None:
                book.lists = lambda: lists.words(tenant)
        return book

    def _reject(self, feature: Feature, why: str) -> None:
        log.warning("feature_rejected", tenant=feature.tenant, feature=feature.name)
        self.rejected[feature.tenant, feature.name] = Rejected(feature, why)


class _Taken(Exception):
    """A name that is in use."""


class Definitions:
    """Lives with the walk, on its thread."""

    def __init__(self, shelf: Shelf, walk: Walk, lacking_up_to: int) -> None:
        """`lacking_up_to`: position up to which incomplete series have no past, which is that of the snapshot."""
        self._shelf = shelf
        self.walk = walk
        """For questions to what is known, on the same thread."""
        self._windows: Windows = walk.windows
        self._waiting: list[tuple[int, Sequence[Defined]]] = []
        """By tenant, features that were defined, or expressions of a rule set, whose series have not joined yet."""
        self._of_models: dict[str, Sequence[Defined]] = {}
        self.resting: frozenset[str] = frozenset()
        """Keys of models that only a rollback would bring back."""
        lacking = self._windows.incomplete()
        self._backfill = Backfill(walk, lacking, lacking_up_to) if lacking else None

    def check(self, feature: Feature) -> Defined:
        """A feature against its tenant's book; raises `LanguageError`. Changes nothing."""
        return self._shelf.of(feature.tenant).check(feature)

    def check_room(self, defined: Defined) -> None:
        """Raises `TooManyFeatures` when the tenant, or all tenants together, have as many as can be kept."""
        tenant, book = defined.feature.tenant, self._shelf.of(defined.feature.tenant)
        if len(book.own()) >= OWN_FEATURES_MAX:
            raise TooManyFeatures(f"you have {OWN_FEATURES_MAX} features of your own, and that is all there may be")
        kept = {text for other in self._shelf.books for text in self.own_series(other)}
        new = {series.text for series in defined.series if series.tenant == tenant} - kept
        if len(self.own_series(tenant)) + len(new) > OWN_SERIES_MAX or len(kept) + len(new) > OWN_SERIES_OF_ALL_MAX:
            raise TooManyFeatures(
                f"your features ask for more than {OWN_SERIES_MAX} different selections of events, or all tenants'"
                " together for more than can be kept; remove some, or ask the same selection over other windows"
            )

    def check_rules(self, checked: CheckedSet) -> None:
        """Raises `TooManyFeatures` when a rule set asks for more of the past than can be kept; changes nothing."""
        tenant = checked.tenant
        own = {series.text for one in self._shelf.of(tenant).own() for series in one.series if series.tenant == tenant}
        own |= {series.text for one in checked.asking for series in one.series if series.tenant == tenant}
        others = {text for other in self._shelf.books if other != tenant for text in self.own_series(other)}
        if len(own) > OWN_SERIES_MAX or len(own) + len(others) > OWN_SERIES_OF_ALL_MAX:
            raise TooManyFeatures(
                f"your rules and features ask for more than {OWN_SERIES_MAX} different selections of events, or all"
                " tenants' together for more than can be kept; ask the same selection over other windows"
            )

    def keeps(self, checked: CheckedSet) -> bool:
        """Whether all that a rule set asks of the past is remembered already."""
        return self._windows.keeps(self._with_parts(checked.tenant, checked.asking))

    def define(self, feature: Feature) -> None:
        """Take a feature in; raises `LanguageError`."""
        book = self._shelf.of(feature.tenant)
        defined = book.add(feature)
        self._windows.own_is(feature.tenant, book)
        self._join(feature.tenant, [defined])

    def ask(self, tenant: int, expressions: Sequence[Defined]) -> bool:
        """What a tenant's rules ask of the past from now on; whether something was forgotten that nobody asks now."""
        before = self._windows.asked.get(tenant, ())
        self._windows.asked[tenant] = expressions
        self._waiting = [one for one in self._waiting if one[1] is not before]
        self._join(tenant, expressions)
        if not {series.text for one in before for series in one.series} <= {
            series.text for one in expressions for series in one.series
        }:
            return bool(self._release())
        return False

    def _join(self, tenant: int, asking: Sequence[Defined]) -> None:
        """What asks the past joins the windows, at once when no other past is being counted."""
        if self._windows.keeps(self._with_parts(tenant, asking)):
            return
        self._waiting.append((tenant, asking))
        if self._backfill is None:
            self._begin_next()

    def _with_parts(self, tenant: int, asking: Sequence[Defined]) -> list[Defined]:
        names = sorted(set().union(*[one.names for one in asking])) if asking else []
        return [*self.book_of(tenant).with_parts(names), *asking]

    def _release(self) -> set[str]:
        """Forget what nobody asks; returns the texts of the series that went."""
        before = set(self._windows.registry.all())
        self._windows.release()
        gone = before - set(self._windows.registry.all())
        if self._backfill is not None:
            self._backfill.rewire(gone)
        return gone

    def want(self, tenant: int, key: str, wanted: WantedFeatures) -> bool:
        """Keep what a model reads from now on, and give it its past; forgets nothing."""
        self._of_models[key] = self._windows.want(key, wanted)
        self._join(tenant, self._of_models[key])
        return False

    def unwant(self, key: str) -> bool:
        """A model is gone; whether something was forgotten that nobody reads now."""
        self._windows.wanted.pop(key, None)
        parts = self._of_models.pop(key, None)
        self._waiting = [one for one in self._waiting if one[1] is not parts]
        return bool(self._release())

    def is_known(self, key: str) -> bool:
        """Whether everything that a model reads has its past."""
        wanted = self._windows.wanted[key]
        is_complete = self._windows.registry.is_complete
        return all(is_complete(series) for one in wanted.book.with_parts(wanted.names) for series in one.series)

    def counted_for(self, key: str) -> tuple[int, int]:
        """Stored events that were counted for what a model reads, and those that are to be before it may judge."""
        wanted = self._windows.wanted.get(key)
        if wanted is None:
            return 0, self.walk.last_seq
        is_complete = self._windows.registry.is_complete
        parts = wanted.book.with_parts(wanted.names)
        return self._progress({series.text for one in parts for series in one.series if not is_complete(series)})

    def withdraw(self, tenant: int, name: str) -> bool:
        """Take a feature out; whether series went with it. Raises as `check_withdrawal`."""
        if self._shelf.rejected.pop((tenant, name), None) is not None:
            return False
        book = self._shelf.of(tenant)
        self.check_withdrawal(tenant, name)
        withdrawn = book.get(name)
        book.remove(name)
        self._waiting = [one for one in self._waiting if withdrawn not in one[1]]
        return bool(self._release())

    def check_withdrawal(self, tenant: int, name: str) -> None:
        """Raises `NotFound`, or `InUse` by another feature, a rule in force, or a model that judges or looks on."""
        if (tenant, name) in self._shelf.rejected:
            return
        book = self._shelf.of(tenant)
        defined = book.get(name)
        if defined is None or defined.feature.tenant != tenant:
            raise NotFound("there is no feature of your own with this name")
        users = book.users_of(name)
        if users:
            raise InUse("other features are made of this one: " + ", ".join(users[:10]))
        rules = [one.feature.name for one in self._windows.asked.get(tenant, ()) if name in one.names]
        if rules:
            raise InUse("rules in force use this feature: " + ", ".join(dict.fromkeys(rules[:10])))
        models = [key for key, wanted in self._windows.wanted.items() if name in wanted.names]
        own = [key for key in models if key.startswith(f"{tenant}/")]
        readers = [key.partition("/")[2] for key in own if key not in self.resting]
        if readers:
            raise InUse("models in use read this feature; retire them first: " + ", ".join(readers[:10]))
        if own:
            before = own[0].partition("/")[2]
            raise InUse(
                f"{before}, which a rollback would bring back, reads this feature; it may go after the next model"
            )

    def book_of(self, tenant: int) -> Book:
        """Every feature that the tenant may name."""
        return self._shelf.of(tenant)

    def own_series(self, tenant: int) -> Mapping[str, Series]:
        """By text, the series that are kept for the tenant alone."""
        return {
            series.text: series
            for one in (*self._shelf.of(tenant).own(), *self._windows.asked.get(tenant, ()))
            for series in one.series
            if series.tenant == tenant
        }

    def standing(self, tenant: int, name: str) -> Standing:
        """One feature; raises `NotFound`."""
        rejected = self._shelf.rejected.get((tenant, name))
        if rejected is not None:
            return Standing(feature=rejected.feature, state="rejected", why=rejected.why)
        book = self._shelf.of(tenant)
        defined = book.get(name)
        if defined is None:
            hint = did_you_mean(name, [one.feature.name for one in book])
            raise NotFound("there is no feature of this name" + (f"; {hint}" if hint else ""))
        return self.standing_of(defined, book)

    def all(self, tenant: int) -> list[Standing]:
        """Every feature that the tenant may name, those that come with the program first."""
        book = self._shelf.of(tenant)
        rejected = [
            Standing(feature=one.feature, state="rejected", why=one.why)
            for (owner, _), one in self._shelf.rejected.items()
            if owner == tenant
        ]
        return [*(self.standing_of(one, book) for one in book), *rejected]

    def standing_of(self, defined: Defined, book: Book) -> Standing:
        """A feature of a book, or one that was checked against it and is not in."""
        lacking = self._lacking(defined, book)
        done, total = self._progress(lacking)
        own = [series for series in defined.series if series.tenant != 0]
        rests = defined.feature.tenant == 0 and not lacking <= self._windows.registry.all().keys()
        return Standing(
            feature=defined.feature,
            state="resting" if rests else "counting" if lacking else "complete",
            done=done,
            total=total,
            series=len(defined.series),
            own_series=len(own),
            bytes_max=sum(bytes_max(series.mode) for series in own),
            windows=defined.windows,
            uses=tuple(sorted(defined.names)),
            aggregates=0 if defined.checked is None else defined.checked.cost.aggregates,
        )

    def _lacking(self, defined: Defined, book: Book) -> set[str]:
        """Series of the feature, and of its parts, whose past is not in."""
        is_complete = self._windows.registry.is_complete
        parts = [defined, *book.with_parts(defined.names)]
        return {series.text for one in parts for series in one.series if not is_complete(series)}

    def _progress(self, lacking: set[str]) -> tuple[int, int]:
        """Events counted and to be counted; nothing is counted while a feature waits for its turn."""
        last_seq, backfill = self.walk.last_seq, self._backfill
        if not lacking:
            return last_seq, last_seq
        if backfill is None or not lacking <= {series.text for series in backfill.series}:
            return 0, last_seq
        return backfill.done, backfill.total

    @property
    def is_counting(self) -> bool:
        """Whether there is a past that is not in yet."""
        return self._backfill is not None

    def advance(self, events: int) -> bool:
        """Count some of the past; true when it has come in for some features."""
        if self._backfill is None or not self._backfill.advance(events):
            return False
        log.info("past_counted", events=self._backfill.total, series=len(self._backfill.series))
        self._backfill = None
        self._begin_next()
        return True

    def _begin_next(self) -> None:
        """What has waited joins the windows now: all of it with one pass over the ledger."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        is_first = self.walk.last_seq == 0
        needed = [part for tenant, asking in waiting for part in self._with_parts(tenant, asking)]
        lacking = self._windows.need(needed, complete=is_first)
        if lacking:
            self._backfill = Backfill(self.walk, lacking)


def stored_features(directory: Path, clock: Clock) -> list[Feature]:
    """Every tenant's definitions, each behind those that it is made of."""
    store = FeatureStore(directory, clock)
    try:
        return [Feature(one.name, one.text, one.unit, one.says, one.reason, one.tenant) for one in store.all()]
    finally:
        store.close()
