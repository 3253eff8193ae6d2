"""A small shop with a past to learn from: rings on shared devices dispute, nearly everybody else does not."""

from pathlib import Path
from random import Random

from fourthwatch.clock import DAY_MS, HOUR_MS, ManualClock
from fourthwatch.workbench.intake import take_recording
from fourthwatch.workbench.recording import line_of, write_lines
from fourthwatch.workbench.training import Plan, Trained, train

START_MS = 1_790_000_000_000
DAYS = 60
DELAY_MS = 5 * DAY_MS
UNTIL_MS = START_MS + DAYS * DAY_MS
FEATURES = (
    "amount", "account_age", "orders_by_device_24h", "users_by_device_30d", "accounts_by_device_7d",
    "orders_by_user_7d", "chargebacks_ever", "neighbours", "own_mean_amount", "device_age",
)  # fmt: skip


def events(seed: int = 1, orders: int = 1_500) -> list[tuple[int, bytes]]:
    """Moment and line of each event, in the order of time."""
    random, timed = Random(seed), []
    for number in range(orders):
        at_ms = START_MS + random.randrange(DAYS * DAY_MS)
        ring = random.random() < 0.12
        device = f"d-ring-{random.randrange(12)}" if ring else f"d-{random.randrange(900)}"
        user = f"u-{number}" if ring else f"u-{random.randrange(500)}"
        bad = random.random() < (0.75 if ring else 0.01)
        who = {"_userId": user, "_originTimestamp": str(at_ms)}
        order = {
            "_orderId": f"o-{number}",
            "_amount": str(random.randrange(10, 400 if ring else 200)),
            "_currencyCode": "EUR",
        }
        info = {"_customInfo": {"deviceId": device}}
        if ring:
            timed.append(
                (at_ms - HOUR_MS, line_of("create_account", {**who, "_originTimestamp": str(at_ms - HOUR_MS), **info}))
            )
        timed.append((at_ms, line_of("createOrder", {**who, **order, **info})))
        if bad and at_ms + DELAY_MS < UNTIL_MS:
            told = {
                **who,
                "_orderId": f"o-{number}",
                "_chargebackState": "_received",
                "_originTimestamp": str(at_ms + DELAY_MS),
            }
            timed.append((at_ms + DELAY_MS, line_of("chargeback", told)))
    timed.sort(key=lambda one: one[0])
    return timed


def shop(directory: Path, timed: list[tuple[int, bytes]]) -> Path:
    """A data directory with that past in it."""
    directory.mkdir(parents=True, exist_ok=True)
    recording = directory / "past.jsonl"
    write_lines(recording, (line for _, line in timed))
    data = directory / "data"
    data.mkdir()
    take_recording(recording, data, lambda _: None)
    return data


def learned(data: Path, out: Path, **other: object) -> Trained:
    """A model of that shop."""
    plan = Plan(**{"until_ms": UNTIL_MS, "features": FEATURES, "seconds": 1.0, **other})  # type: ignore[arg-type]
    return train(data, out, plan, ManualClock(UNTIL_MS), lambda _what, _share: None)
