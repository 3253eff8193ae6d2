"""BLAKE2b that keeps the interpreter's lock: letting go of it for microseconds costs more than the hash.

From 2,048 bytes on hashlib lets go. Whoever waits for the lock is woken and finds it taken again, which costs a call to
the kernel, and whoever waited its time.
"""

import hashlib
from typing import Final

_AT_ONCE: Final = 2_047
"""Bytes that hashlib takes without letting go."""


def keyed_hash(content: bytes, key: bytes) -> bytes:
    """16 bytes; the same as hashlib's of all at once.

    >>> keyed_hash(b"a" * 5_000, b"k") == hashlib.blake2b(b"a" * 5_000, digest_size=16, key=b"k").digest()
    True
    """
    digest = hashlib.blake2b(content[:_AT_ONCE], digest_size=16, key=key)
    for at in range(_AT_ONCE, len(content), _AT_ONCE):
        digest.update(content[at : at + _AT_ONCE])
    return digest.digest()
