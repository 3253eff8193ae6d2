"""Keys that others make while the server runs: known at once, however soon one comes after the other."""

from pathlib import Path

import pytest

from fourthwatch.api.access import Access
from fourthwatch.clock import ManualClock
from fourthwatch.errors import Unauthorised
from fourthwatch.store.keys import KeyStore


def test_keys_made_one_after_the_other_are_known_at_once_and_guessing_costs_one_look(tmp_path: Path) -> None:
    clock = ManualClock(1_790_000_000_000)
    elsewhere, here = KeyStore(tmp_path, clock), KeyStore(tmp_path, clock)
    access = Access(here, clock)
    for number in range(3):  # the clock stands still
        assert access.caller(elsewhere.create(f"key {number}", ("read",)), "read").scopes == {"read"}
    with pytest.raises(Unauthorised):
        access.caller("guessed", "read")
    late = elsewhere.create("late", ("read",))
    with pytest.raises(Unauthorised):  # a guess was looked up just now
        access.caller(late, "read")
    access.refresh()
    assert access.caller(late, "read").scopes == {"read"}
    elsewhere.close()
    here.close()
