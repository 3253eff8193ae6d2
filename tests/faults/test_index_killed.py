"""`kill -9` to the process that writes the index, or to its server: the index comes out as if nobody had been."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from engine.indexed import Shelf, contents
from faults.broken import broken
from faults.history import seeded
from faults.load import Load
from fourthwatch.store.index_file import FILE_NAME
from served import Served

pytestmark = pytest.mark.slow
WAITS = (5, 5, 5, 60, 60, 60, 60, 600, 600, 600)
"""Events before each kill: before it has begun, and while it writes."""
PATIENCE_S = 120.0
STANDS_STILL_S = 45.0
"""An index that has not come on for so long never will: its process is put back within half a minute."""


def index_process_of(server: Served, *, but_not: int = 0) -> int:
    """Its process id, once it is there."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for children in Path(f"/proc/{server.pid}/task").glob("*/children"):
            with suppress(OSError):  # a thread, or a process, that is gone meanwhile
                for child in map(int, children.read_text().split()):
                    command = Path(f"/proc/{child}/cmdline").read_bytes()
                    if b"index_process" in command and child != but_not:
                        return child
    raise AssertionError(f"nobody writes the index: {server.log[-8:]}")


def differences_after_kills(directory: Path, program: tuple[str, ...] | None = None) -> list[str]:
    """Tables in which the index differs from one that is made anew."""
    chance = seeded("killed index")
    server = Served(directory) if program is None else Served(directory, program=program)
    with server:
        key = server.key("ingest", "read")
        with Load(server, key, chance) as load:
            load.resume()
            child = 0
            for number, events in enumerate(chance.sample(WAITS, len(WAITS))):
                child = index_process_of(server, but_not=child)
                load.wait_for(events)
                with suppress(ProcessLookupError):  # it may have ended by itself, and there is another
                    os.kill(child, signal.SIGKILL)
                if number % 4 == 3:
                    load.pause()
                    server.kill()
                    server.start()
                    load.resume()
            load.wait_for(50)
        if not _comes_to_the_end(server, key):
            return ["progress"]
        assert server.stop() == 0
    assert any("index_process_ended" in line for line in server.log)
    made = contents(directory)
    (directory / FILE_NAME).unlink()
    anew = Shelf(directory)
    anew.catch_up()
    anew.close()
    other = contents(directory)
    assert len(other["mention"]) > 1_000
    return [name for name in other if made[name] != other[name]]


def _comes_to_the_end(server: Served, key: str) -> bool:
    """Asks where it stands: the metric is as old as the newest word of a process, and here there may be none."""
    position, deadline = -1, time.monotonic() + STANDS_STILL_S
    while time.monotonic() < deadline:
        told = server.get(key, "/api/v1/index")
        assert told.status == 200
        if told.json["position"] == told.json["newest"]:
            return True
        if told.json["position"] != position:
            position, deadline = told.json["position"], time.monotonic() + STANDS_STILL_S
        threading.Event().wait(0.05)
    return False


def test_whoever_writes_the_index_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    assert differences_after_kills(tmp_path) == []


def test_a_build_that_skips_what_came_while_nobody_wrote_is_found_out(tmp_path: Path) -> None:
    program = broken("skips-what-came-meanwhile")  # now and then nothing comes meanwhile
    assert any(differences_after_kills(tmp_path / str(number), program) for number in range(10))


def test_the_metrics_say_how_far_the_index_is_behind_while_nobody_writes_it(tmp_path: Path) -> None:
    with Served(tmp_path) as server:
        key = server.key("ingest", "read")
        server.send(key, "login", {"_userId": "u-0"})
        assert _comes_to_the_end(server, key)
        assert _behind(server) == 0
        child = index_process_of(server)
        os.kill(child, signal.SIGSTOP)
        try:
            for number in range(3):
                assert server.send(key, "login", {"_userId": f"u-{number}"}).status == 200
            assert _behind(server) == 3
        finally:
            os.kill(child, signal.SIGCONT)
        assert _comes_to_the_end(server, key)
        assert _behind(server) == 0


def _behind(server: Served) -> float:
    (line,) = (
        line
        for line in server.request("GET", "/metrics").body.decode().splitlines()
        if line.startswith("fourthwatch_index_behind_events ")
    )
    return float(line.split()[1])
