"""How an operation is described for OpenAPI: what all of a kind have in common, in one place."""

from typing import Any

from fourthwatch.api.problems import PROBLEM_JSON, Problem
from fourthwatch.wire.reply import ErrorReply

ByType = dict[Any, dict[str, Any]]
"""The schema, or a reference to it, of each type."""
Operation = dict[str, Any]
Parameter = dict[str, Any]


def parameter(name: str, place: str, description: str, kind: str, *, required: bool = False) -> Parameter:
    """One parameter; `place` is path, query or header."""
    return {"name": name, "in": place, "description": description, "required": required, "schema": {"type": kind}}


CURSOR = parameter("cursor", "query", "Continue behind this `next` of an earlier page", "string")
LIMIT = parameter("limit", "query", "Rows per page, at most 500", "integer")
PAGES = [CURSOR, LIMIT]
IF_MATCH = parameter("If-Match", "header", "ETag of what you have seen, or * for whatever there is", "string")
IF_NONE_MATCH = parameter("If-None-Match", "header", "* makes a new one or nothing, without If-Match", "string")
SEEN = parameter("If-None-Match", "header", "ETag of what you have: 304 without a body while it is so", "string")
"""Of a read whose `ETag` stands for all that it shows; `api.seen` does it."""
IDEMPOTENCY_KEY = parameter("Idempotency-Key", "header", "A repeat of it gets the first answer again", "string")
DRY_RUN = parameter("dry_run", "query", "Only check, and say what would be", "boolean")


def operation(
    name: str, summary: str, tag: str, reply: Any, by_type: ByType, *, body: Any = None,
    parameters: list[Parameter] | None = None, security: list[dict[str, Any]] | None = None, error: Any = ErrorReply,
    example: Any = None,
) -> Operation:  # fmt: skip
    """One operation that answers 200 with JSON, or refuses; `example` is a body that is taken as it stands."""
    media = "application/json" if error is ErrorReply else PROBLEM_JSON
    described: Operation = {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "responses": {
            "200": {"description": "Done", "content": {"application/json": {"schema": reply}}},
            "default": {
                "description": "Refused; nothing of it was kept",
                "content": {media: {"schema": by_type[error]}},
            },
        },
    }
    if body is not None:
        content = {"schema": body} if example is None else {"schema": body, "example": example}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    if parameters:
        described["parameters"] = parameters
    if security is not None:
        described["security"] = security
    return described


def managed(
    name: str, summary: str, reply: Any, by_type: ByType, *, body: Any = None,
    parameters: list[Parameter] | None = None, status: int = 200,
) -> Operation:  # fmt: skip
    """One operation of the management API, which refuses with a problem; `reply` is `None` where no body comes back."""
    described = operation(
        name, summary, "management", reply, by_type, body=body, parameters=parameters, error=Problem
    )  # fmt: skip
    done = described["responses"].pop("200")
    if reply is None:
        done = {"description": "Done, with no body"}
    unchanged = {"304": {"description": "As it was when you saw it"}} if SEEN in (parameters or ()) else {}
    described["responses"] = {str(status): done, **unchanged, **described["responses"]}
    return described
