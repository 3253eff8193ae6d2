"""The management API for OpenAPI: each group of routes with its types and its operations.

A group that is added has a row in `_GROUPS` and its types in `TYPES`; every operation has one in the access matrix.
"""

from collections.abc import Callable
from typing import Any

from fourthwatch.api import read_paths
from fourthwatch.api.audit import AuditView
from fourthwatch.api.deliveries import AgainChoice, AgainView, DeliveriesView, DeliveryDetailView
from fourthwatch.api.description import (
    DRY_RUN,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    PAGES,
    SEEN,
    ByType,
    Operation,
    managed,
    parameter,
)
from fourthwatch.api.desk_paths import DESK_TYPES, desk_paths
from fourthwatch.api.endpoints import (
    AskedView,
    EndpointChoice,
    EndpointsView,
    EndpointView,
    RotationChoice,
    SecretsView,
)
from fourthwatch.api.entities import EntityView
from fourthwatch.api.features import FeatureDefinition, FeaturesView, FeatureView
from fourthwatch.api.labels import LabelChoice, LabelledView, OrderLabelsView, UserLabelsView
from fourthwatch.api.list_views import (
    EntriesView,
    EntryView,
    ImportDocument,
    ImportView,
    ListDefinition,
    ListEdit,
    ListEntryView,
    ListsView,
    ListView,
    NewEntry,
)
from fourthwatch.api.management import EventView, OrderView, PostbacksView
from fourthwatch.api.model_paths import MODEL_TYPES, model_paths
from fourthwatch.api.people_paths import PEOPLE_TYPES, people_paths
from fourthwatch.api.policy import PolicyChoice, PolicyVersionsView, PolicyView
from fourthwatch.api.reviews import CasesView, DecidedView, DecisionChoice, PostbackChoice
from fourthwatch.api.rule_paths import RULE_TYPES, decision_paths, preview_paths, rule_paths

TYPES: tuple[Any, ...] = (
    EventView, OrderView, PostbacksView, FeatureView, FeaturesView, FeatureDefinition, EntityView, AuditView,
    *read_paths.TYPES,
    PolicyChoice, PolicyView, PolicyVersionsView,
    LabelChoice, LabelledView, OrderLabelsView, UserLabelsView,
    ListDefinition, ListEdit, ListView, ListsView, NewEntry, ListEntryView, EntriesView, EntryView, ImportDocument,
    ImportView,
    *RULE_TYPES,
    AgainChoice, AgainView, DeliveriesView, DeliveryDetailView, AskedView, EndpointChoice, EndpointView, EndpointsView,
    RotationChoice, SecretsView, CasesView, DecidedView, DecisionChoice, PostbackChoice,
    *PEOPLE_TYPES,
    *MODEL_TYPES,
    *DESK_TYPES,
)  # fmt: skip
"""What bodies and replies are of."""

Paths = dict[str, dict[str, Operation]]

CHANGES_NOTHING = frozenset({"/api/v1/trials", "/api/v1/rules/preview", "/api/v1/orders/{order_id}/presence"})
"""What is sent to these is only looked at."""


def paths(by_type: ByType) -> Paths:
    """Operations by path and method; every one that changes something takes an `Idempotency-Key`."""
    found = {path: methods for group in _GROUPS for path, methods in group(by_type).items()}
    for path, methods in found.items():
        for method, described in methods.items():
            if method != "get" and path not in CHANGES_NOTHING:
                described["parameters"] = [*described.get("parameters", ()), IDEMPOTENCY_KEY]
    return found


def _ledger(by_type: ByType) -> Paths:
    event_id = parameter("event_id", "path", "As in the receipt", "string", required=True)
    order_id = parameter("order_id", "path", "As in _orderId", "string", required=True)
    return {
        "/api/v1/events/{event_id}": {
            "get": managed("getEvent", "One event as it was sent, and its decision", by_type[EventView], by_type,
                           parameters=[event_id])
        },
        "/api/v1/orders/{order_id}": {
            "get": managed("getOrder", "One order and its timeline", by_type[OrderView], by_type,
                           parameters=[order_id, *PAGES])
        },
        "/api/v1/postbacks": {
            "get": managed("getPostbacks", "Registered postback addresses", by_type[PostbacksView], by_type)
        },
    }  # fmt: skip


def _features(by_type: ByType) -> Paths:
    own = parameter("own", "query", "Only those that you have defined, or only the others", "boolean")
    name = parameter("name", "path", "Of the feature", "string", required=True)
    defined = managed(
        "defineFeature", "Define a feature of your own", by_type[FeatureView], by_type,
        body=by_type[FeatureDefinition], parameters=[DRY_RUN], status=201,
    )  # fmt: skip
    defined["responses"]["200"] = {**defined["responses"]["201"], "description": "Checked, with `dry_run`"}
    return {
        "/api/v1/features": {
            "get": managed("listFeatures", "Features and their state", by_type[FeaturesView], by_type,
                           parameters=[own, *PAGES]),
            "post": defined,
        },
        "/api/v1/features/{name}": {
            "get": managed("getFeature", "One feature, and how far its past is in", by_type[FeatureView], by_type,
                           parameters=[name]),
            "delete": managed("removeFeature", "Remove a feature of your own", None, by_type,
                              parameters=[name, IF_MATCH], status=204),
        },
    }  # fmt: skip


def _entities(by_type: ByType) -> Paths:
    parameters = [
        parameter("type", "path", "user, device, ip, email, phone, card, … as behind `by`", "string", required=True),
        parameter("value", "path", "As it was sent, or in its normal form", "string", required=True),
        parameter("at", "query", "As of when features are told, in epoch milliseconds; now when absent", "integer"),
        *PAGES,
    ]
    told = managed("getEntity", "One entity: features, links and timeline", by_type[EntityView], by_type,
                   parameters=parameters)  # fmt: skip
    return {"/api/v1/entities/{type}/{value}": {"get": told}}


def _labels(by_type: ByType) -> Paths:
    order_id = parameter("order_id", "path", "As in _orderId", "string", required=True)
    user_id = parameter("user_id", "path", "As in _userId", "string", required=True)
    return {
        "/api/v1/labels": {
            "post": managed("label", "Say what is true of an order or a user", by_type[LabelledView], by_type,
                            body=by_type[LabelChoice], status=201),
        },
        "/api/v1/orders/{order_id}/labels": {
            "get": managed("getOrderLabels", "What is known to be true of an order", by_type[OrderLabelsView],
                           by_type, parameters=[order_id]),
        },
        "/api/v1/users/{user_id}/labels": {
            "get": managed("getUserLabels", "What is known to be true of a user", by_type[UserLabelsView], by_type,
                           parameters=[user_id]),
        },
    }  # fmt: skip


def _policy(by_type: ByType) -> Paths:
    return {
        "/api/v1/policy": {
            "get": managed("getPolicy", "Thresholds, deadline and costs", by_type[PolicyView], by_type),
            "put": managed("setPolicy", "Set another policy, whole", by_type[PolicyView], by_type,
                           body=by_type[PolicyChoice], parameters=[IF_MATCH]),
        },
        "/api/v1/policy/versions": {
            "get": managed("listPolicyVersions", "Policies that were set", by_type[PolicyVersionsView], by_type,
                           parameters=PAGES),
        },
    }  # fmt: skip


def _lists(by_type: ByType) -> Paths:
    name = parameter("name", "path", "Of the list", "string", required=True)
    value = parameter("value", "path", "As it was sent, or in its normal form", "string", required=True)
    as_of = parameter("as_of", "query", "A past time, as 2027-01-31T12:00:00Z; now when absent", "string")
    file = parameter("format", "query", "csv for a page as a file, else json", "string")
    preview = parameter("preview", "query", "Only say what the import would do", "boolean")
    added = managed("addListEntry", "Put something into a list", by_type[ListEntryView], by_type,
                    body=by_type[NewEntry], parameters=[name, IF_MATCH], status=201)  # fmt: skip
    added["responses"]["200"] = {**added["responses"]["201"], "description": "In the place of an entry of this value"}
    one, entries = "/api/v1/lists/{name}", "/api/v1/lists/{name}/entries"
    return {
        "/api/v1/lists": {
            "get": managed("listLists", "Lists", by_type[ListsView], by_type, parameters=PAGES),
            "post": managed("createList", "Make a list", by_type[ListView], by_type, body=by_type[ListDefinition],
                            status=201),
        },
        one: {
            "get": managed("getList", "One list", by_type[ListView], by_type, parameters=[name, SEEN]),
            "patch": managed("editList", "Change a list's kind or sentence", by_type[ListView], by_type,
                             body=by_type[ListEdit], parameters=[name, IF_MATCH]),
            "delete": managed("removeList", "Remove a list with its entries", None, by_type,
                              parameters=[name, IF_MATCH], status=204),
        },
        entries: {
            "get": managed("listListEntries", "Entries of a list, now or as of a past time", by_type[EntriesView],
                           by_type, parameters=[name, as_of, file, *PAGES]),
            "post": added,
        },
        entries + "/{value}": {
            "get": managed("getListEntry", "Whether a value is in a list, now or as of a past time",
                           by_type[EntryView], by_type, parameters=[name, value, as_of]),
            "delete": managed("removeListEntry", "Take something out of a list", None, by_type,
                              parameters=[name, value, IF_MATCH], status=204),
        },
        one + "/imports": {
            "post": managed("importListEntries", "Put many entries into a list, from CSV", by_type[ImportView],
                            by_type, body=by_type[ImportDocument],
                            parameters=[name, preview, IF_MATCH]),
        },
    }  # fmt: skip


def _audit(by_type: ByType) -> Paths:
    parameters = [
        parameter("action", "query", "Only this action, or with a dot at its end all that begin so", "string"),
        parameter("thing", "query", "Only this thing, as its path below /api/v1", "string"),
        *PAGES,
    ]
    told = managed("listAudit", "What was changed, by whom and when", by_type[AuditView], by_type,
                   parameters=parameters)  # fmt: skip
    return {"/api/v1/audit": {"get": told}}


def _reviews(by_type: ByType) -> Paths:
    order_id = parameter("order_id", "path", "As in _orderId", "string", required=True)
    status = parameter("status", "query", "open or closed", "string")
    queue = parameter("queue", "query", "Of the queue that a rule named", "string")
    asked = by_type[AskedView]
    return {
        "/api/v1/cases": {
            "get": managed("listCases", "Every stay of an order in the review queue, oldest first", by_type[CasesView],
                           by_type, parameters=[status, queue, *PAGES])
        },
        "/api/v1/orders/{order_id}/decisions": {
            "post": managed("decideOrder", "Decide on an order as a person", by_type[DecidedView], by_type,
                            body=by_type[DecisionChoice], parameters=[order_id])
        },
        "/api/v1/orders/{order_id}/postbacks": {
            "post": managed("tellShop", "Tell the shop an address, or that a payment link was paid", asked, by_type,
                            body=by_type[PostbackChoice], parameters=[order_id], status=202)
        },
        "/api/v1/postbacks/test": {
            "post": managed("testPostbacks", "Try the postback addresses out", asked, by_type,
                            status=202)
        },
    }  # fmt: skip


def _endpoints(by_type: ByType) -> Paths:
    endpoint_id = parameter("endpoint_id", "path", "Of the endpoint", "string", required=True)
    one, choice = by_type[EndpointView], by_type[EndpointChoice]
    return {
        "/api/v1/webhook-endpoints": {
            "get": managed("listEndpoints", "Webhook endpoints", by_type[EndpointsView], by_type, parameters=PAGES),
            "post": managed("addEndpoint", "A new webhook endpoint", one, by_type, body=choice,
                            status=201),
        },
        "/api/v1/webhook-endpoints/{endpoint_id}": {
            "get": managed("getEndpoint", "One webhook endpoint", one, by_type, parameters=[endpoint_id, SEEN]),
            "patch": managed("changeEndpoint", "Choose otherwise; what is left out stays", one, by_type, body=choice,
                             parameters=[endpoint_id, IF_MATCH]),
            "delete": managed("removeEndpoint", "Remove a webhook endpoint", None, by_type,
                              parameters=[endpoint_id, IF_MATCH], status=204),
        },
        "/api/v1/webhook-endpoints/{endpoint_id}/secrets": {
            "get": managed("getSecrets", "The secrets that sign now", by_type[SecretsView], by_type,
                           parameters=[endpoint_id]),
            "post": managed("rotateSecret", "A new secret; the former one signs too for a while", one, by_type,
                            body=by_type[RotationChoice], parameters=[endpoint_id]),
        },
        "/api/v1/webhook-endpoints/{endpoint_id}/test": {
            "post": managed("testEndpoint", "Try an endpoint out", by_type[AskedView], by_type,
                            parameters=[endpoint_id], status=202)
        },
    }  # fmt: skip


def _deliveries(by_type: ByType) -> Paths:
    delivery_id = parameter("delivery_id", "path", "The webhook-id", "string", required=True)
    filters = [
        parameter("after", "query", "Only those made after this delivery, by its id", "string"),
        parameter("receiver", "query", "Id of an endpoint, or purpose of a postback address", "string"),
        parameter("state", "query", "waiting, queued, sending, delivered or parked", "string"),
        parameter("type", "query", "As order.scored or score_postback", "string"),
        parameter("entity", "query", "As order:1001", "string"),
        *PAGES,
    ]
    again = by_type[AgainView]
    return {
        "/api/v1/deliveries": {
            "get": managed("listDeliveries", "What was told to whom, oldest first", by_type[DeliveriesView], by_type,
                           parameters=filters)
        },
        "/api/v1/deliveries/replay": {
            "post": managed("replayDeliveries", "Send many again", again, by_type, body=by_type[AgainChoice],
                            status=202)
        },
        "/api/v1/deliveries/{delivery_id}": {
            "get": managed("getDelivery", "One delivery and its attempts", by_type[DeliveryDetailView], by_type,
                           parameters=[delivery_id])
        },
        "/api/v1/deliveries/{delivery_id}/replay": {
            "post": managed("replayDelivery", "Send one again", again, by_type,
                            parameters=[delivery_id], status=202)
        },
    }  # fmt: skip


_GROUPS: tuple[Callable[[ByType], Paths], ...] = (
    _ledger, _features, _entities, _labels, _policy, _lists, rule_paths, preview_paths, decision_paths, _audit,
    _reviews, _endpoints, _deliveries, *read_paths.GROUPS, people_paths, model_paths,
    desk_paths,
)  # fmt: skip
