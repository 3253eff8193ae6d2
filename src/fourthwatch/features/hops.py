"""The walk of two hops through a neighbourhood, in plain Python: what `_kernel_hops.h` does in one call.

Everything is found in an order, each thing and user once, and only so many of a step are looked at.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from fourthwatch.clock import DAY_MS
from fourthwatch.features.modes import Mode, Op, Query
from fourthwatch.limits import HUB_USERS, NEIGHBOURS_MAX, NEIGHBOURS_PER_STEP_MAX

HUB_WINDOW_MS = 30 * DAY_MS
_KEYS = 2**64
MODES = [*[Mode.DISTINCT] * 5, *[Mode.ADD] * 3, Mode.DISTINCT]
"""Of the series that a walk goes over."""
THINGS = 5
"""Kinds of things that it begins with."""
Neighbours = tuple[int, int, int, int, int, int, int, float | None, float | None]
"""Other users; devices; cards; of those users disputed, refused, tagged, any of the three; whether the first IP and the
first address are hubs, `None` for none."""
_Keys = dict[int, None]


class Histories(Protocol):
    """What a walk looks at."""

    def marks(self, key: int, series: int, until_ms: int, cap: int, /) -> list[int]:
        """The newest marks of a series."""
        ...

    def plan(self, queries: Sequence[Query], /) -> Any:
        """Queries to be read."""
        ...

    def read(self, plan: Any, until_ms: int, keys: Sequence[int], marks: Sequence[int], /) -> list[int | float | None]:
        """Their answers."""
        ...


def walked(
    histories: Histories, series: Sequence[int], until_ms: int, own: Sequence[int], things: Sequence[Sequence[int]]
) -> Neighbours:
    """From marks of the present users and keys of IPs, devices, cards, phones, addresses; see `Kernel.neighbours`."""
    users_of, things_of, records_of = series[0], series[1:5], series[5:]
    users = _firsts([mark % _KEYS for mark in own])
    ips, *found = [_firsts(keys) for keys in things]
    present = len(users)
    hubs = set[int]()

    def to_things(whose: Sequence[int]) -> None:
        """What these users are joined to."""
        for user in whose[:NEIGHBOURS_PER_STEP_MAX]:
            for keys, number in zip(found, things_of, strict=True):
                for mark in histories.marks(user, number, until_ms, NEIGHBOURS_PER_STEP_MAX):
                    keys[mark % _KEYS] = None

    def to_users(by: Sequence[int]) -> None:
        """Whom these things join, but for hubs."""
        for key in by[:NEIGHBOURS_PER_STEP_MAX]:
            marks = histories.marks(key, users_of, until_ms, NEIGHBOURS_PER_STEP_MAX)
            if len(marks) > HUB_USERS and _is_crowded(histories, key, users_of, until_ms):
                hubs.add(key)
                continue
            for mark in marks:
                if len(users) < NEIGHBOURS_MAX:
                    users[mark % _KEYS] = None

    at_first = dict(ips)
    for keys in found:
        at_first |= keys
    to_things(list(users))
    for keys in found:
        at_first |= keys
    to_users(list(at_first))
    if len(users) > present:
        to_things(list(users)[present:])
        to_users([key for keys in found for key in keys if key not in at_first])
    others = list(users)[present:]
    disputed, refused, tagged, bad = _records(histories, others, records_of, until_ms)
    is_hub_ip, is_hub_address = [float(keys[0] in hubs) if keys else None for keys in (things[0], things[-1])]
    return len(others), len(found[0]), len(found[1]), disputed, refused, tagged, bad, is_hub_ip, is_hub_address


def _firsts(keys: Sequence[int]) -> _Keys:
    return dict.fromkeys(keys[:NEIGHBOURS_PER_STEP_MAX])


def _is_crowded(histories: Histories, key: int, series: int, until_ms: int) -> bool:
    plan = histories.plan([(0, series, Op.COUNT, HUB_WINDOW_MS, 0, -1)])
    (crowd,) = histories.read(plan, until_ms, [key], [])
    return crowd is not None and crowd > HUB_USERS


def _records(
    histories: Histories, users: Sequence[int], series: Sequence[int], until_ms: int
) -> tuple[int, int, int, int]:
    ops = (Op.COUNT, Op.COUNT, Op.COUNT, Op.STANDING)
    plan = histories.plan([(0, number, op, 0, 0, -1) for number, op in zip(series, ops, strict=True)])
    told = []
    for user in users:
        disputes, won, refused, tags = histories.read(plan, until_ms, [user], [])
        told.append((disputes != won, bool(refused), bool(tags)))
    disputed, refused_of, tagged = (sum(column) for column in zip(*told, strict=True)) if told else (0, 0, 0)
    return disputed, refused_of, tagged, sum(map(any, told))
