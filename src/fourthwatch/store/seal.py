"""Secrets that must be read again, keys for postbacks and secrets of endpoints, sealed in the data file.

The key that opens them is a file of its own beside the data file, so that a copy of the data file alone opens nothing.
"""

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fourthwatch.errors import LedgerUnusable

SEAL_NAME = "secrets.key"
_KEY_BYTES = 32
_NONCE_BYTES = 12


class Seal:
    """Seals and opens with the key in the directory, which is made when there is none."""

    def __init__(self, directory: Path) -> None:
        self._cipher = AESGCM(_key_in(directory))

    def seal(self, secret: str, about: str) -> bytes:
        """A secret as it may be stored; it can be opened only as being `about` the same thing."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), about.encode())

    def open(self, sealed: bytes, about: str) -> str | None:
        """The secret; `None` when it was sealed with another key, or about something else."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode()).decode()
        except InvalidTag:
            return None


def _key_in(directory: Path) -> bytes:
    path = directory / SEAL_NAME
    if not path.exists():
        draft = path.with_name(f"{SEAL_NAME}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, secrets.token_bytes(_KEY_BYTES))
            os.fsync(handle)
        finally:
            os.close(handle)
        try:
            os.link(draft, path)  # whole or not at all, and never over one that is there
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        _sync_directory(directory)
    refuse_damaged(directory)
    return path.read_bytes()


def refuse_damaged(directory: Path) -> None:
    """Raise `LedgerUnusable` when there is a key in the directory that cannot be one."""
    path = directory / SEAL_NAME
    if path.exists() and path.stat().st_size != _KEY_BYTES:
        raise LedgerUnusable(f"{path} is not the key that it should be; restore it from a backup")


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
