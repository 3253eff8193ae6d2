"""The walk of two hops: the compiled one and the plain one find the same in invented shops, from empty to dense."""

from random import Random
from typing import Any

import pytest

from features.observations import KERNELS, START_MS
from fourthwatch.clock import DAY_MS
from fourthwatch.features import hops, specification
from fourthwatch.features.modes import ALL
from fourthwatch.features.things import mark_of_key
from fourthwatch.limits import NEIGHBOURS_MAX, NEIGHBOURS_PER_STEP_MAX

USERS, *THINGS = range(1, 6)
DISPUTED, WON, REFUSED, TAGS = range(6, 10)
SERIES = (USERS, *THINGS, DISPUTED, WON, REFUSED, TAGS)
USER_KIND, THING_KIND = 1, 2
SPAN_MS = 60 * DAY_MS


class Counting(specification.Kernel):
    """The plain kernel, with a note of who was looked at."""

    def __init__(self, modes: Any) -> None:
        super().__init__(modes)
        self.looked_at: set[int] = set()

    def marks(self, key: int, series: int, until_ms: int, cap: int, /) -> list[int]:
        """As it is."""
        self.looked_at.add(key)
        return super().marks(key, series, until_ms, cap)


def key_of(kind: int, number: int) -> int:
    """Half of all keys are negative as marks."""
    return (kind * 1_000_003 + number + 1) * 0x9E3779B97F4A7C15 % 2**64


def invented(random: Random, users: int, things: int, events: int) -> tuple[Any, Counting]:
    """Users who use things, and what became of them."""
    both: tuple[Any, Counting] = KERNELS["chosen"]([0, *hops.MODES]), Counting([0, *hops.MODES])
    for kernel in both:
        kernel.route(USER_KIND, SERIES, False)
        kernel.route(THING_KIND, [USERS], False)
    for seq in range(events):
        user, at_ms = key_of(0, random.randrange(users)), START_MS + random.randrange(SPAN_MS)
        entities, seen = [(USER_KIND, user)], [(USERS, mark_of_key(user), 0)]
        for kind in range(1, 6):  # the first is the IP, which no user keeps
            if random.random() < 0.4:
                key = key_of(kind, int(things * random.random() ** 2))
                entities.append((THING_KIND, key))
                seen += [(THINGS[kind - 2], mark_of_key(key), 0)] if kind > 1 else []
        if random.random() < 0.1:
            seen.append((random.choice((DISPUTED, DISPUTED, WON, REFUSED)), seq + 2, 0))
        if random.random() < 0.1:
            seen.append((TAGS, random.choice((ALL, 7, 8)), random.randrange(2)))
        for kernel in both:
            kernel.add(seq, at_ms, entities, seen)
    return both


SHOPS = [(3, 3, 5), (40, 60, 60), (200, 60, 400), (2_000, 700, 3_000), (300, 12, 3_000), (900, 900, 4_000)]


@pytest.mark.parametrize("shop", SHOPS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_both_kernels_walk_alike_and_within_bounds(shop: tuple[int, int, int], seed: int) -> None:
    random = Random(seed)
    users, things, _ = shop
    chosen, plain = invented(random, *shop)
    below = random.choice((0, 0, shop[2] // 4))
    for kernel in (chosen, plain):
        kernel.forget(below)
    for _ in range(40):
        own = [mark_of_key(key_of(0, random.randrange(2 * users))) for _ in range(random.randrange(2))]
        said = tuple(
            [key_of(kind, random.randrange(things)) for _ in range(random.randrange(3))] for kind in range(1, 6)
        )
        until_ms = START_MS + random.choice((random.randrange(SPAN_MS), 2 * SPAN_MS))
        plain.looked_at.clear()
        found = plain.neighbours(SERIES, until_ms, own, said)
        assert chosen.neighbours(SERIES, until_ms, own, said) == found
        assert list(map(type, chosen.neighbours(SERIES, until_ms, own, said))) == list(map(type, found))
        assert len(plain.looked_at) <= NEIGHBOURS_MAX


def test_the_shops_here_are_of_every_kind() -> None:
    """Nobody near, few, hubs, more than are looked at in a step."""
    told = []
    for shop in SHOPS:
        _, plain = invented(Random(1), *shop)
        ips = [key_of(1, 0)]
        told += [
            plain.neighbours(
                SERIES, START_MS + SPAN_MS, [mark_of_key(key_of(0, user))], (ips, [], [], [], [key_of(5, 1)])
            )
            for user in range(10)
        ]
    assert min(others for others, *_ in told) == 0
    assert max(others for others, *_ in told) > NEIGHBOURS_PER_STEP_MAX
    assert {is_hub for *_, is_hub, _ in told} == {0.0, 1.0}
    assert all(max(column) > 1 for column in list(zip(*told, strict=True))[:7])


def test_whoever_says_more_than_a_step_is_walked_from_as_far_as_a_step_goes() -> None:
    chosen, plain = invented(Random(4), 300, 900, 3_000)
    said: tuple[list[int], ...] = (
        [],
        [key_of(2, number) for number in range(300)],
        [],
        [key_of(4, number) for number in range(100)],
        [],
    )
    assert chosen.neighbours(SERIES, START_MS + SPAN_MS, [], said) == plain.neighbours(
        SERIES, START_MS + SPAN_MS, [], said
    )
