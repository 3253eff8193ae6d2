"""The neighbourhood of an event: who is joined to it by devices, cards, phones, addresses and the IP, up to two hops.

From the present things to their users, and from the present user to its things, is one hop; from those on is the
second. What joins more than `HUB_USERS` users within 30 days (an office's IP, a pick-up point) is a hub: it is told,
and not walked through.
"""

from fourthwatch.clock import DAY_MS
from fourthwatch.features.kernel import Kernel
from fourthwatch.features.modes import Op
from fourthwatch.features.observe import By, Present
from fourthwatch.features.series import TAG_SERIES, Registry, Series, series_of
from fourthwatch.features.things import KEY_BITS
from fourthwatch.language import Aggregate, parse
from fourthwatch.limits import HUB_USERS, NEIGHBOURS_MAX, NEIGHBOURS_PER_STEP_MAX

NAMES = (
    "walked_users",
    "walked_devices",
    "walked_cards",
    "walked_disputed",
    "walked_refused",
    "walked_tagged",
    "walked_bad",
    "walked_hub_ip",
    "walked_hub_address",
)
"""Other users; devices and cards, the present ones included; how many of those users had a chargeback that was not
won, a refused delivery, a mark as bad, any of the three; 1 where the IP or address is a hub, 0 where it is none.
Unknown when the event names nothing to walk from; a hub is unknown when there is no IP or address."""
HUB_WINDOW_MS = 30 * DAY_MS

_JOINED = ("device", "card", "phone", "address")
"""What a user is joined to others by. An IP joins those who are on it now; which other IPs they had says little."""
_FROM = ("ip", *_JOINED)


def _asked(text: str) -> Series:
    node = parse(text)
    assert isinstance(node, Aggregate)
    (series,) = series_of(node)
    return series


_USERS = _asked("distinct(user, by device)")
_THINGS = {name: _asked(f"distinct({name}, by user)") for name in _JOINED}
_DISPUTED = _asked("count(chargeback, by user)")
_WON = _asked("count(chargeback where is_won, by user)")
_REFUSED = _asked('count(delivery where state == "rto", by user)')

_PEOPLE = ("user", "email")  # a guest is known by the mailbox
KEPT: tuple[tuple[By, Series], ...] = (
    *(((name,), _USERS) for name in _FROM),
    *(((who,), series) for who in _PEOPLE for series in (*_THINGS.values(), _DISPUTED, _WON, _REFUSED)),
    (("user",), TAG_SERIES),
)
"""Which series histories of whom have to keep."""


class Neighbourhood:
    """A walk over the marks that histories keep; at most `NEIGHBOURS_MAX` things and users are looked at."""

    def __init__(self, registry: Registry, kernel: Kernel) -> None:
        self._kernel = kernel
        self._users = registry.number_of(_USERS)
        self._things = [(name, registry.number_of(series)) for name, series in _THINGS.items()]
        self._crowd = kernel.plan([(0, self._users, Op.COUNT, HUB_WINDOW_MS, 0, -1)])
        self._record = kernel.plan(
            [
                (0, registry.number_of(_DISPUTED), Op.COUNT, 0, 0, -1),
                (0, registry.number_of(_WON), Op.COUNT, 0, 0, -1),
                (0, registry.number_of(_REFUSED), Op.COUNT, 0, 0, -1),
                (0, registry.number_of(TAG_SERIES), Op.STANDING, 0, 0, -1),
            ]
        )

    def __call__(self, present: Present) -> tuple[float | None, ...]:
        """The numbers of `NAMES`, as of the event's time."""
        if "neighbourhood" in present.subject.skipped:
            return (None,) * len(NAMES)
        own = [mark & KEY_BITS for mark in present.marks("user")]
        named = {name: present.of(name) for name in _FROM}
        if not own and not any(named.values()):
            return (None,) * len(NAMES)
        until_ms = present.subject.occurred_ms
        found = {name: dict.fromkeys(keys[:NEIGHBOURS_PER_STEP_MAX]) for name, keys in named.items()}
        users, hubs = dict.fromkeys(own), set[int]()
        at_first: dict[int, None] = {}
        for keys in found.values():
            at_first |= keys  # the IP is the first of those that are looked at
        left = NEIGHBOURS_MAX
        left -= self._add_things(own, found, until_ms, left)
        for keys in found.values():
            at_first |= keys
        left -= self._add_users(list(at_first), users, hubs, until_ms, left)
        if len(users) > len(own):
            left -= self._add_things(list(users)[len(own) :], found, until_ms, left)
            further = [key for name in _JOINED for key in found[name] if key not in at_first]
            self._add_users(further, users, hubs, until_ms, left)
        others = list(users)[len(own) :]
        return (
            len(others),
            len(found["device"]),
            len(found["card"]),
            *self._records(others, until_ms),
            *(float(named[name][0] in hubs) if named[name] else None for name in ("ip", "address")),
        )

    def _add_things(self, users: list[int], found: dict[str, dict[int, None]], until_ms: int, left: int) -> int:
        """What these users are joined to; returns how many of them were looked at."""
        looked_at = users[: min(NEIGHBOURS_PER_STEP_MAX, left)]
        marks_of = self._kernel.marks
        for user in looked_at:
            for name, series in self._things:
                for mark in marks_of(user, series, until_ms, NEIGHBOURS_PER_STEP_MAX):
                    found[name][mark & KEY_BITS] = None
        return len(looked_at)

    def _add_users(self, things: list[int], users: dict[int, None], hubs: set[int], until_ms: int, left: int) -> int:
        """Whom these things join, but for hubs, which are noted; returns how many of them were looked at."""
        looked_at = things[: min(NEIGHBOURS_PER_STEP_MAX, left)]
        for key in looked_at:
            marks = self._kernel.marks(key, self._users, until_ms, NEIGHBOURS_PER_STEP_MAX)
            if len(marks) > HUB_USERS and self._is_crowded(key, until_ms):
                hubs.add(key)
            else:
                for mark in marks:
                    if len(users) < NEIGHBOURS_MAX:
                        users[mark & KEY_BITS] = None
        return len(looked_at)

    def _is_crowded(self, key: int, until_ms: int) -> bool:
        (crowd,) = self._kernel.read(self._crowd, until_ms, [key], [])
        return crowd is not None and crowd > HUB_USERS

    def _records(self, users: list[int], until_ms: int) -> tuple[int, int, int, int]:
        disputed = refused = tagged = bad = 0
        for user in users:
            disputes, won, *others = self._kernel.read(self._record, until_ms, [user], [])
            was_disputed, (was_refused, is_tagged) = disputes != won, map(bool, others)
            disputed += was_disputed
            refused += was_refused
            tagged += is_tagged
            bad += was_disputed or was_refused or is_tagged
        return disputed, refused, tagged, bad
