"""Where a shop wants to be called back: registered by its plugin, one address per purpose, the newest one counts."""

from collections.abc import Mapping
from pathlib import Path

from fourthwatch.clock import Clock
from fourthwatch.store.file import open_file


class PostbackAddresses:
    """The table of addresses; one connection, one thread."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self._clock = clock

    def register(self, tenant: int, addresses: Mapping[str, str]) -> None:
        """Set the address of each purpose that is given; the others stay."""
        now_ms = self._clock.now_ms()
        with self._connection:
            self._connection.executemany(
                "INSERT INTO postback_address (tenant, purpose, url, changed_ms) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (tenant, purpose) DO UPDATE SET url = excluded.url, changed_ms = excluded.changed_ms",
                [(tenant, purpose, url, now_ms) for purpose, url in addresses.items()],
            )

    def of(self, tenant: int) -> dict[str, str]:
        """Address by purpose."""
        rows = self._connection.execute(
            "SELECT purpose, url FROM postback_address WHERE tenant = ? ORDER BY purpose", (tenant,)
        )
        return dict(rows)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
