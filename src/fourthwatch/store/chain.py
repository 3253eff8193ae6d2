"""The chain of hashes over stored rows: each stands for its row and all before it. Compiled where there is a compiler.

Both give the same, and keep the interpreter's lock: to let go of it and wait for it once more gains a batch nothing.
"""

from fourthwatch.wire.hashing import keyed_hash

__all__ = ["CHAIN_START", "COMPILED", "links", "specified"]

CHAIN_START = bytes(16)
"""Before the first row."""


def specified(before: bytes, rows: tuple[bytes, ...]) -> list[bytes]:
    """The hash at each row, 16 bytes: keyed BLAKE2b, its key the hash before."""
    told = []
    for row in rows:
        before = keyed_hash(row, before)
        told.append(before)
    return told


try:
    from fourthwatch.store._chain import links

    COMPILED = True
except ImportError:
    links = specified
    COMPILED = False
