"""A flipped bit is found in whichever page it is, and the page is named."""

from pathlib import Path

import pytest

from fourthwatch.clock import SystemClock
from fourthwatch.store import file as data_file
from fourthwatch.store.damage import damaged_pages
from fourthwatch.store.diagnosis import Finding
from fourthwatch.store.diagnosis import data_file as looked_over
from fourthwatch.store.file import FILE_NAME, open_file
from fourthwatch.store.reader import LedgerReader
from store.test_damaged_copies import PAGE, page, two_states


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    return two_states(tmp_path_factory.mktemp("states"))


def findings(directory: Path) -> list[Finding]:
    return [one for one in looked_over(directory, SystemClock(), lambda _: None) if one.grade == "finding"]


@pytest.mark.slow
def test_each_page_with_a_flipped_bit_is_named(tmp_path: Path, states: tuple[bytes, bytes]) -> None:
    _, whole = states
    path = tmp_path / FILE_NAME
    pages = len(whole) // PAGE
    assert pages > 50
    for number in range(1, pages + 1):
        spoilt = bytearray(whole)
        spoilt[number * PAGE - 1_000] ^= 4
        path.write_bytes(spoilt)
        told = findings(tmp_path)
        assert told[-1].name == "damaged pages", number
        assert told[-1].says.startswith(f"page {number} of {FILE_NAME} fails its checksum")
        assert "the newest backup" in told[-1].says
        assert not any("disk I/O error" in one.says for one in told)


def test_where_events_cannot_be_read_the_last_position_before_is_told(
    tmp_path: Path, states: tuple[bytes, bytes]
) -> None:
    _, whole = states
    path, spoilt = tmp_path / FILE_NAME, bytearray(whole)
    path.write_bytes(whole)
    reader = LedgerReader(tmp_path)
    fingerprint = next(one.fingerprint for one in reader.newest(1, 200) if one.seq == 120)
    reader.close()
    at = whole.rindex(fingerprint)
    spoilt[at] ^= 4
    path.write_bytes(spoilt)
    told = {one.name: one.says for one in findings(tmp_path)}
    assert told["damaged pages"].startswith(f"page {at // PAGE + 1} of")
    assert told["chain"].endswith("a page of it fails its checksum")
    assert 60 < int(told["chain"].split()[2]) < 120


def test_several_are_named_together(tmp_path: Path, states: tuple[bytes, bytes]) -> None:
    _, whole = states
    path, spoilt = tmp_path / FILE_NAME, bytearray(whole)
    for number in range(20, 35):
        spoilt[number * PAGE - 1_000] ^= 4
    path.write_bytes(spoilt)
    assert damaged_pages(path) == list(range(20, 35))
    assert "pages 20, 21, 22, 23, 24, 25, 26, 27, 28, 29 and 5 more of" in findings(tmp_path)[-1].says


def test_a_page_that_is_as_it_was_before_is_told_otherwise(tmp_path: Path, states: tuple[bytes, bytes]) -> None:
    older, whole = states
    number = max(at for at in range(len(older) // PAGE) if page(older, at) != page(whole, at))
    spoilt = bytearray(whole)
    spoilt[number * PAGE : number * PAGE + PAGE] = page(older, number)
    (tmp_path / FILE_NAME).write_bytes(spoilt)
    assert damaged_pages(tmp_path / FILE_NAME) == []
    assert findings(tmp_path)
    assert not [one for one in findings(tmp_path) if one.name == "damaged pages"]


def test_pages_of_the_size_of_earlier_versions_are_named_by_their_own_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_file, "_PAGE_BYTES", 4_096)
    connection = open_file(tmp_path)
    connection.pragma("wal_checkpoint(TRUNCATE)")
    connection.close()
    path = tmp_path / FILE_NAME
    assert damaged_pages(path) == []
    spoilt = bytearray(path.read_bytes())
    spoilt[4_096 * 9 + 100] ^= 1
    spoilt[17] ^= 1  # where the size of pages stands
    path.write_bytes(spoilt)
    assert damaged_pages(path) == [1, 10]
