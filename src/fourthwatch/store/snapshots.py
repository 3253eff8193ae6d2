"""Snapshots of the windows: a file beside the ledger that saves reading the whole log at start.

A snapshot is never the only copy: one that is missing, damaged or of another version is passed over, and the log is
read from the beginning. It is written in slices under another name and takes its place in one step when it is whole.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import xxhash

FILE_NAME = "windows.snapshot"
_PARTIAL_NAME = "windows.snapshot.partial"
_MAGIC = b"FWSNAP02"
_CHUNK_BYTES_MAX = 1 << 28


class Head(msgspec.Struct, frozen=True, array_like=True):
    """What the snapshot is of."""

    version: int
    """Of the windows that it holds."""
    seq: int
    """Every event up to here is in it, and none after it."""
    last_chain: bytes
    """Ties it to one ledger: the chain hash of the event at `seq`."""
    series: list[tuple[int, int, str, bool]]
    """Number, mode, text and completeness of each series that the histories hold."""
    kept_by: list[tuple[str, ...]] = []
    """Of each series whose histories have it, as `card+user`."""
    passed: Any = None
    """How far what is forgotten has come, as the windows say it."""


class Chunk(msgspec.Struct, frozen=True, array_like=True):
    """Some histories, or some links of sessions."""

    piece: bytes
    session_users: Mapping[str, list[tuple[int, str]]]


class SnapshotWriter:
    """A snapshot being written; nothing counts before `finish`."""

    def __init__(self, directory: Path, head: Head) -> None:
        self._directory = directory
        self._file: BinaryIO = (directory / _PARTIAL_NAME).open("wb")
        self._file.write(_MAGIC)
        self._write(msgspec.msgpack.encode(head))

    def add(self, chunk: Chunk) -> None:
        """Append a chunk."""
        self._write(msgspec.msgpack.encode(chunk))

    def finish(self) -> None:
        """Make it durable, then the one that counts."""
        self._write(b"")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._directory / _PARTIAL_NAME, self._directory / FILE_NAME)
        handle = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def abandon(self) -> None:
        """Give up; the older snapshot stays. Never fails: what is left over is written over by the next one."""
        with suppress(OSError):  # a full disk refuses what is still in the buffer
            self._file.close()
        with suppress(OSError):
            (self._directory / _PARTIAL_NAME).unlink(missing_ok=True)

    def _write(self, payload: bytes) -> None:
        self._file.write(len(payload).to_bytes(4, "big") + xxhash.xxh3_64_digest(payload) + payload)


def read_snapshot(directory: Path, is_wanted: Callable[[Head], bool]) -> tuple[Head, list[Chunk]] | None:
    """The newest whole snapshot; `None` when there is none, it is damaged, or `is_wanted` says no to its head."""
    try:
        with (directory / FILE_NAME).open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return None
            payloads = _payloads(file)
            head = msgspec.msgpack.decode(next(payloads), type=Head)
            if not is_wanted(head):
                return None
            return head, [msgspec.msgpack.decode(payload, type=Chunk) for payload in payloads]
    except (OSError, msgspec.MsgspecError, _Damaged, StopIteration):
        return None


class _Damaged(Exception):
    """The file does not hold what was written."""


def _payloads(file: BinaryIO) -> Iterator[bytes]:
    while True:
        frame = file.read(12)
        size = int.from_bytes(frame[:4], "big")
        if len(frame) != 12 or size > _CHUNK_BYTES_MAX:
            raise _Damaged
        payload = file.read(size)
        if len(payload) != size or xxhash.xxh3_64_digest(payload) != frame[4:]:
            raise _Damaged
        if not payload:
            return
        yield payload
