"""Where a shop wants to be called back: registered by its plugin, one address per purpose, the newest one counts."""

from collections.abc import Mapping
from pathlib import Path

from fourthwatch.clock import Clock
from fourthwatch.store.changes import COMMAND_LINE, Change, Write, apply_alone
from fourthwatch.store.file import open_file


class PostbackAddresses:
    """The table of addresses; one connection, one thread."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self._clock = clock

    def register(self, tenant: int, addresses: Mapping[str, str], actor: str = COMMAND_LINE) -> None:
        """Set the address of each purpose that is given; the others stay. What is as it was is no change."""
        before = self.of(tenant)
        new = {purpose: url for purpose, url in addresses.items() if before.get(purpose) != url}
        if not new:
            return
        now_ms = self._clock.now_ms()
        statement = (
            "INSERT INTO postback_address (tenant, purpose, url, changed_ms) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (tenant, purpose) DO UPDATE SET url = excluded.url, changed_ms = excluded.changed_ms"
        )
        change = Change(
            tenant=tenant, actor=actor, action="postbacks.registered", thing="postbacks",
            before={purpose: before[purpose] for purpose in new if purpose in before}, after=new,
            writes=tuple(Write((statement, (tenant, purpose, url, now_ms))) for purpose, url in new.items()),
        )  # fmt: skip
        apply_alone(self._connection, change, now_ms)

    def of(self, tenant: int) -> dict[str, str]:
        """Address by purpose."""
        rows = self._connection.execute(
            "SELECT purpose, url FROM postback_address WHERE tenant = ? ORDER BY purpose", (tenant,)
        )
        return dict(rows)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
