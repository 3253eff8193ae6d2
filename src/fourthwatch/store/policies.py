"""Tenants' policies, every version with the position from which it holds."""

from pathlib import Path

import msgspec

from fourthwatch.store.changes import Write
from fourthwatch.store.file import open_file

_COLUMNS = "tenant, version, from_seq, at_ms, author, content"


class PolicyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version."""

    tenant: int
    version: int
    from_seq: int
    at_ms: int
    author: str
    content: bytes
    """JSON."""


class PolicyReader:
    """Policies, read; one connection, used from one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._connection = open_file(directory, read_only=True)

    def newest(self) -> list[PolicyRow]:
        """The version in force of every tenant that has set one."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM policy p"
            " WHERE version = (SELECT max(version) FROM policy WHERE tenant = p.tenant) ORDER BY tenant"
        )
        return [PolicyRow(**dict(zip(PolicyRow.__struct_fields__, row, strict=True))) for row in rows]

    def versions(self, tenant: int, before: int, limit: int) -> list[PolicyRow]:
        """A tenant's versions below one, newest first."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM policy WHERE tenant = ? AND version < ? ORDER BY version DESC LIMIT ?",
            (tenant, before, limit),
        )
        return [PolicyRow(**dict(zip(PolicyRow.__struct_fields__, row, strict=True))) for row in rows]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def policy_set(row: PolicyRow) -> Write:
    """A new version."""
    return Write((f"INSERT INTO policy ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(row)))
