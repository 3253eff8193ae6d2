"""The chain of hashes over stored rows: each stands for its row and all before it. Compiled where there is a compiler.

The compiled one lets go of the interpreter's lock for a whole batch; both give the same.
"""

import hashlib

__all__ = ["CHAIN_START", "COMPILED", "links", "specified"]

CHAIN_START = bytes(16)
"""Before the first row."""
_HASHED_AT_ONCE = 2_047
"""Bytes; from one more on hashlib lets go of the interpreter's lock, and has to wait until it gets it back."""


def specified(before: bytes, rows: tuple[bytes, ...]) -> list[bytes]:
    """The hash at each row, 16 bytes: keyed BLAKE2b, its key the hash before."""
    told = []
    for row in rows:
        digest = hashlib.blake2b(row[:_HASHED_AT_ONCE], digest_size=len(CHAIN_START), key=before)
        for at in range(_HASHED_AT_ONCE, len(row), _HASHED_AT_ONCE):
            digest.update(row[at : at + _HASHED_AT_ONCE])
        before = digest.digest()
        told.append(before)
    return told


try:
    from fourthwatch.store._chain import links

    COMPILED = True
except ImportError:
    links = specified
    COMPILED = False
