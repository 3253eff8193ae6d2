"""`/api/v1/orders` as a list, and `/api/v1/queue`: orders as they stand, from the index, filtered and sorted."""

from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Access
from fourthwatch.api.aside import Aside, Readers
from fourthwatch.api.changes import caller_of, json_reply
from fourthwatch.api.paging import Cursors, Page, number_in, time_in, truth_in, word_in
from fourthwatch.clock import iso_ms
from fourthwatch.entities.country import country_code
from fourthwatch.errors import Malformed
from fourthwatch.limits import TEXT_ID_MAX
from fourthwatch.store.index_rows import OrderLine
from fourthwatch.store.order_list import (
    Label,
    OrderQuery,
    Place,
    QueueState,
    Sort,
    count_orders,
    list_orders,
    place_of,
    queue_state,
)
from fourthwatch.wire.reply import Reason

FLAGS = ("red", "green")
VERDICTS = ("approve", "review", "decline")
STATES = ("approved", "canceled", "held", "fulfilled", "returned", "rto", "other")
ANALYST_DECISIONS = ("approve", "decline", "hold", "none")
LABELS = ("chargeback", "rto", "returned", "fraud", "bad")
SORTS = ("time", "amount", "risk")
_BEGINNING = (0, -1, 0)
_TEXTS = ("payment_type", "currency", "city", "postcode", "country", "reason", "queue")


class OrderLineView(msgspec.Struct, frozen=True):
    """One order as it stands."""

    order_id: str
    user_id: str | None
    placed_at: str
    """By the sender's clock."""
    updated_at: str
    """Time of the newest event about it."""
    amount_minor: int | None
    """In minor units of `currency`; null when none was sent or it could not be read."""
    currency: str | None
    payment_type: str | None
    paid_on_delivery: bool | None
    city: str | None
    postcode: str | None
    country: str | None
    score: int | None
    """Of the newest decision."""
    flag: str | None
    verdict: str | None
    probability: float | None
    risk_minor: int | None
    """Money at risk: the amount times the probability."""
    state: str | None
    """approved, canceled, held, fulfilled, returned, rto or other; null when nothing was sent."""
    status: str | None
    """The newest status as it was sent."""
    analyst_decision: str | None
    """approve, decline or hold; null while nobody has decided by hand."""
    analyst: str | None
    analyst_at: str | None
    labels: dict[str, bool | None]
    """chargeback, rto, returned, fraud (said by hand), bad (a mark of the user); null until it was told."""
    reasons: tuple[Reason, ...]
    """The first three of the newest decision."""
    queue: str | None
    """The queue that a rule put it in; null when none did."""
    in_review: bool
    """Whether it waits for somebody's decision: its newest case is open."""


class OrdersView(msgspec.Struct, frozen=True):
    """A page of orders."""

    orders: tuple[OrderLineView, ...]
    count: int | None
    """With `count=true`: how many there are, counted up to 10,000."""
    behind_events: int
    """Events of the tenant that are durable and not in this list yet; they are in a moment later."""
    next: str | None
    """Send as `cursor` for more; null when there are none."""


class QueueView(msgspec.Struct, frozen=True):
    """A page of the review queue."""

    orders: tuple[OrderLineView, ...]
    """Most money at risk first, unless sorted otherwise."""
    open: int
    """How many orders wait, counted up to 10,000."""
    oldest_at: str | None
    """When the oldest of them was placed."""
    risk_minor: int
    """Money at risk in all of them, in minor units of whatever currency each has."""
    behind_events: int
    next: str | None


class Orders:
    """Handlers of lists of orders."""

    def __init__(self, access: Access, aside: Aside, cursors: Cursors) -> None:
        self._access = access
        self._aside = aside
        self._cursors = cursors

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/orders", self.all, methods=["GET"]),
            Route("/api/v1/queue", self.queue, methods=["GET"]),
        ]

    async def all(self, request: Request) -> Response:
        """Orders, newest first unless sorted otherwise."""
        caller = caller_of(self._access, request, "read")
        asked = order_query(request)
        page = Page(self._cursors, request, caller.tenant, f"orders {asked!r}")
        behind = page.behind(tuple[int, int, int], _BEGINNING)
        counts = truth_in(request, "count") is True

        def question(readers: Readers) -> tuple[list[OrderLine], int | None, int]:
            index = readers.index
            lines = list_orders(index, caller.tenant, asked, _behind(behind), page.limit + 1)
            count = count_orders(index, caller.tenant, asked) if counts else None
            return lines, count, readers.ledger.behind(caller.tenant, index.position())[0]

        lines, count, lacking = await self._aside.ask(question, fresh=truth_in(request, "fresh") is True)
        shown, after = page.cut(lines, lambda line: _place(line, asked.sort))
        return json_reply(OrdersView(tuple(map(line_view, shown)), count, lacking, after))

    async def queue(self, request: Request) -> Response:
        """Orders that wait for a decision."""
        caller = caller_of(self._access, request, "read")
        asked = msgspec.structs.replace(order_query(request, sort="risk"), open_only=True)
        page = Page(self._cursors, request, caller.tenant, f"queue {asked!r}")
        behind = page.behind(tuple[int, int, int], _BEGINNING)

        def question(readers: Readers) -> tuple[list[OrderLine], QueueState, int]:
            index = readers.index
            lines = list_orders(index, caller.tenant, asked, _behind(behind), page.limit + 1)
            return lines, queue_state(index, caller.tenant), readers.ledger.behind(caller.tenant, index.position())[0]

        lines, state, lacking = await self._aside.ask(question, fresh=truth_in(request, "fresh") is True)
        shown, after = page.cut(lines, lambda line: _place(line, asked.sort))
        oldest_at = None if state.oldest_ms is None else iso_ms(state.oldest_ms)
        orders = tuple(map(line_view, shown))
        return json_reply(QueueView(orders, state.open, oldest_at, state.risk_minor, lacking, after))


def order_query(request: Request, *, sort: Sort = "time") -> OrderQuery:
    """What the query of a request asks of a list of orders; raises `Malformed`."""
    told: dict[str, Any] = {name: _text_in(request, name) for name in _TEXTS}
    for name in ("postcode", "country", "currency"):
        told[name] = None if told[name] is None else told[name].upper()
    told["country"] = country_code(told["country"]) or told["country"]
    for name in ("payment_type", "city"):
        told[name] = None if told[name] is None else told[name].lower()
    return OrderQuery(
        flag=word_in(request, "flag", FLAGS),
        verdict=word_in(request, "verdict", VERDICTS),
        state=word_in(request, "state", STATES),
        analyst_decision=word_in(request, "decision", ANALYST_DECISIONS),
        user_id=_text_in(request, "user"),
        label=cast(Label | None, word_in(request, "label", LABELS)),
        from_ms=time_in(request, "from"),
        to_ms=time_in(request, "to"),
        min_amount=_amount_in(request, "min_amount"),
        max_amount=_amount_in(request, "max_amount"),
        sort=cast(Sort, word_in(request, "sort", SORTS) or sort),
        ascending=word_in(request, "order", ("asc", "desc")) == "asc",
        **told,
    )


def line_view(line: OrderLine) -> OrderLineView:
    """An order of the index as the API shows it."""
    return OrderLineView(
        order_id=line.order_id,
        user_id=line.user_id,
        placed_at=iso_ms(line.placed_ms),
        updated_at=iso_ms(line.updated_ms),
        amount_minor=line.amount_minor,
        currency=line.currency,
        payment_type=line.payment_type,
        paid_on_delivery=_truth(line.on_delivery),
        city=line.city,
        postcode=line.postcode,
        country=line.country,
        score=line.score,
        flag=line.flag,
        verdict=line.verdict,
        probability=line.probability,
        risk_minor=line.risk_minor,
        state=line.state,
        status=line.status,
        analyst_decision=line.analyst_decision,
        analyst=line.analyst,
        analyst_at=None if line.analyst_ms is None else iso_ms(line.analyst_ms),
        labels={name: _truth(getattr(line, name)) for name in LABELS},
        reasons=_reasons.decode(line.reasons),
        queue=line.queue,
        in_review=bool(line.is_open),
    )


_reasons = msgspec.json.Decoder(tuple[Reason, ...])


def _place(line: OrderLine, sort: Sort) -> tuple[int, int, int]:
    """For a cursor, which holds no unknown: value, place in the index, whether the value is known."""
    value, no = place_of(line, sort)
    return value or 0, no, int(value is not None)


def _behind(place: tuple[int, int, int]) -> Place | None:
    value, no, is_known = place
    return None if place == _BEGINNING else (value if is_known else None, no)


def _truth(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _text_in(request: Request, name: str) -> str | None:
    told = request.query_params.get(name)
    if told is not None and not 0 < len(told) <= TEXT_ID_MAX:
        raise Malformed(f"{name} must have 1 to {TEXT_ID_MAX} characters", code="bad_query")
    return told


def _amount_in(request: Request, name: str) -> int | None:
    return number_in(request, name, 0) if name in request.query_params else None
