"""`/api/v1/console-users` and `/api/v1/keys`: who may sign in to the console, and which keys there are.

A key and a link are shown once, in the answer to what made them; an `Idempotency-Key` therefore means nothing here.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.changes import Asked, Changes, Made, etag_of, json_reply
from fourthwatch.api.paging import Cursors, Page
from fourthwatch.clock import iso_ms
from fourthwatch.errors import Malformed, NotFound, UsageError
from fourthwatch.store.keys import ApiKey, KeyStore, key_hash
from fourthwatch.store.users import ROLES, User, UserStore
from fourthwatch.wire.reply import encode


class ConsoleUserView(msgspec.Struct, frozen=True):
    """Somebody who may sign in to the console."""

    user_id: str
    name: str
    role: str
    """viewer, analyst, manager or admin."""
    has_password: bool
    """False until the link was used."""
    has_second_factor: bool
    created_at: str
    disabled_at: str | None


class ConsoleUsersView(msgspec.Struct, frozen=True):
    """A page of users."""

    users: tuple[ConsoleUserView, ...]
    next: str | None
    """Send as `cursor` for the rest; null at the end."""


class NewConsoleUser(msgspec.Struct, frozen=True):
    """A user to be."""

    name: str
    """What is typed to sign in; an e-mail address is best."""
    role: str


class ConsoleUserEdit(msgspec.Struct, frozen=True):
    """What of a user can change; what is absent stays."""

    role: str | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET


class LinkView(msgspec.Struct, frozen=True):
    """A one-time link with which a user chooses a password."""

    user: ConsoleUserView
    link_path: str
    """Below the server's address; works once, within a day."""


class NewLink(msgspec.Struct, frozen=True):
    """Nothing is chosen of a link."""


class KeyView(msgspec.Struct, frozen=True):
    """A key, without the key itself."""

    key_id: str
    name: str
    hint: str
    """Its first and last characters."""
    scopes: tuple[str, ...]
    created_at: str
    revoked_at: str | None


class KeysView(msgspec.Struct, frozen=True):
    """A page of keys."""

    keys: tuple[KeyView, ...]
    next: str | None
    """Send as `cursor` for the rest; null at the end."""


class NewKey(msgspec.Struct, frozen=True):
    """A key to be."""

    name: str
    scopes: tuple[str, ...]
    """ingest, read, manage."""


class MadeKeyView(msgspec.Struct, frozen=True):
    """A new key, shown this one time."""

    key: str
    key_id: str


class People:
    """Handlers of users and keys."""

    def __init__(self, changes: Changes, users: UserStore, keys: KeyStore, cursors: Cursors) -> None:
        self._changes = changes
        self._users = users
        self._keys = keys
        self._cursors = cursors

    def routes(self) -> list[Route]:
        """For the router."""
        one = "/api/v1/console-users/{user_id}"
        return [
            Route("/api/v1/console-users", self.users, methods=["GET"]),
            Route("/api/v1/console-users", self.add_user, methods=["POST"]),
            Route(one, self.user, methods=["GET"]),
            Route(one, self.edit_user, methods=["PATCH"]),
            Route(one + "/links", self.link, methods=["POST"]),
            Route("/api/v1/keys", self.keys, methods=["GET"]),
            Route("/api/v1/keys", self.add_key, methods=["POST"]),
            Route("/api/v1/keys/{key_id}", self.key, methods=["GET"]),
            Route("/api/v1/keys/{key_id}", self.revoke, methods=["DELETE"]),
        ]

    async def users(self, request: Request) -> Response:
        """Everybody, disabled ones too."""
        caller = self._changes.caller(request, "manage")
        page = Page(self._cursors, request, caller.tenant, "console-users")
        shown, following = page.cut(_behind(self._users.all(caller.tenant), page), lambda user: user.id)
        return json_reply(ConsoleUsersView(tuple(map(_user_view, shown)), following))

    async def user(self, request: Request) -> Response:
        """One user."""
        user = self._user(self._changes.caller(request, "manage").tenant, request)
        return json_reply(_user_view(user), etag_of(_user_view(user)))

    async def add_user(self, request: Request) -> Response:
        """A new user, and the link to choose a password with."""

        def make(asked: Asked) -> Response:
            sent = _sent(asked, NewConsoleUser)
            _role(sent.role)
            try:
                user = self._users.add(asked.caller.tenant, sent.name, sent.role, asked.caller.key_id)
            except UsageError as error:
                raise Malformed(str(error), pointer="/name", code="bad_name") from None
            return self._linked(asked, user, 201)

        return await self._changes.take(request, "manage", make)

    async def edit_user(self, request: Request) -> Response:
        """Another role, or locked out, or let in again; whoever is signed in as the user is signed out."""

        def make(asked: Asked) -> Response:
            user = self._user(asked.caller.tenant, request)
            sent = _sent(asked, ConsoleUserEdit)
            asked.over(etag_of(_user_view(user)))
            if sent.role is not msgspec.UNSET:
                _role(sent.role)
                self._users.set_role(user, sent.role, asked.caller.key_id)
            if sent.disabled is not msgspec.UNSET:
                self._users.set_disabled(user, disabled=sent.disabled, actor=asked.caller.key_id)
            view = _user_view(self._user(asked.caller.tenant, request))
            return json_reply(view, etag_of(view))

        return await self._changes.take(request, "manage", make)

    async def link(self, request: Request) -> Response:
        """A new link for a user who has lost the password; older ones stop working."""

        def make(asked: Asked) -> Response:
            _sent(asked, NewLink)
            return self._linked(asked, self._user(asked.caller.tenant, request), 201)

        return await self._changes.take(request, "manage", make)

    async def keys(self, request: Request) -> Response:
        """Every key, revoked ones too."""
        caller = self._changes.caller(request, "manage")
        page = Page(self._cursors, request, caller.tenant, "keys")
        mine = [key for key in self._keys.all() if key.tenant == caller.tenant]
        shown, following = page.cut(_behind(mine, page), lambda key: key.id)
        return json_reply(KeysView(tuple(map(_key_view, shown)), following))

    async def key(self, request: Request) -> Response:
        """One key."""
        view = _key_view(self._key(self._changes.caller(request, "manage").tenant, request))
        return json_reply(view, etag_of(view))

    async def add_key(self, request: Request) -> Response:
        """A new key; what it is stands in this answer and nowhere else."""

        def make(asked: Asked) -> Response:
            sent = _sent(asked, NewKey)
            tenant = self._keys.tenants()[asked.caller.tenant]
            try:
                key = self._keys.create(sent.name, sent.scopes, tenant, asked.caller.key_id)
            except UsageError as error:
                raise Malformed(str(error), code="bad_value") from None
            made = next(one for one in self._keys.all() if one.hash == key_hash(key))
            return Response(encode(MadeKeyView(key, made.id)), 201, media_type="application/json")

        reply = await self._changes.take(request, "manage", make)
        self._changes.look_at_keys()
        return reply

    async def revoke(self, request: Request) -> Response:
        """Revoke a key; it is refused within half a second."""

        def make(asked: Asked) -> Made | Response:
            key = self._key(asked.caller.tenant, request)
            asked.over(etag_of(_key_view(key)))
            self._keys.revoke(key.id, asked.caller.key_id)
            return Response(status_code=204)

        reply = await self._changes.take(request, "manage", make)
        self._changes.look_at_keys()
        return reply

    def _linked(self, asked: Asked, user: User, status: int) -> Response:
        secret = self._users.link_for(user.tenant, user, asked.caller.key_id)
        view = LinkView(_user_view(user), f"/console/welcome/{secret}")
        return Response(encode(view), status, media_type="application/json")

    def _user(self, tenant: int, request: Request) -> User:
        user = self._users.user(request.path_params["user_id"])
        if user is None or user.tenant != tenant:
            raise NotFound("there is no user with this id")
        return user

    def _key(self, tenant: int, request: Request) -> ApiKey:
        wanted = request.path_params["key_id"]
        for key in self._keys.all():
            if key.id == wanted and key.tenant == tenant:
                return key
        raise NotFound("there is no key with this id")


def _behind(rows: list[Any], page: Page) -> list[Any]:
    """Rows behind the cursor's, one more than the page has; they are few."""
    ids = [row.id for row in rows]
    behind = page.behind(str, "")
    begin = ids.index(behind) + 1 if behind in ids else 0
    return rows[begin : begin + page.limit + 1]


def _sent(asked: Asked, wanted: Any) -> Any:
    for key in asked.document.keys() - set(wanted.__struct_fields__):
        raise Malformed("only these keys are understood: " + ", ".join(wanted.__struct_fields__), pointer=f"/{key}",
                        code="bad_value")  # fmt: skip
    try:
        return msgspec.convert(asked.document, wanted)
    except msgspec.ValidationError as error:
        raise Malformed(f"this cannot be taken: {error}", code="bad_value") from None


def _role(role: str) -> None:
    if role not in ROLES:
        raise Malformed("role is one of " + ", ".join(ROLES), pointer="/role", code="bad_value")


def _user_view(user: User) -> ConsoleUserView:
    return ConsoleUserView(
        user_id=user.id,
        name=user.name,
        role=user.role,
        has_password=user.password is not None,
        has_second_factor=user.totp is not None,
        created_at=iso_ms(user.created_ms),
        disabled_at=None if user.disabled_ms is None else iso_ms(user.disabled_ms),
    )


def _key_view(key: ApiKey) -> KeyView:
    revoked_at = None if key.revoked_ms is None else iso_ms(key.revoked_ms)
    return KeyView(key.id, key.name, key.hint, key.scopes, iso_ms(key.created_ms), revoked_at)
