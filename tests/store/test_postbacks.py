"""Addresses to call back: one per purpose, the newest counts, apart by tenant."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from fourthwatch.clock import ManualClock
from fourthwatch.store.file import open_file
from fourthwatch.store.postbacks import PostbackAddresses


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[PostbackAddresses]:
    connection = open_file(tmp_path)
    connection.execute("INSERT INTO tenant (id, name, created_ms) VALUES (2, 'other', 0)")
    connection.close()
    opened = PostbackAddresses(tmp_path, ManualClock(5))
    yield opened
    opened.close()


def test_the_newest_address_of_a_purpose_counts_and_the_others_stay(addresses: PostbackAddresses) -> None:
    addresses.register(1, {"score": "https://shop.example.com/a", "action": "https://shop.example.com/b"})
    addresses.register(1, {"score": "https://shop.example.com/c"})
    assert addresses.of(1) == {"action": "https://shop.example.com/b", "score": "https://shop.example.com/c"}


def test_a_tenant_sees_its_own_addresses(addresses: PostbackAddresses) -> None:
    addresses.register(1, {"score": "https://shop.example.com/a"})
    addresses.register(2, {"score": "https://other.example.com/a"})
    assert addresses.of(1) == {"score": "https://shop.example.com/a"}
    assert addresses.of(2) == {"score": "https://other.example.com/a"}
    assert addresses.of(3) == {}


def test_addresses_are_there_after_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        opened = PostbackAddresses(tmp_path, ManualClock(5))
        opened.register(1, {"score": "https://shop.example.com/a"})
        opened.close()
    opened = PostbackAddresses(tmp_path, ManualClock(5))
    assert opened.of(1) == {"score": "https://shop.example.com/a"}
    opened.close()


def test_an_address_of_a_tenant_that_is_not_is_not_taken(addresses: PostbackAddresses) -> None:
    with pytest.raises(apsw.ConstraintError):
        addresses.register(9, {"score": "https://shop.example.com/a", "action": "https://shop.example.com/b"})
    assert addresses.of(9) == {}


def test_registering_nothing_changes_nothing(addresses: PostbackAddresses) -> None:
    addresses.register(1, {})
    assert addresses.of(1) == {}
