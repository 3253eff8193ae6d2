"""A disk that refuses a write or a sync: nothing is acknowledged after it, and nothing from before is lost."""

import http.client
from pathlib import Path
from random import Random

import pytest

from faults.broken import broken
from faults.history import History, Verdict, check_file, differing, judge, seeded, stored_in
from faults.load import Load, shopping, submit
from faults.strace import strace
from faults.test_full_disk import wait_until_ready
from served import Served

pytestmark = pytest.mark.slow

_EXIT_S = 60.0
_FAULTS = {
    "a sync fails for good": ("fdatasync,fsync", "error=EIO:when=25+"),
    "a sync fails once": ("fdatasync,fsync", "error=EIO:when=25"),
    "a write fails for good": ("pwrite64", "error=EIO:when=150+"),
    "a write fails once": ("pwrite64", "error=EIO:when=150"),
}


@pytest.mark.parametrize("fault", _FAULTS)
def test_after_a_failed_write_or_sync_nothing_is_acknowledged_and_the_process_ends(tmp_path: Path, fault: str) -> None:
    key = new_key(tmp_path)
    calls, error = _FAULTS[fault]
    server = Served(tmp_path, wrapper=strace(calls, error, aside=True)).start()
    history, source = History(), shopping(Random(fault), 1)
    connection = server.connection()
    statuses: list[int] = []
    for _ in range(400):
        reply = submit(history, connection, key, next(source))
        if reply is None:
            break
        statuses.append(reply.status)
        if reply.status != 200:
            assert reply.status == 503
            assert reply.headers["retry-after"] == "1"
            assert readiness(server) != 200
    connection.close()
    assert server.wait() == 1
    assert 503 in statuses, "the error never came"
    assert 200 not in statuses[statuses.index(503) :]
    assert any("could not be written" in line for line in server.log)
    assert after_restart(tmp_path, history).is_sound


def test_an_error_under_load_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    random = seeded("error under load")
    key = new_key(tmp_path)
    server = Served(tmp_path, wrapper=strace("fdatasync", f"error=EIO:when={random.randrange(10, 40)}", aside=True))
    server.start()
    with Load(server, key, random) as load:
        load.resume()
        assert server.wait() == 1
        load.pause()
        verdict = after_restart(tmp_path, load.history)
        assert verdict.is_sound, verdict
    assert load.history.acknowledged()


def test_a_build_that_answers_as_if_it_had_been_written_is_caught(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    server = Served(
        tmp_path, program=broken("swallows-write-errors"), wrapper=strace("pwrite64", "error=EIO:when=150+", aside=True)
    ).start()
    history, source = History(), shopping(Random(1), 1)
    connection = server.connection()
    for _ in range(100):
        if submit(history, connection, key, next(source)) is None:
            break
    connection.close()
    server.kill()
    assert after_restart(tmp_path, history).lost


def test_a_write_without_room_is_rolled_back_and_the_server_comes_back_by_itself(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    wrapper = strace("pwrite64", "error=ENOSPC:when=200..201", aside=True)
    with Served(tmp_path, wrapper=wrapper, environment={"FOURTHWATCH_DISK_RESERVE_BYTES": "0"}) as server:
        history, source = History(), shopping(Random(2), 1)
        connection, statuses = server.connection(), list[int]()
        for _ in range(150):
            made = next(source)
            reply = submit(history, connection, key, made)
            assert reply is not None
            statuses.append(reply.status)
            if reply.status != 200:
                assert reply.status == 503
                assert int(reply.headers["retry-after"]) > 0
                if readiness(server) != 200:
                    wait_until_ready(server)  # each try reads the past: it rests before the next
        connection.close()
        assert 503 in statuses, "the error never came"
        assert statuses[-1] == 200
        assert readiness(server) == 200
        verdict = judge(history, stored_in(tmp_path))
        assert verdict.is_sound, verdict
        assert server.stop() == 0
    assert check_file(tmp_path) == statuses.count(200)
    assert differing(tmp_path) == []


def test_a_build_that_swallows_a_full_disk_is_caught(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    wrapper = strace("pwrite64", "error=ENOSPC:when=200..230", aside=True)
    server = Served(tmp_path, program=broken("swallows-write-errors"), wrapper=wrapper).start()
    history, source = History(), shopping(Random(2), 1)
    connection = server.connection()
    for _ in range(100):
        if submit(history, connection, key, next(source)) is None:
            break
    connection.close()
    server.kill()
    assert judge(history, stored_in(tmp_path)).lost


def new_key(directory: Path) -> str:
    """A key of a data directory that has been served once."""
    server = Served(directory).start()
    key = server.key("ingest", "read")
    assert server.stop() == 0
    return key


def readiness(server: Served) -> int | None:
    """What `/readyz` says; `None` when nobody is there any more."""
    try:
        return server.request("GET", "/readyz", timeout_s=_EXIT_S).status
    except (OSError, http.client.HTTPException):
        return None


def after_restart(directory: Path, history: History) -> Verdict:
    """What a clean start makes of it."""
    with Served(directory) as server:
        assert readiness(server) == 200
        verdict = judge(history, stored_in(directory))
    check_file(directory)
    return verdict
