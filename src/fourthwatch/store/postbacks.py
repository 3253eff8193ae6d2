"""Where a shop wants to be called back: registered by its plugin, one address per purpose, the newest one counts.

With each address its key is kept, sealed: the plugin compares it. An address counts while its key is in force.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock

import msgspec

from fourthwatch.clock import Clock
from fourthwatch.store.changes import COMMAND_LINE, Change, Write, apply_alone
from fourthwatch.store.deliveries import park_open
from fourthwatch.store.file import open_file, writing
from fourthwatch.store.outbox import announce
from fourthwatch.store.seal import Seal

SCORE = "score_postback"
ACTION = "action_postback"
SHIPPING_ADDRESS = "shipping_address_postback"
GENERAL = "url"
PURPOSES = (SCORE, ACTION, SHIPPING_ADDRESS, GENERAL)
"""Of postback addresses, as plugins register them."""
POSTBACKS = "postbacks"
"""The line of an order's score and action: WooCommerce takes an action only for what it was told is red."""
TEST_PING = "test"

_REGISTER = (
    "INSERT INTO postback_address (tenant, purpose, url, changed_ms, key_id, sealed_key) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (tenant, purpose) DO UPDATE SET url = excluded.url, changed_ms = excluded.changed_ms,"
    " key_id = excluded.key_id, sealed_key = excluded.sealed_key, disabled_ms = NULL"
)


class PostbackAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where to call, and what to call with."""

    tenant: int
    purpose: str
    url: str
    key: str
    disabled_ms: int | None


class PostbackAddresses:
    """The table of addresses; one connection, one thread, but for `register`, which many may call that do only this."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self._seal = Seal(directory)
        self._clock = clock
        self._registering = Lock()

    def register(self, tenant: int, addresses: Mapping[str, str], key_id: str = COMMAND_LINE, key: str = "") -> None:
        """Set the address of each purpose that is given, to be called with this key; the others stay.

        What is as it was is no change; registering an address again lets it be called again after it was gone.
        """
        with self._registering:
            self._register(tenant, addresses, key_id, key)

    def _register(self, tenant: int, addresses: Mapping[str, str], key_id: str, key: str) -> None:
        before = self.of(tenant)
        new = {purpose: url for purpose, url in addresses.items() if before.get(purpose) != url}
        now_ms, sealed = self._clock.now_ms(), self._seal.seal(key, _about(tenant))
        if not new and self._are_called_with(tenant, addresses, key_id):
            return
        change = Change(
            tenant=tenant, actor=key_id, action="postbacks.registered", thing="postbacks",
            before={purpose: before[purpose] for purpose in new if purpose in before}, after=new,
            writes=tuple(
                Write((_REGISTER, (tenant, purpose, url, now_ms, key_id, sealed))) for purpose, url in addresses.items()
            ),
        )  # fmt: skip
        apply_alone(self._connection, change, now_ms)

    def _are_called_with(self, tenant: int, purposes: Iterable[str], key_id: str) -> bool:
        rows = self._connection.execute(
            "SELECT purpose FROM postback_address WHERE tenant = ? AND key_id = ? AND disabled_ms IS NULL",
            (tenant, key_id),
        )
        return set(purposes) <= {row[0] for row in rows}

    def of(self, tenant: int) -> dict[str, str]:
        """Address by purpose."""
        rows = self._connection.execute(
            "SELECT purpose, url FROM postback_address WHERE tenant = ? ORDER BY purpose", (tenant,)
        )
        return dict(rows)

    def callable(self) -> list[PostbackAddress]:
        """Every tenant's addresses whose keys are in force and can be opened."""
        rows = self._connection.execute(
            "SELECT a.tenant, a.purpose, a.url, a.sealed_key, a.disabled_ms FROM postback_address a"
            " JOIN api_key k ON k.id = a.key_id AND k.tenant = a.tenant WHERE k.revoked_ms IS NULL"
            " AND a.sealed_key IS NOT NULL ORDER BY a.tenant, a.purpose"
        )
        opened = [(row, self._seal.open(row[3], _about(row[0]))) for row in rows]
        return [
            PostbackAddress(tenant=tenant, purpose=purpose, url=url, key=key, disabled_ms=disabled_ms)
            for (tenant, purpose, url, _, disabled_ms), key in opened
            if key is not None
        ]

    def disable(self, tenant: int, purpose: str, url: str) -> bool:
        """Call this address no more until it is registered again, and announce it; whether it was called up to now."""
        now_ms = self._clock.now_ms()
        with writing(self._connection):
            self._connection.execute(
                "UPDATE postback_address SET disabled_ms = ? WHERE tenant = ? AND purpose = ? AND url = ?"
                " AND disabled_ms IS NULL",
                (now_ms, tenant, purpose, url),
            )
            if self._connection.changes() == 0:
                return False
            park_open(self._connection, tenant, purpose, now_ms, "the receiver answered 410")
            detail = msgspec.json.encode({"purpose": purpose, "url": url, "reason": "answered 410 Gone"})
            announce(self._connection, tenant, "webhook.disabled", "endpoint:" + purpose, detail, now_ms)
        return True

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _about(tenant: int) -> str:
    return f"postback key of tenant {tenant}"
