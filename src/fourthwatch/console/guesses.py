"""How many wrong passwords are borne: per account, per address, and per browser that has signed the user in before.

A known browser has a count of its own, so nobody can lock a user out by guessing from elsewhere.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Sequence

from fourthwatch.clock import Clock
from fourthwatch.errors import TooMany
from fourthwatch.limits import GUESSERS_MAX, GUESSES_MAX, GUESSES_WINDOW_S


class Guesses:
    """Wrong guesses within a sliding window, by whom they count against."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wrong_s: OrderedDict[str, list[float]] = OrderedDict()

    def take(self, guessers: Sequence[str]) -> None:
        """Count a guess before it is looked at; raises `TooMany` when one of the guessers has none left."""
        now_s = self._clock.monotonic_s()
        for guesser in guessers:
            recent = [at_s for at_s in self._wrong_s.get(guesser, ()) if now_s - at_s < GUESSES_WINDOW_S]
            if len(recent) >= GUESSES_MAX:
                wait_s = max(1, int(recent[0] + GUESSES_WINDOW_S - now_s))
                raise TooMany("too many attempts; wait a quarter of an hour and try again", retry_after_s=wait_s)
        for guesser in guessers:
            recent = [at_s for at_s in self._wrong_s.pop(guesser, ()) if now_s - at_s < GUESSES_WINDOW_S]
            self._wrong_s[guesser] = [*recent, now_s]
        while len(self._wrong_s) > GUESSERS_MAX:
            self._wrong_s.popitem(last=False)

    def was_right(self, guessers: Sequence[str]) -> None:
        """The guess just taken was none."""
        for guesser in guessers:
            recent = self._wrong_s.get(guesser)
            if recent:
                recent.pop()


def guessers_of(name: str, address: str, known_device: str | None) -> tuple[str, ...]:
    """Against whom a guess counts.

    >>> guessers_of("asha", "2001:db8::1", None)
    ('account asha', 'address 2001:db8::/64')
    """
    if known_device is not None:
        return (f"device {known_device} {name}",)
    return (f"account {name}", f"address {_network(address)}")


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "none"
    return str(parsed) if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))
