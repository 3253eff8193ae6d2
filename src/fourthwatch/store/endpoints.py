"""Webhook endpoints: where programs want to hear of what happens, which types of it, and the secrets that sign it.

Secrets are kept sealed (`store.seal`); a former one signs too until its time is over. No audit entry has one.
"""

import base64
import secrets
from pathlib import Path
from typing import Any, Literal

import msgspec

from fourthwatch.clock import Clock
from fourthwatch.store.changes import Change, Write
from fourthwatch.store.deliveries import park_open
from fourthwatch.store.file import open_file, writing
from fourthwatch.store.outbox import announce
from fourthwatch.store.seal import Seal

SECRET_PREFIX = "whsec_"  # noqa: S105 (what secrets begin with)
_SECRET_BYTES = 32
_COLUMNS = (
    "id, tenant, url, description, types, ordering, enabled, disabled_ms, former_until_ms, created_ms, version,"
    " sealed_secret, sealed_former"
)
_INSERT = (
    "INSERT INTO webhook_endpoint (id, tenant, url, description, types, ordering, enabled, sealed_secret, created_ms,"
    " version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)"
)
_UPDATE = (
    "UPDATE webhook_endpoint SET url = ?1, types = ?2, description = ?3, ordering = ?4, enabled = ?5, disabled_ms ="
    " CASE WHEN ?5 THEN NULL ELSE disabled_ms END, version = version + 1 WHERE tenant = ?6 AND id = ?7"
)
_LET_QUEUED_GO = (
    "UPDATE delivery SET state = 'waiting', line = NULL, due_ms = not_before_ms"
    " WHERE tenant = ? AND receiver = ? AND state = 'queued'"
)
_ROTATE = (
    "UPDATE webhook_endpoint SET sealed_former = sealed_secret, former_until_ms = ?, sealed_secret = ?,"
    " version = version + 1 WHERE tenant = ? AND id = ?"
)
_PARK = (
    "UPDATE delivery SET state = 'parked', due_ms = NULL, finished_ms = ?, note = 'the endpoint was removed'"
    " WHERE tenant = ? AND receiver = ? AND state IN ('waiting', 'queued', 'sending')"
)

Ordering = Literal["none", "entity"]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint; `secrets` are those that sign now, the newest first."""

    id: str
    tenant: int
    url: str
    description: str
    types: tuple[str, ...]
    ordering: Ordering
    """`none`, or `entity`: what is about one entity is delivered in order."""
    enabled: bool = True
    disabled_ms: int | None = None
    """When its receiver said that it is gone."""
    former_until_ms: int | None = None
    """Until when the former secret signs too."""
    created_ms: int
    version: int = 1
    secrets: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """What can be chosen of it, for the audit trail."""
        names = ("url", "description", "types", "ordering", "enabled")
        return {name: getattr(self, name) for name in names}


class EndpointStore:
    """The table of endpoints, read, and what the sender changes; one connection, used by one thread at a time."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self.seal = Seal(directory)
        self._clock = clock

    def disable(self, tenant: int, endpoint_id: str, url: str) -> bool:
        """Send no more, since the receiver said that it is gone, and announce it; whether it was enabled."""
        now_ms = self._clock.now_ms()
        with writing(self._connection):
            self._connection.execute(
                "UPDATE webhook_endpoint SET enabled = 0, disabled_ms = ?, version = version + 1"
                " WHERE tenant = ? AND id = ? AND url = ? AND enabled",
                (now_ms, tenant, endpoint_id, url),
            )
            if self._connection.changes() == 0:
                return False
            park_open(self._connection, tenant, endpoint_id, now_ms, "the receiver answered 410")
            detail = msgspec.json.encode({"endpoint_id": endpoint_id, "url": url, "reason": "answered 410 Gone"})
            announce(self._connection, tenant, "webhook.disabled", "endpoint:" + endpoint_id, detail, now_ms)
        return True

    def find(self, tenant: int, endpoint_id: str) -> Endpoint | None:
        """One endpoint of a tenant."""
        return next(iter(self._read("WHERE tenant = ? AND id = ?", tenant, endpoint_id)), None)

    def of(self, tenant: int, after: str = "", limit: int = -1) -> list[Endpoint]:
        """A tenant's endpoints by id, from behind one."""
        return self._read("WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?", tenant, after, limit)

    def count(self, tenant: int) -> int:
        """How many a tenant has."""
        row = self._connection.execute("SELECT count(*) FROM webhook_endpoint WHERE tenant = ?", (tenant,)).fetchone()
        return 0 if row is None else int(row[0])

    def all(self) -> list[Endpoint]:
        """Every tenant's."""
        return self._read("ORDER BY id")

    def heard(self) -> set[int]:
        """Tenants of which somebody wants to hear: an endpoint, or a shop's plugin."""
        rows = self._connection.execute(
            "SELECT tenant FROM webhook_endpoint UNION SELECT tenant FROM postback_address WHERE key_id IS NOT NULL"
        )
        return {row[0] for row in rows}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _read(self, condition: str, *bindings: int | str) -> list[Endpoint]:
        now_ms = self._clock.now_ms()
        found = []
        for row in self._connection.execute(f"SELECT {_COLUMNS} FROM webhook_endpoint {condition}", bindings):
            endpoint_id, former_until_ms, sealed = row[0], row[8], [row[11]]
            if row[12] is not None and former_until_ms is not None and former_until_ms > now_ms:
                sealed.append(row[12])
            opened = [self.seal.open(one, endpoint_id) for one in sealed]
            found.append(
                Endpoint(
                    id=endpoint_id, tenant=row[1], url=row[2], description=row[3], types=tuple(row[4].split()),
                    ordering=row[5], enabled=bool(row[6]), disabled_ms=row[7],
                    former_until_ms=former_until_ms if len(sealed) > 1 else None,
                    created_ms=row[9], version=row[10], secrets=tuple(one for one in opened if one is not None),
                )
            )  # fmt: skip
        return found


def endpoint_added(endpoint: Endpoint, seal: Seal, actor: str) -> Change:
    """A new endpoint, with a secret of its own."""
    row = (
        endpoint.id, endpoint.tenant, endpoint.url, endpoint.description, " ".join(endpoint.types), endpoint.ordering,
        endpoint.enabled, seal.seal(new_secret(), endpoint.id), endpoint.created_ms,
    )  # fmt: skip
    return _change(endpoint, actor, "endpoint.created", None, endpoint.told(), Write((_INSERT, row)))


def endpoint_changed(before: Endpoint, after: Endpoint, actor: str) -> Change:
    """Another address, other types or another order; enabling forgets that the receiver was gone."""
    row = (
        after.url, " ".join(after.types), after.description, after.ordering, after.enabled, before.tenant, before.id,
    )  # fmt: skip
    writes = [Write((_UPDATE, row))]
    if after.ordering == "none":
        writes.append(Write((_LET_QUEUED_GO, (before.tenant, before.id))))
    return _change(before, actor, "endpoint.changed", before.told(), after.told(), *writes)


def secret_rotated(endpoint: Endpoint, seal: Seal, actor: str, former_until_ms: int) -> Change:
    """A new secret; the one before it signs too until then."""
    row = (former_until_ms, seal.seal(new_secret(), endpoint.id), endpoint.tenant, endpoint.id)
    told = {"former_until_ms": former_until_ms}
    return _change(endpoint, actor, "endpoint.secret_rotated", None, told, Write((_ROTATE, row)))


def endpoint_removed(endpoint: Endpoint, actor: str, now_ms: int) -> Change:
    """An endpoint is no more; what had not arrived is parked."""
    key = (endpoint.tenant, endpoint.id)
    remove = Write(("DELETE FROM webhook_endpoint WHERE tenant = ? AND id = ?", key))
    return _change(endpoint, actor, "endpoint.removed", endpoint.told(), None, remove, Write((_PARK, (now_ms, *key))))


def new_endpoint_id() -> str:
    """Of an endpoint to be."""
    return "we_" + secrets.token_hex(10)


def new_secret() -> str:
    """256 random bits as Standard Webhooks writes them."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _change(endpoint: Endpoint, actor: str, action: str, before: Any, after: Any, *writes: Write) -> Change:
    return Change(
        tenant=endpoint.tenant,
        actor=actor,
        action=action,
        thing=f"webhook-endpoints/{endpoint.id}",
        before=before,
        after=after,
        writes=writes,
    )
