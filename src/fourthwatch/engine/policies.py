"""Tenants' policies while the server runs; a new one takes effect between two events, as an edit of a list does."""

from pathlib import Path

import msgspec

from fourthwatch.decision import Policy
from fourthwatch.store.changes import Write
from fourthwatch.store.policies import PolicyReader, PolicyRow, policy_set


class Policies:
    """Lives with the walk, on its thread."""

    def __init__(self, otherwise: Policy, directory: Path | None = None) -> None:
        """`otherwise` holds for tenants that have set none; with a directory, what is stored there is in force."""
        self._otherwise = otherwise
        self._of: dict[int, Policy] = {}
        if directory is None:
            return
        reader = PolicyReader(directory)
        try:
            for row in reader.newest():
                self._of[row.tenant] = policy_of(row)
        finally:
            reader.close()

    def of(self, tenant: int) -> Policy:
        """What holds for a tenant now."""
        return self._of.get(tenant, self._otherwise)

    def put(self, tenant: int, policy: Policy, author: str, at_ms: int, seq: int) -> tuple[Policy, Write]:
        """From the event at this position on another policy holds; its version is given here."""
        policy = msgspec.structs.replace(policy, version=self.of(tenant).version + 1)
        self._of[tenant] = policy
        content = msgspec.json.encode(msgspec.structs.replace(policy, version=0))
        row = PolicyRow(
            tenant=tenant, version=policy.version, from_seq=seq, at_ms=at_ms, author=author, content=content
        )  # fmt: skip
        return policy, policy_set(row)


def policy_of(row: PolicyRow) -> Policy:
    """A stored version; what a newer program has besides is as by default."""
    return msgspec.structs.replace(msgspec.json.decode(row.content, type=Policy), version=row.version)
