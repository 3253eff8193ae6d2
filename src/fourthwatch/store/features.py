"""Tenants' own features as they were defined: the truth from which a server takes them at start.

A definition is added or taken out, and never edited.
"""

from pathlib import Path

import apsw
import msgspec

from fourthwatch.clock import Clock, Millis
from fourthwatch.errors import NameTaken
from fourthwatch.store.changes import COMMAND_LINE, Change, Write, apply_alone
from fourthwatch.store.file import open_file


class FeatureRow(msgspec.Struct, frozen=True, kw_only=True):
    """One definition."""

    tenant: int
    name: str
    text: str
    """In the language."""
    unit: str
    says: str
    reason: str
    created_ms: Millis
    author: str
    """Id of the key that it was sent with."""


class FeatureStore:
    """The table of definitions; one connection, used by one thread at a time."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self._clock = clock

    def add(self, tenant: int, name: str, text: str, *, unit: str, says: str, reason: str, author: str) -> FeatureRow:
        """Keep a definition; raises `NameTaken` when the tenant has one of this name."""
        row = FeatureRow(
            tenant=tenant, name=name, text=text, unit=unit, says=says, reason=reason,
            created_ms=self._clock.now_ms(), author=author,
        )  # fmt: skip
        try:
            apply_alone(self._connection, feature_defined(row), row.created_ms)
        except apsw.ConstraintError as error:
            raise NameTaken("there is a feature of this name already") from error
        return row

    def remove(self, tenant: int, name: str) -> bool:
        """Forget a definition; whether there was one."""
        for row in self.all():
            if (row.tenant, row.name) == (tenant, name):
                apply_alone(self._connection, feature_removed(tenant, COMMAND_LINE, row), self._clock.now_ms())
                return True
        return False

    def all(self) -> list[FeatureRow]:
        """Every tenant's, oldest first: a feature stands behind those that it is made of."""
        return feature_rows(self._connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def feature_rows(connection: apsw.Connection) -> list[FeatureRow]:
    """Every tenant's definitions, oldest first."""
    rows = connection.execute(
        "SELECT tenant, name, text, unit, says, reason, created_ms, author FROM feature ORDER BY id"
    )
    return [FeatureRow(**dict(zip(FeatureRow.__struct_fields__, row, strict=True))) for row in rows]


def feature_defined(row: FeatureRow) -> Change:
    """A definition that comes in; a constraint holds that the tenant has no other of this name."""
    statement = (
        "INSERT INTO feature (tenant, name, text, unit, says, reason, created_ms, author)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    )
    told = {name: getattr(row, name) for name in ("name", "text", "unit", "says")}
    told["reason"] = row.reason or row.name
    return Change(
        tenant=row.tenant, actor=row.author, action="feature.defined", thing=f"features/{row.name}", after=told,
        writes=(Write((statement, msgspec.structs.astuple(row))),),
    )  # fmt: skip


def feature_removed(tenant: int, actor: str, definition: msgspec.Struct) -> Change:
    """A definition, by its `name`, that goes."""
    before = msgspec.to_builtins(definition)
    return Change(
        tenant=tenant, actor=actor, action="feature.removed", thing=f"features/{before['name']}", before=before,
        writes=(Write(("DELETE FROM feature WHERE tenant = ? AND name = ?", (tenant, before["name"]))),),
    )  # fmt: skip
