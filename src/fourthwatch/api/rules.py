"""`/api/v1/rules` and `/api/v1/rule-sets`: what judges, and every set that ever did.

An edit of one rule publishes a set, too: it is checked whole, tried on its examples on another thread, stored, and put
in force between two events. Where two pairs of eyes are wanted, it waits for a key that is not its author's.
"""

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.changes import Asked, Changes, Made, etag_of, json_reply
from fourthwatch.api.paging import Cursors, Page, number_in, truth_in
from fourthwatch.api.rule_bodies import Sent, note_sent, rule_sent, set_sent
from fourthwatch.api.rule_views import (
    CheckedView,
    DifferencesView,
    ProposalsView,
    PublishedView,
    RuleSetHead,
    RuleSetsView,
    RuleSetView,
    RulesView,
    RuleView,
    difference_views,
    head_of,
    proposal_view,
    starter_head,
    statistics_of,
    view_of,
)
from fourthwatch.clock import Clock
from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.rule_shelf import features_used
from fourthwatch.engine.rulings import InForce, Ready, starter_in_force
from fourthwatch.errors import Changed, Finding, Forbidden, NotFound
from fourthwatch.language import parse, to_json
from fourthwatch.limits import STATISTICS_DECISIONS_MAX
from fourthwatch.rules.check import CheckedSet, findings_in, list_findings
from fourthwatch.rules.difference import Difference, differences
from fourthwatch.rules.examples import findings_of, try_examples
from fourthwatch.rules.lint import lint
from fourthwatch.rules.rule import RuleSet, decoded, encoded
from fourthwatch.store.changes import AuditTrail
from fourthwatch.store.rule_sets import (
    ProposalRow,
    RuleSetReader,
    RuleSetRow,
    rule_proposal_refused,
    rule_set_proposed,
    rule_set_published,
)

_NEWEST = 2**62
CURRENT = "current"
"""In place of a version: the one in force."""


class _Checked(msgspec.Struct):
    """What was found out about a set on another thread."""

    checked: CheckedSet
    examples: int
    found: list[Difference]
    over: int
    """Version that was in force then."""
    proposed: int
    """The newest number of a set that waits."""
    findings: tuple[Finding, ...] = ()
    """What looks wrong, and is no reason to refuse it."""
    ready: Ready | None = None


class Rules:
    """Handlers of rules and rule sets."""

    def __init__(
        self, changes: Changes, corridor: Corridor, clock: Clock, cursors: Cursors, store: RuleSetReader,
        trail: AuditTrail, *, four_eyes: bool,
    ) -> None:  # fmt: skip
        """`trail` is asked while a change is made, one at a time."""
        self._trail = trail
        self._changes = changes
        self._corridor = corridor
        self._clock = clock
        self._cursors = cursors
        self._store = store
        self._four_eyes = four_eyes

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/rules", self.rules, methods=["GET"]),
            Route("/api/v1/rules/{name}", self.rule, methods=["GET"]),
            Route("/api/v1/rules/{name}", self.put_rule, methods=["PUT"]),
            Route("/api/v1/rules/{name}", self.remove_rule, methods=["DELETE"]),
            Route("/api/v1/rule-sets", self.sets, methods=["GET"]),
            Route("/api/v1/rule-sets", self.publish, methods=["POST"]),
            Route("/api/v1/rule-sets/{version}", self.set, methods=["GET"]),
            Route("/api/v1/rule-sets/{version}/differences", self.differences, methods=["GET"]),
            Route("/api/v1/rule-sets/{version}/statistics", self.statistics, methods=["GET"]),
            Route("/api/v1/rule-sets/{version}/rollback", self.roll_back, methods=["POST"]),
            Route("/api/v1/rule-proposals", self.proposals, methods=["GET"]),
            Route("/api/v1/rule-proposals/{proposal}/approval", self.approve, methods=["POST"]),
            Route("/api/v1/rule-proposals/{proposal}", self.proposal, methods=["GET"]),
            Route("/api/v1/rule-proposals/{proposal}", self.refuse, methods=["DELETE"]),
        ]

    async def rules(self, request: Request) -> Response:
        """The rules in force, in their order; a cursor goes on in the set that its first page showed."""
        caller = self._changes.caller(request, "read")
        in_force = self._in_force(caller.tenant)
        page = Page(self._cursors, request, caller.tenant, "rules")
        version, begin = page.behind(tuple[int, int], (in_force.version, 0))
        is_now = version == in_force.version
        every = (in_force.checked.rule_set if is_now else self._rule_set(caller.tenant, version)).rules
        rows = tuple(enumerate(every[begin : begin + page.limit + 1], begin + 1))
        shown, following = page.cut(rows, lambda row: (version, row[0]))
        view = RulesView(version, tuple(rule for _, rule in shown), following)
        return json_reply(view, _etag(in_force) if is_now else None)

    async def rule(self, request: Request) -> Response:
        """One rule in force."""
        caller = self._changes.caller(request, "read")
        in_force = self._in_force(caller.tenant)
        rule = in_force.checked.rule_set.named(request.path_params["name"])
        if rule is None:
            raise NotFound("there is no rule of this name in force")
        return json_reply(RuleView(rule, in_force.version, msgspec.Raw(to_json(parse(rule.when)))), etag_of(rule))

    async def put_rule(self, request: Request) -> Response:
        """Publish the set in force with one rule added or replaced."""
        name = request.path_params["name"]

        def changed(asked: Asked) -> Sent:
            now = self._in_force(asked.caller.tenant).checked.rule_set
            standing = now.named(name)
            asked.over(None if standing is None else etag_of(standing))
            return Sent(now.with_rule(rule_sent(asked.document, name)), places=((name, ""),))

        return await self._take(request, changed, "rule.changed", of=name)

    async def remove_rule(self, request: Request) -> Response:
        """Publish the set in force without one of its rules."""
        name = request.path_params["name"]

        def changed(asked: Asked) -> Sent:
            now = self._in_force(asked.caller.tenant).checked.rule_set
            rule = now.named(name)
            if rule is None:
                raise NotFound("there is no rule of this name in force")
            asked.over(etag_of(rule))
            return Sent(now.without(name))

        return await self._take(request, changed, "rule.removed")

    async def sets(self, request: Request) -> Response:
        """Every version, newest first; the starter set stands at the end."""
        caller = self._changes.caller(request, "read")
        page = Page(self._cursors, request, caller.tenant, "rule-sets")
        newest = self._in_force(caller.tenant).version
        rows = self._store.page(caller.tenant, page.behind(int, _NEWEST), page.limit + 1)
        shown, following = page.cut([head_of(row, newest) for row in rows], lambda head: head.version)
        heads = [*shown] if following is not None else [*shown, starter_head(starter_in_force(), newest)]
        return json_reply(RuleSetsView(tuple(heads), following), _etag(self._in_force(caller.tenant)))

    async def set(self, request: Request) -> Response:
        """One version with all its rules."""
        caller = self._changes.caller(request, "read")
        view = self._view(caller.tenant, request.path_params["version"])
        in_force = self._in_force(caller.tenant)
        return json_reply(view, _etag(in_force) if view.in_force else etag_of([view.version, "old"]))

    async def publish(self, request: Request) -> Response:
        """Publish a whole set over the one in force; with `dry_run=true` it is only checked and tried."""
        dry_run = truth_in(request, "dry_run")

        def changed(asked: Asked) -> Sent:
            if not dry_run:
                asked.over(_etag(self._in_force(asked.caller.tenant)))
            return set_sent(asked.document)

        return await self._take(request, changed, "rule_set.published", dry_run=bool(dry_run))

    async def differences(self, request: Request) -> Response:
        """What differs between a version and another, `against`, which is the one before it unless told."""
        caller = self._changes.caller(request, "read")
        version = self._version(caller.tenant, request.path_params["version"])
        against = number_in(request, "against", max(0, version - 1))
        found = differences(self._rule_set(caller.tenant, against), self._rule_set(caller.tenant, version))
        return json_reply(DifferencesView(version, against, difference_views(found)))

    async def statistics(self, request: Request) -> Response:
        """How often each rule of a version hit, missed or was unknown, among the newest decisions."""
        tenant = self._changes.caller(request, "read").tenant
        version = self._version(tenant, request.path_params["version"])
        rule_set = self._rule_set(tenant, version)
        found = await asyncio.to_thread(self._store.results, tenant, 0, STATISTICS_DECISIONS_MAX)
        return json_reply(statistics_of(version, rule_set, [told for _, by, told in found if by == version]))

    async def roll_back(self, request: Request) -> Response:
        """Publish an older version again, under a new number."""

        def changed(asked: Asked) -> Sent:
            version = self._version(asked.caller.tenant, request.path_params["version"])
            asked.over(_etag(self._in_force(asked.caller.tenant)))
            note = note_sent(asked.document) or f"back to version {version}"
            return Sent(self._rule_set(asked.caller.tenant, version), note)

        return await self._take(request, changed, "rule_set.rolled_back")

    async def proposals(self, request: Request) -> Response:
        """Sets that wait for a second pair of eyes."""
        caller = self._changes.caller(request, "read")
        page = Page(self._cursors, request, caller.tenant, "rule-proposals")
        rows = self._store.proposals(caller.tenant, page.behind(int, 0), page.limit + 1)
        shown, following = page.cut(rows, lambda row: row.id)
        now = self._in_force(caller.tenant).checked.rule_set
        views = tuple(proposal_view(row, differences(now, decoded(row.content))) for row in shown)
        return json_reply(ProposalsView(views, following))

    async def proposal(self, request: Request) -> Response:
        """One of them."""
        caller = self._changes.caller(request, "read")
        row = self._proposal(caller.tenant, request.path_params["proposal"])
        now = self._in_force(caller.tenant).checked.rule_set
        return json_reply(proposal_view(row, differences(now, decoded(row.content))))

    async def approve(self, request: Request) -> Response:
        """Publish a set that waits; by somebody else than its author."""
        row: list[ProposalRow] = []

        def changed(asked: Asked) -> Sent:
            found = self._proposal(asked.caller.tenant, request.path_params["proposal"])
            person = partial(self._trail.person_behind, asked.caller.tenant)
            if person(found.author) == person(asked.caller.key_id):
                raise Forbidden("somebody else approves a set than sent it; a key counts as whoever made it")
            if found.base != self._in_force(asked.caller.tenant).version:
                raise Changed("another set was published since this one was sent; send it again")
            row.append(found)
            return Sent(decoded(found.content), note_sent(asked.document) or found.note)

        return await self._take(request, changed, "rule_set.approved", proposal=row)

    async def refuse(self, request: Request) -> Response:
        """Take a set that waits back, or turn it down."""

        def make(asked: Asked) -> Made:
            row = self._proposal(asked.caller.tenant, request.path_params["proposal"])
            return Made(change=rule_proposal_refused(row, asked.caller.key_id), status=204)

        return await self._changes.take(request, "manage", make)

    async def _take(
        self, request: Request, changed: Callable[[Asked], Sent], action: str, *, dry_run: bool = False,
        proposal: list[ProposalRow] | None = None, of: str | None = None,
    ) -> Response:  # fmt: skip
        """A set on its way to be published: checked and tried on another thread, then stored, then in force.

        `of` names the rule whose `ETag` the answer has, in place of the set's.
        """
        prepared: list[tuple[Sent, _Checked]] = []

        def prepare(asked: Asked) -> None:
            sent = changed(asked)
            prepared.append((sent, self._checked(asked.caller.tenant, sent)))

        def make(asked: Asked, seq: int) -> Made | Response:
            sent, checked = prepared[0]
            rule_set, note = sent.rule_set, sent.note
            if checked.over != self._in_force(asked.caller.tenant).version:  # the brake may have come in between
                raise Changed("another set was published meanwhile; look again, then send this with the new ETag")
            if dry_run:
                return json_reply(_checked_view(checked))
            if proposal is None and self._wants_four_eyes(asked.caller.tenant):
                return self._proposed(asked, rule_set, note, checked)
            return self._published(asked, seq, rule_set, note, checked, action, proposal[0] if proposal else None, of)

        return await self._changes.take_between_events(request, "manage", make, prepare=prepare)

    def _checked(self, tenant: int, sent: Sent) -> _Checked:
        definitions, rule_set = self._corridor.definitions, sent.rule_set
        book = definitions.book_of(tenant)
        checked, wrong = findings_in(rule_set, book, tenant)
        wrong += list_findings(rule_set, book.rule_schema.lists or {})
        tried = try_examples(checked, book)
        sent.refuse([*wrong, *findings_of(tried)])
        definitions.check_rules(checked)
        now, rulings = self._in_force(tenant), definitions.walk.rulings
        proposed = self._store.newest_proposal(tenant)
        # Where nothing new has to be remembered it can be compiled here, too.
        ready = rulings.compiled(tenant, InForce(now.version + 1, checked)) if definitions.keeps(checked) else None
        found, findings = differences(now.checked.rule_set, rule_set), tuple(lint(checked))
        return _Checked(checked, len(tried), found, now.version, proposed, findings, ready)

    def _published(
        self, asked: Asked, seq: int, rule_set: RuleSet, note: str, one: _Checked, action: str,
        proposal: ProposalRow | None, of: str | None,
    ) -> Made:  # fmt: skip
        tenant = asked.caller.tenant
        version = self._in_force(tenant).version + 1
        used = features_used(one.checked, self._corridor.definitions.book_of(tenant))
        row = RuleSetRow(
            tenant=tenant, version=version, content=encoded(rule_set), features=msgspec.json.encode(used), note=note,
            author=asked.caller.key_id if proposal is None else proposal.author,
            approver=None if proposal is None else asked.caller.key_id,
            created_ms=self._clock.now_ms(), from_seq=seq,
        )  # fmt: skip
        in_force = InForce(version, one.checked)

        self._corridor.publish(tenant, in_force, one.ready)
        return Made(
            change=rule_set_published(row, action, *_told(one.found), None if proposal is None else proposal.id),
            view=PublishedView(version, None, difference_views(one.found), one.findings),
            status=201,
            headers={
                "Location": f"/api/v1/rule-sets/{version}",
                "ETag": _etag(in_force) if of is None else etag_of(rule_set.named(of)),
            },
        )

    def _proposed(self, asked: Asked, rule_set: RuleSet, note: str, one: _Checked) -> Made:
        tenant = asked.caller.tenant
        now_ms = self._clock.now_ms()
        number = max(now_ms, one.proposed + 1)
        row = ProposalRow(
            tenant=tenant, id=number, base=self._in_force(tenant).version, content=encoded(rule_set), note=note,
            author=asked.caller.key_id, created_ms=now_ms,
        )  # fmt: skip
        return Made(
            change=rule_set_proposed(row, *_told(one.found)),
            view=PublishedView(None, number, difference_views(one.found), one.findings),
            status=202,
            headers={"Location": f"/api/v1/rule-proposals/{number}"},
        )

    def _wants_four_eyes(self, tenant: int) -> bool:
        """The server may want it of everybody, a tenant's policy of its own people."""
        return self._four_eyes or self._corridor.definitions.walk.judging.policies.of(tenant).four_eyes

    def _in_force(self, tenant: int) -> InForce:
        return self._corridor.definitions.walk.rulings.in_force(tenant)

    def _version(self, tenant: int, told: str) -> int:
        if told == CURRENT:
            return self._in_force(tenant).version
        if not (told.isascii() and told.isdigit()) or len(told) > 15:
            raise NotFound("there is no such version of your rule set")
        return int(told)

    def _view(self, tenant: int, told: str) -> RuleSetView:
        version, newest = self._version(tenant, told), self._in_force(tenant).version
        head, rule_set = self._head(tenant, version, newest)
        return view_of(head, rule_set)

    def _head(self, tenant: int, version: int, newest: int) -> tuple[RuleSetHead, RuleSet]:
        if version == 0:
            return starter_head(starter_in_force(), newest), starter_in_force().checked.rule_set
        row = self._store.one(tenant, version)
        if row is None:
            raise NotFound("there is no such version of your rule set")
        return head_of(row, newest), decoded(row.content)

    def _rule_set(self, tenant: int, version: int) -> RuleSet:
        return self._head(tenant, version, 0)[1]

    def _proposal(self, tenant: int, told: str) -> ProposalRow:
        row = self._store.proposal(tenant, int(told)) if told.isascii() and told.isdigit() and len(told) < 16 else None
        if row is None:
            raise NotFound("no set waits under this number")
        return row


def _etag(in_force: InForce) -> str:
    return etag_of([in_force.version, in_force.checked.rule_set])


def _told(found: list[Difference]) -> tuple[object, object]:
    """The rules that differ, before and after, for the trail."""
    before = {one.rule: msgspec.to_builtins(one.before) for one in found if one.before is not None}
    after = {one.rule: msgspec.to_builtins(one.after) for one in found if one.after is not None}
    return before or None, after or None


def _checked_view(one: _Checked) -> CheckedView:
    asked = {node for each in one.checked.asking for node in each.aggregates}
    warnings = tuple(f"{found.rule}: {found.message}" for found in one.findings)
    views = difference_views(one.found)
    return CheckedView(len(one.checked.rules), one.examples, len(asked), views, one.findings, warnings)
