"""Decisions made again from the ledger come out as they were stored, whatever happened (R-09), and a change shows.

What happens in a random history: late events, labels, publications, own features, list edits, kills, snapshots.
"""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.house import FORGET_AFTER_DAYS, History, House
from fourthwatch.decision import Policy
from fourthwatch.engine.policies import Policies
from fourthwatch.model.manifest import Use
from fourthwatch.store.file import open_file
from fourthwatch.workbench.again import Again, Unknown, decide_again
from rules.judging import rule
from small_model import package_of, small_model
from story import NOW_MS

ORDER: dict[str, Any] = {
    "_orderId": "o-1",
    "_userId": "asha",
    "_amount": "500",
    "_currencyCode": "INR",
    "_deviceIp": "203.0.113.9",
}


READ = (
    Use(name="failed_logins_by_user_24h", text="count(login, by user, last 30d)"),
    *(
        Use(name=name)
        for name in ("amount", "failed_logins_then_new_device", "orders_by_user_24h", "orders_by_user_7d", "neighbours",
                     "chargebacks_ever", "users_by_device_30d")
    ),
)  # fmt: skip
"""What a model reads: of what every decision reads, of the rest of the catalogue, and of its own."""
PER_PART = 500
"""Short histories: what each is about is found by their number, not by their length. Two in a hundred are long."""
_STEPS, _LONG_STEPS = 14, 80


def made_again(directory: Path) -> list[Again]:
    return list(decide_again(directory, FORGET_AFTER_DAYS))


def compared(directory: Path, seed: int, steps: int) -> list[Again]:
    house = House(directory, seed)
    History(house, seed).live(steps)
    house.close()
    found = made_again(directory)
    for one in found:
        assert one.identical, (seed, one)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 30))])
def test_every_decision_of_a_random_history_comes_out_the_same(seed: int, tmp_path: Path) -> None:
    compared(tmp_path, seed, 60)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_every_decision_of_thousands_of_random_histories_comes_out_the_same(part: int, tmp_path: Path) -> None:
    decisions = 0
    versions: set[int] = set()
    for seed in range(1_000 + part * PER_PART, 1_000 + (part + 1) * PER_PART):
        found = compared(tmp_path / str(seed), seed, _LONG_STEPS if seed % 50 == 0 else _STEPS)
        shutil.rmtree(tmp_path / str(seed))
        decisions += len(found)
        versions |= {one.rules for one in found}
    assert decisions > 5 * PER_PART
    assert len(versions) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 8))])
def test_every_decision_of_a_champion_comes_out_the_same_in_full_or_not(seed: int, tmp_path: Path) -> None:
    house = House(tmp_path, seed)
    good = small_model()
    house.promote("ours", package_of(good.body, good.golden, 300, id="ours", features=READ))
    history = History(house, seed)
    history.live(40)
    house.walk.judging.policies = Policies(Policy(deadline_ms=50))
    for waited_ms in (0, 30, 40, 60) * 5:
        house.walk.now_ms = history.at_ms + waited_ms
        house.tell("createOrder", history.at_ms, **{**ORDER, "_orderId": f"late-{history.at_ms}"})
        history.at_ms += 1_000
    house.close()
    found = made_again(tmp_path)
    assert [one for one in found if not one.identical] == []
    details = [msgspec.json.decode(row[0]) for row in open_file(tmp_path).execute("SELECT detail FROM decision")]
    assert {len(one.get("degraded", ())) for one in details} == {0, 1, 2, 3}
    assert sum(one.get("model") == "ours" for one in details) > 25


def test_one_decision_is_named_by_its_event(tmp_path: Path) -> None:
    house = House(tmp_path)
    ids = [house.tell("createOrder", NOW_MS + n, **{**ORDER, "_orderId": f"o-{n}"}).receipt.event_id for n in range(4)]
    login = house.tell("login", NOW_MS + 9, _userId="asha").receipt.event_id
    house.close()
    (one,) = decide_again(tmp_path, FORGET_AFTER_DAYS, ids[2])
    assert (one.event_id, one.position, one.identical) == (ids[2], 3, True)
    for unheard in (login, ids[0][:-1] + "x", "ev_", "nothing", "ev_" + "f" * 32):
        with pytest.raises(Unknown):
            list(decide_again(tmp_path, FORGET_AFTER_DAYS, unheard))


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("$.score", 99, "score"),
        ("$.vector[2]", 7.0, "vector/2"),
        ("$.results", "hhh", "results"),
        ("$.reasons[0].value", "11", "reasons/0/value"),
        ("$.versions.features", 1, "versions/features"),
        ("$.versions.rules", 3, "versions/rules"),
    ],
)
def test_whatever_was_changed_in_a_stored_decision_shows(path: str, value: object, told: str, tmp_path: Path) -> None:
    house = House(tmp_path)
    house.tell("createOrder", NOW_MS, **ORDER)
    house.close()
    connection = open_file(tmp_path)
    connection.execute(
        "UPDATE decision SET detail = cast(json_set(detail, ?, json(?)) AS BLOB)",
        (path, msgspec.json.encode(value).decode()),
    )
    connection.close()
    (one,) = made_again(tmp_path)
    assert told in [difference.what for difference in one.differences]
    assert one.in_versions_alone == (told == "versions/features")


def test_what_could_not_be_known_yet_is_unknown_again(tmp_path: Path) -> None:
    house = House(tmp_path)
    for number in range(100):
        house.tell("login", NOW_MS + number, _userId="asha", _deviceIp="203.0.113.9")
    house.publish((rule("logins", "count(login, by ip, last 1h) >= 50"),))
    house.tell("createOrder", NOW_MS + 200, **ORDER)
    house.definitions.advance(1_000)
    house.tell("createOrder", NOW_MS + 201, **{**ORDER, "_orderId": "o-2"})
    results = [msgspec.json.decode(house.walk.ledger.stored(seq)[1].detail)["results"] for seq in (101, 102)]  # type: ignore[union-attr]
    house.close()
    assert results == ["u", "h"]
    assert [one.identical for one in made_again(tmp_path)] == [True, True]
