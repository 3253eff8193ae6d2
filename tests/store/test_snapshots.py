"""Snapshots: whole or not at all, and never taken for what they are not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fourthwatch.store.snapshots import FILE_NAME, Chunk, Head, SnapshotWriter, read_snapshot

SERIES = [(1, 1, "0 ADD 8|9", True), (2, 3, "0 DISTINCT user of 8", False)]
HEAD = Head(1, 42, b"c" * 16, SERIES)
CHUNKS = [Chunk(b"", {"1|s-1": [(7, "asha")]}), Chunk(b"\0" * 80, {}), Chunk(b"\2" * 24, {})]


def written(directory: Path, head: Head = HEAD) -> Path:
    writer = SnapshotWriter(directory, head)
    for chunk in CHUNKS:
        writer.add(chunk)
    writer.finish()
    return directory / FILE_NAME


def wanted(head: Head) -> bool:
    return head == HEAD


def test_a_finished_snapshot_is_read_back(tmp_path: Path) -> None:
    written(tmp_path)
    assert read_snapshot(tmp_path, wanted) == (HEAD, CHUNKS)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_there_may_be_none(tmp_path: Path) -> None:
    assert read_snapshot(tmp_path, wanted) is None


def test_a_head_that_is_not_wanted_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path, Head(1, 43, b"c" * 16, SERIES))
    assert read_snapshot(tmp_path, wanted) is None


def test_an_unfinished_snapshot_leaves_the_older_one(tmp_path: Path) -> None:
    written(tmp_path)
    writer = SnapshotWriter(tmp_path, Head(1, 99, b"d" * 16, SERIES))
    writer.add(CHUNKS[0])
    assert read_snapshot(tmp_path, wanted) == (HEAD, CHUNKS)
    writer.abandon()
    assert read_snapshot(tmp_path, wanted) == (HEAD, CHUNKS)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_newer_snapshot_takes_the_place_of_the_older(tmp_path: Path) -> None:
    written(tmp_path, Head(1, 41, b"b" * 16, SERIES))
    written(tmp_path)
    assert read_snapshot(tmp_path, wanted) == (HEAD, CHUNKS)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content[:8],
        lambda content: b"",
        lambda content: b"X" + content[1:],
        lambda content: content[:-20] + bytes([content[-20] ^ 1]) + content[-19:],
        lambda content: content[:8] + b"\xff\xff\xff\xff" + content[12:],
        lambda content: content[:30] + content[40:],
    ],
)
def test_a_damaged_snapshot_is_passed_over(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    path = written(tmp_path)
    path.write_bytes(change(path.read_bytes()))
    assert read_snapshot(tmp_path, wanted) is None


@pytest.mark.slow
def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    content = path.read_bytes()
    for at in range(len(content)):
        for bit in range(8):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
            assert read_snapshot(tmp_path, wanted) is None, (at, bit)
