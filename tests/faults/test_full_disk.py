"""A disk that fills up under load, a real one: events are refused in time, none is lost, and it goes on by itself."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.broken import broken
from faults.history import check_file, differing, judge, seeded, stored_in
from faults.load import Load
from served import Reply, Served, run

pytestmark = pytest.mark.slow

_DISK_BYTES = 40 << 20
_BALLAST_BYTES = 24 << 20
_RESERVE_BYTES = 6 << 20
_BACK_S = 60.0
_RESERVE = {"FOURTHWATCH_DISK_RESERVE_BYTES": str(_RESERVE_BYTES)}


@pytest.fixture
def disk() -> Iterator[Path]:
    """A file system with room for a few hundred events, most of it taken by a file `ballast`.

    Beside pytest's own directories: what a run that was killed leaves mounted cannot be swept up with them.
    """
    path = Path(tempfile.mkdtemp(prefix="fourthwatch-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(path)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    assert mounted.returncode == 0, (
        f"a small file system cannot be mounted; run as root or under `unshare -rm`: {mounted.stderr}"
    )
    try:
        with (path / "ballast").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, _BALLAST_BYTES)
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
        path.rmdir()


def test_a_full_disk_is_refused_in_time_and_taken_again_once_there_is_room(disk: Path) -> None:
    data = disk / "data"
    with Served(data, environment=_RESERVE) as server:
        key = server.key("ingest", "read")
        with Load(server, key, seeded("full disk")) as load:
            load.resume()
            refused = load.wait_for_refusal(503)
            assert refused.headers["retry-after"] == "5"
            assert "nearly full" in refused.json["message"]
            assert server.request("GET", "/readyz").status == 503
            assert server.request("GET", "/healthz").status == 200
            assert server.get(key, "/api/v1/orders/o1-1-0").status in (200, 404), "reading goes on"
            assert free_bytes(disk) > _RESERVE_BYTES // 2, "the reserve is there for what is under way, and no more"
            assert judge(load.history, stored_in(data)).lost == []
            (disk / "ballast").unlink()
            wait_until_ready(server)
            load.wait_for(100)
        server.logs('"disk_full"')
        server.logs('"disk_has_room"')
        assert server.stop() == 0
    assert not any("batch_failed" in line for line in server.log), "SQLite met the full disk first"
    verdict = judge(load.history, stored_in(data))
    assert verdict.is_sound, verdict
    assert check_file(data) >= len(load.history.acknowledged())
    assert differing(data) == []


def test_without_a_reserve_the_full_disk_itself_is_answered_503_and_nothing_is_lost(disk: Path) -> None:
    data = disk / "data"
    with Served(data, environment={"FOURTHWATCH_DISK_RESERVE_BYTES": "0"}) as server:
        key = server.key("ingest", "read")
        with Load(server, key, seeded("no reserve")) as load:
            load.resume()
            refused: Reply = load.wait_for_refusal(503)
            assert "retry-after" in refused.headers
            load.pause()
            assert server.request("GET", "/readyz").status == 503
            failed = sum("batch_failed" in line for line in server.log)
            for number in range(30):
                order = {"_userId": "u", "_orderId": f"late-{number}"}
                assert server.send(key, "createOrder", order).status == 503
            again = sum("batch_failed" in line for line in server.log) - failed
            assert again <= 3, "each order was tried, and the past read for each"
            load.resume()
            (disk / "ballast").unlink()
            load.wait_for(100)
        server.logs("batch_failed")  # else the disk never was full
        assert server.stop() == 0
    verdict = judge(load.history, stored_in(data))
    assert verdict.is_sound, verdict
    check_file(data)
    assert differing(data) == []


def test_a_server_that_starts_on_a_disk_without_any_room_serves_what_it_has_and_goes_on_by_itself(disk: Path) -> None:
    data = disk / "data"
    with Served(data, environment=_RESERVE) as server:
        key = server.key()
        assert server.send(key, "createOrder", {"_userId": "u", "_orderId": "o"}).status == 200
        server.kill()
        _fill(disk / "rest")
        server.start()
        assert server.get(key, "/api/v1/orders/o").status == 200
        assert server.get(key, "/neo/v1/score?order_id=o").status == 200
        refused = server.send(key, "createOrder", {"_userId": "u", "_orderId": "o2"})
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        server.logs("index_waits")
        (disk / "rest").unlink()
        (disk / "ballast").unlink()
        wait_until_ready(server)
        assert server.send(key, "createOrder", {"_userId": "u", "_orderId": "o2"}).status == 200


def test_a_data_file_that_cannot_be_opened_for_want_of_room_is_told_as_that(disk: Path) -> None:
    data = disk / "data"
    with Served(data, environment=_RESERVE):
        pass
    _fill(disk / "rest")
    refused = run("serve", "--data", str(data), "--listen", "127.0.0.1:0")
    assert refused.returncode == 1
    assert "the disk is full; make room and start again" in refused.stderr


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as rest, contextlib.suppress(OSError):
        while rest.write(bytes(4096)):
            pass


def test_a_build_that_ignores_the_reserve_is_caught(disk: Path) -> None:
    with Served(disk / "data", program=broken("ignores-the-reserve"), environment=_RESERVE) as server:
        key = server.key("ingest")
        with Load(server, key, seeded("ignored reserve")) as load:
            load.resume()
            load.wait_for_refusal(503)
            (disk / "ballast").unlink()
        server.logs("batch_failed")


def free_bytes(path: Path) -> int:
    space = os.statvfs(path)
    return space.f_bavail * space.f_frsize


def wait_until_ready(server: Served) -> None:
    """Asks again and again."""
    deadline = time.monotonic() + _BACK_S
    while server.request("GET", "/readyz").status != 200:
        assert time.monotonic() < deadline, f"not ready again {_BACK_S} s after there was room"
