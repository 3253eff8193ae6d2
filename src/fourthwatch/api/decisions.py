"""`/api/v1/decisions`: a decision with all it was made of, rule by rule, and what would have had to be otherwise."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Access
from fourthwatch.api.apart import ModelsApart
from fourthwatch.api.changes import caller_of, json_reply
from fourthwatch.decision import Decision, Explored, Policy, why
from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.explaining import Explained, RuleLine, RuleSetThen, rule_set_then, version_of
from fourthwatch.errors import NotFound
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.features.fields import reader_of
from fourthwatch.features.lists import forms_asked, networks_around
from fourthwatch.rules.counterfactual import Change
from fourthwatch.rules.rule import Action
from fourthwatch.store.ledger import DecisionRow
from fourthwatch.store.lists import ListReader
from fourthwatch.store.reader import Entry, LedgerReader
from fourthwatch.store.rule_sets import RuleSetReader
from fourthwatch.wire.reply import Reason


class ListAsked(msgspec.Struct, frozen=True, rename={"name": "list"}):
    """What a rule asked of a list, and what it heard."""

    name: str
    what: str
    """The thing of the event, or the field, that was looked up."""
    is_in: bool | None
    """Null: the event did not say it."""
    entry: str | None
    """The entry by which it was in, in its normal form: its own, or a network around it."""
    reason: str | None
    """Why that entry was made."""


class DecisionDetail(msgspec.Struct, frozen=True):
    """A decision with everything it was made of."""

    event_id: str
    position: int
    """In the ledger; lists are as they were there."""
    score: int
    flag: str
    verdict: str
    why: str
    """Why the verdict is what it is, in a sentence."""
    decided_by: str | None
    """The rule that decided; null when the score did."""
    over: tuple[str, ...]
    """Rules of lower classes that hit and were overruled."""
    probability: float
    reasons: tuple[Reason, ...]
    rule_set: int
    """Version of the rule set; 0 is the starter set."""
    hits: int
    misses: int
    unknown: int
    actions: tuple[Action, ...]
    """What is to be done, beside the verdict."""
    thresholds: tuple[int, ...]
    """Red above the first, declined above the second, as they were."""
    policy: int
    """Version of the tenant's policy; 0 while it had set none."""
    degraded: tuple[str, ...]
    """Stages that were skipped because the order had waited for too long."""
    model: str | None
    """The model whose probability and score these are; null when the points of the rules judged."""
    judged_on: str | None
    """Id of the event by which the order was submitted, when the model judged that and this event's decision takes its
    probability on; null when it judged this event."""
    shadows: dict[str, float]
    """Models that looked on, with the probability of each."""
    lists: tuple[ListAsked, ...]
    """Everything that rules asked of lists."""
    features: dict[str, float | None]
    own_features: dict[str, float | str | bool | None]
    lacking: tuple[str, ...]
    """What was unknown because its past was not counted yet."""
    versions: dict[str, Any]
    """Of all else that made it: features, windows, normalisers, enrichment, files of the operator's."""
    explored: Explored | None
    """What chance did, of an order that the score would have declined while exploration was on; else null."""
    micros: tuple[int, ...]
    """Microseconds that reading, then judging took."""


class TraceView(msgspec.Struct, frozen=True):
    """Every rule of the set that made a decision, in its order."""

    event_id: str
    verdict: str
    why: str
    rule_set: int
    rules: tuple[RuleLine, ...]


class CounterfactualView(msgspec.Struct, frozen=True):
    """The smallest change of what was known that gives another verdict, decided again to be sure."""

    event_id: str
    verdict: str
    would_be: str | None
    """The other verdict; null when no change that was tried gives one."""
    changes: tuple[Change, ...]


class Decisions:
    """Handlers of `/api/v1/decisions`."""

    def __init__(
        self,
        access: Access,
        corridor: Corridor,
        reader: LedgerReader,
        rule_sets: RuleSetReader,
        lists: ListReader,
        apart: ModelsApart,
    ) -> None:
        self._access = access
        self._corridor = corridor
        self._reader = reader
        self._rule_sets = rule_sets
        self._lists = lists
        self.apart = apart

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/decisions/{event_id}", self.one, methods=["GET"]),
            Route("/api/v1/decisions/{event_id}/trace", self.trace, methods=["GET"]),
            Route("/api/v1/decisions/{event_id}/counterfactual", self.counterfactual, methods=["GET"]),
        ]

    async def one(self, request: Request) -> Response:
        """The decision on an event."""
        entry, made, then = await self.found(request)
        detail: dict[str, Any] = msgspec.json.decode(made.detail)
        results = detail.get("results", "")
        explained = Explained(self._corridor.definitions.walk, entry.event, made, then)
        return json_reply(
            DecisionDetail(
                event_id=entry.event.event_id,
                position=entry.event.seq,
                score=made.score,
                flag=made.flag,
                verdict=made.verdict,
                why=_why(detail, then),
                decided_by=detail.get("by"),
                over=tuple(detail.get("over", ())),
                probability=detail["probability"],
                reasons=msgspec.convert(detail["reasons"], tuple[Reason, ...]),
                rule_set=then.version,
                hits=results.count("h"),
                misses=results.count("m"),
                unknown=results.count("u"),
                actions=msgspec.convert(detail.get("actions", ()), tuple[Action, ...]),
                thresholds=tuple(detail.get("thresholds", (70, 94))),
                policy=detail.get("policy", 0),
                degraded=tuple(detail.get("degraded", ())),
                model=explained.model or None,
                judged_on=self.judged_on(made, detail),
                shadows=dict(detail.get("shadows", ())),
                lists=tuple(self._asked(entry, explained)),
                features=dict(zip(DECIDING, detail["vector"], strict=False)),
                own_features=detail.get("own") or {},
                lacking=tuple(detail.get("lacking", ())),
                versions=detail["versions"],
                explored=msgspec.convert(detail.get("explored"), Explored | None),
                micros=tuple(detail.get("micros", ())),
            )
        )

    async def trace(self, request: Request) -> Response:
        """What each rule said of the event."""
        entry, made, then = await self.found(request)
        explained = Explained(self._corridor.definitions.walk, entry.event, made, then)
        told = tuple(await asyncio.to_thread(explained.lines))
        detail = msgspec.json.decode(made.detail)
        return json_reply(TraceView(entry.event.event_id, made.verdict, _why(detail, then), then.version, told))

    async def counterfactual(self, request: Request) -> Response:
        """What would have had to be otherwise for another verdict."""
        entry, made, then = await self.found(request)
        explained = Explained(self._corridor.definitions.walk, entry.event, made, then)
        if explained.model:
            found = await self.apart.ask(made.tenant, explained.model, explained.flip)
        else:
            found = await asyncio.to_thread(explained.flip)
        would_be, changes = (None, ()) if found is None else (found.verdict, found.changes)
        return json_reply(CounterfactualView(entry.event.event_id, made.verdict, would_be, changes))

    async def found(self, request: Request) -> tuple[Entry, DecisionRow, RuleSetThen]:
        """The event, its decision and the rule set of then; raises `Unauthorised`, `Forbidden` or `NotFound`."""
        caller = caller_of(self._access, request, "read")
        entry = self._reader.event(caller.tenant, request.path_params["event_id"])
        if entry is None or entry.decision is None:
            raise NotFound("there is no decision on an event of this id")
        version = version_of(entry.decision)
        row = None if version == 0 else self._rule_sets.one(caller.tenant, version)
        then = await asyncio.to_thread(rule_set_then, caller.tenant, version, row)
        if then is None:
            raise NotFound("the rule set that made this decision is not there")
        return entry, entry.decision, then

    def judged_on(self, made: DecisionRow, detail: Mapping[str, Any]) -> str | None:
        """Id of the submission whose probability a decision takes on; `None` when it takes none on."""
        seq = int(detail.get("judged_on", 0))
        submission = self._reader.event_at(made.tenant, seq) if seq else None
        return None if submission is None else submission.event.event_id

    def _asked(self, entry: Entry, explained: Explained) -> Iterator[ListAsked]:
        """What the rules asked of lists, each with the entry that held then."""
        event, asked = entry.event, explained.asked_lists()
        rows = {row.name: row for row in self._lists.lists(event.seq) if row.tenant == event.tenant} if asked else {}
        for one, is_in in asked:
            row = rows.get(one.name)
            held = None
            if is_in and row is not None:
                forms = forms_asked(row.type, one.path, reader_of)(explained.subject)
                values = [
                    each for form in forms for each in (form, *(networks_around(form) if row.type == "ip" else ()))
                ]
                held = self._lists.holding(row.id, values, event.received_ms, event.seq)
            reason = None if held is None else held.reason
            yield ListAsked(one.name, ".".join(one.path), is_in, None if held is None else held.value, reason)


def _why(detail: dict[str, Any], then: RuleSetThen) -> str:
    if "results" not in detail:
        return f"the score of {detail['score']}, made before there were rules"
    made = msgspec.convert({**detail, "own": detail.get("own") or {}}, Decision)
    return why(made, then.rules, Policy(*made.thresholds))
