"""A crash at any call to the file system, and a second one while coming back: nothing is lost or doubled."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from faults import sweeper
from faults.history import History, check_file, differing, judge, seeded, stored_in
from faults.load import shopping, submit
from faults.nursery import Nursery, script_history
from faults.strace import calls_in, strace
from fourthwatch.store.file import FILE_NAME
from served import Served

pytestmark = pytest.mark.slow

_RUNS = {"pwrite64": 22, "fdatasync": 16, "write": 8, "openat": 7, "fsync": 6, "ftruncate": 5, "rename": 3, "unlink": 2}
"""Armed runs by call; the calls are those that SQLite and the snapshots were seen to make."""
_SECOND_CRASHES = ("pwrite64", "fdatasync", "openat", "ftruncate")
_SERVED_RUNS = 6
_SERVED_EVENTS_MAX = 300
_AT_ONCE = 2


class Armed(NamedTuple):
    """One run of the script that is to be killed at the n-th call."""

    call: str
    nth: int
    second: tuple[str, int] | None
    """A crash while coming back."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


def test_a_crash_at_any_call_loses_and_doubles_nothing(tmp_path: Path, nursery: Nursery) -> None:
    random = seeded("crash sweep")
    made = calls_made(nursery, tmp_path / "unarmed")
    assert all(made.values()), f"a call that is swept is never made: {made}"
    runs = [armed for call, wanted in _RUNS.items() for armed in spread(call, made[call], wanted, random)]
    killed = sweep(tmp_path, runs, partial(sweep_once, nursery))
    print(f"calls made: {made}; armed runs: {len(runs)}, killed: {killed}")
    assert killed >= 60
    assert killed >= len(runs) * 0.9


def test_an_early_acknowledging_script_is_caught_by_the_same_sweep(tmp_path: Path, nursery: Nursery) -> None:
    runs = [Armed("pwrite64", nth, None) for nth in range(250, 1_000, 125)]

    def lost(directory: Path, armed: Armed) -> bool:
        history = script_history()
        nursery.run(directory, history, "early", tracer=armed_with(armed.call, armed.nth, directory))
        return bool(judge(history, stored_in(directory)).lost)

    assert sweep(tmp_path, runs, lost) > 0


def test_a_served_program_killed_at_its_nth_sync_loses_nothing(tmp_path: Path) -> None:
    random = seeded("served sweep")
    runs = [Armed("fdatasync", random.randrange(5, 60), None) for _ in range(_SERVED_RUNS)]
    assert sweep(tmp_path, runs, serve_once) == len(runs)


def sweep(tmp_path: Path, runs: Sequence[Armed], once: Callable[[Path, Armed], bool]) -> int:
    """Every run in a directory of its own; how many of them said yes."""
    directories = [tmp_path / f"{number}-{armed.call}-{armed.nth}" for number, armed in enumerate(runs)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sum(pool.map(once, directories, runs))


def sweep_once(nursery: Nursery, directory: Path, armed: Armed) -> bool:
    """Crash, perhaps crash again while coming back, look, and let the script finish; whether the first crash came."""
    history = script_history()
    killed = nursery.run(directory, history, tracer=armed_with(armed.call, armed.nth, directory))
    if armed.second is not None:
        nursery.run(directory, history, tracer=armed_with(*armed.second, directory))
    where = f"{armed} in {directory}"
    if killed and (directory / FILE_NAME).exists():
        assert differing(directory) == [], where
        verdict = judge(history, stored_in(directory))
        assert verdict.is_sound, f"{where}: {verdict}"
        check_file(directory)
    assert not nursery.run(directory, history)
    verdict = judge(history, stored_in(directory))
    assert verdict.is_sound, f"{where}: {verdict}"
    assert check_file(directory) == sweeper.EVENTS, where
    assert differing(directory) == [], where
    return killed


def serve_once(directory: Path, armed: Armed) -> bool:
    """One client, one event after the other, until the server dies of it; then a start and a look."""
    server = Served(directory).start()
    key = server.key("ingest", "read")
    server.stop()
    server = Served(directory, wrapper=strace(armed.call, _killing(armed.nth), aside=True)).start()
    history, source = History(), shopping(Random(armed.nth), 1)
    connection = server.connection()
    for _ in range(_SERVED_EVENTS_MAX):
        if submit(history, connection, key, next(source)) is None:
            break
    else:
        pytest.fail(f"{armed}: the server was not killed")
    killed = server.wait() == -9
    with Served(directory):
        verdict = judge(history, stored_in(directory))
        assert verdict.is_sound, f"{armed}: {verdict}"
    assert check_file(directory) >= len(history.acknowledged())
    assert differing(directory) == []
    return killed


def spread(call: str, made: int, wanted: int, random: Random) -> list[Armed]:
    """Numbers from 1 to `made`, about evenly, others each time; every third run crashes twice."""
    step = max(1.0, made / wanted)
    numbers = {min(made, 1 + int(step * at + random.random() * step)) for at in range(min(wanted, made))}
    return [
        Armed(call, nth, (random.choice(_SECOND_CRASHES), random.randrange(1, 6)) if at % 3 == 0 else None)
        for at, nth in enumerate(sorted(numbers))
    ]


def calls_made(nursery: Nursery, directory: Path) -> dict[str, int]:
    """How often the script makes each call, when nothing stops it."""
    made: dict[str, int] = {}
    for calls in ([call for call in _RUNS if call != "openat"], ["openat"]):
        where, log = directory / calls[0], directory.parent / f"calls-{calls[0]}.log"
        watched = strace(",".join(calls), None, log=log, directory=where if calls == ["openat"] else None)
        assert not nursery.run(where, script_history(), tracer=watched)
        made |= calls_in(log, calls)
    return made


def armed_with(call: str, nth: int, directory: Path) -> tuple[str, ...]:
    """Kill at the n-th such call; of `openat` only calls on the data files count."""
    return strace(call, _killing(nth), directory=directory if call == "openat" else None)


def _killing(nth: int) -> str:
    return f"signal=SIGKILL:when={nth}"
