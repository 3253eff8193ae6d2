"""Queries of the management API, strict as its bodies: what is misspelt must not be taken for what is left out.

A `dry_run` that were passed over would publish, a filter would show everything. What is known of a route is what its
description names.
"""

import re
from collections import defaultdict
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.managed_paths import paths
from fourthwatch.api.problems import is_management
from fourthwatch.errors import Fault, ManyFaults
from fourthwatch.language.diagnose import did_you_mean

_CONVERTED = re.compile(r":\w+\}")
_NAME_CHARS_MAX = 40
Known = dict[tuple[str, str], frozenset[str]]


def strict(routes: Iterable[Route]) -> list[Route]:
    """The routes; those of the management API refuse a query that their description does not know."""
    known = _known()
    return [_strict(route, known) if is_management(route.path) else route for route in routes]


def _known() -> Known:
    """Names of a query by method and path."""
    return {
        (method.upper(), path): frozenset(one["name"] for one in told.get("parameters", ()) if one["in"] == "query")
        for path, item in paths(defaultdict(dict)).items()
        for method, told in item.items()
    }


def _strict(route: Route, known: Known) -> Route:
    (method,) = (route.methods or set()) - {"HEAD"}
    names, endpoint = known[method, _CONVERTED.sub("}", route.path)], route.endpoint

    async def asked(request: Request) -> Response:
        refuse_unknown(request, names)
        answer: Response = await endpoint(request)
        return answer

    return Route(route.path, asked, methods=[method])


def refuse_unknown(request: Request, names: frozenset[str]) -> None:
    """Raises `ManyFaults` with every parameter that is not one of these."""
    said = "there are " + ", ".join(sorted(names)) if names else "nothing is asked of this path by a query"
    faults = [
        Fault("", "bad_query", f"there is no parameter `{told[:_NAME_CHARS_MAX]}` here; "
              + (did_you_mean(told[:_NAME_CHARS_MAX], names) or said))
        for told in request.query_params
        if told not in names
    ]  # fmt: skip
    if faults:
        raise ManyFaults(faults)
