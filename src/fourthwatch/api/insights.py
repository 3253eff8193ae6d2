"""`/api/v1/insights`: what came in, how it was answered, what became of it, in money, by day and by what divides it.

Of one table each, over a span of orders by the time they were placed; from the index, so a moment old.
"""

from collections.abc import Callable
from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Access
from fourthwatch.api.aside import Aside
from fourthwatch.api.changes import caller_of, json_reply
from fourthwatch.api.paging import number_in, time_in, truth_in, word_in
from fourthwatch.clock import DAY_MS, MINUTE_MS, Clock, iso_ms
from fourthwatch.entities.zone import zone_offset_minutes
from fourthwatch.errors import Malformed
from fourthwatch.limits import INSIGHT_DAYS_MAX, INSIGHT_ORDERS_MAX
from fourthwatch.store.index_reader import IndexReader
from fourthwatch.store.insights import (
    NOTHING,
    STEP_MS,
    Grouping,
    Span,
    Sums,
    Workload,
    by_reason,
    by_rule,
    by_score,
    by_step,
    by_value,
    main_currency,
    tallies,
    total,
    workload,
)
from fourthwatch.store.order_list import QueueState, queue_state

GROUPINGS = ("payment_type", "country", "city", "postcode", "currency", "state", "model", "hour")
_DAYS = 30
_MATURED_DAYS = 90
_CURRENCY_CHARS = 3
_HOUR_MS = 60 * MINUTE_MS


class SumsView(Sums, frozen=True):
    """Some orders together; money in minor units of `currency` and of the orders in it alone."""

    approval_rate: float | None
    """Share of those answered that were approved; null when none was."""
    bad_rate: float | None
    """Share of bad ones in those of which it is known; null when it is known of none."""


class RowView(msgspec.Struct, frozen=True):
    """One row of a table."""

    name: str | None
    """A day (`2026-10-09`, by the clocks of `tz`), a score, a reason, a rule, a value; null: not said."""
    sums: SumsView


class TableView(msgspec.Struct, frozen=True):
    """Orders of a span, divided."""

    by: str
    from_at: str
    to_at: str
    tz: str
    currency: str | None
    matured_days: int
    """After so many days chargebacks count as in; `matured` says how many orders are as old."""
    rows: tuple[RowView, ...]
    total: SumsView
    complete: bool
    """False when there are more orders than are summed up; the newest 500,000 were."""


class PeriodView(msgspec.Struct, frozen=True):
    """A stretch of time as a whole."""

    sums: SumsView
    work: Workload


class OverviewView(msgspec.Struct, frozen=True):
    """How things stand."""

    tz: str
    currency: str | None
    today: PeriodView
    days_30: PeriodView
    open: int
    """Orders in review."""
    oldest_at: str | None
    open_risk_minor: int
    """Money at risk in all of them, whatever their currency."""
    at: str


class CountView(msgspec.Struct, frozen=True):
    """How often something was seen."""

    name: str
    count: int
    share: float | None
    """Of all those it could have been seen in; null where that says nothing."""


class QualityView(msgspec.Struct, frozen=True):
    """What is sent, and how well, by the days (UTC) on which it came in."""

    from_at: str
    to_at: str
    events: tuple[CountView, ...]
    """By kind, custom ones as `custom_event:name`."""
    warnings: tuple[CountView, ...]
    """By code; the share is that of all events."""
    fields: tuple[CountView, ...]
    """The shop's own, as `event.field`."""
    unknown: tuple[CountView, ...]
    """Features, by how often they were unknown; of every sixteenth decision."""
    sampled_decisions: int


class Insights:
    """Handlers of what is summed up."""

    def __init__(self, access: Access, aside: Aside, clock: Clock) -> None:
        self._access = access
        self._aside = aside
        self._clock = clock

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/insights/overview", self.overview, methods=["GET"]),
            Route("/api/v1/insights/days", self.days, methods=["GET"]),
            Route("/api/v1/insights/scores", self.scores, methods=["GET"]),
            Route("/api/v1/insights/reasons", self.reasons, methods=["GET"]),
            Route("/api/v1/insights/rules", self.rules, methods=["GET"]),
            Route("/api/v1/insights/groups", self.groups, methods=["GET"]),
            Route("/api/v1/insights/quality", self.quality, methods=["GET"]),
        ]

    async def overview(self, request: Request) -> Response:
        """Today and the last 30 days, and what waits."""
        caller = caller_of(self._access, request, "read")
        zone, currency = _zone_in(request), _currency_in(request)
        now_ms = self._clock.now_ms()
        midnight_ms = _day_of(now_ms, zone) * DAY_MS - _offset_ms(zone, now_ms)

        def question(index: IndexReader) -> tuple[str | None, list[PeriodView], QueueState]:
            periods = []
            told = currency or main_currency(index, caller.tenant, now_ms - _DAYS * DAY_MS, now_ms + DAY_MS)
            for from_ms in (midnight_ms, now_ms - _DAYS * DAY_MS):
                span = Span(
                    tenant=caller.tenant, from_ms=from_ms, to_ms=now_ms + DAY_MS, currency=told,
                    matured_ms=now_ms - _MATURED_DAYS * DAY_MS,
                )  # fmt: skip
                periods.append(PeriodView(_view(total(index, span)), workload(index, span)))
            return told, periods, queue_state(index, caller.tenant)

        told, (today, days_30), queue = await self._aside.ask(
            lambda readers: question(readers.index), fresh=truth_in(request, "fresh") is True
        )
        oldest_at = None if queue.oldest_ms is None else iso_ms(queue.oldest_ms)
        return json_reply(
            OverviewView(zone, told, today, days_30, queue.open, oldest_at, queue.risk_minor, iso_ms(now_ms))
        )

    async def days(self, request: Request) -> Response:
        """By the day on which orders were placed."""
        caller_of(self._access, request, "read")
        zone = _zone_in(request)

        def rows(index: IndexReader, span: Span) -> list[tuple[str | None, Sums]]:
            by_day: dict[int, Sums] = {}
            for step, sums in by_step(index, span).items():
                day = _day_of(step * STEP_MS, zone)
                by_day[day] = by_day.get(day, NOTHING) + sums
            return [(iso_ms(day * DAY_MS)[:10], by_day[day]) for day in sorted(by_day)]

        return await self._table(request, "day", rows, all_in_rows=True)

    async def scores(self, request: Request) -> Response:
        """By score, 0 to 100: what a threshold would catch, and what it would cost."""
        return await self._table(
            request, "score",
            lambda index, span: [(str(score), sums) for score, sums in sorted(by_score(index, span).items())],
        )  # fmt: skip

    async def reasons(self, request: Request) -> Response:
        """By red reason; an order is in the row of each of its reasons."""
        return await self._table(request, "reason", lambda index, span: [*by_reason(index, span)])

    async def rules(self, request: Request) -> Response:
        """By the rule that decided; null where the score did."""
        return await self._table(request, "rule", by_rule)

    async def groups(self, request: Request) -> Response:
        """By what `by` names."""
        caller_of(self._access, request, "read")
        by = word_in(request, "by", GROUPINGS)
        if by is None:
            raise Malformed(f"by must be one of {', '.join(GROUPINGS)}", code="bad_query")
        zone = _zone_in(request)

        def hours(index: IndexReader, span: Span) -> list[tuple[str | None, Sums]]:
            by_hour: dict[int, Sums] = {}
            for step, sums in by_step(index, span).items():
                at_ms = step * STEP_MS
                hour = (at_ms + _offset_ms(zone, at_ms)) % DAY_MS // _HOUR_MS
                by_hour[hour] = by_hour.get(hour, NOTHING) + sums
            return [(f"{hour:02d}", by_hour[hour]) for hour in sorted(by_hour)]

        if by == "hour":
            return await self._table(request, by, hours, all_in_rows=True)
        return await self._table(request, by, lambda index, span: by_value(index, span, cast(Grouping, by)))

    async def quality(self, request: Request) -> Response:
        """Warnings, fields and unknown features of a span of days."""
        caller = caller_of(self._access, request, "read")
        from_ms, to_ms = self._span(request)
        from_day, to_day = from_ms // DAY_MS, (to_ms - 1) // DAY_MS

        def question(index: IndexReader) -> dict[str, list[tuple[str, int]]]:
            return {
                what: tallies(index, caller.tenant, what, from_day, to_day)
                for what in ("event", "warning", "field", "unknown", "sampled")
            }

        told = await self._aside.ask(lambda readers: question(readers.index), fresh=truth_in(request, "fresh") is True)
        events = sum(count for _, count in told["event"])
        sampled = sum(count for _, count in told["sampled"])
        return json_reply(
            QualityView(
                from_at=iso_ms(from_day * DAY_MS),
                to_at=iso_ms((to_day + 1) * DAY_MS),
                events=_counts(told["event"], events),
                warnings=_counts(told["warning"], events),
                fields=_counts(told["field"], None),
                unknown=_counts(told["unknown"], sampled),
                sampled_decisions=sampled,
            )
        )

    async def _table(
        self,
        request: Request,
        by: str,
        rows: Callable[[IndexReader, Span], list[tuple[str | None, Sums]]],
        *,
        all_in_rows: bool = False,
    ) -> Response:
        """`all_in_rows`: every order is in one row, so that they add up to the total."""
        caller = caller_of(self._access, request, "read")
        zone, currency = _zone_in(request), _currency_in(request)
        from_ms, to_ms = self._span(request)
        matured_days = number_in(request, "matured_days", _MATURED_DAYS)

        def question(index: IndexReader) -> tuple[str | None, list[tuple[str | None, Sums]], Sums]:
            told = currency or main_currency(index, caller.tenant, from_ms, to_ms)
            span = Span(
                tenant=caller.tenant, from_ms=from_ms, to_ms=to_ms, currency=told,
                matured_ms=self._clock.now_ms() - matured_days * DAY_MS,
            )  # fmt: skip
            found = rows(index, span)
            return told, found, sum((sums for _, sums in found), NOTHING) if all_in_rows else total(index, span)

        told, found, whole = await self._aside.ask(
            lambda readers: question(readers.index), fresh=truth_in(request, "fresh") is True
        )
        return json_reply(
            TableView(
                by=by,
                from_at=iso_ms(from_ms),
                to_at=iso_ms(to_ms),
                tz=zone,
                currency=told,
                matured_days=matured_days,
                rows=tuple(RowView(name, _view(sums)) for name, sums in found),
                total=_view(whole),
                complete=whole.orders < INSIGHT_ORDERS_MAX,
            )
        )

    def _span(self, request: Request) -> tuple[int, int]:
        """The last 30 days unless `from` or `to` say otherwise; raises `Malformed`."""
        to_ms = time_in(request, "to")
        to_ms = self._clock.now_ms() + DAY_MS if to_ms is None else to_ms
        from_ms = time_in(request, "from")
        from_ms = to_ms - (_DAYS + 1) * DAY_MS if from_ms is None else from_ms
        if not 0 < to_ms - from_ms <= INSIGHT_DAYS_MAX * DAY_MS:
            raise Malformed(f"from must be before to, and at most {INSIGHT_DAYS_MAX} days before it", code="bad_query")
        return from_ms, to_ms


def _view(sums: Sums) -> SumsView:
    answered, known = sums.approved + sums.reviewed + sums.declined, sums.bad + sums.good
    return SumsView(
        **msgspec.structs.asdict(sums),
        approval_rate=sums.approved / answered if answered else None,
        bad_rate=sums.bad / known if known else None,
    )


def _counts(told: list[tuple[str, int]], of: int | None) -> tuple[CountView, ...]:
    return tuple(CountView(name, count, count / of if of else None) for name, count in told)


def _zone_in(request: Request) -> str:
    """A time zone of the query; raises `Malformed`."""
    zone = request.query_params.get("tz", "UTC")
    if zone != "UTC" and zone_offset_minutes(zone, DAY_MS) is None:
        raise Malformed("tz must be UTC or a zone's IANA name, as Asia/Kolkata", code="bad_query")
    return zone


def _offset_ms(zone: str, at_ms: int) -> int:
    return 0 if zone == "UTC" else (zone_offset_minutes(zone, at_ms) or 0) * MINUTE_MS


def _day_of(at_ms: int, zone: str) -> int:
    """Days since 1970 by the clocks of a zone."""
    return (at_ms + _offset_ms(zone, at_ms)) // DAY_MS


def _currency_in(request: Request) -> str | None:
    told = request.query_params.get("currency")
    if told is not None and not (len(told) == _CURRENCY_CHARS and told.isascii() and told.isalpha()):
        raise Malformed("currency must be three letters (ISO 4217)", code="bad_query")
    return None if told is None else told.upper()
