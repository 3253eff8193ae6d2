"""Whether the time of a wrong sign-in tells if there is a user of that name: 500 of each, in turns (R-35).

Wall time of looking up the name and comparing the password, and the two-sided Mann-Whitney test of the two samples: a
small p means that they can be told apart. By chance alone one run in a hundred is below 0.01.
"""

import asyncio
import time
from collections.abc import Sequence
from math import erfc, sqrt

import numpy as np

from bench.figures import Figure, figure
from bench.peak import scratch
from fourthwatch.clock import SystemClock
from fourthwatch.console.passwords import Passwords
from fourthwatch.store.users import FIRST_TENANT, UserStore

_EACH = 500


def measure_sign_in() -> list[Figure]:
    """The rows of the table."""
    with scratch() as directory:
        known, unknown = asyncio.run(_timed(UserStore(directory, SystemClock())))
    p = mann_whitney_p(known, unknown)
    return [
        figure("sign-in: p that known and unknown names take the same time", [p], at_least=0.01, note="Mann-Whitney"),
        figure("sign-in: median of a wrong password, known name", [float(np.median(known))], "ms"),
        figure("sign-in: median of a wrong password, unknown name", [float(np.median(unknown))], "ms"),
    ]


def mann_whitney_p(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Two-sided, by the normal approximation, which is good from some twenty of each on; ties share their ranks.

    >>> round(mann_whitney_p(range(100), range(100)), 3), mann_whitney_p(range(100), range(60, 160)) < 1e-6
    (1.0, True)
    """
    values = np.concatenate([np.asarray(ours, float), np.asarray(theirs, float)])
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    first, second, whole = len(ours), len(theirs), len(values)
    u = ranks[:first].sum() - first * (first + 1) / 2
    ties = float((counts.astype(float) ** 3 - counts).sum()) / (whole * (whole - 1))
    spread = sqrt(first * second / 12 * (whole + 1 - ties))
    return float(erfc(abs(u - first * second / 2) / spread / sqrt(2)))


async def _timed(users: UserStore) -> tuple[list[float], list[float]]:
    passwords = Passwords()
    user = users.add(FIRST_TENANT, "asha@example.com", "analyst")
    users.set_password(user, await passwords.hash("five quiet lanterns"))  # invented
    took: dict[str, list[float]] = {"asha@example.com": [], "nobody@example.com": []}
    for number in range(2 * _EACH + 20):
        name = list(took)[number % 2]
        began = time.perf_counter()
        found = users.named(name)
        await passwords.matches(None if found is None else found.password, "not the one, no")
        if number >= 20:
            took[name].append((time.perf_counter() - began) * 1_000)
    users.close()
    known, unknown = took.values()
    return known, unknown
