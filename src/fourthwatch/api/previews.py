"""`POST /api/v1/rules/preview`: a draft tried over the newest orders before it counts; nothing is changed by it.

Both sets, the one in force and the one that would be, judge the orders again as of their own events. What is looked up
is looked up beside the loop; the judging is done on it in pieces of well under a millisecond, and gives way to events.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Access
from fourthwatch.api.aside import Aside, Readers
from fourthwatch.api.bodies import as_far, failed, faults_of_shape, keys_in, refuse
from fourthwatch.api.changes import caller_of, json_reply
from fourthwatch.api.request import decompressed, read_body
from fourthwatch.api.rule_bodies import Sent, rule_sent, set_sent
from fourthwatch.clock import Clock, iso_ms
from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.explaining import RuleSetThen, rule_set_then, version_of
from fourthwatch.engine.rulings import InForce
from fourthwatch.engine.trying import Tried, Trying, ids_of, newest_orders, past_of
from fourthwatch.errors import Fault, ManyFaults, Unavailable
from fourthwatch.features.definition import Book
from fourthwatch.limits import (
    PREVIEW_ORDERS,
    PREVIEW_ORDERS_MAX,
    PREVIEW_SAMPLES,
    PREVIEW_SECONDS,
    PREVIEWS_WAITING_MAX,
)
from fourthwatch.model.manifest import ScoreMap, score_map_in
from fourthwatch.rules.check import CheckedSet, findings_in
from fourthwatch.rules.difference import differences
from fourthwatch.rules.rule import Rule, RuleSet
from fourthwatch.rules.ruling import HIT, MISS, UNKNOWN
from fourthwatch.store.index_rows import OrderLine
from fourthwatch.store.models import ModelStore
from fourthwatch.store.reader import Entry
from fourthwatch.store.rule_sets import RuleSetReader
from fourthwatch.wire.strict import read_object

_SLICE = 8
"""Orders judged between two looks of the loop at its sockets."""
_GIVING_WAY_S = 0.005
"""Between two slices while events wait for their answers."""
_RESTING_S = 0.001
"""Between two slices when none does: the loop is idle most of the time, so that whoever comes is served at once."""


class PreviewSent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A draft, in one of three forms, and over how many orders it is tried."""

    last: int = PREVIEW_ORDERS
    """Newest orders; up to 10,000."""
    when: str = ""
    """A condition alone: tried as a live rule of class review."""
    rule: dict[str, Any] | None = None
    """A whole rule: in the place of the one of its name, or behind all others. A draft or paused one is tried as if in
    shadow."""
    rules: tuple[dict[str, Any], ...] | None = None
    """A whole set, with `prior` and `presets` as it is published."""
    prior: float = -15.0
    presets: tuple[str, ...] = ()


class RuleTried(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule that is new or otherwise would have said of the orders."""

    rule: str
    hits: int
    misses: int
    unknown: int
    """`not_counted` among them."""
    not_counted: int
    """Orders of which it is unknown only because too many events would have to be counted."""
    share: float | None
    """Of the hits in all orders; null when there are none."""
    hits_bad: int
    """Hits that are known to have ended badly: fraud, or refused at the door."""
    hits_good: int
    hits_open: int
    """Hits of which it is not known."""
    samples: tuple[str, ...]
    """Orders that it hits, newest first."""


class VerdictChange(msgspec.Struct, frozen=True, rename={"was": "from", "would_be": "to"}):
    """Orders whose verdict would be another one."""

    was: str
    would_be: str
    orders: int
    bad: int
    """Those known to have ended badly."""
    good: int
    samples: tuple[str, ...]


class PreviewView(msgspec.Struct, frozen=True, kw_only=True):
    """What would have been."""

    orders: int
    """Looked at, each as it was last submitted."""
    from_at: str | None
    """When the oldest of them was received."""
    until_at: str | None
    bad: int
    """Of all of them, those known to have ended badly."""
    good: int
    rules: tuple[RuleTried, ...]
    verdicts: dict[str, int]
    """Orders by verdict, with the set in force and the policy as they are now."""
    verdicts_with_draft: dict[str, int]
    """The same with the draft."""
    changes: tuple[VerdictChange, ...]
    events_counted: int
    """Events of the past that were counted again, because the draft asks what nobody asked then."""
    not_counted: tuple[str, ...]
    """What was unknown of some orders only because too many events would have to be counted."""
    behind_events: int
    """Events of the tenant that are durable and could not be looked up yet: their orders are not among these."""


class Previews:
    """Handler of trying a draft; one try goes on at a time, so that they share what is left beside the decisions."""

    def __init__(
        self,
        access: Access,
        corridor: Corridor,
        aside: Aside,
        rule_sets: RuleSetReader,
        models: ModelStore,
        clock: Clock,
    ) -> None:
        self._access = access
        self._corridor = corridor
        self._aside = aside
        self._rule_sets = rule_sets
        self._models = models
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    def routes(self) -> list[Route]:
        """For the router."""
        return [Route("/api/v1/rules/preview", self.preview, methods=["POST"])]

    async def preview(self, request: Request) -> Response:
        """What a draft would have said of the newest orders."""
        tenant = caller_of(self._access, request, "manage").tenant
        raw = decompressed(await read_body(request.receive), request.headers.get("content-encoding"))
        sent, faults = _sent(read_object(raw)[0])
        if self._waiting >= PREVIEWS_WAITING_MAX:
            raise Unavailable("other drafts are being tried; try again shortly", retry_after_s=2)
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                return json_reply(await self._tried(tenant, sent, faults))
        finally:
            self._waiting -= 1

    async def _tried(self, tenant: int, sent: PreviewSent, faults: Sequence[Fault]) -> PreviewView:
        definitions = self._corridor.definitions
        walk, book = definitions.walk, definitions.book_of(tenant)
        in_force = walk.rulings.in_force(tenant)
        other, names = await asyncio.to_thread(_other, sent, faults, in_force.checked, book, tenant)
        deadline_s = self._clock.monotonic_s() + PREVIEW_SECONDS

        def newest(readers: Readers) -> tuple[list[Entry], dict[str, OrderLine], int]:
            entries = newest_orders(readers.ledger, readers.index, tenant, sent.last)
            lines = readers.index.lines(tenant, ids_of(entries))
            return entries, lines, readers.ledger.behind(tenant, readers.index.position())[0]

        entries, lines, behind = await self._aside.ask(newest, fresh=True)

        def score_map_of(model: str) -> ScoreMap:
            return score_map_in(self._models.get(tenant, model).manifest)

        trying = await asyncio.to_thread(Trying, walk, tenant, book, in_force.checked, other, score_map_of)
        thens: dict[int, RuleSetThen | None] = {}
        for number, entry in enumerate(entries, 1):
            assert entry.decision is not None
            version = version_of(entry.decision)
            if version not in thens:
                thens[version] = await self._then(tenant, version, in_force, book)
            then = thens[version]
            if then is not None:
                trying.take(entry, then)
            await self._give_way(number, deadline_s)
        for number, _ in enumerate(trying.want(), 1):
            await self._give_way(number, deadline_s)
        wanted = trying.wanted
        known, events = await self._aside.ask(
            lambda readers: past_of(readers.ledger, readers.index, tenant, wanted, entries)
        )
        await asyncio.to_thread(trying.prepare, known)
        tried: list[Tried] = []
        for number, one in enumerate(trying.judged(events, walk.judging.policies.of(tenant)), 1):
            if one is not None:
                tried.append(one)
            await self._give_way(number, deadline_s)
        return _view(tried, lines, trying.rules, names, len(events), behind)

    async def _then(self, tenant: int, version: int, in_force: InForce, book: Book) -> RuleSetThen | None:
        if version == in_force.version:
            return RuleSetThen(version, in_force.checked, in_force.checked.rule_set.rules, book)
        row = None if version == 0 else self._rule_sets.one(tenant, version)
        return await asyncio.to_thread(rule_set_then, tenant, version, row)

    async def _give_way(self, number: int, deadline_s: float) -> None:
        if number % _SLICE == 0:
            await asyncio.sleep(_GIVING_WAY_S if self._corridor.in_hand else _RESTING_S)
            if self._clock.monotonic_s() > deadline_s:
                raise Unavailable("events wait for their decisions; try this over fewer orders", retry_after_s=10)


def _sent(document: dict[str, Any]) -> tuple[PreviewSent, list[Fault]]:
    """The draft, and what is wrong with the rest of the body; raises `ManyFaults` when there is no draft to be read."""
    forms = [form for form in ("when", "rule", "rules") if document.get(form) not in (None, "")]
    faults: list[Fault] = []
    when, rows = document.get("when"), document.get("rules")
    if isinstance(when, dict):
        document = {**document, "when": ""}
        try:
            document["when"] = rule_sent({**_draft("draft", ""), "when": when}, "draft").when
        except ManyFaults as refused:
            faults += refused.faults
    if isinstance(rows, list):
        document = {**document, "rules": []}  # what is wrong with them is told by whoever reads them
    faults += faults_of_shape(document, PreviewSent)
    sent = as_far(document, PreviewSent, faults)
    faults += failed((
        ("", len(forms) == 1, "send one of `when`, `rule` and `rules`"),
        ("/last", 1 <= sent.last <= PREVIEW_ORDERS_MAX, f"last is from 1 to {PREVIEW_ORDERS_MAX:,}"),
    ))  # fmt: skip
    if len(forms) != 1 or forms[0] in keys_in(faults):
        refuse(faults)
    return msgspec.structs.replace(sent, rules=tuple(rows)) if isinstance(rows, list) else sent, faults


def _draft(name: str, when: str) -> dict[str, Any]:
    return {"class": "review", "says": "a draft", "when": when, "name": name}


def _other(
    sent: PreviewSent, faults: Sequence[Fault], now: CheckedSet, book: Book, tenant: int
) -> tuple[CheckedSet, list[str]]:
    """The set as it would be, and the names of its rules that are not in force as they are.

    Raises `RulesRefused` or, with the faults that were found before, `ManyFaults`.
    """
    if sent.rules is not None:
        document = {"rules": list(sent.rules), "prior": sent.prior, "presets": list(sent.presets)}
        told = set_sent(document)
        told = msgspec.structs.replace(told, faults=(*faults, *told.faults))
        rule_set = told.rule_set
        names = [one.rule for one in differences(now.rule_set, rule_set) if one.kind in ("added", "changed")]
        rules = tuple(_as_tried(rule) if rule.name in names else rule for rule in rule_set.rules)
        checked, wrong = findings_in(msgspec.structs.replace(rule_set, rules=rules), book, tenant)
        told.refuse(wrong)
        return checked, names
    if sent.rule is None:
        name = "draft"
        while now.rule_set.named(name) is not None:
            name += "_"
        rule = rule_sent(_draft(name, sent.when), name)
    else:
        try:
            rule = rule_sent(sent.rule, str(sent.rule.get("name", "")), "/rule")
        except ManyFaults as refused:
            raise ManyFaults((*faults, *refused.faults)) from None
    rule = _as_tried(rule)
    alone, wrong = findings_in(RuleSet((rule,)), book, tenant)  # the others have been checked
    place = "" if sent.rule is None else "/rule"
    Sent(alone.rule_set, faults=tuple(faults), places=((rule.name, place),)).refuse(wrong)
    rule_set = now.rule_set.with_rule(rule)
    others = {one.rule.name: one for one in (*now.rules, *alone.rules)}
    held = tuple(others[one.name] for one in rule_set.rules if one.name in others)
    return CheckedSet(rule_set, tenant, held), [rule.name]


def _as_tried(rule: Rule) -> Rule:
    return rule if rule.is_evaluated else msgspec.structs.replace(rule, state="shadow", percentage=100)


def _view(
    tried: Sequence[Tried],
    lines: Mapping[str, OrderLine],
    evaluated: Sequence[str],
    names: Sequence[str],
    counted: int,
    behind: int,
) -> PreviewView:
    ended = {one.order_id: lines[one.order_id].ended_badly if one.order_id in lines else None for one in tried}
    newest_first = tried[::-1]
    places = {name: at for at, name in enumerate(evaluated)}
    moved: dict[tuple[str, str], list[Tried]] = {}
    for one in newest_first:
        if one.verdict != one.would_be:
            moved.setdefault((one.verdict, one.would_be), []).append(one)
    return PreviewView(
        orders=len(tried),
        from_at=iso_ms(tried[0].event.received_ms) if tried else None,
        until_at=iso_ms(tried[-1].event.received_ms) if tried else None,
        bad=sum(one is True for one in ended.values()),
        good=sum(one is False for one in ended.values()),
        rules=tuple(_rule_tried(name, places[name], newest_first, ended) for name in names if name in places),
        verdicts=dict(Counter(one.verdict for one in tried)),
        verdicts_with_draft=dict(Counter(one.would_be for one in tried)),
        changes=tuple(
            VerdictChange(was, would_be, len(those), *_ends(those, ended), _named(those))
            for (was, would_be), those in moved.items()
        ),
        events_counted=counted,
        not_counted=tuple(sorted({text for one in tried for text in one.not_counted})),
        behind_events=behind,
    )


def _rule_tried(name: str, at: int, tried: Sequence[Tried], ended: Mapping[str, bool | None]) -> RuleTried:
    letters = Counter(one.results[at] for one in tried)
    hits = [one for one in tried if one.results[at] == HIT]
    bad, good = _ends(hits, ended)
    return RuleTried(
        rule=name,
        hits=len(hits),
        misses=letters[MISS],
        unknown=letters[UNKNOWN],
        not_counted=sum(bool(one.not_counted) for one in tried if one.results[at] == UNKNOWN),
        share=len(hits) / len(tried) if tried else None,
        hits_bad=bad,
        hits_good=good,
        hits_open=len(hits) - bad - good,
        samples=_named(hits),
    )


def _ends(those: Sequence[Tried], ended: Mapping[str, bool | None]) -> tuple[int, int]:
    """How many ended badly, and how many well."""
    ends = Counter(ended[one.order_id] for one in those)
    return ends[True], ends[False]


def _named(those: Sequence[Tried]) -> tuple[str, ...]:
    return tuple(one.order_id for one in those[:PREVIEW_SAMPLES])
