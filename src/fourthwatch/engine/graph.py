"""The link graph: from an order or a thing, who and what is joined to it, as it was known at a moment.

Orders, users and what they are joined by are nodes. What joins too many users to mean anything (a hub: an office's IP,
a pick-up point) is told and not walked through, by the bound that the features of the neighbourhood have.
"""

import msgspec

from fourthwatch.features.hops import HUB_WINDOW_MS
from fourthwatch.features.things import THINGS, key_of, mark_of_key
from fourthwatch.limits import GRAPH_EDGES_MAX, GRAPH_FANOUT, GRAPH_NODES_MAX, HUB_USERS
from fourthwatch.store.graph_facts import UserFacts, user_facts
from fourthwatch.store.index_reader import Found, IndexReader, Joined
from fourthwatch.store.index_rows import ORDER_KIND, OrderLine

LINKED = ("device", "ip", "email", "phone", "card", "address", "billing_address")
"""Things by which users and orders are joined."""
_USER = THINGS["user"].number
_THINGS = tuple(THINGS[name].number for name in LINKED)
_NAME_OF = {ORDER_KIND: "order", **{THINGS[name].number: name for name in ("user", *LINKED)}}
_LEADS_TO = {ORDER_KIND: (_USER, *_THINGS), _USER: (*_THINGS, ORDER_KIND)}
_THINGS_LEAD_TO = (_USER, ORDER_KIND)
_COUNTED = 1_000


class Moment(msgspec.Struct, frozen=True):
    """As of when: what had come in by a position, and had happened by a time."""

    seq: int
    ms: int


class Node(msgspec.Struct, frozen=True):
    """An order, a user or a thing."""

    id: str
    """`type:value`; unique in the graph."""
    type: str
    value: str
    hops: int
    """From where the graph begins."""
    hub: bool
    """Whether it joins more users than mean anything; then it leads no further."""
    users: int | None
    """Of a thing: how many users it was linked with within 30 days, counted up to 1,000."""
    more: bool
    """Whether it leads to others that are not in the graph."""
    order: OrderLine | None
    """Of an order, as far as it was known then."""
    user: UserFacts | None
    """Of a user."""


class Edge(msgspec.Struct, frozen=True):
    """Two nodes were in the same events."""

    source: str
    target: str
    first_seq: int
    first_ms: int
    last_ms: int


class Graph(msgspec.Struct, frozen=True):
    """Nodes by distance, and their edges."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    complete: bool
    """False when a bound cut it short: nodes, edges, or those that one node leads to."""


class _Walk:
    """One walk outwards, a step at a time."""

    def __init__(
        self, reader: IndexReader, tenant: int, moment: Moment, now_ms: int, nodes_max: int, *, unfold: bool
    ) -> None:
        self.now_ms = now_ms
        self.reader = reader
        self.tenant = tenant
        self.moment = moment
        self.nodes_max = nodes_max
        self.unfold = unfold
        self.hops: dict[int, int] = {}
        self.kinds: dict[int, int] = {}
        self.crowds: dict[int, int] = {}
        self.more: set[int] = set()
        self.edges: dict[tuple[int, int], Joined] = {}
        self.complete = True

    def outwards(self, key: int, kind: int, hops: int) -> None:
        """Everything within so many hops."""
        self.hops[key], self.kinds[key] = 0, kind
        frontier = [key]
        for step in range(1, hops + 1):
            reached: list[int] = []
            for node in frontier:
                if not self._is_hub(node) or (self.unfold and step == 1):
                    reached += self._expand(node, step)
                else:
                    self.more.add(node)
            frontier = reached
        for node in frontier:
            self._is_hub(node)

    def _expand(self, node: int, step: int) -> list[int]:
        reached = []
        for kind in _LEADS_TO.get(self.kinds[node], _THINGS_LEAD_TO):
            joined = self.reader.joined(
                node, kind, until_seq=self.moment.seq, until_ms=self.moment.ms, limit=GRAPH_FANOUT + 1
            )
            if len(joined) > GRAPH_FANOUT:
                self._cut(node)
            for one in joined[:GRAPH_FANOUT]:
                if one.key not in self.hops:
                    if len(self.hops) >= self.nodes_max:
                        self._cut(node)
                        continue
                    self.hops[one.key], self.kinds[one.key] = step, one.kind
                    reached.append(one.key)
                ends = (node, one.key) if node < one.key else (one.key, node)
                if ends not in self.edges and len(self.edges) >= GRAPH_EDGES_MAX:
                    self._cut(node)
                else:
                    self.edges.setdefault(ends, one)
        return reached

    def _cut(self, node: int) -> None:
        self.complete = False
        self.more.add(node)

    def _is_hub(self, node: int) -> bool:
        if self.kinds[node] in _LEADS_TO:
            return False
        if node not in self.crowds:
            self.crowds[node] = self.reader.crowd(
                node, _USER, from_ms=self.now_ms - HUB_WINDOW_MS, until_seq=self.moment.seq,
                until_ms=self.moment.ms, at_most=_COUNTED,
            )  # fmt: skip
        return self.crowds[node] > HUB_USERS


def graph(
    reader: IndexReader, tenant: int, kind: int, text: str, moment: Moment, *, hops: int,
    now_ms: int, nodes_max: int = GRAPH_NODES_MAX, unfold: bool = False,
) -> Graph | None:  # fmt: skip
    """The graph from the thing that is known by a text (`order:…` for an order); `None` when it was not known then.

    Whether something is a hub is asked of the 30 days before `now_ms`. `unfold`: where the graph begins may be a hub,
    and leads on all the same.
    """
    key = mark_of_key(key_of(tenant, text))
    start = reader.named([key]).get(key)
    if start is None or start.seq > moment.seq:
        return None
    walk = _Walk(reader, tenant, moment, now_ms, nodes_max, unfold=unfold)
    walk.outwards(key, kind, hops)
    return _drawn(walk)


def kind_number(name: str) -> int | None:
    """Number of a kind of node; `None` for one that is none."""
    return next((number for number, told in _NAME_OF.items() if told == name), None)


def _drawn(walk: _Walk) -> Graph:
    named = walk.reader.named(walk.hops)
    names = {key: _id(found) for key, found in named.items()}
    lines = walk.reader.lines(walk.tenant, [found.value for found in named.values() if found.kind == ORDER_KIND])
    users = user_facts(
        walk.reader, walk.tenant, [found.value for found in named.values() if found.kind == _USER], walk.moment.ms
    )
    nodes = [_node(walk, key, named[key], lines, users) for key in walk.hops if key in named]
    edges = [
        Edge(names[a], names[b], one.first_seq, one.first_ms, one.last_ms)
        for (a, b), one in walk.edges.items()
        if a in names and b in names
    ]
    return Graph(tuple(nodes), tuple(edges), walk.complete)


def _node(walk: _Walk, key: int, found: Found, lines: dict[str, OrderLine], users: dict[str, UserFacts]) -> Node:
    line = lines.get(found.value) if found.kind == ORDER_KIND else None
    crowd = walk.crowds.get(key)
    return Node(
        id=_id(found),
        type=_NAME_OF[found.kind],
        value=found.value,
        hops=walk.hops[key],
        hub=crowd is not None and crowd > HUB_USERS,
        users=crowd,
        more=key in walk.more,
        order=None if line is None else _as_of(line, walk.moment.ms),
        user=users.get(found.value) if found.kind == _USER else None,
    )


def _as_of(line: OrderLine, at_ms: int) -> OrderLine:
    """What was told of an order later is not known yet."""
    unknown: dict[str, None] = {}
    for label in ("chargeback", "rto", "returned", "fraud", "bad"):
        told_ms = getattr(line, label + "_ms")
        if told_ms is not None and told_ms > at_ms:
            unknown |= {label: None, label + "_ms": None}
    if line.analyst_ms is not None and line.analyst_ms > at_ms:
        unknown |= {"analyst_decision": None, "analyst": None, "analyst_ms": None}
    if line.updated_ms > at_ms:
        unknown |= {"status": None, "state": None}
    return msgspec.structs.replace(line, **unknown) if unknown else line


def _id(found: Found) -> str:
    return f"{_NAME_OF.get(found.kind, found.kind)}:{found.value}"
