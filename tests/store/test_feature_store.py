"""Definitions of features: kept by tenant in their order, and a data file of the first version takes them in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fourthwatch.clock import ManualClock
from fourthwatch.errors import NameTaken
from fourthwatch.store import schema
from fourthwatch.store.features import FeatureStore
from fourthwatch.store.file import open_file
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.reader import LedgerReader

NOW_MS = 1_790_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FeatureStore]:
    keys = KeyStore(tmp_path, ManualClock(NOW_MS))
    keys.create("second", ["manage"], tenant="second")
    keys.close()
    made = FeatureStore(tmp_path, ManualClock(NOW_MS))
    yield made
    made.close()


def add(store: FeatureStore, tenant: int, name: str, text: str = "amount") -> None:
    store.add(tenant, name, text, unit="km", says="so far", reason="_far", author="key_1")


def test_a_definition_comes_back_as_it_was_kept(store: FeatureStore) -> None:
    made = store.add(1, "far", "amount * 2", unit="km", says="so far", reason="_far", author="key_1")
    assert store.all() == [made]
    assert (made.tenant, made.name, made.text, made.created_ms, made.author) == (
        1,
        "far",
        "amount * 2",
        NOW_MS,
        "key_1",
    )


def test_a_name_is_taken_once_per_tenant(store: FeatureStore) -> None:
    add(store, 1, "far")
    add(store, 2, "far")
    with pytest.raises(NameTaken):
        add(store, 1, "far", "amount * 3")
    assert [(row.tenant, row.text) for row in store.all()] == [(1, "amount"), (2, "amount")]


def test_definitions_come_in_the_order_in_which_they_were_made_also_after_one_was_removed(store: FeatureStore) -> None:
    for name in ("z", "a", "m"):
        add(store, 1, name)
    assert store.remove(1, "z")
    assert not store.remove(1, "z")
    assert not store.remove(2, "a")
    add(store, 1, "z")
    assert [row.name for row in store.all()] == ["a", "m", "z"]


def test_a_definition_is_durable_when_it_was_answered(store: FeatureStore, tmp_path: Path) -> None:
    add(store, 1, "far")
    other = FeatureStore(tmp_path, ManualClock(NOW_MS))
    assert [row.name for row in other.all()] == ["far"]
    other.close()


def test_a_data_file_of_the_first_version_takes_definitions_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:1])
    old = open_file(tmp_path)
    assert old.pragma("user_version") == 1
    old.execute("INSERT INTO tenant (name, created_ms) VALUES ('shop', 5)")
    old.close()
    monkeypatch.undo()
    store = FeatureStore(tmp_path, ManualClock(NOW_MS))
    add(store, 2, "far")
    assert [row.tenant for row in store.all()] == [2]
    store.close()
    reader = LedgerReader(tmp_path)
    assert reader.pragma("user_version") == len(schema.STEPS) >= 2
    assert reader.count() == 0
    reader.close()
