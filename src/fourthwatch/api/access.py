"""Who is calling: a key to a tenant and scopes, from a table in memory that follows the data file.

A key made elsewhere counts at its first use; a revoked one stops within `REFRESH_S`.
"""

import asyncio
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import msgspec

from fourthwatch.clock import Clock
from fourthwatch.errors import Forbidden, Unauthorised
from fourthwatch.store.keys import SCOPES, KeyStore, key_hash

REFRESH_S = 0.4
_UNKNOWN_LOOK_S = 0.1
"""How often a key may cause a look into the file that finds nothing."""
_KEY_TEXT_MAX = 256
_DIGESTS_CACHED_MAX = 1_024

KEY_HEADER = b"x-thirdwatch-api-key"
Headers = Iterable[tuple[bytes, bytes]]
_BETWEEN_KEYS = "\0"
"""What no header has in it."""


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Whose key it is and what it may do."""

    key_id: str
    tenant: int
    scopes: frozenset[str]


def bare_key(presented: str) -> str:
    """The key itself: without what an old client was told to put in front of it, and without blanks around it.

    >>> bare_key("Bearer fw_1 ")
    'fw_1'
    """
    words = presented.split()
    return words[-1] if words else ""


def presented_key(headers: Headers, name: bytes = KEY_HEADER) -> str | None:
    """What was presented in the header of this (lower-case) name, for `Access.caller`; `None`: nothing.

    One that is empty counts as absent: the Go client sends it so when it has no key. Different keys stay beside each
    other, for nobody.

    >>> presented_key([(KEY_HEADER, b""), (KEY_HEADER, b"Token fw_1"), (KEY_HEADER, b"fw_1")])
    'Token fw_1'
    """
    told = [str(value, "latin-1") for key, value in headers if key == name and value.strip()]
    if len(told) < 2 or len({bare_key(one) for one in told}) == 1:
        return told[0] if told else None
    return _BETWEEN_KEYS.join(told)


class Access:
    """The keys in force."""

    def __init__(self, keys: KeyStore, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._callers: dict[bytes, Caller] = {}
        self._lent: dict[bytes, Caller] = {}
        self._version = -1
        self._looked_s = float("-inf")
        self.refresh()

    def caller(self, presented: str | None, scope: str) -> Caller:
        """Who presents this key; raises `Unauthorised` or `Forbidden`.

        A prefix that an old client was told to put in front is passed over (contract, section 9, row 4).
        """
        if not presented:
            raise Unauthorised("no API key was sent; send it in the header X-THIRDWATCH-API-KEY")
        if _BETWEEN_KEYS in presented:
            raise Unauthorised("different API keys were sent in one request; send one X-THIRDWATCH-API-KEY")
        caller = self._find(presented)
        if caller is None:
            raise Unauthorised("this API key is not known or was revoked")
        if scope not in caller.scopes:
            raise Forbidden(f"this API key lacks the scope {scope}")
        return caller

    @contextmanager
    def lent(self, tenant: int, actor: str) -> Iterator[str]:
        """A key that is known for as long as the context lasts, for somebody whose rights were checked already."""
        key = secrets.token_urlsafe(32)
        digest = key_hash(key)
        self._lent[digest] = Caller(actor, tenant, frozenset(SCOPES))
        try:
            yield key
        finally:
            del self._lent[digest]

    def refresh(self) -> None:
        """Look whether the file has changed, and if so read the keys again."""
        version = self._keys.data_version()
        if version != self._version:
            self._version = version
            self._callers = {
                key.hash: Caller(key.id, key.tenant, frozenset(key.scopes))
                for key in self._keys.all()
                if key.revoked_ms is None
            }

    async def follow(self) -> None:
        """Refresh for ever."""
        while True:
            await asyncio.sleep(REFRESH_S)
            self.refresh()

    def _find(self, presented: str) -> Caller | None:
        if len(presented) > _KEY_TEXT_MAX:
            return None
        digest = _digest(presented)
        caller = self._callers.get(digest) or self._lent.get(digest)
        if caller is None and self._clock.monotonic_s() - self._looked_s > _UNKNOWN_LOOK_S:
            self.refresh()
            caller = self._callers.get(digest)
            if caller is None:  # a look that found a new key is no reason to refuse the next one
                self._looked_s = self._clock.monotonic_s()
        return caller


@lru_cache(maxsize=_DIGESTS_CACHED_MAX)
def _digest(presented: str) -> bytes:
    return key_hash(bare_key(presented))
