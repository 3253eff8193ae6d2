"""API keys: made, listed and revoked; of a key only its hash is kept, and it is shown once.

Works beside a running server, which sees a change within half a second.
"""

import hashlib
import secrets
import string
from collections.abc import Iterable
from pathlib import Path

import apsw
import msgspec

from fourthwatch.clock import Clock, Millis
from fourthwatch.errors import UsageError
from fourthwatch.limits import API_KEY_CHARS_MAX, API_KEY_PREFIX, API_KEY_RANDOM_CHARS
from fourthwatch.store.changes import COMMAND_LINE, Change, Write, apply_alone
from fourthwatch.store.file import open_file

SCOPES = ("ingest", "read", "manage")
_ALPHABET = string.ascii_letters + string.digits
_NAME_CHARS_MAX = 100
_INSERT_KEY = "INSERT INTO api_key (id, tenant, name, hash, hint, scopes, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key; the key itself is not."""

    id: str
    tenant: int
    name: str
    hint: str
    scopes: tuple[str, ...]
    created_ms: int
    revoked_ms: int | None
    hash: bytes


def key_hash(key: str) -> bytes:
    """SHA-256: enough for 160 random bits, and cheap enough for every request."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _checked(name: str, scopes: Iterable[str]) -> tuple[str, ...]:
    """The scopes in their order; raises `UsageError`."""
    _check_name(name)
    wanted = tuple(scope for scope in SCOPES if scope in set(scopes))
    if not wanted:
        raise UsageError("a key needs at least one scope of " + ", ".join(SCOPES))
    return wanted


def _check_name(name: str) -> None:
    """Refuse what would break the line of a list."""
    if not name.strip() or len(name) > _NAME_CHARS_MAX or not name.isprintable():
        raise UsageError(f"a name needs 1 to {_NAME_CHARS_MAX} printable characters")


class KeyStore:
    """The table of keys; one connection, one thread."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self._clock = clock

    def create(self, name: str, scopes: Iterable[str], tenant: str = "default", actor: str = COMMAND_LINE) -> str:
        """A new key, returned this one time. Makes the tenant when there is none of that name."""
        _check_name(tenant)
        _checked(name, scopes)
        now_ms = self._clock.now_ms()
        key, _, change = self.made(name, scopes, self._tenant(tenant, now_ms), actor)
        apply_alone(self._connection, change, now_ms)
        return key

    def made(self, name: str, scopes: Iterable[str], tenant: int, actor: str) -> tuple[str, ApiKey, Change]:
        """A new key, what is known of it, and the change that makes it; raises `UsageError`."""
        wanted = _checked(name, scopes)
        key = API_KEY_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(API_KEY_RANDOM_CHARS))
        assert len(key) <= API_KEY_CHARS_MAX
        known = ApiKey(
            id="key_" + secrets.token_hex(6), tenant=tenant, name=name, hint=f"{key[:5]}…{key[-4:]}", scopes=wanted,
            created_ms=self._clock.now_ms(), revoked_ms=None, hash=key_hash(key),
        )  # fmt: skip
        row = (known.id, tenant, name, known.hash, known.hint, " ".join(wanted), known.created_ms)
        change = Change(
            tenant=tenant, actor=actor, action="key.created", thing=f"keys/{known.id}",
            after={"name": name, "hint": known.hint, "scopes": wanted}, writes=(Write((_INSERT_KEY, row)),),
        )  # fmt: skip
        return key, known, change

    def all(self) -> list[ApiKey]:
        """Every key, revoked ones too, oldest first."""
        rows = self._connection.execute(
            "SELECT id, tenant, name, hint, scopes, created_ms, revoked_ms, hash FROM api_key ORDER BY created_ms, id"
        )
        return [
            ApiKey(
                id=key_id, tenant=tenant, name=name, hint=hint, scopes=tuple(scopes.split()),
                created_ms=created_ms, revoked_ms=revoked_ms, hash=digest,
            )
            for key_id, tenant, name, hint, scopes, created_ms, revoked_ms, digest in rows
        ]  # fmt: skip

    def revoke(self, named: str, actor: str = COMMAND_LINE) -> int:
        """Revoke the key with this id, or all keys of this name; returns how many were in force."""
        found = [key for key in self.all() if named in (key.id, key.name) and key.revoked_ms is None]
        for key in found:
            apply_alone(self._connection, self.revoked(key, actor), self._clock.now_ms())
        return len(found)

    def revoked(self, key: ApiKey, actor: str) -> Change:
        """The change that takes a key out of force."""
        statement = "UPDATE api_key SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL"
        return Change(
            tenant=key.tenant, actor=actor, action="key.revoked", thing=f"keys/{key.id}",
            before={"name": key.name, "hint": key.hint, "scopes": key.scopes},
            writes=(Write((statement, (self._clock.now_ms(), key.id))),),
        )  # fmt: skip

    def create_tenant(self, name: str) -> int:
        """A new tenant, and its number; raises `UsageError` when there is one of this name."""
        _check_name(name)
        if self.tenant_id(name) is not None:
            raise UsageError("there is a tenant of this name already; see `fourthwatch tenants list`")
        return self._tenant(name, self._clock.now_ms())

    def tenants(self) -> dict[int, str]:
        """Names by number."""
        return dict(self._connection.execute("SELECT id, name FROM tenant ORDER BY id"))

    def tenant_id(self, name: str) -> int | None:
        """Number of a tenant; `None` when there is none of that name."""
        row = self._connection.execute("SELECT id FROM tenant WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def _tenant(self, name: str, now_ms: Millis) -> int:
        """Its number; made when there is none of that name."""
        number = self.tenant_id(name)
        if number is not None:
            return number
        row = self._connection.execute("SELECT max(id) + 1 FROM tenant").fetchone()
        assert row is not None
        number = int(row[0])
        change = Change(
            tenant=number, actor=COMMAND_LINE, action="tenant.created", thing=f"tenants/{name}", after={"name": name},
            writes=(Write(("INSERT INTO tenant (id, name, created_ms) VALUES (?, ?, ?)", (number, name, now_ms))),),
        )  # fmt: skip
        try:
            apply_alone(self._connection, change, now_ms)
        except apsw.ConstraintError:  # another program was quicker
            return self._tenant(name, now_ms)
        return number

    def data_version(self) -> int:
        """Changes whenever another connection has committed; cheap enough to ask twice a second."""
        return int(str(self._connection.pragma("data_version")))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
