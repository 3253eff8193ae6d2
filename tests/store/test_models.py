"""States of models: one champion at most, on record, and a way back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fourthwatch.clock import ManualClock
from fourthwatch.errors import InUse, NameTaken, NotFound
from fourthwatch.store.changes import AuditTrail
from fourthwatch.store.models import ModelFiles, ModelState, ModelStore

FILES = ModelFiles(b"body", b"golden", b"card")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ModelStore]:
    made = ModelStore(tmp_path, ManualClock(1_000))
    for name in ("a", "b", "c"):
        made.add(1, name, b"{}", FILES, actor="test")
    yield made
    made.close()


def _move(store: ModelStore, model: str, state: ModelState, why: str = "") -> None:
    store.apply(store.moved(1, model, state, actor="test", why=why))


def test_a_champion_takes_the_place_of_the_one_before_and_all_of_it_is_on_record(
    store: ModelStore, tmp_path: Path
) -> None:
    _move(store, "a", "champion")
    _move(store, "b", "champion", "gates overridden by mira: a hurry")
    assert {row.id: row.state for row in store.all(1)} == {"a": "retired", "b": "champion", "c": "candidate"}
    assert [(one.state, one.why) for one in store.changes(1, "a")][-1] == ("retired", "b takes its place")
    trail = AuditTrail(tmp_path)
    assert b"a hurry" in (trail.page(1, 10**9, 10, action="models.moved")[0].after or b"")
    trail.close()


def test_a_roll_back_returns_to_the_champion_before_and_then_to_none(store: ModelStore) -> None:
    _move(store, "a", "champion")
    _move(store, "b", "champion")
    change, before = store.rolled_back(1, actor="test")
    store.apply(change)
    champion = store.champion(1)
    assert champion is not None
    assert (before, champion.id) == ("a", "a")
    change, before = store.rolled_back(1, actor="test")
    store.apply(change)
    assert before is None
    assert store.champion(1) is None
    with pytest.raises(NotFound):
        store.rolled_back(1, actor="test")


def _roll_back(store: ModelStore) -> str | None:
    change, before = store.rolled_back(1, actor="test", why="a test")
    store.apply(change)
    return before


def test_a_roll_back_goes_by_who_judged_before_also_of_a_model_that_judged_earlier(store: ModelStore) -> None:
    """It went to the scorecard, since nobody had judged before this model did for the first time."""
    for name in ("a", "b", "a"):
        _move(store, name, "champion")
    assert _roll_back(store) == "b"
    _move(store, "c", "champion")
    _move(store, "b", "shadow")  # to be compared with the new one
    assert _roll_back(store) == "b"


def test_what_was_rolled_back_or_retired_by_hand_does_not_come_back(store: ModelStore) -> None:
    _move(store, "a", "champion")
    assert _roll_back(store) is None
    _move(store, "b", "champion")
    assert _roll_back(store) is None
    _move(store, "a", "champion")
    _move(store, "a", "retired")
    _move(store, "c", "champion")
    assert _roll_back(store) is None


def test_what_is_not_there_or_is_there_already_is_refused(store: ModelStore) -> None:
    with pytest.raises(NameTaken):
        store.add(1, "a", b"{}", FILES, actor="test")
    with pytest.raises(NotFound):
        store.moved(1, "nobody", "shadow", actor="test")
    with pytest.raises(NotFound):
        store.get(2, "a")
    with pytest.raises(InUse):
        store.moved(1, "a", "candidate", actor="test")
    assert store.champion(1) is None


def test_from_where_on_a_model_judged_is_kept(store: ModelStore) -> None:
    store.hold(1, 5, "a")
    store.hold(1, 9, "")
    assert [(one.from_seq, one.model) for one in store.held(1)] == [(5, "a"), (9, "")]
    assert store.held(2) == []


def test_a_champion_takes_the_place_of_what_it_was_compared_with_and_of_no_other(store: ModelStore) -> None:
    store.moved(1, "a", "champion", actor="test", against="scorecard")
    _move(store, "b", "champion")
    with pytest.raises(InUse, match="compared with scorecard, and b judges now"):
        store.moved(1, "a", "champion", actor="test", against="scorecard")
    store.apply(store.moved(1, "a", "champion", actor="test", against="b"))
    champion = store.champion(1)
    assert champion is not None
    assert champion.id == "a"
