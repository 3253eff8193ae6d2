"""People of the console: users, what they sign in with, their sessions and the one-time links that begin it all.

Of passwords there is a hash, of sessions, links and devices only the SHA-256 of what the browser holds.
"""

import hashlib
import secrets
from pathlib import Path

import apsw
import msgspec

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS, Clock, Millis
from fourthwatch.errors import NameTaken, UsageError
from fourthwatch.store.changes import COMMAND_LINE, Change, Write, apply_alone
from fourthwatch.store.file import open_file, writing

ROLES = ("viewer", "analyst", "manager", "admin")
"""Each may do what those before it may."""
FIRST_TENANT = 1
"""The one that a data file starts with."""
IDLE_MS = 30 * MINUTE_MS
ABSOLUTE_MS = 12 * HOUR_MS
"""How long a session lasts without being used, and at all."""
LINK_MS = DAY_MS
_SEEN_EVERY_MS = MINUTE_MS
"""How exactly it is kept when a session was used last; each time would be a write for each page."""
_NAME_CHARS_MAX = 100
_TAKEN = "there is a user of this name already"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may sign in."""

    id: str
    tenant: int
    name: str
    """What is typed to sign in; unique over all tenants, in lower case."""
    role: str
    password: str | None
    """An argon2id hash; `None` until the link was used."""
    totp: str | None
    """The shared secret of a second factor, base 32; `None` without one."""
    totp_step: int
    """The newest time step whose code was taken; no code is taken twice."""
    created_ms: Millis
    disabled_ms: Millis | None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that is signed in, and as whom."""

    hash: bytes
    user: User
    created_ms: Millis
    seen_ms: Millis


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Lets somebody choose a password, once."""

    hash: bytes
    tenant: int
    user: str | None
    """Whose password is chosen; `None` for the first administrator, who chooses a name as well."""
    expires_ms: Millis


_USER = "u.id, u.tenant, u.name, u.role, u.password, u.totp, u.totp_step, u.created_ms, u.disabled_ms"
_USER_WIDTH = len(User.__struct_fields__)


def secret_hash(secret: str) -> bytes:
    """What is kept of a session, link or device: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class UserStore:
    """The tables of the console's people; one connection, used by one thread at a time."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self._clock = clock

    # Users.

    def all(self, tenant: int | None = None) -> list[User]:
        """A tenant's users, or all, oldest first."""
        rows = self._connection.execute(
            f"SELECT {_USER} FROM console_user u WHERE ? IS NULL OR u.tenant = ? ORDER BY u.created_ms, u.id",
            (tenant, tenant),
        )
        return [_user(row) for row in rows]

    def named(self, name: str) -> User | None:
        """The user of this name, in any case."""
        return self._one_user("u.name = ?", name.strip().lower())

    def user(self, user_id: str) -> User | None:
        """The user with this id."""
        return self._one_user("u.id = ?", user_id)

    def add(self, tenant: int, name: str, role: str, actor: str = COMMAND_LINE) -> User:
        """A new user without a password; raises `NameTaken` or `UsageError`."""
        user, change = self.added(tenant, name, role, actor)
        try:
            self._apply(change)
        except apsw.ConstraintError as error:  # another program was quicker
            raise NameTaken(_TAKEN) from error
        return user

    def added(self, tenant: int, name: str, role: str, actor: str) -> tuple[User, Change]:
        """A new user, and the change that makes it; raises `NameTaken` or `UsageError`."""
        plain = name.strip().lower()
        if not 0 < len(plain) <= _NAME_CHARS_MAX or any(ord(char) < 33 for char in plain):
            raise UsageError(f"a user's name has 1 to {_NAME_CHARS_MAX} characters and no blanks; an e-mail is best")
        _check_role(role)
        if self.named(plain) is not None:
            raise NameTaken(_TAKEN)
        user = User(
            id="user_" + secrets.token_hex(6), tenant=tenant, name=plain, role=role, password=None, totp=None,
            totp_step=0, created_ms=self._clock.now_ms(), disabled_ms=None,
        )  # fmt: skip
        statement = (
            "INSERT INTO console_user (id, tenant, name, role, password, totp, totp_step, created_ms, disabled_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        writes = (Write((statement, msgspec.structs.astuple(user))),)
        return user, _change(user, actor, "console_user.created", writes, after={"name": plain, "role": role})

    def set_role(self, user: User, role: str, actor: str = COMMAND_LINE) -> None:
        """Another role; whoever is signed in as the user signs in again."""
        self._apply(self.role_set(user, role, actor))

    def role_set(self, user: User, role: str, actor: str) -> Change:
        """The change that gives another role; raises `UsageError`."""
        _check_role(role)
        writes = (_set(user, "role = ?", role), _end_sessions(user))
        return _change(user, actor, "console_user.role_changed", writes, {"role": user.role}, {"role": role})

    def set_disabled(self, user: User, *, disabled: bool, actor: str = COMMAND_LINE) -> None:
        """Lock the user out, or let them in again; sessions and links end."""
        self._apply(self.disabled_set(user, self._clock.now_ms() if disabled else None, actor))

    def disabled_set(self, user: User, disabled_ms: Millis | None, actor: str) -> Change:
        """The change that locks a user out from a time on, or lets them in again."""
        writes = (
            _set(user, "disabled_ms = ?", disabled_ms), _end_sessions(user),
            Write(("DELETE FROM console_link WHERE user = ?", (user.id,))),
        )  # fmt: skip
        action = "console_user.enabled" if disabled_ms is None else "console_user.disabled"
        return _change(user, actor, action, writes)

    def set_password(self, user: User, password: str, *, keep: bytes | None = None, actor: str = COMMAND_LINE) -> None:
        """Another hash; all sessions but the one to keep end."""
        writes = (_set(user, "password = ?", password), _end_sessions(user, keep))
        self._apply(_change(user, actor, "console_user.password_chosen", writes))

    def set_totp(
        self, user: User, secret: str | None, step: int = 0, *, keep: bytes | None = None, actor: str = COMMAND_LINE
    ) -> None:
        """Turn the second factor on or off; all sessions but the one to keep end."""
        writes = (_set(user, "totp = ?, totp_step = ?", secret, step), _end_sessions(user, keep))
        action = "console_user.second_factor_off" if secret is None else "console_user.second_factor_on"
        self._apply(_change(user, actor, action, writes))

    def note_reveal(self, user: User, page: str, reason: str) -> None:
        """That a user looked at personal data that the role does not show, and why."""
        after = {"reason": reason}
        self._apply(Change(tenant=user.tenant, actor=user.id, action="personal.revealed", thing=page, after=after))

    def take_totp_step(self, user: User, step: int) -> bool:
        """Note that the code of this time step was used; whether it was the first time."""
        with writing(self._connection):
            self._connection.execute(
                "UPDATE console_user SET totp_step = ? WHERE id = ? AND totp_step < ?", (step, user.id, step)
            )
            return self._connection.changes() > 0
        raise AssertionError  # a connection's `with` lets errors through

    # Sessions.

    def begin_session(self, user: User) -> str:
        """A new session; returns what the browser keeps. Clears away what has ended."""
        token, now_ms = secrets.token_urlsafe(32), self._clock.now_ms()
        with writing(self._connection):
            self._connection.execute(
                "DELETE FROM console_session WHERE created_ms < ? OR seen_ms < ?",
                (now_ms - ABSOLUTE_MS, now_ms - IDLE_MS),
            )
            self._connection.execute(
                "INSERT INTO console_session (hash, tenant, user, created_ms, seen_ms) VALUES (?, ?, ?, ?, ?)",
                (secret_hash(token), user.tenant, user.id, now_ms, now_ms),
            )
        return token

    def session(self, token: str, *, touch: bool) -> Session | None:
        """The session that a browser presents, if it is in force; `touch` makes it last on."""
        now_ms = self._clock.now_ms()
        row = self._connection.execute(
            f"SELECT {_USER}, s.created_ms, s.seen_ms FROM console_session s JOIN console_user u ON u.id = s.user"
            " WHERE s.hash = ? AND s.created_ms > ? AND s.seen_ms > ? AND u.disabled_ms IS NULL",
            (secret_hash(token), now_ms - ABSOLUTE_MS, now_ms - IDLE_MS),
        ).fetchone()
        if row is None:
            return None
        created_ms, seen_ms = row[_USER_WIDTH:]
        if touch and now_ms - seen_ms > _SEEN_EVERY_MS:
            with writing(self._connection):
                self._connection.execute(
                    "UPDATE console_session SET seen_ms = ? WHERE hash = ?", (now_ms, secret_hash(token))
                )
        user = _user(row[:_USER_WIDTH])
        return Session(hash=secret_hash(token), user=user, created_ms=created_ms, seen_ms=seen_ms)

    def end_session(self, session_hash: bytes) -> None:
        """Sign out."""
        with writing(self._connection):
            self._connection.execute("DELETE FROM console_session WHERE hash = ?", (session_hash,))

    # Links and devices.

    def link_for(self, tenant: int, user: User | None, actor: str = COMMAND_LINE) -> str:
        """A new one-time link's secret; older ones to the same end stop working."""
        secret, change = self.link_made(tenant, user, actor)
        self._apply(change)
        return secret

    def link_made(self, tenant: int, user: User | None, actor: str) -> tuple[str, Change]:
        """The same, with the change that makes it."""
        secret = secrets.token_urlsafe(32)
        whose = None if user is None else user.id
        row = (secret_hash(secret), tenant, whose, self._clock.now_ms() + LINK_MS)
        writes = (
            Write(("DELETE FROM console_link WHERE tenant = ? AND user IS ?", (tenant, whose))),
            Write(("INSERT INTO console_link (hash, tenant, user, expires_ms) VALUES (?, ?, ?, ?)", row)),
        )
        thing = "console-users" if whose is None else f"console-users/{whose}"
        return secret, Change(tenant=tenant, actor=actor, action="console_user.link_made", thing=thing, writes=writes)

    def link(self, secret: str) -> Link | None:
        """The link with this secret, if it can still be used."""
        row = self._connection.execute(
            "SELECT hash, tenant, user, expires_ms FROM console_link WHERE hash = ? AND expires_ms > ?",
            (secret_hash(secret), self._clock.now_ms()),
        ).fetchone()
        return None if row is None else Link(**dict(zip(Link.__struct_fields__, row, strict=True)))

    def use_link(self, link: Link) -> bool:
        """Use it up; whether it was there to be used."""
        with writing(self._connection):
            self._connection.execute("DELETE FROM console_link WHERE hash = ?", (link.hash,))
            return self._connection.changes() > 0
        raise AssertionError  # a connection's `with` lets errors through

    def remember_device(self, user: User, token: str) -> None:
        """This browser has signed the user in."""
        with writing(self._connection):
            self._connection.execute(
                "INSERT INTO console_device (hash, tenant, user, created_ms) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (secret_hash(token), user.tenant, user.id, self._clock.now_ms()),
            )

    def knows_device(self, name: str, token: str) -> bool:
        """Whether the user of this name has signed in with this browser before."""
        return any(
            self._connection.execute(
                "SELECT 1 FROM console_device d JOIN console_user u ON u.id = d.user WHERE d.hash = ? AND u.name = ?",
                (secret_hash(token), name.strip().lower()),
            )
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _apply(self, change: Change) -> None:
        apply_alone(self._connection, change, self._clock.now_ms())

    def _one_user(self, condition: str, value: str) -> User | None:
        row = self._connection.execute(f"SELECT {_USER} FROM console_user u WHERE {condition}", (value,)).fetchone()
        return None if row is None else _user(row)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise UsageError("the role is one of " + ", ".join(ROLES))


def _change(
    user: User, actor: str, action: str, writes: tuple[Write, ...], before: object = None, after: object = None
) -> Change:
    return Change(
        tenant=user.tenant, actor=actor, action=action, thing=f"console-users/{user.id}", before=before, after=after,
        writes=writes,
    )  # fmt: skip


def _set(user: User, assignment: str, *values: object) -> Write:
    return Write((f"UPDATE console_user SET {assignment} WHERE id = ?", (*values, user.id)))


def _end_sessions(user: User, keep: bytes | None = None) -> Write:
    return Write(("DELETE FROM console_session WHERE user = ? AND hash IS NOT ?", (user.id, keep)))


def _user(row: tuple[object, ...]) -> User:
    return User(**dict(zip(User.__struct_fields__, row, strict=True)))  # type: ignore[arg-type]
