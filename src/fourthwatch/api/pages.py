"""Health, metrics and documentation: open to everybody who can reach the port, and without a secret in them."""

from collections.abc import Awaitable, Callable
from typing import Any

import jinja2
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch import __version__
from fourthwatch.api.openapi import openapi
from fourthwatch.events.parts import Address, Item, PaymentMethod, Promotion, Seller
from fourthwatch.metrics import metrics_text
from fourthwatch.wire.reply import encode

_PARTS = (Address, Item, Seller, PaymentMethod, Promotion)
_CSP = "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; frame-ancestors 'none'"


class Pages:
    """Handlers that need no key."""

    def __init__(self, state: Callable[[], str], measure: Callable[[], Awaitable[None]]) -> None:
        """`measure` sets the gauges that are looked up when they are asked for."""
        self._state = state
        self._measure = measure
        document = openapi()
        self._openapi = encode(document)
        self._docs, self._policy = render_docs(document)

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/", self.index, methods=["GET"]),
            Route("/healthz", self.health, methods=["GET"]),
            Route("/readyz", self.ready, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
            Route("/openapi.json", self.openapi, methods=["GET"]),
            Route("/docs", self.docs, methods=["GET"]),
        ]

    async def index(self, request: Request) -> Response:
        """Where to go from here."""
        places = {
            "console": "/console",
            "docs": "/docs",
            "openapi": "/openapi.json",
            "health": "/healthz",
            "ready": "/readyz",
        }
        return _json({"name": "fourthwatch", "version": __version__, **places})

    async def health(self, request: Request) -> Response:
        """Whether the process lives."""
        return _json({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Whether events are taken."""
        state = self._state()
        return _json({"status": state}, 200 if state == "ready" else 503)

    async def metrics(self, request: Request) -> Response:
        """For Prometheus."""
        await self._measure()
        return Response(metrics_text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi(self, request: Request) -> Response:
        """The document for programs."""
        return Response(self._openapi, media_type="application/json")

    async def docs(self, request: Request) -> Response:
        """The document for people; needs no network, no script."""
        headers = {"Content-Security-Policy": self._policy, "X-Content-Type-Options": "nosniff"}
        return Response(self._docs, headers=headers, media_type="text/html; charset=utf-8")


def render_docs(document: dict[str, Any]) -> tuple[str, str]:
    """The documentation page and the content security policy that allows its one style sheet."""
    import base64
    import hashlib

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fourthwatch.api"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    source = environment.loader
    assert source is not None
    style = source.get_source(environment, "docs.css")[0].strip()
    page = environment.get_template("docs.html.j2").render(
        document=document, style=style, groups=_groups(document), parts=_parts(document)
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return page, _CSP.format(style=digest)


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Operations by tag, each with its path, method and fields of the body."""
    groups: dict[str, list[dict[str, Any]]] = {}
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            body, example = content.get("schema", {}), content.get("example")
            replies = operation["responses"]
            done = (replies.get("200") or replies.get("201") or {}).get("content", {})
            reply = done.get("application/json", {}).get("schema", {})
            entry = {
                "path": path,
                "method": method.upper(),
                "summary": operation["summary"],
                "parameters": operation.get("parameters", []),
                "fields": _fields(schemas, body),
                "example": None if example is None else msgspec.json.format(encode(example), indent=2).decode(),
                "reply": _fields(schemas, reply),
                "anchor": operation["operationId"],
            }
            groups.setdefault(operation["tags"][0], []).append(entry)
    return groups


def _parts(document: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Fields of what travels inside an event, by its type."""
    return {part.__name__: _fields(document["components"]["schemas"], {"$ref": part.__name__}) for part in _PARTS}


def _fields(schemas: dict[str, Any], schema: dict[str, Any]) -> list[tuple[str, str]]:
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    return [(field, _kind(inner)) for field, inner in schemas.get(name, {}).get("properties", {}).items()]


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(_kind(inner) for inner in schema["anyOf"] if inner.get("type") != "null")
    if schema.get("type") == "array":
        return "list of " + _kind(schema.get("items") or schema.get("prefixItems") or {})
    return str(schema.get("type", "any"))


def _json(value: object, status: int = 200) -> Response:
    return Response(encode(value), status, media_type="application/json")
