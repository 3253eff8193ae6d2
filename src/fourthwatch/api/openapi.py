"""The OpenAPI 3.1 document, generated from the types that decode and encode, never written by hand."""

from typing import Any

import msgspec

from fourthwatch import __version__
from fourthwatch.api import example_bodies, managed_paths
from fourthwatch.api.description import ByType, Operation, operation, parameter
from fourthwatch.api.problems import Problem
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
    types = [*(kind.type for kind in KINDS), Receipt, ScoreReply, ErrorReply, Problem]
    types += [PostbackRegistration, MerchantDecision, Done, *managed_paths.TYPES]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    for component in components.values():
        # Our decoders are told to notice unknown keys, in order to warn about them; a sender may send any.
        component.pop("additionalProperties", None)
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {f"/event/v1/{kind.name}": {"post": _event(kind, by_type)} for kind in KINDS}
    paths["/neo/v1/score"] = {"get": _score(by_type)}
    paths["/neo/v1/addpostbackurl"] = {
        "post": operation("registerPostbacks", "Register postback addresses", "neo", by_type[Done], by_type,
                           body=by_type[PostbackRegistration], security=[], example=example_bodies.POSTBACKS)
    }  # fmt: skip
    paths["/neo/v1/clientaction"] = {
        "post": operation("merchantDecision", "Tell what the shop decided on an order", "neo", by_type[Receipt],
                           by_type, body=by_type[MerchantDecision], security=[],
                           example=example_bodies.MERCHANT_DECISION)
    }  # fmt: skip
    paths["/v1/thirdwatch/orders"] = {
        "post": operation("razorpayOrder", "Submit an order in the Razorpay era's form", "neo", by_type[Receipt],
                           by_type, body={"type": "object"}, example=example_bodies.RAZORPAY_ORDER)
    }  # fmt: skip
    paths |= managed_paths.paths(by_type)
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


def _event(kind: Kind, by_type: ByType) -> Operation:
    parameters = [
        parameter("return_score", "query", "Answer with a decision also for kinds that are not decided", "boolean"),
        parameter("Idempotency-Key", "header", "Makes a retry recognisable whatever it contains", "string"),
    ]
    summary = (kind.type.__doc__ or kind.name).split("\n")[0]
    return operation(
        "event_" + kind.name,
        summary,
        "events",
        by_type[Receipt],
        by_type,
        body=by_type[kind.type],
        parameters=parameters,
        example=example_bodies.OF_EVENTS[kind.name],
    )


def _score(by_type: ByType) -> Operation:
    parameters = [parameter("order_id", "query", "The order, as in _orderId", "string", required=True)]
    return operation(
        "score", "The newest score of an order", "neo", by_type[ScoreReply], by_type, parameters=parameters,
        security=[{"queryKey": []}, {"key": []}],
    )  # fmt: skip


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
