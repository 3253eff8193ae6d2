"""What is read from the index, for OpenAPI: lists of orders, the queue, search, the link graph."""

from typing import Any

from fourthwatch.api.description import PAGES, ByType, Operation, managed, parameter
from fourthwatch.api.event_log import EventsView
from fourthwatch.api.exploration import ExplorationView
from fourthwatch.api.insights import GROUPINGS, OverviewView, QualityView, TableView
from fourthwatch.api.looks import GraphView, IndexView, SearchView
from fourthwatch.api.orders import OrdersView, QueueView
from fourthwatch.api.refusals import RefusalsView

TYPES: tuple[Any, ...] = (
    OrdersView, QueueView, SearchView, GraphView, IndexView, OverviewView, TableView, QualityView,
    ExplorationView, EventsView, RefusalsView,
)  # fmt: skip
Paths = dict[str, dict[str, Operation]]

_FRESH = parameter("fresh", "query", "Wait until everything that is durable by now is in", "boolean")
_FROM = parameter("from", "query", "Placed at or after: ISO-8601 or epoch milliseconds", "string")
_TO = parameter("to", "query", "Placed before", "string")
_FILTERS = [
    parameter("flag", "query", "red or green", "string"),
    parameter("verdict", "query", "approve, review or decline", "string"),
    parameter("state", "query", "approved, canceled, held, fulfilled, returned, rto or other", "string"),
    parameter("decision", "query", "By hand: approve, decline, hold, or none while there is none", "string"),
    parameter("label", "query", "Told to be true: chargeback, rto, returned, fraud or bad", "string"),
    parameter("reason", "query", "Name of a reason that is red in the newest decision", "string"),
    parameter("user", "query", "Of this user", "string"),
    parameter("queue", "query", "Put in this queue by a rule", "string"),
    parameter("payment_type", "query", "As in the list", "string"),
    parameter("currency", "query", "ISO 4217", "string"),
    parameter("country", "query", "Delivered to", "string"),
    parameter("city", "query", "Delivered to", "string"),
    parameter("postcode", "query", "Delivered to", "string"),
    _FROM,
    _TO,
    parameter("min_amount", "query", "At least, in minor units", "integer"),
    parameter("max_amount", "query", "At most, in minor units", "integer"),
    parameter("sort", "query", "time, amount or risk", "string"),
    parameter("order", "query", "desc or asc", "string"),
    _FRESH,
    *PAGES,
]


def index_paths(by_type: ByType) -> Paths:
    """Lists, the queue, search and the graph."""
    counted = parameter("count", "query", "Also say how many there are", "boolean")
    looked_up = [
        parameter("q", "query", "Ids, e-mail, phone, IP, card or a field's value, whole or its beginning", "string",
                  required=True),
        parameter("limit", "query", "Of each kind; 5 when absent, at most 20", "integer"),
        _FRESH,
    ]  # fmt: skip
    walked = [
        parameter("order", "query", "Begin at this order", "string"),
        parameter("entity", "query", "Begin at this entity: type, colon, value", "string"),
        parameter("hops", "query", "How far; 2 when absent, at most 4", "integer"),
        parameter("limit", "query", "Nodes; 150 when absent, at most 400", "integer"),
        parameter("as_of", "query", "As it was known then; `order`: when the order was placed", "string"),
        parameter("unfold", "query", "Walk on from the beginning even if it is a hub", "boolean"),
        _FRESH,
    ]
    return {
        "/api/v1/orders": {
            "get": managed("listOrders", "Orders as they stand", by_type[OrdersView], by_type,
                           parameters=[counted, *_FILTERS])
        },
        "/api/v1/queue": {
            "get": managed("getQueue", "Orders that wait for a decision", by_type[QueueView], by_type,
                           parameters=_FILTERS)
        },
        "/api/v1/search": {
            "get": managed("search", "Look anything up", by_type[SearchView], by_type, parameters=looked_up)
        },
        "/api/v1/graph": {
            "get": managed("getGraph", "Who and what is linked", by_type[GraphView], by_type, parameters=walked)
        },
        "/api/v1/index": {
            "get": managed("getIndex", "How far the index is behind", by_type[IndexView], by_type)
        },
    }  # fmt: skip


def insight_paths(by_type: ByType) -> Paths:
    """Orders summed up."""
    zone = parameter("tz", "query", "Whose days and hours: an IANA name; UTC when absent", "string")
    currency = parameter("currency", "query", "Whose money is summed up; that of most orders when absent", "string")
    matured = parameter("matured_days", "query", "After so many days chargebacks count as in; 90", "integer")
    span = [_FROM, _TO, zone, currency, matured, _FRESH]
    tables = {
        "days": ("Orders by day", span),
        "scores": ("Orders by score, for a threshold", span),
        "reasons": ("Orders by red reason", span),
        "rules": ("Orders by the rule that decided", span),
        "groups": (
            "Orders by a column",
            [parameter("by", "query", "One of " + ", ".join(GROUPINGS), "string", required=True), *span],
        ),
    }
    paths = {
        f"/api/v1/insights/{name}": {
            "get": managed(f"insights{name.title()}", summary, by_type[TableView], by_type, parameters=parameters)
        }
        for name, (summary, parameters) in tables.items()
    }
    paths["/api/v1/insights/overview"] = {
        "get": managed("insightsOverview", "Today, 30 days, and what waits", by_type[OverviewView], by_type,
                       parameters=[zone, currency, _FRESH])
    }  # fmt: skip
    paths["/api/v1/insights/exploration"] = {
        "get": managed("insightsExploration", "What came of orders that chance let pass", by_type[ExplorationView],
                       by_type, parameters=[
                           _FROM, _TO, parameter("matured_days", "query", "90 when absent", "integer"), _FRESH])
    }  # fmt: skip
    paths["/api/v1/insights/quality"] = {
        "get": managed("insightsQuality", "Warnings, fields, unknown features", by_type[QualityView], by_type,
                       parameters=[_FROM, _TO, _FRESH])
    }  # fmt: skip
    return paths


def log_paths(by_type: ByType) -> Paths:
    """The log of events, and what is known of one person."""
    narrowed = [
        parameter("kind", "query", "As in the path it is sent to", "string"),
        parameter("name", "query", "Of a custom event", "string"),
        parameter("user", "query", "That this user was part of", "string"),
        parameter("session", "query", "That this session was part of", "string"),
        parameter("device", "query", "That this device was part of", "string"),
        parameter("entity", "query", "That this entity was part of: type, colon, value", "string"),
        parameter("warned", "query", "Only those that were answered with warnings", "boolean"),
        parameter("from", "query", "Received at or after: ISO-8601 or epoch milliseconds", "string"),
        parameter("to", "query", "Received before", "string"),
        _FRESH,
        *PAGES,
    ]
    user = parameter("user_id", "path", "As in _userId", "string", required=True)
    handed_out = managed("exportUser", "Everything that names a user", {"type": "object"}, by_type, parameters=[user])
    return {
        "/api/v1/events": {
            "get": managed("listEvents", "The log of events with their replies", by_type[EventsView], by_type,
                           parameters=narrowed)
        },
        "/api/v1/users/{user_id}/export": {"get": handed_out},
        "/api/v1/refusals": {
            "get": managed("listRefusals", "Events that were refused lately", by_type[RefusalsView], by_type)
        },
    }  # fmt: skip


GROUPS = (index_paths, insight_paths, log_paths)
"""For the table of groups."""
