"""The compiled chain of hashes against the one in Python, which is what stored rows were and are looked at with."""

import threading
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


def test_threads_hash_beside_each_other_and_nothing_is_mixed_up() -> None:
    random = Random(4)
    batches = [tuple([random.randbytes(3_000) for _ in range(64)]) for _ in range(8)]
    found: dict[int, list[bytes]] = {}

    def hash_one(number: int) -> None:
        for _ in range(20):
            found[number] = links(CHAIN_START, batches[number])

    threads = [threading.Thread(target=hash_one, args=(number,)) for number in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] for number in range(len(batches))] == [specified(CHAIN_START, one) for one in batches]


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
