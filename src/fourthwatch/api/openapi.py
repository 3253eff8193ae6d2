"""The OpenAPI 3.1 document, generated from the types that decode and encode, never written by hand."""

from typing import Any

import msgspec

from fourthwatch import __version__
from fourthwatch.api.entities import EntityView
from fourthwatch.api.features import FeatureDefinition, FeaturesView, FeatureView
from fourthwatch.api.management import EventView, OrderView, PostbacksView
from fourthwatch.events import KINDS, Kind
from fourthwatch.wire.reply import ErrorReply, Receipt, ScoreReply

_REF = "#/components/schemas/{name}"


class PostbackRegistration(msgspec.Struct):
    """Where the shop wants to be called."""

    secret: str
    score_postback: str | None = None
    action_postback: str | None = None
    shipping_address_postback: str | None = None
    url: str | None = None


class MerchantDecision(msgspec.Struct):
    """What the shop's staff decided on an order."""

    secret: str
    order_id: str
    action_type: str
    """approved, declined or onhold."""
    order_timestamp: str | None = None
    message: str | None = None


class Done(msgspec.Struct):
    """Something was done."""

    status: str
    message: str


def openapi() -> dict[str, Any]:
    """The whole document."""
    types = [*(kind.type for kind in KINDS), Receipt, ScoreReply, ErrorReply, EventView, OrderView]
    types += [PostbacksView, PostbackRegistration, MerchantDecision, Done]
    types += [FeatureView, FeaturesView, FeatureDefinition, EntityView]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    for component in components.values():
        # Our decoders are told to notice unknown keys, in order to warn about them; a sender may send any.
        component.pop("additionalProperties", None)
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {f"/event/v1/{kind.name}": {"post": _event(kind, by_type)} for kind in KINDS}
    paths["/neo/v1/score"] = {"get": _score(by_type)}
    paths["/neo/v1/addpostbackurl"] = {
        "post": _operation("registerPostbacks", "Register postback addresses", "neo", by_type[Done], by_type,
                           body=by_type[PostbackRegistration], security=[])
    }  # fmt: skip
    paths["/neo/v1/clientaction"] = {
        "post": _operation("merchantDecision", "Tell what the shop decided on an order", "neo", by_type[Receipt],
                           by_type, body=by_type[MerchantDecision], security=[])
    }  # fmt: skip
    paths["/v1/thirdwatch/orders"] = {
        "post": _operation("razorpayOrder", "Submit an order in the Razorpay era's form", "neo", by_type[Receipt],
                           by_type, body={"type": "object"})
    }  # fmt: skip
    paths |= _management(by_type)
    paths |= _features(by_type)
    paths |= _entities(by_type)
    paths |= _open_paths()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fourthwatch",
            "version": __version__,
            "description": "Fraud decisions for online merchants, in the wire contract of Thirdwatch and beside it.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-THIRDWATCH-API-KEY"},
                "queryKey": {"type": "apiKey", "in": "query", "name": "api_key"},
            },
        },
        "security": [{"key": []}],
    }


def _event(kind: Kind, by_type: dict[Any, Any]) -> dict[str, Any]:
    parameters = [
        _parameter("return_score", "query", "Answer with a decision also for kinds that are not decided", "boolean"),
        _parameter("Idempotency-Key", "header", "Makes a retry recognisable whatever it contains", "string"),
    ]
    summary = (kind.type.__doc__ or kind.name).split("\n")[0]
    return _operation(
        "event_" + kind.name,
        summary,
        "events",
        by_type[Receipt],
        by_type,
        body=by_type[kind.type],
        parameters=parameters,
    )


def _score(by_type: dict[Any, Any]) -> dict[str, Any]:
    parameters = [_parameter("order_id", "query", "The order, as in _orderId", "string", required=True)]
    return _operation(
        "score", "The newest score of an order", "neo", by_type[ScoreReply], by_type, parameters=parameters,
        security=[{"queryKey": []}, {"key": []}],
    )  # fmt: skip


def _management(by_type: dict[Any, Any]) -> dict[str, Any]:
    pages = [
        _parameter("after", "query", "Continue behind this `next` of an earlier page", "integer"),
        _parameter("limit", "query", "Events of the timeline per page", "integer"),
    ]
    event_id = _parameter("event_id", "path", "As in the receipt", "string", required=True)
    order_id = _parameter("order_id", "path", "As in _orderId", "string", required=True)
    return {
        "/api/v1/events/{event_id}": {
            "get": _operation("getEvent", "One event as it was sent, and its decision", "management",
                              by_type[EventView], by_type, parameters=[event_id])
        },
        "/api/v1/orders/{order_id}": {
            "get": _operation("getOrder", "One order and its timeline", "management", by_type[OrderView], by_type,
                              parameters=[order_id, *pages])
        },
        "/api/v1/postbacks": {
            "get": _operation("getPostbacks", "Registered postback addresses", "management", by_type[PostbacksView],
                              by_type)
        },
    }  # fmt: skip


def _features(by_type: dict[Any, Any]) -> dict[str, Any]:
    pages = [
        _parameter("own", "query", "Only those that you have defined, or only the others", "boolean"),
        _parameter("after", "query", "Continue behind this `next` of an earlier page", "integer"),
        _parameter("limit", "query", "Features per page", "integer"),
    ]
    name = _parameter("name", "path", "Of the feature", "string", required=True)
    dry_run = _parameter("dry_run", "query", "Only check the definition, and say what it would cost", "boolean")
    created = _operation(
        "defineFeature", "Define a feature of your own", "management", by_type[FeatureView], by_type,
        body=by_type[FeatureDefinition], parameters=[dry_run],
    )  # fmt: skip
    created["responses"]["201"] = {**created["responses"]["200"], "description": "Defined"}
    created["responses"]["200"] = {**created["responses"]["200"], "description": "Checked, with `dry_run`"}
    gone = _operation("removeFeature", "Remove a feature of your own", "management", {}, by_type, parameters=[name])
    del gone["responses"]["200"]
    gone["responses"]["204"] = {"description": "Removed"}
    return {
        "/api/v1/features": {
            "get": _operation("listFeatures", "Features and their state", "management", by_type[FeaturesView], by_type,
                              parameters=pages),
            "post": created,
        },
        "/api/v1/features/{name}": {
            "get": _operation("getFeature", "One feature, and how far its past is in", "management",
                              by_type[FeatureView], by_type, parameters=[name]),
            "delete": gone,
        },
    }  # fmt: skip


def _entities(by_type: dict[Any, Any]) -> dict[str, Any]:
    parameters = [
        _parameter("type", "path", "user, device, ip, email, phone, card, … as behind `by`", "string", required=True),
        _parameter("value", "path", "As it was sent, or in its normal form", "string", required=True),
        _parameter("at", "query", "As of when features are told, in epoch milliseconds; now when absent", "integer"),
        _parameter("before", "query", "Continue behind this `next` of an earlier page", "integer"),
        _parameter("limit", "query", "Events of the timeline per page", "integer"),
    ]
    operation = _operation(
        "getEntity", "One entity: features, links and timeline", "management", by_type[EntityView], by_type,
        parameters=parameters,
    )  # fmt: skip
    return {"/api/v1/entities/{type}/{value}": {"get": operation}}


def _open_paths() -> dict[str, Any]:
    described = {
        "/healthz": ("healthz", "Whether the process lives", "application/json"),
        "/readyz": ("readyz", "Whether events are taken; 503 while they are not", "application/json"),
        "/metrics": ("metrics", "Measurements in the Prometheus text format", "text/plain"),
        "/openapi.json": ("openapi", "This document", "application/json"),
        "/docs": ("docs", "This document for people", "text/html"),
    }
    return {
        path: {
            "get": {
                "operationId": name,
                "summary": summary,
                "tags": ["operation"],
                "security": [],
                "responses": {"200": {"description": "OK", "content": {media: {}}}},
            }
        }
        for path, (name, summary, media) in described.items()
    }


def _operation(
    name: str, summary: str, tag: str, reply: Any, by_type: dict[Any, Any], *, body: Any = None,
    parameters: list[dict[str, Any]] | None = None, security: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "responses": {
            "200": {"description": "Done", "content": {"application/json": {"schema": reply}}},
            "default": {
                "description": "Refused; nothing of it was kept",
                "content": {"application/json": {"schema": by_type[ErrorReply]}},
            },
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    if parameters:
        operation["parameters"] = parameters
    if security is not None:
        operation["security"] = security
    return operation


def _parameter(name: str, place: str, description: str, kind: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": place, "description": description, "required": required, "schema": {"type": kind}}
