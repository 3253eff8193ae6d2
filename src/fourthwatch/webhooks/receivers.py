"""Who is to be told: webhook endpoints and postback addresses of all tenants, as of the last look."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from fourthwatch.store.endpoints import Endpoint
from fourthwatch.store.postbacks import PostbackAddress

Key = tuple[int, str]
"""Tenant, and id of an endpoint or purpose of an address."""


class Receivers(msgspec.Struct, frozen=True):
    """All of them, by tenant and name."""

    endpoints: dict[Key, Endpoint]
    postbacks: dict[Key, PostbackAddress]
    endpoints_of: dict[int, list[Endpoint]]

    def ready(self) -> list[Key]:
        """Those that may be sent to."""
        enabled = [key for key, one in self.endpoints.items() if one.enabled]
        return enabled + [key for key, one in self.postbacks.items() if one.disabled_ms is None]

    def resting(self) -> list[Key]:
        """Endpoints that are not enabled: they get nothing but tests."""
        return [key for key, one in self.endpoints.items() if not one.enabled]

    def all(self) -> list[tuple[Key, bool]]:
        """Both, and whether it is resting."""
        return [*((key, False) for key in self.ready()), *((key, True) for key in self.resting())]


def receivers(endpoints: Iterable[Endpoint], addresses: Iterable[PostbackAddress]) -> Receivers:
    """Put in order."""
    by_key = {(one.tenant, one.id): one for one in endpoints}
    of_tenant: dict[int, list[Endpoint]] = defaultdict(list)
    for one in by_key.values():
        of_tenant[one.tenant].append(one)
    return Receivers(by_key, {(one.tenant, one.purpose): one for one in addresses}, dict(of_tenant))
