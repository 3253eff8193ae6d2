"""`kill -9` at any moment, under load: no acknowledged event is lost, and none counts twice."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from faults.broken import broken
from faults.history import History, check_file, differing, judge, recovered, seeded, stored_in
from faults.load import Load, Made, expected_counts, probe, submit
from served import Served

pytestmark = pytest.mark.slow

KILLS = 50
_KILLED_AT_START = 8
_ROUND_EVENTS = 120
_BROKEN_ROUNDS = 20
_SNAPSHOT_EVERY = {"FOURTHWATCH_SNAPSHOT_EVERY_EVENTS": "300"}


def test_fifty_kills_under_load_lose_no_acknowledged_event_and_count_none_twice(tmp_path: Path) -> None:
    random = seeded("fifty kills")
    load, key = run_kills(Served(tmp_path, environment=_SNAPSHOT_EVERY), random, KILLS)
    verdict = judge(load.history, stored_in(tmp_path))
    assert verdict.is_sound, verdict
    outcomes = load.history.counts()
    print(f"calls: {dict(outcomes)}")
    assert outcomes["unknown"] >= KILLS // 2, "the kills came between the events, not into them"
    assert any(reply.headers.get("fourthwatch-replayed") == "true" for reply in load.replies)
    assert check_file(tmp_path) >= len(load.history.acknowledged())
    assert recovered(tmp_path).from_snapshot > 0, "no snapshot was ever taken"
    assert differing(tmp_path) == []
    assert wrong_counts(tmp_path, load, key, random) == {}


def test_an_early_acknowledging_build_is_caught_by_the_same_kills(tmp_path: Path) -> None:
    assert any(judge(load.history, stored_in(place)).lost for place, load, _ in kill_broken(tmp_path, "answers-early"))


def test_a_build_that_knows_no_retries_is_caught(tmp_path: Path) -> None:
    assert any(
        judge(load.history, stored_in(place)).doubled for place, load, _ in kill_broken(tmp_path, "counts-twice")
    )


def test_a_build_that_forgets_events_at_its_start_is_caught(tmp_path: Path) -> None:
    random = seeded("forgetful")
    for place, load, key in kill_broken(tmp_path, "forgets-at-start"):
        verdict = judge(load.history, stored_in(place))
        assert verdict.is_sound, verdict
        if differing(place) and wrong_counts(place, load, key, random):
            return
    pytest.fail("its snapshot has all of its log, and its counts are right")


def kill_broken(directory: Path, way: str) -> Iterator[tuple[Path, Load, str]]:
    """Servers broken in this way, each killed twice: a kill may come before there was anything to find."""
    random = seeded(way)
    for number in range(_BROKEN_ROUNDS):
        place = directory / str(number)
        yield place, *run_kills(Served(place, program=broken(way)), random, 2)


def run_kills(server: Served, random: Random, kills: int) -> tuple[Load, str]:
    """Load and kills, then a clean stop; what the clients were told, and their key."""
    server.start()
    key = server.key("ingest", "read")
    at_start = set(random.sample(range(kills), min(_KILLED_AT_START, kills // 5)))
    with Load(server, key, random) as load:
        load.resume()
        for round_number in range(kills):
            load.wait_for(random.randrange(1, _ROUND_EVENTS))
            threading.Event().wait(random.uniform(0, 0.005))  # into the middle of whatever goes on
            server.kill()
            load.pause()
            if round_number in at_start:
                kill_at_start(server, random.uniform(0.2, 0.8))
            server.start()
            load.resume()
        load.wait_for(1)
    assert server.stop() == 0
    return load, key


def kill_at_start(server: Served, after_s: float) -> None:
    """Start, and kill while it may still be reading its log."""
    before = server.pid

    def kill() -> None:
        while server.pid == before:  # on a busy machine it takes its time to be there at all
            threading.Event().wait(0.001)
        threading.Event().wait(after_s)
        os.killpg(server.pid, signal.SIGKILL)

    killing = threading.Thread(target=kill, daemon=True)
    killing.start()
    with contextlib.suppress(RuntimeError):
        server.start()
    killing.join()
    server.wait()


def wrong_counts(directory: Path, load: Load, key: str, random: Random) -> dict[str, object]:
    """IPs of which the server remembers something else than the log holds, asked over HTTP."""
    expected = expected_counts(load.sent, {row.mark for row in stored_in(directory)})
    asked = random.sample(sorted(expected), min(60, len(expected)))
    wrong: dict[str, object] = {}
    with Served(directory) as server:
        for ip in asked:
            found = features(server, key, probe(ip, f"probe-{ip}"))
            for feature in ("orders_by_ip_24h", "failed_transactions_24h", "failed_logins_24h"):
                if (found[feature] or 0) != expected[ip][feature]:
                    wrong[f"{ip} {feature}"] = (found[feature], expected[ip][feature])
    return wrong


def features(server: Served, key: str, order: Made) -> dict[str, float | None]:
    """What an order was judged by."""
    connection = server.connection()
    reply = submit(History(), connection, key, order)
    connection.close()
    assert reply is not None
    assert reply.status == 200, reply.body
    shown: dict[str, float | None] = server.get(key, f"/api/v1/events/{reply.json['event_id']}").json["decision"][
        "features"
    ]
    return shown
