"""Secrets are sealed with a key that lies beside the data file."""

from pathlib import Path

import pytest

from fourthwatch.errors import LedgerUnusable
from fourthwatch.store.seal import SEAL_NAME, Seal


def test_what_is_sealed_opens_after_a_restart_and_only_as_what_it_is(tmp_path: Path) -> None:
    sealed = Seal(tmp_path).seal("a secret", "endpoint we_1")
    assert b"a secret" not in sealed
    assert Seal(tmp_path).open(sealed, "endpoint we_1") == "a secret"
    assert Seal(tmp_path).open(sealed, "endpoint we_2") is None
    assert Seal(tmp_path).open(sealed[:-1] + bytes([sealed[-1] ^ 1]), "endpoint we_1") is None


def test_without_the_key_nothing_opens(tmp_path: Path) -> None:
    sealed = Seal(tmp_path).seal("a secret", "x")
    (tmp_path / SEAL_NAME).unlink()
    assert Seal(tmp_path).open(sealed, "x") is None


def test_the_key_is_its_owners_alone_and_no_draft_stays(tmp_path: Path) -> None:
    Seal(tmp_path)
    assert (tmp_path / SEAL_NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [SEAL_NAME]


def test_a_key_that_was_cut_off_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / SEAL_NAME).write_bytes(b"short")
    with pytest.raises(LedgerUnusable, match=r"secrets\.key"):
        Seal(tmp_path)


def test_the_same_is_never_sealed_to_the_same(tmp_path: Path) -> None:
    seal = Seal(tmp_path)
    assert seal.seal("a", "x") != seal.seal("a", "x")
