"""The compiled chain of hashes against the one in Python, which is what stored rows were and are looked at with."""

from random import Random
from typing import Any

import pytest

from fourthwatch.store import chain
from fourthwatch.store.chain import CHAIN_START, links, specified


def test_the_compiled_chain_is_in_use_here() -> None:
    assert chain.COMPILED
    assert links is not specified


def test_both_give_the_same_for_rows_of_all_lengths_behind_any_hash() -> None:
    random = Random(3)
    rows = tuple([random.randbytes(size) for size in (*range(520), 2_046, 2_047, 2_048, 2_049, 4_095, 70_000)])
    assert links(CHAIN_START, rows) == specified(CHAIN_START, rows)
    before = random.randbytes(16)
    assert links(before, rows[::-1]) == specified(before, rows[::-1])
    assert links(before, ()) == specified(before, ()) == []


def test_each_hash_stands_for_its_row_and_all_before_it() -> None:
    rows = (b"one", b"two", b"three")
    told = links(CHAIN_START, rows)
    assert links(told[0], rows[1:]) == told[1:]
    assert links(CHAIN_START, (b"another", *rows[1:]))[2] != told[2]
    assert links(CHAIN_START, rows[::-1])[2] != told[2]


def test_what_is_handed_in_wrongly_is_refused() -> None:
    wrong: list[tuple[Any, ...]] = [
        (b"", ()),
        (bytes(17), ()),
        ("x" * 16, ()),
        (CHAIN_START, []),
        (CHAIN_START, ("a",)),
    ]
    for arguments in wrong:
        with pytest.raises(TypeError):
            links(*arguments)
    with pytest.raises(TypeError):
        links()  # type: ignore[call-arg]
