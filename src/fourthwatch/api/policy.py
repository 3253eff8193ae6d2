"""`/api/v1/policy`: thresholds, deadline and costs of a tenant; each version holds from a position of the ledger on.

Whoever could turn the second pair of eyes off alone would not need one: two people have to ask for that.
"""

from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Caller
from fourthwatch.api.bodies import as_far, failed, faults_of_shape, keys_in, refuse
from fourthwatch.api.changes import Asked, Changes, Made, json_reply
from fourthwatch.api.paging import Cursors, Page
from fourthwatch.clock import Clock, iso_ms
from fourthwatch.decision import Costs, Exploration, Policy
from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.policies import policy_of
from fourthwatch.limits import DEADLINE_MS_MAX, EXPLORATION_PERCENT_MAX
from fourthwatch.store.changes import AuditEntry, AuditTrail, Change
from fourthwatch.store.policies import PolicyReader

_NEWEST = 2**31
_MONEY_MAX = 10**12
_ASKED_FOR = "policy.asked_for"


class PolicyChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A policy to be; what is absent is as by default."""

    red_above: int = 70
    """Scores above this are red and go to review, 0 to 100."""
    decline_above: int = 94
    """Scores above this are declined; at least red_above, 100 declines nothing."""
    deadline_ms: int = 50
    """How long an order may have waited before parts of its decision are put off; 0 puts nothing off."""
    costs: Costs = Costs()
    four_eyes: bool | None = None
    """Whether a rule set waits for a second key's approval; absent leaves it as it is. One key turns it on; it is
    turned off when a second key sends the same policy."""
    exploration: Exploration | None = None
    """Orders that the score would decline and that chance lets pass; off by default, absent leaves it as it is."""


class PolicyView(msgspec.Struct, frozen=True):
    """A policy."""

    version: int
    """0 is the server's own, while none was set."""
    red_above: int
    decline_above: int
    deadline_ms: int
    costs: Costs
    four_eyes: bool
    exploration: Exploration


class PolicyVersionView(msgspec.Struct, frozen=True):
    """A version that held, or holds."""

    policy: PolicyView
    author: str
    set_at: str


class PolicyVersionsView(msgspec.Struct, frozen=True):
    """A page of versions."""

    versions: tuple[PolicyVersionView, ...]
    """Newest first."""
    next: str | None
    """Send as `cursor` for older ones; null when there are none."""


class Policies:
    """Handlers of `/api/v1/policy`."""

    def __init__(
        self, changes: Changes, corridor: Corridor, reader: PolicyReader, trail: AuditTrail, clock: Clock,
        cursors: Cursors,
    ) -> None:  # fmt: skip
        """`trail` is asked while a change is made, one at a time."""
        self._changes = changes
        self._corridor = corridor
        self._reader = reader
        self._clock = clock
        self._cursors = cursors
        self._trail = trail

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/policy", self.one, methods=["GET"]),
            Route("/api/v1/policy", self.put, methods=["PUT"]),
            Route("/api/v1/policy/versions", self.versions, methods=["GET"]),
        ]

    async def one(self, request: Request) -> Response:
        """The policy in force."""
        caller = self._changes.caller(request, "read")
        policy = self._corridor.definitions.walk.judging.policies.of(caller.tenant)
        return json_reply(_view(policy), _etag(policy))

    async def put(self, request: Request) -> Response:
        """Another policy, whole; it holds from the next event on, or waits for a second person who sends the same."""
        first: list[AuditEntry] = []

        def prepare(asked: Asked) -> None:
            tenant = asked.caller.tenant
            if self._corridor.definitions.walk.judging.policies.of(tenant).four_eyes:
                first.extend(self._asked_for(tenant, asked.caller.key_id))

        def make(asked: Asked, seq: int) -> Made:
            policies, caller = self._corridor.definitions.walk.judging.policies, asked.caller
            before = policies.of(caller.tenant)
            asked.over(_etag(before))
            wanted = _wanted(asked.document, before)
            if before.four_eyes and not wanted.four_eyes:
                told = first[0].after if first else None
                if told is None or msgspec.json.decode(told) != msgspec.to_builtins(_view(wanted)):
                    return self._waiting(caller, before, wanted)
            after, write = policies.put(caller.tenant, wanted, caller.key_id, self._clock.now_ms(), seq)
            change = Change(
                tenant=caller.tenant, actor=caller.key_id, action="policy.set", thing="policy",
                before=msgspec.to_builtins(_view(before)), after=msgspec.to_builtins(_view(after)), writes=(write,),
            )  # fmt: skip
            return Made(change=change, view=_view(after), headers={"ETag": _etag(after)})

        return await self._changes.take_between_events(request, "manage", make, prepare=prepare)

    def _asked_for(self, tenant: int, caller: str) -> list[AuditEntry]:
        """Where somebody else asked last to do without the second pair of eyes; the trail remembers over a restart."""
        newest = self._trail.page(tenant, _NEWEST, 1, thing="policy")
        person = partial(self._trail.person_behind, tenant)
        return [one for one in newest if one.action == _ASKED_FOR and person(one.actor) != person(caller)]

    def _waiting(self, caller: Caller, before: Policy, wanted: Policy) -> Made:
        change = Change(
            tenant=caller.tenant, actor=caller.key_id, action=_ASKED_FOR, thing="policy",
            before=msgspec.to_builtins(_view(before)), after=msgspec.to_builtins(_view(wanted)),
        )  # fmt: skip
        return Made(change=change, view=_view(before), status=202, headers={"ETag": _etag(before)})

    async def versions(self, request: Request) -> Response:
        """Every version that was set, newest first."""
        caller = self._changes.caller(request, "read")
        page = Page(self._cursors, request, caller.tenant, "policy versions")
        rows = self._reader.versions(caller.tenant, page.behind(int, _NEWEST), page.limit + 1)
        shown, following = page.cut(rows, lambda row: row.version)
        views = tuple(PolicyVersionView(_view(policy_of(row)), row.author, iso_ms(row.at_ms)) for row in shown)
        return json_reply(PolicyVersionsView(views, following))


def _view(policy: Policy) -> PolicyView:
    return PolicyView(
        policy.version, policy.red_above, policy.decline_above, policy.deadline_ms, policy.costs, policy.four_eyes,
        policy.exploration,
    )  # fmt: skip


def _etag(policy: Policy) -> str:
    return f'"{policy.version}"'


def _wanted(document: dict[str, Any], before: Policy) -> Policy:
    faults = faults_of_shape(document, PolicyChoice)
    astray, sent = keys_in(faults), as_far(document, PolicyChoice, faults)
    costs = sent.costs
    exploration = before.exploration if sent.exploration is None else sent.exploration
    checks = (
        ("red_above", 0 <= sent.red_above <= 100, "is 0 to 100"),
        ("decline_above", sent.red_above <= sent.decline_above <= 100, "is from red_above to 100"),
        ("deadline_ms", 0 <= sent.deadline_ms <= DEADLINE_MS_MAX, f"is 0 to {DEADLINE_MS_MAX}"),
        ("costs/currency", costs.currency == "" or _is_currency(costs.currency), "is a code as INR, or empty"),
        ("costs/margin_percent", 0 <= costs.margin_percent <= 100, "is 0 to 100"),
        *((f"costs/{name}", 0 <= getattr(costs, name) <= _MONEY_MAX, "is an amount in minor units")
          for name in ("review_minor", "chargeback_minor", "return_minor")),
        ("exploration/percent", 0 <= exploration.percent <= EXPLORATION_PERCENT_MAX,
         f"is 0 to {EXPLORATION_PERCENT_MAX}"),
        ("exploration/orders_per_day", 0 <= exploration.orders_per_day <= _MONEY_MAX, "is a number of orders"),
        ("exploration/amount_minor_per_day", 0 <= exploration.amount_minor_per_day <= _MONEY_MAX,
         "is an amount in minor units"),
        ("exploration/currency", not exploration.is_on or _is_currency(exploration.currency), "is a code as INR"),
    )  # fmt: skip
    faults += failed(
        ("/" + name, holds or name.partition("/")[0] in astray, f"{name.replace('/', '.')} {says}")
        for name, holds, says in checks
    )
    refuse(faults)
    four_eyes = before.four_eyes if sent.four_eyes is None else sent.four_eyes
    return Policy(
        sent.red_above, sent.decline_above, sent.deadline_ms, costs, four_eyes, exploration=exploration
    )  # fmt: skip


def _is_currency(code: str) -> bool:
    return code.isascii() and code.isalpha() and len(code) == 3 and code.isupper()
