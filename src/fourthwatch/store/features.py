"""Tenants' own features as they were defined: the truth from which a server takes them at start.

Each change is a short transaction of its own, beside the ledger's.
"""

from pathlib import Path

import apsw
import msgspec

from fourthwatch.clock import Clock
from fourthwatch.errors import NameTaken
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
    created_ms: int
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
            with self._connection:
                self._connection.execute(
                    "INSERT INTO feature (tenant, name, text, unit, says, reason, created_ms, author)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    msgspec.structs.astuple(row),
                )
        except apsw.ConstraintError as error:
            raise NameTaken("there is a feature of this name already") from error
        return row

    def remove(self, tenant: int, name: str) -> bool:
        """Forget a definition; whether there was one."""
        with self._connection:
            self._connection.execute("DELETE FROM feature WHERE tenant = ? AND name = ?", (tenant, name))
            return self._connection.changes() > 0
        raise AssertionError  # a connection's `with` lets errors through

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
