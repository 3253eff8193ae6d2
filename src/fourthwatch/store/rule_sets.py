"""Rule sets as they were published, each for good under its version, and those that wait for a second pair of eyes.

A version says the position of the ledger from which it holds: the first event that came after it had been put in force.
"""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import apsw
import msgspec

from fourthwatch.store.changes import Change, Write
from fourthwatch.store.file import open_file

BRAKE = "brake"
"""The author of a version in which a rule was taken out of force because it hit too often."""
_COLUMNS = "tenant, version, content, features, note, author, approver, created_ms, from_seq"


class RuleSetRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version."""

    tenant: int
    version: int
    content: bytes
    """JSON; see `fourthwatch.rules.rule`."""
    features: bytes
    """JSON: the tenant's own features that it is made of, as they were; each behind those that it uses."""
    note: str
    author: str
    """Id of the key, or `brake`."""
    approver: str | None
    created_ms: int
    from_seq: int
    """Position of the first event that it holds for."""


class ProposalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A set that waits for somebody else than its author to publish it."""

    id: int
    tenant: int
    base: int
    """Version that was in force when it was made; 0 for the starter set."""
    content: bytes
    note: str
    author: str
    created_ms: int


class RuleSetReader:
    """Both tables; one connection, which threads take turns with."""

    def __init__(self, directory: Path) -> None:
        self._connection = open_file(directory, read_only=True)
        self._lock = Lock()

    def newest(self) -> list[RuleSetRow]:
        """Of each tenant that has published anything, what is in force."""
        return self._sets(
            "WHERE (tenant, version) IN (SELECT tenant, max(version) FROM rule_set GROUP BY tenant) ORDER BY tenant"
        )

    def one(self, tenant: int, version: int) -> RuleSetRow | None:
        """A version of a tenant."""
        return next(iter(self._sets("WHERE tenant = ? AND version = ?", tenant, version)), None)

    def page(self, tenant: int, before_version: int, limit: int) -> list[RuleSetRow]:
        """A tenant's versions before one, newest first."""
        return self._sets(
            "WHERE tenant = ? AND version < ? ORDER BY version DESC LIMIT ?", tenant, before_version, limit
        )

    def proposals(self, tenant: int, behind: int, limit: int) -> list[ProposalRow]:
        """What waits behind a number, oldest first."""
        return self._proposals("WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?", tenant, behind, limit)

    def newest_proposal(self, tenant: int) -> int:
        """The greatest number that waits; 0 when none does."""
        newest = self._proposals("WHERE tenant = ? ORDER BY id DESC LIMIT 1", tenant)
        return newest[0].id if newest else 0

    def proposal(self, tenant: int, proposal_id: int) -> ProposalRow | None:
        """One that waits."""
        return next(iter(self._proposals("WHERE tenant = ? AND id = ?", tenant, proposal_id)), None)

    def results(self, tenant: int, after_seq: int, limit: int) -> list[tuple[int, int, str]]:
        """Position, version and results of a tenant's newest decisions behind a position, newest first."""
        with self._lock:
            return list(
                self._connection.execute(
                    "SELECT seq, coalesce(json_extract(detail, '$.versions.rules'), 0),"
                    " coalesce(json_extract(detail, '$.results'), '')"
                    " FROM decision WHERE tenant = ? AND seq > ? ORDER BY seq DESC LIMIT ?",
                    (tenant, after_seq, limit),
                )
            )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _sets(self, condition: str, *bindings: Any) -> list[RuleSetRow]:
        with self._lock:
            return rule_set_rows(self._connection, condition, *bindings)

    def _proposals(self, condition: str, *bindings: Any) -> list[ProposalRow]:
        with self._lock:
            rows = list(
                self._connection.execute(
                    f"SELECT id, tenant, base, content, note, author, created_ms FROM rule_set_proposal {condition}",
                    bindings,
                )
            )
        return [ProposalRow(**dict(zip(ProposalRow.__struct_fields__, row, strict=True))) for row in rows]


def rule_set_rows(connection: apsw.Connection, condition: str = "", *bindings: Any) -> list[RuleSetRow]:
    """Versions, all of them or some."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM rule_set {condition}", bindings)
    return [RuleSetRow(**dict(zip(RuleSetRow.__struct_fields__, row, strict=True))) for row in rows]


def rule_set_published(row: RuleSetRow, action: str, before: Any, after: Any, proposal: int | None = None) -> Change:
    """A version that comes in; a constraint holds that there is no other of its number.

    `proposal` is the one that it came of, which waits no longer. `before` and `after` are the rules that differ.
    """
    writes: list[tuple[str, Sequence[Any]]] = [
        (f"INSERT INTO rule_set ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(row))
    ]
    if proposal is not None:
        writes.append(("DELETE FROM rule_set_proposal WHERE tenant = ? AND id = ?", (row.tenant, proposal)))
    return Change(
        tenant=row.tenant, actor=row.author if row.approver is None else row.approver, action=action,
        thing=f"rule-sets/{row.version}", before=before, after=after,
        writes=tuple(Write((statement, tuple(bindings))) for statement, bindings in writes),
    )  # fmt: skip


def rule_set_proposed(row: ProposalRow, before: Any, after: Any) -> Change:
    """A set that waits for a second pair of eyes."""
    return Change(
        tenant=row.tenant, actor=row.author, action="rule_set.proposed", thing=f"rule-proposals/{row.id}",
        before=before, after=after,
        writes=(
            Write((
                "INSERT INTO rule_set_proposal (id, tenant, base, content, note, author, created_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                msgspec.structs.astuple(row),
            )),
        ),
    )  # fmt: skip


def rule_proposal_refused(row: ProposalRow, actor: str) -> Change:
    """A set that waits no longer, and was not published."""
    return Change(
        tenant=row.tenant, actor=actor, action="rule_set.refused", thing=f"rule-proposals/{row.id}",
        before={"note": row.note, "author": row.author},
        writes=(Write(("DELETE FROM rule_set_proposal WHERE tenant = ? AND id = ?", (row.tenant, row.id))),),
    )  # fmt: skip
