"""`/api/v1/search`, `/api/v1/graph` and `/api/v1/index`: looking things up, following links, how new the index is."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Access
from fourthwatch.api.aside import Aside, Readers
from fourthwatch.api.changes import caller_of, json_reply
from fourthwatch.api.orders import OrderLineView, line_view
from fourthwatch.api.paging import number_in, time_in, truth_in
from fourthwatch.clock import Clock, iso_ms
from fourthwatch.engine.graph import Graph, Moment, Node, graph, kind_number
from fourthwatch.engine.portrait import text_of
from fourthwatch.engine.search import Hit, search
from fourthwatch.errors import Malformed, NotFound
from fourthwatch.limits import AT_MS_MAX, GRAPH_HOPS_MAX, GRAPH_NODES_MAX, SEARCH_HITS_MAX
from fourthwatch.store.graph_facts import UserFacts
from fourthwatch.store.index_rows import OrderLine
from fourthwatch.store.users import FIRST_TENANT

_HITS = 5
_HOPS = 2
_NODES = 150


class HitView(msgspec.Struct, frozen=True):
    """One thing that was meant, perhaps."""

    value: str
    """In its normal form."""
    first_at: str | None
    """When we first received an event with it."""
    last_at: str | None
    """When we last did; of an order, when the newest event about it happened."""
    events: int | None
    """How many events it was part of, counted up to 100; null for an order."""
    order: OrderLineView | None
    """Of an order: as it stands."""


class SearchView(msgspec.Struct, frozen=True):
    """What was found, by kind; kinds without a hit are left out."""

    q: str
    results: dict[str, tuple[HitView, ...]]
    """By kind: order, user, email, phone, ip, device, card, card_last4, transaction, session, promotion_code,
    item_code, seller, field (a value of a shop's own field), event_name."""
    behind_events: int
    """Events of the tenant that are durable and cannot be found yet, counted among 10,000 of all."""


class NodeView(msgspec.Struct, frozen=True):
    """A node of the link graph."""

    id: str
    type: str
    """order, user, device, ip, email, phone, card, address or billing_address."""
    value: str
    hops: int
    """From where the graph begins."""
    hub: bool
    """Whether it joins more than 20 users within 30 days; then it is not walked through."""
    users: int | None
    """Of a thing: how many users it joined within 30 days, counted up to 1,000."""
    more: bool
    """Whether it leads to others that are not shown."""
    order: OrderLineView | None
    user: UserFacts | None


class EdgeView(msgspec.Struct, frozen=True):
    """Two nodes that were in the same events."""

    source: str
    target: str
    first_at: str
    last_at: str


class GraphView(msgspec.Struct, frozen=True):
    """Who and what is joined, as it was known at a moment."""

    as_of: str | None
    """The moment; null: now."""
    nodes: tuple[NodeView, ...]
    """Nearest first; the first is where it begins."""
    edges: tuple[EdgeView, ...]
    complete: bool
    """False when a bound cut it short; `more` says at which nodes."""


class IndexView(msgspec.Struct, frozen=True):
    """How far the index is behind the ledger."""

    position: int | None
    """Every event up to here is in it, of whichever tenant: told to the first tenant alone, as `newest` is."""
    newest: int | None
    """Position of the newest event."""
    behind_events: int
    """Of the tenant, counted among 10,000 of all."""
    behind_ms: int
    """Since when the tenant's oldest event that is not in it waits; 0 when there is none."""


class Looks:
    """Handlers of what is looked up."""

    def __init__(self, access: Access, aside: Aside, clock: Clock) -> None:
        self._access = access
        self._aside = aside
        self._clock = clock

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/search", self.search, methods=["GET"]),
            Route("/api/v1/graph", self.graph, methods=["GET"]),
            Route("/api/v1/index", self.index, methods=["GET"]),
        ]

    async def search(self, request: Request) -> Response:
        """What `q` could mean, a few of each kind."""
        caller = caller_of(self._access, request, "read")
        typed = request.query_params.get("q", "")
        limit = min(number_in(request, "limit", _HITS, at_least=1), SEARCH_HITS_MAX)

        def question(readers: Readers) -> tuple[SearchView, list[Hit]]:
            hits = search(readers.index, caller.tenant, typed, limit)
            lines = readers.index.lines(caller.tenant, [hit.value for hit in hits if hit.kind == "order"])
            results: dict[str, list[HitView]] = {}
            for hit in hits:
                line = lines.get(hit.value) if hit.kind == "order" else None
                results.setdefault(hit.kind, []).append(_hit_view(readers, hit, line))
            lacking = readers.ledger.behind(caller.tenant, readers.index.position())[0]
            return SearchView(typed, {kind: tuple(views) for kind, views in results.items()}, lacking), hits

        view, _ = await self._aside.ask(question, fresh=truth_in(request, "fresh") is True)
        return json_reply(view)

    async def graph(self, request: Request) -> Response:
        """The graph from `order=` or `entity=<type>:<value>`; `as_of` a time, or `order` for when it was placed."""
        caller = caller_of(self._access, request, "read")
        kind, text, order_id = _start(request)
        hops = number_in(request, "hops", _HOPS, at_least=1)
        if hops > GRAPH_HOPS_MAX:
            raise Malformed(f"hops must be from 1 to {GRAPH_HOPS_MAX}", code="bad_query")
        nodes_max = min(number_in(request, "limit", _NODES, at_least=1), GRAPH_NODES_MAX)
        at_order = request.query_params.get("as_of") == "order"
        if at_order and order_id is None:
            raise Malformed("as_of=order goes with order=…", code="bad_query")
        at_ms = None if at_order else time_in(request, "as_of")
        unfold = truth_in(request, "unfold") is True

        def question(readers: Readers) -> tuple[Graph | None, int | None]:
            moment = Moment(readers.index.position(), AT_MS_MAX if at_ms is None else at_ms)
            if at_order:
                assert order_id is not None
                line = readers.index.line(caller.tenant, order_id)
                if line is None or line.placed_seq is None:
                    return None, None
                moment = Moment(line.placed_seq, line.placed_ms)
            found = graph(
                readers.index, caller.tenant, kind, text, moment, hops=hops, nodes_max=nodes_max, unfold=unfold,
                now_ms=min(moment.ms, self._clock.now_ms()),
            )  # fmt: skip
            return found, None if moment.ms == AT_MS_MAX else moment.ms

        found, shown_ms = await self._aside.ask(question, fresh=truth_in(request, "fresh") is True)
        if found is None:
            raise NotFound("nothing was known of this order or entity at that time")
        edges = tuple(
            EdgeView(one.source, one.target, iso_ms(one.first_ms), iso_ms(one.last_ms)) for one in found.edges
        )
        as_of = None if shown_ms is None else iso_ms(shown_ms)
        return json_reply(GraphView(as_of, tuple(map(_node_view, found.nodes)), edges, found.complete))

    async def index(self, request: Request) -> Response:
        """How far the index is behind the ledger, normally well under a second."""
        tenant = caller_of(self._access, request, "read").tenant

        def question(readers: Readers) -> tuple[int, int, int, int | None]:
            position = readers.index.position()
            return (position, readers.ledger.count(), *readers.ledger.behind(tenant, position))

        position, newest, behind_events, waiting_ms = await self._aside.ask(question)
        behind_ms = 0 if waiting_ms is None else max(0, self._clock.now_ms() - waiting_ms)
        if tenant != FIRST_TENANT:
            return json_reply(IndexView(None, None, behind_events, behind_ms))
        return json_reply(IndexView(position, newest, behind_events, behind_ms))


def _hit_view(readers: Readers, hit: Hit, line: OrderLine | None) -> HitView:
    first_ms = readers.ledger.received_ms(hit.first_seq)
    last_ms = readers.ledger.received_ms(hit.last_seq) if line is None else line.updated_ms
    return HitView(
        value=hit.value,
        first_at=None if first_ms is None else iso_ms(first_ms),
        last_at=None if last_ms is None else iso_ms(last_ms),
        events=None if hit.kind == "order" else hit.events,
        order=None if line is None else line_view(line),
    )


def _start(request: Request) -> tuple[int, str, str | None]:
    """Kind, text and, of an order, id of where the graph begins; raises `Malformed`."""
    order_id, entity = request.query_params.get("order"), request.query_params.get("entity")
    if (order_id is None) == (entity is None):
        raise Malformed("say where to begin: order=<id>, or entity=<type>:<value>", code="bad_query")
    if order_id is not None:
        number = kind_number("order")
        assert number is not None
        return number, "order:" + order_id, order_id
    assert entity is not None
    name, _, value = entity.partition(":")
    number, text = kind_number(name), text_of(name, value)
    if number is None or text is None or name == "order":
        raise Malformed("entity must be user, device, ip, email, phone, card, address or billing_address, a colon, and"
                        " a value that has a normal form", code="bad_query")  # fmt: skip
    return number, text, None


def _node_view(node: Node) -> NodeView:
    return NodeView(
        id=node.id, type=node.type, value=node.value, hops=node.hops, hub=node.hub, users=node.users, more=node.more,
        order=None if node.order is None else line_view(node.order), user=node.user,
    )  # fmt: skip
