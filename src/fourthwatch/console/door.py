"""The console's only way to data: the management API, asked without a socket, as the user who is looking.

So whatever a page shows or does, a program with a key can ask or do too.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from fourthwatch.errors import Refused


class Answered(msgspec.Struct, frozen=True):
    """What the API said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded; `None` where it is empty."""
        return msgspec.json.decode(self.body) if self.body else None

    @property
    def is_ok(self) -> bool:
        """Whether it was done."""
        return self.status < 400

    def refusal(self) -> Refused:
        """The refusal as an error, with the API's own words and status."""
        try:
            told = self.json
        except msgspec.DecodeError:
            told = None
        message = all_told(told) or told.get("message") if isinstance(told, dict) else None
        refusal = Refused(message if isinstance(message, str) else "the server could not answer this")
        refusal.status = self.status
        return refusal


def all_told(problem: dict[str, Any]) -> str | None:
    """Everything that a problem says is wrong, in one line.

    >>> all_told({"detail": "a (and 1 more)", "errors": [{"message": "a"}, {"message": "b"}]})
    'a; b'
    """
    errors = problem.get("errors", ())
    return "; ".join(one["message"] for one in errors) if len(errors) > 1 else problem.get("detail")


Ask = Callable[[int, str, str, str, bytes | None, dict[str, str]], Awaitable[tuple[int, dict[str, str], bytes]]]
"""Asks as somebody (tenant, actor): method, path with query, body, headers; gives status, headers and body."""


def path_of(*parts: str, **query: str | int | None) -> str:
    """A path below the root with every part percent-encoded; what is `None` is left out of the query.

    >>> path_of("api", "v1", "orders", "a/b?c", limit=5, after=None)
    '/api/v1/orders/a%2Fb%3Fc?limit=5'
    """
    path = "".join("/" + quote(part, safe="") for part in parts)
    given = {name: value for name, value in query.items() if value is not None}
    return path + ("?" + urlencode(given) if given else "")
