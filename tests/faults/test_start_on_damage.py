"""Damage that a start cannot do without: the server ends with 1, and says where it is and what to do."""

import json
from pathlib import Path

import apsw
import pytest

from faults.test_damaged_page import order, word_of
from fourthwatch.store.file import FILE_NAME
from served import Served, run

pytestmark = pytest.mark.slow

PAGE = 8_192
ORDERS = 40
WHAT_TO_DO = ("`fourthwatch doctor --data ", "the newest backup in which doctor finds nothing", "events export --after")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A data file of a server that was stopped."""
    directory = tmp_path_factory.mktemp("whole")
    with Served(directory) as server:
        key = server.key("ingest")
        for number in range(1, ORDERS + 1):
            assert server.send(key, "createOrder", order(number)).status == 200
    return (directory / FILE_NAME).read_bytes()


def refused(directory: Path, whole: bytes, page: int) -> str:
    """What a start says after a bit of a page was flipped."""
    spoilt = bytearray(whole)
    spoilt[(page - 1) * PAGE + 3_000] ^= 4
    (directory / FILE_NAME).write_bytes(spoilt)
    for _ in range(2):
        start = run("serve", "--data", str(directory), "--listen", "127.0.0.1:0")
        assert start.returncode == 1
        assert "Traceback" not in start.stderr
        assert all(told in start.stderr for told in WHAT_TO_DO), start.stderr
        assert str(directory) in start.stderr
    assert (directory / FILE_NAME).read_bytes() == bytes(spoilt), "a start has written into a damaged file"
    found = json.loads(run("doctor", "--data", str(directory), "--json").stdout)
    assert any(one["says"].startswith(f"page {page} of {FILE_NAME} fails") for one in found), found
    return start.stderr


def test_a_file_of_which_the_end_is_cut_off_within_a_page_is_refused_and_left_as_it_is(
    tmp_path: Path, whole: bytes
) -> None:
    cut = whole[:-3_000]
    (tmp_path / FILE_NAME).write_bytes(cut)
    for _ in range(2):
        start = run("serve", "--data", str(tmp_path), "--listen", "127.0.0.1:0")
        assert start.returncode == 1
        assert "its end is cut off, 5,192 bytes behind the last whole page" in start.stderr
        assert all(told in start.stderr for told in WHAT_TO_DO), start.stderr
    assert (tmp_path / FILE_NAME).read_bytes() == cut
    found = json.loads(run("doctor", "--data", str(tmp_path), "--json").stdout)
    assert any(one["name"] == "size" and one["grade"] == "finding" for one in found), found


def test_a_page_that_a_crash_cut_short_on_its_way_into_the_file_is_taken_from_the_log(tmp_path: Path) -> None:
    server = Served(tmp_path).start()
    key = server.key("ingest", "read")
    for number in range(1, ORDERS + 1):
        assert server.send(key, "createOrder", order(number)).status == 200
    server.kill()
    pages = (tmp_path / FILE_NAME).stat().st_size // PAGE
    assert (tmp_path / f"{FILE_NAME}-wal").stat().st_size > (ORDERS // 3) * PAGE
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(b"x" * (PAGE // 2))
    with Served(tmp_path) as server:
        for number in range(1, ORDERS + 1):
            assert server.get(key, f"/api/v1/orders/o-{number}").status == 200
    assert (tmp_path / FILE_NAME).stat().st_size > pages * PAGE
    assert (tmp_path / FILE_NAME).stat().st_size % PAGE == 0
    found = json.loads(run("doctor", "--data", str(tmp_path), "--json").stdout)
    assert [one for one in found if one["grade"] == "finding"] == []


def page_of(whole: bytes, number: int) -> int:
    return whole.rindex(word_of(number).encode()) // PAGE + 1


def test_a_damaged_last_event_is_named_and_those_before_it_are_handed_out(tmp_path: Path, whole: bytes) -> None:
    told = refused(tmp_path, whole, page_of(whole, ORDERS))
    assert f"the newest event (position {ORDERS}), which the next one is chained to, cannot be read" in told
    export = run("events", "export", "--data", str(tmp_path))
    assert export.returncode == 1
    assert [json.loads(line)["body"]["_orderId"] for line in export.stdout.splitlines()] == [
        f"o-{number}" for number in range(1, ORDERS)
    ]


def test_a_damaged_event_that_has_to_be_read_again_is_named_by_the_one_before_it(tmp_path: Path, whole: bytes) -> None:
    assert "the events behind position 19 cannot be read" in refused(tmp_path, whole, page_of(whole, 20))
    export = run("events", "export", "--data", str(tmp_path), "--after", "20")
    assert export.returncode == 0
    assert len(export.stdout.splitlines()) == ORDERS - 20


@pytest.mark.parametrize("table", ["sqlite_schema", "list", "model_change", "erasure_wish"])
def test_a_damaged_page_of_what_every_start_reads_is_told_as_well(tmp_path: Path, whole: bytes, table: str) -> None:
    (tmp_path / FILE_NAME).write_bytes(whole)
    connection = apsw.Connection(str(tmp_path / FILE_NAME))
    row = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    connection.close()
    assert "a page of it fails its checksum" in refused(tmp_path, whole, 1 if row is None else row[0])
