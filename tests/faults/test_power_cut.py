"""The power goes at any moment: what was acknowledged before is there afterwards, whatever came of all the rest."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import apsw
import pytest

from faults.history import History, Verdict, check_file, differing, judge, seeded, stored_in
from faults.nursery import Nursery, script_history
from faults.power import CALLS, Call, Disk, calls_of
from faults.strace import recording
from fourthwatch.errors import FourthwatchError
from fourthwatch.store.file import FILE_NAME
from fourthwatch.store.reader import LedgerReader

pytestmark = pytest.mark.slow

_STATES = 900
_WINDOWS_EVERY = 15
"""Of so many states one is also read into windows, with the snapshot that it holds and without."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


def test_a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path: Path, nursery: Nursery) -> None:
    random = seeded("power cut")
    calls = script_calls(nursery, tmp_path)
    syncs = sum(call.what == "sync" for call in calls)
    renames = sum(call.what == "rename" for call in calls)
    assert syncs > 80
    assert renames >= 2
    states = 0
    for where, acknowledged in states_of(calls, tmp_path, random, _STATES):
        verdict = verdict_on(where, acknowledged)
        assert verdict.is_sound, f"{where}: {verdict}"
        if (where / FILE_NAME).exists() and acknowledged:
            check_file(where)
            assert undecided(where) == 0
            if states % _WINDOWS_EVERY == 0:
                assert differing(where) == []
        states += 1
        shutil.rmtree(where, ignore_errors=True)
    print(f"calls: {len(calls)}, syncs: {syncs}, states: {states}")
    assert states == _STATES


@pytest.mark.parametrize("way", ["normal", "off"])
def test_a_script_that_syncs_too_seldom_is_caught_by_the_same_cuts(tmp_path: Path, nursery: Nursery, way: str) -> None:
    random = seeded(f"power cut, {way}")
    calls = script_calls(nursery, tmp_path, way)
    noticed = 0
    for where, acknowledged in states_of(calls, tmp_path, random, 200):
        try:
            noticed += not verdict_on(where, acknowledged).is_sound
        except (FourthwatchError, apsw.Error):
            noticed += 1
        shutil.rmtree(where, ignore_errors=True)
    assert noticed >= 10


def script_calls(nursery: Nursery, tmp_path: Path, way: str = "") -> list[Call]:
    """Every call of the sweeper's script on its directory, from an empty one to the end."""
    directory, trace = tmp_path / "recorded" / "data", tmp_path / "trace"
    directory.parent.mkdir()
    nursery.run(directory, script_history(), way, tracer=recording(CALLS, trace), makes_directory=False)
    return list(calls_of(trace, directory))


def states_of(calls: Sequence[Call], tmp_path: Path, random: Random, wanted: int) -> Iterator[tuple[Path, set[str]]]:
    """Directories as cuts at `wanted` moments, spread over all, may leave them, and what had been acknowledged."""
    moments = sorted(random.choices(range(len(calls)), k=wanted))
    disk, said, done = Disk(), "", 0
    for number, moment in enumerate(moments):
        for call in calls[done : moment + 1]:
            if call.what == "said":
                said += call.data.decode()
            else:
                disk.take(call)
        done = moment + 1
        where = tmp_path / f"state-{number}"
        disk.cut(where, random)
        yield where, set(said.splitlines())


def verdict_on(where: Path, acknowledged: set[str]) -> Verdict:
    """What was said before the cut held against what is there."""
    history: History = script_history()
    for line in acknowledged:
        mark, event_id = line.split()
        history.told(mark, "ok", event_id)
    there = stored_in(where) if acknowledged and (where / FILE_NAME).exists() else []
    return judge(history, there)


def undecided(where: Path) -> int:
    """Events without the decision that was committed with them; the script asks for one each time."""
    reader = LedgerReader(where)
    try:
        return sum(entry.decision is None for entry in reader.between(1, 1, reader.count() + 1))
    finally:
        reader.close()
