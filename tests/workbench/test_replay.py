"""Replaying: whatever is lost or killed on the way, each event is taken at least once, none is left out."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from fourthwatch.errors import RecordingError, SendingStopped, UsageError
from fourthwatch.workbench.recording import line_of, write_recording
from fourthwatch.workbench.replay import Progress, replay
from workbench.event_taker import KEY, Taker, Trouble, taking

pytestmark = pytest.mark.slow


@pytest.fixture
def taker() -> Iterator[Taker]:
    with taking() as server:
        yield server


def recording(path: Path, count: int) -> Path:
    write_recording(path, (("login", {"_n": n, "_userId": f"u-{n}"}) for n in range(count)))
    return path


def remembered(path: Path) -> int:
    line = json.loads((path.parent / f"{path.name}.progress").read_text())["line"]
    assert isinstance(line, int)
    return line


@pytest.mark.parametrize("seed", range(5))
def test_every_event_is_acknowledged_through_lost_replies_and_refusals_to_listen(
    tmp_path: Path, taker: Taker, seed: int
) -> None:
    random = Random(seed)

    def trouble(number: int, event: str, body: bytes) -> Trouble | None:
        chance = random.random()
        if chance < 0.08:
            return Trouble(lose=True)
        return Trouble(status=random.choice((503, 429, 502))) if chance < 0.16 else None

    taker.trouble = trouble
    path = recording(tmp_path / "events.jsonl.gz", 400)
    replayed = replay([path], taker.url + "/event", KEY, workers=8, random=Random(seed))
    assert (replayed.sent, replayed.acknowledged, replayed.refused) == (400, 400, 0)
    assert set(taker.acknowledged) == {str(n) for n in range(400)}
    assert replayed.repeated >= 20
    assert replayed.events_per_s > 0
    assert remembered(path) == 400


def test_what_was_replayed_is_not_sent_again_unless_asked(tmp_path: Path, taker: Taker) -> None:
    path = recording(tmp_path / "events.jsonl", 30)
    replay([path], taker.url, KEY)
    second = replay([path], taker.url, KEY)
    assert (second.sent, second.skipped_lines, taker.requests) == (0, 30, 30)
    assert replay([path], taker.url, KEY, from_start=True).sent == 30


def test_another_server_or_a_changed_file_starts_anew(tmp_path: Path, taker: Taker) -> None:
    path = recording(tmp_path / "events.jsonl", 30)
    replay([path], taker.url, KEY)
    with taking() as other:
        assert replay([path], other.url, KEY).sent == 30
    recording(path, 31)
    assert replay([path], taker.url, KEY).sent == 31


def test_a_torn_memory_starts_anew(tmp_path: Path, taker: Taker) -> None:
    path = recording(tmp_path / "events.jsonl", 10)
    replay([path], taker.url, KEY)
    (tmp_path / "events.jsonl.progress").write_text('{"version": 1, "li')
    assert replay([path], taker.url, KEY).sent == 10


def test_memory_can_be_kept_elsewhere(tmp_path: Path, taker: Taker) -> None:
    path = recording(tmp_path / "events.jsonl", 5)
    (tmp_path / "state").mkdir()
    replay([path], taker.url, KEY, state_dir=tmp_path / "state")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["events.jsonl", "state"]
    assert replay([path], taker.url, KEY, state_dir=tmp_path / "state").skipped_lines == 5


def test_what_is_remembered_is_never_beyond_an_unanswered_event(tmp_path: Path, taker: Taker) -> None:
    """One early event gets no answer while later ones do: the memory stops before it."""
    taker.trouble = lambda number, event, body: Trouble(status=503) if b'"_n":7,' in body else None
    path = recording(tmp_path / "events.jsonl", 60)
    with pytest.raises(SendingStopped, match="503"):
        replay([path], taker.url, KEY, workers=4, patience_s=2.0)
    assert remembered(path) == 7  # lines count from 1: the event with _n 7 stands in line 8
    assert len(taker.acknowledged) > 7
    taker.trouble = lambda number, event, body: None
    second = replay([path], taker.url, KEY, workers=4)
    assert (second.skipped_lines, second.sent) == (7, 53)
    assert set(taker.acknowledged) == {str(n) for n in range(60)}


def test_a_replay_killed_in_the_middle_goes_on_without_leaving_anything_out(tmp_path: Path, taker: Taker) -> None:
    path = recording(tmp_path / "events.jsonl", 3_000)
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        from fourthwatch.workbench import replay
        replay.REMEMBER_EVERY_S = 0.05
        replay.replay([Path({str(path)!r})], {taker.url!r}, {KEY!r}, workers=4)
        """
    )
    victim: list[subprocess.Popen[bytes]] = []

    def kill_midway(number: int, event: str, body: bytes) -> None:
        if number == 1_000:
            os.kill(victim[0].pid, signal.SIGKILL)

    taker.trouble = kill_midway
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        victim.append(process)
        assert process.wait(120) == -signal.SIGKILL
    before, line = set(taker.acknowledged), remembered(path)
    assert 0 < line <= len(before) < 3_000
    assert {str(n) for n in range(line)} <= before
    second = replay([path], taker.url, KEY, workers=4)
    assert (second.skipped_lines, second.sent) == (line, 3_000 - line)
    assert set(taker.acknowledged) == {str(n) for n in range(3_000)}


def test_what_has_no_time_comes_with_a_key_of_its_own_whenever_it_is_sent(tmp_path: Path, taker: Taker) -> None:
    path = recording(tmp_path / "events.jsonl", 40)
    taker.trouble = lambda number, event, body: Trouble(lose=number % 4 == 0)
    replay([path], taker.url, KEY, workers=4)
    replay([path], taker.url, KEY, workers=4, from_start=True)
    keys = set(taker.repeat_keys)
    assert len(taker.repeat_keys) > 80
    assert len(keys) == len({key for _, key in keys}) == 40
    assert all(key for _, key in keys)


def test_refused_events_are_counted_and_the_first_ten_named(tmp_path: Path, taker: Taker) -> None:
    taker.trouble = lambda number, event, body: Trouble(status=400) if json.loads(body)["_n"] % 2 == 1 else None
    path = recording(tmp_path / "events.jsonl", 50)
    replayed = replay([path], taker.url, KEY, workers=1)
    assert (replayed.acknowledged, replayed.refused) == (25, 25)
    assert [r.line for r in replayed.refused_lines] == list(range(2, 21, 2))
    assert {(r.file, r.status, r.told) for r in replayed.refused_lines} == {(path, 400, "trouble 400")}
    assert remembered(path) == 50


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Trouble(status=401), "does not take this key for events"),
        (Trouble(status=403), "does not take this key for events"),
        (Trouble(status=404), "knows no event 'login'"),
        (Trouble(status=302), "another server"),
        (Trouble(plain=True), "without the status text"),
    ],
    ids=["401", "403", "404", "302", "plain"],
)
def test_a_server_that_will_take_nothing_stops_it_with_the_reason(
    tmp_path: Path, taker: Taker, trouble: Trouble, words: str
) -> None:
    taker.trouble = lambda number, event, body: trouble
    path = recording(tmp_path / "events.jsonl", 200)
    with pytest.raises(SendingStopped, match=words) as raised:
        replay([path], taker.url, KEY, workers=4)
    assert "line " in str(raised.value)
    assert KEY not in str(raised.value)
    assert remembered(path) == 0
    assert taker.requests < 50


def test_a_damaged_line_stops_it_after_what_stands_before(tmp_path: Path, taker: Taker) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(line_of("login", {"_n": 1}) * 5 + b"oops\n" + line_of("login", {"_n": 2}))
    with pytest.raises(RecordingError, match="line 6"):
        replay([path], taker.url, KEY, workers=1)
    assert remembered(path) <= 5


def test_scores_are_collected_first_and_last_by_order(tmp_path: Path, taker: Taker) -> None:
    path = tmp_path / "events.jsonl"
    events: list[tuple[str, dict[str, object]]] = []
    for n in range(20):
        events.append(("createOrder", {"_orderId": f"o-{n}", "_n": n}))
        if n % 2:
            events.append(("transaction", {"_orderId": f"o-{n}", "_n": -n}))
    write_recording(path, events)
    replayed = replay([path], taker.url, KEY, workers=8)
    assert replayed.first_scores == {f"o-{n}": 10 for n in range(20)}
    assert replayed.last_scores == {f"o-{n}": 70 if n % 2 else 10 for n in range(20)}


def test_a_rate_is_kept_by_the_clock(tmp_path: Path, taker: Taker) -> None:
    path = recording(tmp_path / "events.jsonl", 41)
    replayed = replay([path], taker.url, KEY, rate=80)
    # Forty gaps of 1/80 s: it may take longer on a busy machine, but never less.
    assert replayed.seconds >= 0.5
    with pytest.raises(UsageError, match="rate is 0"):
        replay([path], taker.url, KEY, rate=0)


def test_progress_is_told_and_ends_at_the_whole_of_each_file(tmp_path: Path, taker: Taker) -> None:
    files = [recording(tmp_path / f"{name}.jsonl.gz", 40) for name in ("a", "b")]
    told: list[Progress] = []
    replay(files, taker.url, KEY, progress=told.append)
    ends = {p.file: p for p in told}
    assert [ends[f].share for f in files] == [1.0, 1.0]
    assert [ends[f].acknowledged for f in files] == [40, 80]
    assert [ends[f].line for f in files] == [40, 40]
    assert told[-1].events_per_s > 0
