"""The neighbourhood of an event: who is joined to it by devices, cards, phones, addresses and the IP, up to two hops.

From the present things to their users, and from the present user to its things, is one hop; from those on is the
second. What joins more than `HUB_USERS` users within 30 days (an office's IP, a pick-up point) is a hub: it is told,
and not walked through.
"""

from fourthwatch.features.kernel import Kernel
from fourthwatch.features.observe import By, Present
from fourthwatch.features.series import TAG_SERIES, Registry, Series, series_of
from fourthwatch.language import Aggregate, parse

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
        walked = (_USERS, *_THINGS.values(), _DISPUTED, _WON, _REFUSED, TAG_SERIES)
        self._series = tuple([registry.number_of(one) for one in walked])

    def __call__(self, present: Present) -> tuple[float | None, ...]:
        """The numbers of `NAMES`, as of the event's time."""
        subject = present.subject
        own, things = present.marks("user"), tuple([present.of(name) for name in _FROM])
        if "neighbourhood" in subject.skipped or not (own or any(things)):
            return _UNKNOWN
        return self._kernel.neighbours(self._series, subject.occurred_ms, own, things)


_UNKNOWN = (None,) * len(NAMES)
