"""How long learning takes on 100,000 orders with 150 features and two threads, and how much memory it holds.

From the matrix on: choosing features, trying settings in the time that `train` gives itself, calibration, golden rows
and card. In a process of its own, whose greatest memory is told by the system.
"""

import json
import resource
import subprocess
import sys

import numpy as np

from bench.figures import Figure, figure
from fourthwatch.clock import DAY_MS, SystemClock
from fourthwatch.workbench.matrix import UNTOLD, Matrix, Outcomes
from fourthwatch.workbench.training import Plan, fit

ORDERS, FEATURES, THREADS = 100_000, 150, 2
DAYS = 180
_BAD_SHARE = 0.015


def measure_training(runs: int) -> list[Figure]:
    """The rows of the table; each run is a process."""
    told = []
    for _ in range(min(runs, 3)):
        done = subprocess.run([sys.executable, "-m", "bench.training"], capture_output=True, check=True, text=True)
        told.append(json.loads(done.stdout.splitlines()[-1]))
    what = f"{ORDERS:,} orders, {FEATURES} features, {THREADS} threads"
    return [
        figure(f"training: {what}", [one["seconds"] for one in told], "s", at_most=120.0),
        figure("training: of these CPU", [one["cpu"] for one in told], "s"),
        figure("training: memory at the most", [one["mib"] for one in told], "MiB"),
    ]


def matrix() -> Matrix:
    """Orders of half a year: a few features tell, most do not, a fifth of all values is unknown."""
    chance = np.random.default_rng(7)
    values = chance.normal(size=(ORDERS, FEATURES))
    values[:, ::3] = np.round(np.exp(values[:, ::3]))
    odds = 1.2 * values[:, 1] + 0.8 * values[:, 2] * (values[:, 4] > 0) + 0.5 * np.minimum(values[:, 3], 4)
    bad = odds + chance.logistic(size=ORDERS) > np.quantile(odds + chance.logistic(size=ORDERS), 1 - _BAD_SHARE)
    values[chance.random(values.shape) < 0.2] = np.nan
    occurred = np.sort(chance.integers(0, DAYS * DAY_MS, ORDERS))
    told = Outcomes(np.where(bad, 1, UNTOLD), np.where(bad, occurred + chance.integers(0, 30 * DAY_MS, ORDERS), UNTOLD))
    untold = Outcomes(np.full(ORDERS, UNTOLD), np.full(ORDERS, UNTOLD))
    nobody = ("",) * ORDERS
    return Matrix(
        names=tuple(f"feature_{at}" for at in range(FEATURES)), left_out=(), values=values,
        position=np.arange(ORDERS), occurred_ms=occurred, amount=np.exp(chance.normal(4, 1, ORDERS)),
        score=np.zeros(ORDERS, np.int64), payment=nobody, user=nobody, order=nobody,
        labels={"chargeback": told, "canceled": untold}, mark="bench", currency=nobody,
    )  # fmt: skip


def main() -> None:
    """One run."""
    rows, clock = matrix(), SystemClock()
    began = clock.monotonic_s()
    plan = Plan(until_ms=(DAYS + 60) * DAY_MS, threads=THREADS)
    fit(rows, (), plan, clock, lambda _what, _share: None, lambda _name, work: work())
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {"seconds": clock.monotonic_s() - began, "cpu": used.ru_utime + used.ru_stime, "mib": used.ru_maxrss / 1024}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
