"""Passwords: argon2id, at most two at once, and the same work whether or not there is such a user.

One hash takes 46 MiB and about 50 ms; so many at once that they would fill the memory are turned away.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import argon2

from fourthwatch.errors import Unavailable, UsageError
from fourthwatch.limits import HASHES_AT_ONCE, HASHES_WAITING_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN

_HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=46 * 1024, parallelism=1)
"""The first of OWASP's equivalent choices of argon2id."""
_NOBODYS = "$argon2id$v=19$m=47104,t=1,p=1$X1fNLN31i8tzjOnCI/pwgQ$gQZADla2GmLjFeXxbZ16saDPQotVAOvYEziVWywJlE4"
"""Of no user: whoever is not there is asked for it. By the hasher above, but not at each start: it would take 60 ms."""


def hash_password(password: str) -> str:
    """The hash to keep; takes its time on the thread that calls."""
    return _HASHER.hash(password)


def refuse_weak(password: str, name: str) -> None:
    """Raises `UsageError` that says what would be right."""
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        raise UsageError(
            f"a password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters; a few words are best"
        )
    if name and name.lower() in password.lower():
        raise UsageError("a password does not contain the name it goes with")
    if len(set(password)) < 6:
        raise UsageError("a password has at least six different characters")


class Passwords:
    """Hashing beside the event loop."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(HASHES_AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The hash of a new password."""
        async with self._turn():
            return await asyncio.to_thread(hash_password, password)

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether the password is the one; without a hash the answer is no, after the same time."""
        cut = password[: PASSWORD_CHARS_MAX + 1]
        async with self._turn():
            right = await asyncio.to_thread(_verify, _NOBODYS if kept is None else kept, cut)
        return right and kept is not None

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._waiting >= HASHES_WAITING_MAX:
            raise Unavailable("too many people sign in at this moment; try again shortly", retry_after_s=2)
        self._waiting += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= 1


def _verify(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except argon2.exceptions.VerifyMismatchError:
        return False
