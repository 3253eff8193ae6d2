"""Reads that whoever has seen the answer need not be sent again: `If-None-Match` (RFC 9110, section 13.1.2).

Only where the `ETag` stands for all that is shown, which the description of a route says: that of a model or a feature
is of what an edit could be wrong about, and what else they show changes without it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.description import SEEN
from fourthwatch.api.managed_paths import paths

_CONVERTED = re.compile(r":\w+\}")
_TAG = re.compile(r'(?:W/)?("[^"]*")')


def conditional(routes: Iterable[Route]) -> list[Route]:
    """The routes; those whose description says so answer 304 while nothing is new."""
    ours = {
        path for path, item in paths(defaultdict(dict)).items() if SEEN in item.get("get", {}).get("parameters", ())
    }
    return [
        _conditional(route) if "GET" in (route.methods or ()) and _CONVERTED.sub("}", route.path) in ours else route
        for route in routes
    ]


def is_seen(told: Iterable[str], etag: str) -> bool:
    """Whether lines of `If-None-Match` name an ETag; it is compared as a weak one.

    >>> is_seen(['"a", W/"b"', '"c"'], '"b"'), is_seen(["*"], '"b"'), is_seen(['"bb", b'], '"b"')
    (True, True, False)
    """
    line = ", ".join(told).strip()
    return line == "*" or etag.removeprefix("W/") in _TAG.findall(line)


def _conditional(route: Route) -> Route:
    endpoint = route.endpoint

    async def asked(request: Request) -> Response:
        answer: Response = await endpoint(request)
        told, etag = request.headers.getlist("if-none-match"), answer.headers.get("etag")
        if told and etag is not None and is_seen(told, etag):
            return Response(status_code=304, headers={"ETag": etag})
        return answer

    return Route(route.path, asked, methods=["GET"])
