"""A copy made while events are written: every event that was there before is in it, and it opens like any data file."""

import threading
from pathlib import Path

import pytest

from fourthwatch.clock import SystemClock
from fourthwatch.errors import LedgerFull, LedgerUnusable
from fourthwatch.store.backup import back_up, backups_in
from fourthwatch.store.changes import Change, Configuration
from fourthwatch.store.file import FILE_NAME, open_file
from fourthwatch.store.reader import LedgerReader
from fourthwatch.store.seal import SEAL_NAME, Seal


def entries(directory: Path) -> int:
    connection = open_file(directory, read_only=True)
    try:
        assert connection.pragma("integrity_check") == "ok"
        return sum(1 for _ in connection.execute("SELECT id FROM audit_entry"))
    finally:
        connection.close()


def test_what_was_committed_before_is_in_every_copy_made_while_somebody_writes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    configuration = Configuration(data, SystemClock())
    Seal(data)
    written, stop = [0], threading.Event()

    def write() -> None:
        while not stop.is_set():
            change = Change(tenant=1, actor="t", action="x.y", thing="z", after={"text": "x" * 2_000})
            configuration.apply(change)
            written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            before = written[0]
            made = back_up(data, tmp_path / f"copy-{number}")
            after = written[0] + 1
            assert before <= entries(tmp_path / f"copy-{number}") <= after
            assert made.bytes > 0
            assert (tmp_path / f"copy-{number}" / SEAL_NAME).read_bytes() == (data / SEAL_NAME).read_bytes()
            assert {path.name for path in (tmp_path / f"copy-{number}").iterdir()} <= {
                FILE_NAME, FILE_NAME + "-wal", FILE_NAME + "-shm", SEAL_NAME,
            }  # fmt: skip
    finally:
        stop.set()
        writer.join()
        configuration.close()
    LedgerReader(tmp_path / "copy-0").close()


def test_a_copy_never_takes_the_place_of_something_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    data = tmp_path / "data"
    Configuration(data, SystemClock()).close()
    there = tmp_path / "there"
    there.mkdir()
    with pytest.raises(LedgerUnusable):
        back_up(data, there)
    with pytest.raises(LedgerFull):
        back_up(data, tmp_path / "new", reserve_bytes=1 << 60)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "there"]
    assert backups_in(data) == []
