"""The data file: checksums, WAL, full syncs, safe libraries only, and no file that is not ours."""

from pathlib import Path

import apsw
import pytest

from fourthwatch.errors import LedgerBroken, LedgerFull, LedgerUnusable
from fourthwatch.store import file as data_file
from fourthwatch.store import schema
from fourthwatch.store.file import FILE_NAME, ledger_error, lock_directory, open_file

PAGE_BYTES = 8_192


def table_names(connection: apsw.Connection) -> set[str]:
    return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def filled(directory: Path, rows: int = 200) -> Path:
    """A data file of many pages, all of them in the file itself and none in the log beside it."""
    connection = open_file(directory)
    for number in range(rows):
        connection.execute(
            "INSERT INTO postback_address (tenant, purpose, url, changed_ms) VALUES (1, ?, ?, ?)",
            (f"purpose-{number}", "x" * 500, number),
        )
    connection.pragma("wal_checkpoint(TRUNCATE)")
    connection.close()
    return directory / FILE_NAME


def test_a_new_file_is_durable_checked_and_private(tmp_path: Path) -> None:
    connection = open_file(tmp_path / "new")
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2
    assert connection.pragma("foreign_keys") == 1
    assert connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1, "nothing is compiled anew for what is bound"
    assert str(connection.pragma("checksum_verification")) == "1"
    assert connection.reserve_bytes(None, -1) == 8
    assert connection.pragma("page_size") == PAGE_BYTES
    assert (tmp_path / "new" / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    connection.close()


def test_a_file_opened_again_is_as_durable_and_checked(tmp_path: Path) -> None:
    open_file(tmp_path).close()
    for read_only in (False, True):
        connection = open_file(tmp_path, read_only=read_only)
        assert connection.pragma("journal_mode") == "wal"
        assert connection.pragma("synchronous") == 2
        assert str(connection.pragma("checksum_verification")) == "1"
        connection.close()


@pytest.mark.slow
def test_a_file_with_the_pages_of_earlier_versions_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(data_file, "_PAGE_BYTES", 4_096)
        filled(tmp_path)
    connection = open_file(tmp_path)
    connection.execute("UPDATE postback_address SET url = 'https://shop.example/new'")
    connection.close()
    connection = open_file(tmp_path, read_only=True)
    assert connection.pragma("page_size") == 4_096
    assert str(connection.pragma("checksum_verification")) == "1"
    assert connection.execute("SELECT count(DISTINCT url), count(*) FROM postback_address").fetchone() == (1, 200)
    connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_flipped_bit_in_a_page_is_noticed_when_the_page_is_read(tmp_path: Path, seed: int) -> None:
    path = filled(tmp_path)
    content = bytearray(path.read_bytes())
    page = content.rindex(b"purpose-" + str(seed * 17).encode() + b"x") // PAGE_BYTES
    content[page * PAGE_BYTES + 1_000 + 211 * seed] ^= 1 << seed % 8
    path.write_bytes(content)
    connection = open_file(tmp_path, read_only=True)
    with pytest.raises(apsw.IOError, match="disk I/O error"):
        connection.execute("SELECT count(*), sum(length(url)) FROM postback_address").fetchall()
    connection.close()


def test_an_undamaged_page_is_read(tmp_path: Path) -> None:
    filled(tmp_path)
    connection = open_file(tmp_path, read_only=True)
    assert connection.execute("SELECT count(*) FROM postback_address").fetchone() == (200,)
    connection.close()


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.51.2"])
def test_a_library_that_can_lose_commits_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    with pytest.raises(LedgerUnusable, match=f"{version} can lose commits in WAL mode; 3.51.3 is needed"):
        open_file(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", ["3.51.3", "3.52.0", "4.0.0"])
def test_a_safe_library_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    open_file(tmp_path).close()


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnusable, match="there is no data file"):
        open_file(tmp_path, read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    open_file(tmp_path).close()
    connection = open_file(tmp_path, read_only=True)
    with pytest.raises(apsw.ReadOnlyError):
        connection.execute("DELETE FROM tenant")
    connection.close()


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"a letter to somebody\n" * 1_000)
    for read_only in (False, True):
        with pytest.raises(LedgerUnusable, match="cannot be opened"):
            open_file(tmp_path, read_only=read_only)
    assert (tmp_path / FILE_NAME).read_bytes() == b"a letter to somebody\n" * 1_000


def test_a_database_of_another_program_is_refused_and_kept(tmp_path: Path) -> None:
    other = apsw.Connection(str(tmp_path / FILE_NAME))
    other.execute("CREATE TABLE letter (text)")
    other.close()
    for read_only in (False, True):
        with pytest.raises(LedgerUnusable, match="not a data file of Fourthwatch"):
            open_file(tmp_path, read_only=read_only)
    other = apsw.Connection(str(tmp_path / FILE_NAME))
    assert table_names(other) == {"letter"}
    other.close()


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    connection = open_file(tmp_path)
    connection.pragma("user_version", len(schema.STEPS) + 1)
    connection.close()
    for read_only in (False, True):
        with pytest.raises(LedgerUnusable, match=r"newer version \(\d+\); this program knows \d+"):
            open_file(tmp_path, read_only=read_only)


def test_an_older_file_takes_the_new_steps_and_keeps_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = open_file(tmp_path)
    connection.execute("INSERT INTO tenant (name, created_ms) VALUES ('shop', 5)")
    connection.close()
    grown = (*schema.STEPS, "CREATE TABLE one (x)", "ALTER TABLE one ADD COLUMN y; INSERT INTO one VALUES (1, 2)")
    monkeypatch.setattr(schema, "STEPS", grown)
    monkeypatch.setattr(data_file, "STEPS", grown)
    for _ in range(2):
        connection = open_file(tmp_path)
        assert connection.pragma("user_version") == len(grown)
        assert connection.execute("SELECT x, y FROM one").fetchall() == [(1, 2)]
        assert connection.execute("SELECT name FROM tenant ORDER BY id").fetchall() == [("default",), ("shop",)]
        connection.close()


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_file(tmp_path).close()
    before = len(schema.STEPS)
    bad = (*schema.STEPS, "CREATE TABLE good (x)", "CREATE TABLE one (x); INSERT INTO nowhere VALUES (1)")
    monkeypatch.setattr(schema, "STEPS", bad)
    with pytest.raises(LedgerUnusable, match="nowhere"):
        open_file(tmp_path)
    monkeypatch.undo()
    connection = open_file(tmp_path)
    assert connection.pragma("user_version") == before
    assert not {"good", "one"} & table_names(connection)
    connection.close()


def test_every_table_of_a_merchants_has_a_tenant(tmp_path: Path) -> None:
    connection = open_file(tmp_path)
    tables = table_names(connection) - {"tenant", "secret", "sqlite_sequence", "retention"}  # of the whole server
    assert len(tables) >= 4
    for table in tables:
        columns = {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}
        assert "tenant" in columns, table
    connection.close()


def test_a_directory_is_taken_by_one_at_a_time(tmp_path: Path) -> None:
    lock = lock_directory(tmp_path)
    with pytest.raises(LedgerUnusable, match="another server is running"):
        lock_directory(tmp_path)
    lock.close()
    lock_directory(tmp_path).close()


def test_a_full_disk_is_told_from_a_broken_one() -> None:
    assert isinstance(ledger_error(apsw.FullError("x")), LedgerFull)
    assert isinstance(ledger_error(apsw.IOError("x")), LedgerBroken)
    assert isinstance(ledger_error(apsw.CorruptError("x")), LedgerBroken)
