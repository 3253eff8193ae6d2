"""`/api/v1/console-users` and `/api/v1/keys`: who may sign in to the console, and which keys there are.

A key and a link are shown once, in the answer to what made them, and are kept nowhere: a repeat is told what was made,
and what to do when the first answer did not come.
"""

from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.bodies import taken
from fourthwatch.api.changes import Asked, Changes, Made, etag_of, json_reply
from fourthwatch.api.paging import Cursors, Page
from fourthwatch.clock import Clock, iso_ms
from fourthwatch.errors import Malformed, NotFound, UsageError
from fourthwatch.store.changes import Change
from fourthwatch.store.keys import ApiKey, KeyStore
from fourthwatch.store.users import User, UserStore

_USERS, _KEYS = "/api/v1/console-users", "/api/v1/keys"
Role = Literal["viewer", "analyst", "manager", "admin"]


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


class NewConsoleUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user to be."""

    name: str
    """What is typed to sign in; an e-mail address is best."""
    role: Role


class ConsoleUserEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of a user can change; what is absent stays."""

    role: Role | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET


class LinkView(msgspec.Struct, frozen=True):
    """A one-time link with which a user chooses a password."""

    user: ConsoleUserView
    link_path: str | None
    """Below the server's address; works once, within a day. Null in the answer to a repeat."""
    note: str | msgspec.UnsetType = msgspec.UNSET
    """In the answer to a repeat: why there is no link, and how to get another."""


class NewLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to be."""

    name: str
    scopes: tuple[Literal["ingest", "read", "manage"], ...]


class MadeKeyView(msgspec.Struct, frozen=True):
    """A new key, shown this one time."""

    key: str | None
    """Null in the answer to a repeat."""
    key_id: str
    note: str | msgspec.UnsetType = msgspec.UNSET
    """In the answer to a repeat: why there is no key, and how to get another."""


_NO_LINK = "the link was shown once, in the first answer; if that was lost, ask for another under …/links"
_NO_KEY = "the key was shown once, in the first answer; if that was lost, revoke it and make another"


class People:
    """Handlers of users and keys."""

    def __init__(self, changes: Changes, users: UserStore, keys: KeyStore, clock: Clock, cursors: Cursors) -> None:
        self._changes = changes
        self._users = users
        self._keys = keys
        self._clock = clock
        self._cursors = cursors

    def routes(self) -> list[Route]:
        """For the router."""
        one = _USERS + "/{user_id}"
        return [
            Route(_USERS, self.users, methods=["GET"]),
            Route(_USERS, self.add_user, methods=["POST"]),
            Route(one, self.user, methods=["GET"]),
            Route(one, self.edit_user, methods=["PATCH"]),
            Route(one + "/links", self.link, methods=["POST"]),
            Route(_KEYS, self.keys, methods=["GET"]),
            Route(_KEYS, self.add_key, methods=["POST"]),
            Route(_KEYS + "/{key_id}", self.key, methods=["GET"]),
            Route(_KEYS + "/{key_id}", self.revoke, methods=["DELETE"]),
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

        def make(asked: Asked) -> Made:
            sent, caller = taken(asked.document, NewConsoleUser), asked.caller
            try:
                user, change = self._users.added(caller.tenant, sent.name, sent.role, caller.key_id)
            except UsageError as error:
                raise Malformed(str(error), pointer="/name", code="bad_name") from None
            linked = self._linked(asked, user)
            assert linked.change is not None
            return msgspec.structs.replace(
                linked, change=change, also=(linked.change,),
                headers={"Location": f"{_USERS}/{user.id}", "ETag": etag_of(_user_view(user))},
            )  # fmt: skip

        return await self._changes.take(request, "manage", make)

    async def edit_user(self, request: Request) -> Response:
        """Another role, or locked out, or let in again; whoever is signed in as the user is signed out."""

        def make(asked: Asked) -> Made:
            user, actor = self._user(asked.caller.tenant, request), asked.caller.key_id
            sent = taken(asked.document, ConsoleUserEdit)
            asked.over(etag_of(_user_view(user)))
            after, changes = user, list[Change]()
            if sent.role is not msgspec.UNSET:
                changes.append(self._users.role_set(after, sent.role, actor))
                after = msgspec.structs.replace(after, role=sent.role)
            if sent.disabled is not msgspec.UNSET:
                disabled_ms = self._clock.now_ms() if sent.disabled else None
                changes.append(self._users.disabled_set(after, disabled_ms, actor))
                after = msgspec.structs.replace(after, disabled_ms=disabled_ms)
            view = _user_view(after)
            first = changes[0] if changes else None
            return Made(change=first, also=tuple(changes[1:]), view=view, headers={"ETag": etag_of(view)})

        return await self._changes.take(request, "manage", make)

    async def link(self, request: Request) -> Response:
        """A new link for a user who has lost the password; older ones stop working."""

        def make(asked: Asked) -> Made:
            taken(asked.document, NewLink)
            return self._linked(asked, self._user(asked.caller.tenant, request))

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

        def make(asked: Asked) -> Made:
            sent, caller = taken(asked.document, NewKey), asked.caller
            try:
                key, known, change = self._keys.made(sent.name, sent.scopes, caller.tenant, caller.key_id)
            except UsageError as error:
                pointer = "/name" if sent.scopes else "/scopes"
                raise Malformed(str(error), pointer=pointer, code="bad_value") from None
            return Made(
                change=change, view=MadeKeyView(key, known.id), again=MadeKeyView(None, known.id, _NO_KEY), status=201,
                headers={"Location": f"{_KEYS}/{known.id}", "ETag": etag_of(_key_view(known))},
                then=self._changes.look_at_keys,
            )  # fmt: skip

        return await self._changes.take(request, "manage", make)

    async def revoke(self, request: Request) -> Response:
        """Revoke a key; it is refused within half a second."""

        def make(asked: Asked) -> Made:
            key = self._key(asked.caller.tenant, request)
            asked.over(etag_of(_key_view(key)))
            change = None if key.revoked_ms is not None else self._keys.revoked(key, asked.caller.key_id)
            return Made(change=change, status=204, then=self._changes.look_at_keys)

        return await self._changes.take(request, "manage", make)

    def _linked(self, asked: Asked, user: User) -> Made:
        secret, change = self._users.link_made(user.tenant, user, asked.caller.key_id)
        view = _user_view(user)
        return Made(
            change=change, view=LinkView(view, f"/console/welcome/{secret}"), again=LinkView(view, None, _NO_LINK),
            status=201, headers={"Location": f"{_USERS}/{user.id}"},
        )  # fmt: skip

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
