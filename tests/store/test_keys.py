"""API keys: shown once, kept as a hash, short enough for every plugin, revoked for good."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fourthwatch.clock import ManualClock
from fourthwatch.errors import UsageError
from fourthwatch.store.file import FILE_NAME
from fourthwatch.store.keys import SCOPES, KeyStore, key_hash

NOW_MS = 1_790_000_000_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


@pytest.fixture
def keys(tmp_path: Path, clock: ManualClock) -> Iterator[KeyStore]:
    store = KeyStore(tmp_path, clock)
    yield store
    store.close()


def test_keys_are_base_62_at_most_32_characters_long_and_all_different(keys: KeyStore) -> None:
    made = [keys.create("shop", ["ingest"]) for _ in range(200)]
    assert all(re.fullmatch(r"fw_[0-9A-Za-z]{27}", key) for key in made)
    assert all(len(key) <= 32 for key in made)
    assert len(set(made)) == 200
    assert len({character for key in made for character in key[3:]}) == 62


def test_the_file_holds_the_hash_and_never_the_key(keys: KeyStore, tmp_path: Path) -> None:
    made = [keys.create("shop", ["ingest"]) for _ in range(20)]
    keys.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith(FILE_NAME))
    for key in made:
        assert key.encode() not in stored
        assert key[3:].encode() not in stored
        assert key_hash(key) in stored


def test_what_is_known_of_a_key_is_what_was_asked_for(keys: KeyStore) -> None:
    key = keys.create("the shop", ["read", "ingest"])
    (known,) = keys.all()
    assert (known.name, known.scopes, known.tenant) == ("the shop", ("ingest", "read"), 1)
    assert (known.created_ms, known.revoked_ms) == (NOW_MS, None)
    assert known.hash == key_hash(key)
    assert known.hint == f"{key[:5]}…{key[-4:]}"
    assert known.id.startswith("key_")


def test_a_key_may_be_of_a_tenant_of_its_own(keys: KeyStore) -> None:
    keys.create("a", ["ingest"])
    keys.create("b", ["ingest"], tenant="other")
    keys.create("c", ["ingest"], tenant="other")
    tenants = {known.name: known.tenant for known in keys.all()}
    assert tenants["a"] == keys.tenant_id("default") == 1
    assert tenants["b"] == tenants["c"] == keys.tenant_id("other") != 1
    assert keys.tenant_id("nobody") is None


@pytest.mark.parametrize(
    ("name", "scopes", "tenant"),
    [("", ["ingest"], "t"), (" ", ["ingest"], "t"), ("n" * 101, ["ingest"], "t"), ("n", [], "t"),
     ("n", ["everything"], "t"), ("n", ["ingest"], ""), ("n", ["ingest"], "t" * 101)],
)  # fmt: skip
def test_a_key_without_a_name_or_a_scope_is_not_made(keys: KeyStore, name: str, scopes: list[str], tenant: str) -> None:
    with pytest.raises(UsageError):
        keys.create(name, scopes, tenant)
    assert keys.all() == []
    assert keys.tenant_id("t") is None


def test_there_are_three_scopes(keys: KeyStore) -> None:
    keys.create("all", SCOPES)
    assert keys.all()[0].scopes == ("ingest", "read", "manage")


def test_a_revoked_key_stays_known_and_revoked(keys: KeyStore, clock: ManualClock) -> None:
    keys.create("a", ["ingest"])
    keys.create("b", ["ingest"])
    clock.advance(1_000)
    (first, _) = sorted(keys.all(), key=lambda known: known.name)
    assert keys.revoke(first.id) == 1
    clock.advance(1_000)
    assert keys.revoke(first.id) == 0
    assert {known.name: known.revoked_ms for known in keys.all()} == {"a": NOW_MS + 1_000, "b": None}


def test_all_keys_of_a_name_are_revoked_together(keys: KeyStore) -> None:
    for name in ("a", "a", "b"):
        keys.create(name, ["ingest"])
    assert keys.revoke("a") == 2
    assert keys.revoke("nobody") == 0
    assert [known.name for known in keys.all() if known.revoked_ms is None] == ["b"]


def test_a_change_made_elsewhere_shows_in_the_version(keys: KeyStore, tmp_path: Path, clock: ManualClock) -> None:
    before = keys.data_version()
    assert keys.data_version() == before
    other = KeyStore(tmp_path, clock)
    other.create("a", ["ingest"])
    other.close()
    assert keys.data_version() != before
    assert [known.name for known in keys.all()] == ["a"]


def test_a_key_of_any_characters_has_a_hash() -> None:
    assert len({key_hash(key) for key in ("", "fw_x", "fw_y", "é", "\udc80")}) == 5
