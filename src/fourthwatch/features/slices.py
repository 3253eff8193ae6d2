"""Slices of a snapshot of the windows: little-endian 64-bit words, a head with a checksum, then whole records.

A record is key, first ledger position, first time and number of entries, last ledger position, three words per entry.
"""

import struct
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from fourthwatch.features.modes import EXACT
from fourthwatch.features.summaries import Entry, Run, flag_of, is_possible, series_of, time_of
from fourthwatch.limits import AT_MS_MAX, SEQ_MAX, SERIES_MAX

Record = tuple[int, int, int, int, Run]
"""`(key, first_seq, first_ms, last_seq, entries)`."""

_MAGIC: Final = 0x32304C4E524B5746
_WORD_MASK: Final = 2**64 - 1
_HEAD: Final = struct.Struct("<QQQ")
_RECORD: Final = struct.Struct("<QQQQ")
_ENTRY: Final = struct.Struct("<Qqq")
_COUNT_BITS: Final = 20
_COUNT_MASK: Final = 2**_COUNT_BITS - 1


def pack_record(record: Record) -> bytes:
    """One entity as bytes."""
    key, first_seq, first_ms, last_seq, run = record
    head = _RECORD.pack(key, first_seq, first_ms << _COUNT_BITS | len(run), last_seq)
    return head + b"".join(_ENTRY.pack(*entry) for entry in run)


def pack_slice(records: bytes) -> bytes:
    """Records with the head that tells whether they are whole."""
    return _HEAD.pack(_MAGIC, len(records) // 8, checksum(records)) + records


def checksum(records: bytes) -> int:
    """Tells damage, not malice: what is read is checked besides."""
    total = _MAGIC
    for (word,) in struct.iter_unpack("<Q", records):
        total = (total ^ word) * 0x9E3779B97F4A7C15 & _WORD_MASK
        total ^= total >> 29
    return total


def records_of(content: bytes, modes: list[int]) -> Iterator[Record]:
    """The records of a slice, without series that are not defined; ValueError at what is damaged or cannot be."""
    if len(content) <= _HEAD.size or len(content) % 8:
        raise ValueError("the slice is cut")
    magic, words, told = _HEAD.unpack_from(content)
    records = content[_HEAD.size :]
    if magic != _MAGIC or words != len(records) // 8 or told != checksum(records):
        raise ValueError("the slice is damaged")
    at = 0
    while at < len(records):
        if len(records) - at < _RECORD.size:
            raise ValueError("a record is cut")
        key, first_seq, packed, last_seq = _RECORD.unpack_from(records, at)
        first_ms, count = packed >> _COUNT_BITS, packed & _COUNT_MASK
        at += _RECORD.size
        end = at + count * _ENTRY.size
        if key == 0 or not first_seq <= last_seq <= SEQ_MAX or first_ms > AT_MS_MAX or end > len(records):
            raise ValueError("the head of a record is wrong")
        entries: Run = list(_ENTRY.iter_unpack(records[at:end]))
        yield key, first_seq, first_ms, last_seq, _checked(entries, first_ms, modes)
        at = end


def _checked(entries: Run, first_ms: int, modes: list[int]) -> Run:
    kept: list[Entry] = []
    before = 0
    for series, group in groupby(entries, series_of):
        run = list(group)
        if not before < series <= SERIES_MAX:
            raise ValueError("the series of a record are out of order")
        before = series
        if any(flag_of(entry) == EXACT and time_of(entry) < first_ms for entry in run):
            raise ValueError("an entry is before the first time of its record")
        if modes[series]:
            if not is_possible(modes[series], run):
                raise ValueError(f"the entries of series {series} cannot have come about")
            kept += run
    return kept
