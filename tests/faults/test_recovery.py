"""Coming back: from any snapshot or none the windows are the same, and a directory has one server, ours."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

import apsw
import msgspec
import pytest

from faults.broken import broken
from faults.history import History, check_file, differing, judge, recovered, seeded, stored_in
from faults.load import Load, probe, shopping, submit
from faults.walking import Desk, shop
from fourthwatch.clock import ManualClock, SystemClock
from fourthwatch.engine import recovery
from fourthwatch.store import snapshots
from fourthwatch.store.file import FILE_NAME
from fourthwatch.store.snapshots import Head, SnapshotWriter, read_snapshot
from served import PROGRAM, Served, run

pytestmark = pytest.mark.slow

NOON_MS = 1_750_000_000_000
_SNAPSHOT_AT = 300


def test_a_whole_snapshot_is_used_and_gives_what_the_log_gives(tmp_path: Path) -> None:
    shop_with_snapshot(tmp_path, seed=1)
    assert recovered(tmp_path).from_snapshot == _SNAPSHOT_AT
    assert differing(tmp_path) == []


@pytest.mark.parametrize("spoil", ["flip", "cut", "empty", "remove", "rename", "version", "ledger", "position"])
def test_a_spoiled_snapshot_is_passed_over_and_the_log_read_instead(tmp_path: Path, spoil: str) -> None:
    shop_with_snapshot(tmp_path, seed=1)
    shop_with_snapshot(tmp_path / "another", seed=2)
    SPOILERS[spoil](tmp_path)
    assert recovered(tmp_path).from_snapshot == 0
    assert differing(tmp_path) == []


def test_any_flipped_bit_in_a_snapshot_is_noticed(tmp_path: Path) -> None:
    shop_with_snapshot(tmp_path, seed=1)
    path, random = tmp_path / snapshots.FILE_NAME, seeded("flipped bits")
    whole = path.read_bytes()
    for _ in range(300):
        spoiled = bytearray(whole)
        spoiled[random.randrange(len(whole))] ^= 1 << random.randrange(8)
        path.write_bytes(spoiled)
        assert read_snapshot(tmp_path, lambda head: True) is None


def test_a_build_that_takes_the_snapshot_of_another_ledger_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop_with_snapshot(tmp_path, seed=1)
    shop_with_snapshot(tmp_path / "another", seed=2)
    SPOILERS["ledger"](tmp_path)
    monkeypatch.setattr(
        recovery, "read_snapshot", lambda directory, is_wanted: read_snapshot(directory, lambda _: True)
    )
    assert differing(tmp_path) != []


@pytest.mark.parametrize("seed", range(12))
def test_a_snapshot_taken_in_slices_between_batches_gives_what_the_log_gives(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "_SLICE_BYTES", 1_000)
    random = Random(seed)
    desk = Desk(tmp_path, ManualClock(NOON_MS))
    source = shopping(random, 1)
    desk.take([next(source) for _ in range(random.randrange(1, 120))])
    snapshot = recovery.SnapshotInSlices(desk.walk, tmp_path)
    while not snapshot.advance():
        desk.take([next(source) for _ in range(random.randrange(1, 4))])
    snapshot.finish()
    shop(desk, random, 20, who=3)
    desk.close()
    assert recovered(tmp_path).from_snapshot == snapshot.seq
    assert differing(tmp_path) == []


@pytest.mark.slow
def test_sigterm_under_load_ends_with_0_and_everything_acknowledged_is_in_the_snapshot(tmp_path: Path) -> None:
    random = seeded("sigterm")
    server = Served(tmp_path).start()
    key = server.key("ingest", "read")
    with Load(server, key, random) as load:
        for _ in range(3):
            load.resume()
            load.wait_for(random.randrange(50, 150))
            assert server.stop() == 0
            load.pause()
            verdict = judge(load.history, stored_in(tmp_path))
            assert not verdict.lost, verdict
            server.start()
            assert logged(server, "recovered")["read_again"] == 0
            assert logged(server, "recovered")["events"] == len(stored_in(tmp_path))
    assert server.stop() == 0
    verdict = judge(load.history, stored_in(tmp_path))
    assert verdict.is_sound, verdict
    assert check_file(tmp_path) >= 150
    assert differing(tmp_path) == []


@pytest.mark.slow
def test_a_build_that_stops_before_its_commit_is_caught(tmp_path: Path) -> None:
    server = Served(tmp_path, program=broken("answers-early")).start()
    key = server.key("ingest", "read")
    with Load(server, key, seeded("early stop")) as load:
        for _ in range(20):  # it commits now and then: one stop in a few comes right behind a commit
            load.resume()
            load.wait_for(100)
            assert server.stop() == 0
            load.pause()
            if judge(load.history, stored_in(tmp_path)).lost:
                return
            server.start()
    pytest.fail("nothing was lost")


@pytest.mark.slow
def test_a_snapshot_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "windows.snapshot.partial").mkdir()
    with Served(tmp_path, environment={"FOURTHWATCH_SNAPSHOT_EVERY_EVENTS": "10"}) as server:
        key = server.key("ingest", "read")
        with Load(server, key, seeded("no snapshot")) as load:
            load.resume()
            load.wait_for(100)
        server.logs("snapshot_failed")
        assert server.stop() == 0
    assert judge(load.history, stored_in(tmp_path)).is_sound


@pytest.mark.slow
def test_an_event_that_the_server_stumbles_over_is_refused_alone(tmp_path: Path) -> None:
    with Served(tmp_path, program=broken("stumbles")) as server:
        key = server.key("ingest", "read")
        with Load(server, key, seeded("stumbling")) as load:
            load.resume()
            for number in range(5):
                load.wait_for(20)
                reply = server.send(key, "createOrder", {"_orderId": f"stumble{number}", "_userId": "u"})
                assert reply.status == 500
                assert reply.json["code"] == "internal"
            load.wait_for(20)
        assert [reply for reply in load.replies if reply.status != 200] == []
        assert server.stop() == 0
    verdict = judge(load.history, stored_in(tmp_path))
    assert verdict.is_sound, verdict
    assert differing(tmp_path) == []


@pytest.mark.slow
def test_a_second_server_on_a_directory_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with Served(tmp_path) as first:
        key = first.key("ingest")
        with pytest.raises(RuntimeError, match=r"exit code 1.*another server is running"):
            Served(tmp_path).start()
        connection, history = first.connection(), History()
        reply = submit(history, connection, key, probe("192.0.2.1", "still"))
        connection.close()
        assert reply is not None
        assert reply.status == 200
    Served(tmp_path).start().stop()


@pytest.mark.slow
def test_a_build_that_shares_its_directory_is_caught(tmp_path: Path) -> None:
    with Served(tmp_path), Served(tmp_path, program=broken("shares-the-directory")) as second:
        assert second.is_running


@pytest.mark.parametrize("kind", ["text", "tables", "version"])
def test_a_file_that_is_not_ours_is_refused_and_left_as_it_was(tmp_path: Path, kind: str) -> None:
    path = tmp_path / FILE_NAME
    if kind == "text":
        path.write_text("somebody's notes\n" * 1_000)
    else:
        make_foreign(path, kind)
    before = path.read_bytes()
    ended = run("serve", "--data", str(tmp_path), "--listen", "127.0.0.1:0")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert str(path) in ended.stderr or "data file" in ended.stderr
    assert path.read_bytes() == before


@pytest.mark.slow
def test_keys_made_while_the_directory_is_new_all_work(tmp_path: Path) -> None:
    command = [str(PROGRAM), "keys", "create", "--data", str(tmp_path), "--name", "early"]
    made = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    ends = [process.communicate(timeout=120) for process in made]
    assert [process.returncode for process in made] == [0] * 6, ends
    with Served(tmp_path) as server:
        for number, (key, _) in enumerate(ends):
            assert server.send(key.strip(), "createOrder", {"_orderId": f"o{number}"}).status == 200


def shop_with_snapshot(directory: Path, seed: int) -> None:
    """400 events; a snapshot of the first 300."""
    random = Random(seed)
    desk = Desk(directory, ManualClock(NOON_MS))
    shop(desk, random, _SNAPSHOT_AT)
    desk.take_snapshot()
    shop(desk, random, 100, who=2)
    desk.close()


def logged(server: Served, event: str) -> dict[str, object]:
    """What the server logs about this after its last start."""
    found: dict[str, object] = json.loads(server.logs(f'"{event}"'))
    return found


def make_foreign(path: Path, kind: str) -> None:
    """A SQLite file of somebody else's, or of a later version of ours."""
    if kind == "version":
        Desk(path.parent, SystemClock()).close()
    connection = apsw.Connection(str(path))
    if kind == "version":
        connection.execute("PRAGMA user_version = 1000")
        connection.execute("PRAGMA journal_mode = DELETE")
    else:
        connection.execute("CREATE TABLE notes (line TEXT); INSERT INTO notes VALUES ('mine')")
    connection.close()


def _edit(directory: Path, edit: Callable[[bytes], bytes]) -> None:
    path = directory / snapshots.FILE_NAME
    path.write_bytes(edit(path.read_bytes()))


def _rehead(directory: Path, **changes: int) -> None:
    """The same snapshot under another head, whole in itself."""
    found = read_snapshot(directory, lambda head: True)
    assert found is not None
    head, chunks = found
    writer = SnapshotWriter(directory, Head(**{**msgspec.structs.asdict(head), **changes}))
    for chunk in chunks:
        writer.add(chunk)
    writer.finish()


SPOILERS: dict[str, Callable[[Path], object]] = {
    "flip": lambda directory: _edit(directory, lambda whole: whole[:-200] + bytes([whole[-200] ^ 1]) + whole[-199:]),
    "cut": lambda directory: _edit(directory, lambda whole: whole[: len(whole) // 2]),
    "empty": lambda directory: _edit(directory, lambda whole: b""),
    "remove": lambda directory: (directory / snapshots.FILE_NAME).unlink(),
    "rename": lambda directory: _edit(directory, lambda whole: b"SNAPSHOT" + whole[8:]),
    "version": lambda directory: _rehead(directory, version=1_000_000),
    "ledger": lambda directory: shutil.copy(directory / "another" / snapshots.FILE_NAME, directory),
    "position": lambda directory: _rehead(directory, seq=1_000_000),
}
