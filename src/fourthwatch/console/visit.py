"""One request of one person: who it is, what they may do, what they sent, and the management API as they may ask it."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from fourthwatch.console.door import Answered, Ask, path_of
from fourthwatch.errors import Forbidden, Malformed
from fourthwatch.limits import FORM_FIELDS_MAX
from fourthwatch.store.users import ROLES, Session, User

OPEN = "open"
"""In place of a role: nobody need be signed in."""


class Form(msgspec.Struct, frozen=True):
    """What a form sent; a field may come more than once."""

    pairs: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, otherwise: str = "") -> str:
        """The first value of a field, without blanks around it."""
        return next((value.strip() for field, value in self.pairs if field == name), otherwise)

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for field, value in self.pairs if field == name]


class Visit:
    """Handed to each page."""

    def __init__(self, request: Request, session: Session | None, token: str, ask: Ask) -> None:
        self.request = request
        self.session = session
        self.form = Form()
        self.is_revealed = False
        """Whether a viewer has given a reason to see personal data on this page."""
        self._token = token
        self._ask = ask

    @property
    def user(self) -> User:
        """Who is signed in; only where somebody must be."""
        assert self.session is not None
        return self.session.user

    @property
    def csrf(self) -> str:
        """What every form carries: known only to whoever holds the cookie."""
        return csrf_of(self._token)

    @property
    def query(self) -> Mapping[str, str]:
        """The query's fields; of a repeated one the last."""
        return self.request.query_params

    @property
    def is_partial(self) -> bool:
        """Whether a script asks for a piece of the page."""
        return self.request.headers.get("hx-request") == "true"

    def may(self, role: str) -> bool:
        """Whether the user has at least this role."""
        return self.session is not None and ROLES.index(self.user.role) >= ROLES.index(role)

    def must(self, role: str) -> None:
        """Raises `Forbidden` when the user has a lesser role."""
        if not self.may(role):
            raise Forbidden(f"this needs the role {role}; yours is {self.user.role}")

    @property
    def sees_personal(self) -> bool:
        """Whether personal data is shown as it is."""
        return self.may("analyst") or self.is_revealed

    async def ask(
        self,
        method: str,
        *parts: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str | int | None] | None = None,
    ) -> Answered:
        """Ask the management API (below `/api/v1`) and take its answer as it is."""
        path = path_of("api", "v1", *parts, **(query or {}))
        raw = None if body is None else msgspec.json.encode(body)
        return Answered(*await self._ask(self.user.tenant, self.user.id, method, path, raw, dict(headers or {})))

    async def get(self, *parts: str, **query: str | int | None) -> Any:
        """What the management API shows; raises its refusal."""
        answered = await self.ask("GET", *parts, query=query)
        if not answered.is_ok:
            raise answered.refusal()
        return answered.json

    async def find(self, *parts: str, **query: str | int | None) -> Any:
        """The same, and `None` for what is not there."""
        answered = await self.ask("GET", *parts, query=query)
        if answered.status == 404:
            return None
        if not answered.is_ok:
            raise answered.refusal()
        return answered.json

    async def do(self, method: str, *parts: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Change something through the management API; raises its refusal."""
        answered = await self.ask(method, *parts, body=body, headers=headers)
        if not answered.is_ok:
            raise answered.refusal()
        return answered.json

    async def authors(self) -> dict[str, str]:
        """Names of whoever may have changed something, by the id that is kept of them."""
        users = (await self.get("console-users", limit=500))["users"]
        keys = (await self.get("keys", limit=500))["keys"]
        named = {user["user_id"]: user["name"] for user in users}
        return named | {key["key_id"]: f"key “{key['name']}”" for key in keys}

    async def sent(self, event: str, body: Any) -> Answered:
        """Send an event as a shop would, and take the answer as it is."""
        path, raw = path_of("event", "v1", event), msgspec.json.encode(body)
        return Answered(*await self._ask(self.user.tenant, self.user.id, "POST", path, raw, {}))

    async def read_form(self) -> None:
        """Take in what was sent; raises `Malformed`."""
        raw = await self.request.body()
        try:
            pairs = parse_qsl(
                raw.decode("ascii"), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX, errors="strict"
            )
        except ValueError:
            raise Malformed("the form cannot be read") from None
        self.form = Form(tuple(pairs))

    def back(self, otherwise: str = "/console/queue") -> str:
        """The page that the form was on, where it is one of ours."""
        there = self.form.get("back")
        return there if is_own_page(there) else otherwise

    def has_token(self) -> bool:
        """Whether the form, or the script, carries this browser's token."""
        sent = self.request.headers.get("x-csrf-token") or self.form.get("csrf")
        return self._token != "" and hmac.compare_digest(sent.encode(), self.csrf.encode())


def is_own_page(there: str) -> bool:
    """Whether an address that came with a request stays within the console.

    >>> [is_own_page(one) for one in ("/console", "/console/queue?flag=red")]
    [True, True]
    >>> [is_own_page(one) for one in ("//evil.example", "/console.evil", "/console/" + chr(92) + "x")]
    [False, False, False]
    """
    below = there.startswith(("/console/", "/console?")) or there == "/console"
    return below and "\\" not in there and there.isprintable()


def csrf_of(token: str) -> str:
    """From a cookie to the token of its forms; not the other way."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"form of " + token.encode()).digest()).decode().rstrip("=")
