"""The API without a socket, for the console in the same process: the same routes, checks and words as over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from fourthwatch.api.access import KEY_HEADER, Access
from fourthwatch.api.request import Receive, Scope, Send


class Inside:
    """Sends requests to an application as callers who hold no key of their own."""

    def __init__(self, application: Callable[[Scope, Receive, Send], Awaitable[None]], access: Access) -> None:
        self._application = application
        self._access = access

    async def ask(
        self, tenant: int, actor: str, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer; `path` may have a query, both percent-encoded."""
        bare, _, query = path.partition("?")
        told: dict[str, Any] = {}
        chunks: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body or b"", "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                told.update(message)
            else:
                chunks.append(message.get("body", b""))

        with self._access.lent(tenant, actor) as key:
            named = {name.lower().encode("latin-1"): value.encode("latin-1") for name, value in headers.items()}
            scope: dict[str, Any] = {
                "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": method,
                "path": unquote(bare), "raw_path": bare.encode("ascii"), "query_string": query.encode("ascii"),
                "root_path": "", "headers": [*named.items(), (KEY_HEADER, key.encode("ascii"))],
                "client": None, "server": None,
            }  # fmt: skip
            await self._application(scope, receive, send)
        answered = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in told["headers"]}
        return told["status"], answered, b"".join(chunks)
