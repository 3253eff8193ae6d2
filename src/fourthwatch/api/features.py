"""`/api/v1/features`: what decisions are made of, and a tenant's own definitions, which have a past at once.

A definition is checked, then stored, then taken in between two events; until its past is in, its state is `counting`.
"""

import re
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.bodies import failed, faults_of_shape, refuse
from fourthwatch.api.changes import Asked, Changes, Made, etag_of, json_reply
from fourthwatch.api.paging import Cursors, Page, truth_in
from fourthwatch.clock import Clock
from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.definitions import Definitions, Standing
from fourthwatch.errors import (
    Fault,
    Forbidden,
    LanguageError,
    ManyFaults,
    NameTaken,
    NotFound,
    NotUnderstood,
    faults_in_text,
)
from fourthwatch.features.definition import Feature, Window
from fourthwatch.features.vocabulary import EVENT_WORDS, OUR_FUNCTIONS, schema_with
from fourthwatch.language import FORM_OF, render
from fourthwatch.limits import (
    EXPRESSION_CHARS_MAX,
    FEATURE_NAME_CHARS_MAX,
    FEATURE_SAYS_CHARS_MAX,
    FEATURE_UNIT_CHARS_MAX,
)
from fourthwatch.store.features import FeatureRow, feature_defined, feature_removed

_NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{FEATURE_NAME_CHARS_MAX - 1}}}")
_WORDS = frozenset({"and", "or", "not", "in", "true", "false", "where", "of", "by", "any", "custom", "other", "last"})
_TAKEN_WORDS = _WORDS | OUR_FUNCTIONS.keys() | FORM_OF.keys() | {word.name for word in EVENT_WORDS}
_FIRST_PARTS = frozenset(path.partition(".")[0] for path in schema_with({}).fields)
_NO_NAME = "feature_without_a_name"
_LENGTHS = {
    "name": FEATURE_NAME_CHARS_MAX, "text": EXPRESSION_CHARS_MAX, "unit": FEATURE_UNIT_CHARS_MAX,
    "says": FEATURE_SAYS_CHARS_MAX, "reason": FEATURE_UNIT_CHARS_MAX,
}  # fmt: skip


class FeatureDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A feature of one's own."""

    name: str
    """Small letters, digits and underscores, beginning with a letter; at most 64."""
    text: str
    """In the language."""
    unit: str = ""
    says: str = ""
    """A sentence for people who look at a decision."""
    reason: str = ""
    """Code of the reason that it gives; the name when there is none of its own."""


class WindowView(msgspec.Struct, frozen=True):
    """A window that a feature looks through, in seconds before the event, and how exact it is."""

    last_s: int | None
    """Where it begins; null for all that is known."""
    until_s: int | None
    """Where it ends; null for now."""
    slack_s: int
    """How far from its place an edge may lie, once somebody has more than its newest 64 things; until then it is exact.
    """
    estimated: bool
    """Whether numbers of different things beyond the newest 64 are estimates, good to about one in seven."""


class FeatureView(msgspec.Struct, frozen=True):
    """A feature and its state."""

    name: str
    text: str
    """In the language; of a fact about the event its own name."""
    unit: str
    says: str
    reason: str
    own: bool
    """Whether you have defined it; the others come with the program."""
    state: str
    """`complete`; `counting` while its past is not in, when its value is unknown; `resting` when it comes with the
    program and nobody asks for it: it is kept, with its past, as soon as a feature of yours is made of it; `rejected`
    when the stored text does not hold any more."""
    why: str | None
    """Why it was rejected."""
    done: int
    """How many hundredths of the log were counted for it."""
    total: int
    """Always 100."""
    uses: tuple[str, ...]
    """Features and facts that it is made of."""
    cost: dict[str, int]
    """`aggregates`: questions to the histories per decision; `series`: selections of events that are remembered for it;
    `own_series`: those of them that are remembered for you alone; `bytes_max`: the most memory that these take of one
    user, card or whatever they are by, each added up."""
    windows: tuple[WindowView, ...]
    """What it looks through itself; those of the features that it is made of stand there."""


class FeaturesView(msgspec.Struct, frozen=True):
    """A page of features."""

    features: tuple[FeatureView, ...]
    next: str | None
    """Send as `cursor` for the rest; null at the end."""


class Features:
    """Handlers of `/api/v1/features`."""

    def __init__(self, changes: Changes, corridor: Corridor, clock: Clock, cursors: Cursors) -> None:
        self._changes = changes
        self._corridor = corridor
        self._clock = clock
        self._cursors = cursors

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/features", self.all, methods=["GET"]),
            Route("/api/v1/features", self.define, methods=["POST"]),
            Route("/api/v1/features/{name}", self.one, methods=["GET"]),
            Route("/api/v1/features/{name}", self.withdraw, methods=["DELETE"]),
        ]

    async def all(self, request: Request) -> Response:
        """Every feature, those that come with the program first; `own=true` leaves these out."""
        caller = self._changes.caller(request, "read")
        wanted = truth_in(request, "own")
        page = Page(self._cursors, request, caller.tenant, f"features {wanted}")
        every = self._corridor.definitions.all(caller.tenant)
        rows = [one for one in every if wanted is None or (one.feature.tenant != 0) == wanted]
        behind = page.behind(str, "")
        # Own ones by name: the one that a page ended with may be gone when the next is asked for.
        given = [one for one in rows if one.feature.tenant == 0]
        own = sorted((one for one in rows if one.feature.tenant != 0), key=lambda one: one.feature.name)
        names = [one.feature.name for one in given]
        if behind in names:
            rest = given[names.index(behind) + 1 :] + own
        else:
            rest = [one for one in own if one.feature.name > behind] if behind else given + own
        shown, following = page.cut(rest[: page.limit + 1], lambda one: one.feature.name)
        return json_reply(FeaturesView(tuple(_view(one) for one in shown), following))

    async def one(self, request: Request) -> Response:
        """One feature, and how far its past is in."""
        caller = self._changes.caller(request, "read")
        standing = self._corridor.definitions.standing(caller.tenant, request.path_params["name"])
        return json_reply(_view(standing), _etag(standing))

    async def define(self, request: Request) -> Response:
        """Define a feature; with `dry_run=true` it is only checked."""
        dry_run = truth_in(request, "dry_run")

        def make(asked: Asked) -> Made | Response:
            tenant = asked.caller.tenant
            try:
                sent = definition_of(asked.document)
            except ManyFaults as refused:
                raise _with_text(self._corridor.definitions, asked, refused.faults) from None
            feature = Feature(sent.name, sent.text, sent.unit, sent.says, sent.reason, tenant)
            standing = _checked(self._corridor.definitions, feature)
            if dry_run:
                return json_reply(_view(standing))
            row = FeatureRow(
                tenant=tenant, name=sent.name, text=sent.text, unit=sent.unit, says=sent.says, reason=sent.reason,
                created_ms=self._clock.now_ms(), author=asked.caller.key_id,
            )  # fmt: skip
            return Made(
                change=feature_defined(row),
                view=_view(standing),
                status=201,
                headers={"Location": f"/api/v1/features/{sent.name}", "ETag": _etag(standing)},
                then=lambda: self._corridor.define(feature),
            )

        return await self._changes.take(request, "manage", make)

    async def withdraw(self, request: Request) -> Response:
        """Take one of your own out."""
        name = request.path_params["name"]

        def make(asked: Asked) -> Made:
            tenant = asked.caller.tenant
            standing = self._corridor.definitions.standing(tenant, name)
            if standing.feature.tenant == 0:
                raise Forbidden("this feature comes with the program and cannot be removed")
            asked.over(_etag(standing))
            self._corridor.definitions.check_withdrawal(tenant, name)
            return Made(
                change=feature_removed(tenant, asked.caller.key_id, _definition(standing)),
                status=204,
                then=lambda: self._corridor.withdraw(tenant, name),
            )

        return await self._changes.take(request, "manage", make)


def definition_of(document: dict[str, Any]) -> FeatureDefinition:
    """A definition as it was sent; raises `ManyFaults`."""
    refuse(_faults_of(document))
    return msgspec.convert(document, FeatureDefinition)


def _faults_of(document: dict[str, Any]) -> list[Fault]:
    faults = faults_of_shape(document, FeatureDefinition)
    for key, longest in _LENGTHS.items():
        value = document.get(key)
        if isinstance(value, str):
            faults += failed([(f"/{key}", len(value) <= longest, f"{key} has at most {longest} characters")])
            if key in ("name", "text"):
                faults += failed([(f"/{key}", value.strip() != "", f"{key} is needed")], code="missing_key")
    name = document.get("name")
    why = (
        why_no_name(name) if isinstance(name, str) and len(name.strip()) > 0 and len(name) <= _LENGTHS["name"] else None
    )
    return faults if why is None else [*faults, Fault("/name", "bad_name", why)]


def why_no_name(name: str) -> str | None:
    """Why a feature cannot be called this, whatever others are called; `None` when it can.

    >>> why_no_name("km_since_last"), why_no_name("Km")
    (None, 'a name has small letters, digits and underscores, begins with a letter, and has at most 64 of them')
    """
    if _NAME.fullmatch(name) is None:
        return (
            "a name has small letters, digits and underscores, begins with a letter, and has at most "
            f"{FEATURE_NAME_CHARS_MAX} of them"
        )
    if name in _TAKEN_WORDS:
        return "this is a word of the language; take another name"
    if name in _FIRST_PARTS:
        return "this is the name of a field of an event; take another name"
    return None


def _with_text(definitions: Definitions, asked: Asked, faults: tuple[Fault, ...]) -> ManyFaults:
    """What is wrong with the rest of a definition, and with its text."""
    text = asked.document.get("text")
    if isinstance(text, str) and all(fault.pointer != "/text" for fault in faults):
        try:
            definitions.check(Feature(_NO_NAME, text, "", "", "", asked.caller.tenant))
        except LanguageError as error:
            return ManyFaults((*faults, *faults_in_text("/text", error.diagnostics)))
    return ManyFaults(faults)


def _checked(definitions: Definitions, feature: Feature) -> Standing:
    book = definitions.book_of(feature.tenant)
    try:
        definitions.standing(feature.tenant, feature.name)
    except NotFound:
        pass
    else:
        raise NameTaken("there is a feature of this name already")
    try:
        defined = definitions.check(feature)
    except LanguageError as error:
        raise NotUnderstood(error.diagnostics, render(feature.text, error.diagnostics), "/text") from error
    definitions.check_room(defined)
    return definitions.standing_of(defined, book)


def _view(standing: Standing) -> FeatureView:
    feature = standing.feature
    return FeatureView(
        name=feature.name,
        text=feature.text,
        unit=feature.unit,
        says=feature.says,
        reason=feature.reason or feature.name,
        own=feature.tenant != 0,
        state=standing.state,
        why=standing.why or None,
        done=100 * standing.done // standing.total if standing.total else 100 * (standing.state == "complete"),
        total=100,
        uses=standing.uses,
        cost={
            "aggregates": standing.aggregates,
            "series": standing.series,
            "own_series": standing.own_series,
            "bytes_max": standing.bytes_max,
        },
        windows=tuple(_window_view(window) for window in standing.windows),
    )


def _window_view(window: Window) -> WindowView:
    last_s, until_s = (None if edge is None else edge // 1_000 for edge in (window.last_ms, window.until_ms))
    return WindowView(last_s, until_s, window.slack_ms // 1_000, window.is_estimated)


def _definition(standing: Standing) -> FeatureDefinition:
    feature = standing.feature
    return FeatureDefinition(feature.name, feature.text, feature.unit, feature.says, feature.reason or feature.name)


def _etag(standing: Standing) -> str:
    """Of what was defined; how far the past is in is not anybody's edit."""
    return etag_of(_definition(standing))
