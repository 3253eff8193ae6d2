"""The look that a server takes at its models every minute: metrics, alerts, one row in the audit trail."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from fourthwatch.clock import ManualClock
from fourthwatch.engine.definitions import Shelf
from fourthwatch.engine.panel import Panel, Seat
from fourthwatch.engine.watching import alerts_of
from fourthwatch.metrics import metrics_text
from fourthwatch.model.manifest import Use, read_manifest
from fourthwatch.model.serving import LiveModel
from fourthwatch.server.watching import ModelWatch
from fourthwatch.store.changes import AuditTrail, Configuration
from small_model import WIDTH, package_of, small_model
from story import NOW_MS

NAMES = (
    "amount", "account_age", "orders_by_user_24h", "orders_by_user_7d", "own_mean_amount", "chargebacks_ever",
    "neighbours", "orders_by_user_90d",
)  # fmt: skip


@pytest.fixture
def panel() -> Panel:
    good = small_model()
    uses = tuple(Use(name=name, edges=(-0.5, 0.5), shares=(0.31, 0.38, 0.31, 0.0)) for name in NAMES)
    told = {"id": "watched-1", "features": uses, "score_shares": tuple(0.05 for _ in range(20))}
    package = package_of(good.body, good.golden, 300, **told)
    opened = Panel()
    seat = opened.admit(1, LiveModel.of(read_manifest(package), package), Shelf(()).of(1))
    opened.put(1, seat, ())
    return opened


def _hand(seat: Seat, *, moved: bool) -> None:
    random = Random(4)
    for at in range(1_000):
        row = [random.gauss(0, 1) for _ in range(WIDTH)]
        row[0] += 3 if moved else 0
        seat.recent.append((tuple(row), at % 100))


def _value(series: str) -> float | None:
    for line in metrics_text().decode().splitlines():
        if line.startswith(series + " "):
            return float(line.rpartition(" ")[2])
    return None


def test_a_model_that_drifts_is_told_once_and_shown_until_it_goes(tmp_path: Path, panel: Panel) -> None:
    clock = ManualClock(NOW_MS)
    Configuration(tmp_path, clock).close()
    watch = ModelWatch(tmp_path, panel, clock)
    (seat,) = panel.seats.values()
    _hand(seat, moved=False)
    asyncio.run(watch.look())
    assert list(alerts_of(panel, 1)) == []
    assert _value('fourthwatch_model_drift{model="watched-1",of="amount"}') == pytest.approx(0.0, abs=0.02)
    seat.recent.clear()
    _hand(seat, moved=True)
    for _ in range(3):
        asyncio.run(watch.look())
    moved = _value('fourthwatch_model_drift{model="watched-1",of="amount"}')
    assert moved is not None
    assert moved > 1
    (alert,) = alerts_of(panel, 1)
    assert (alert.code, alert.severity, alert.thing) == ("model.drifted", "bad", "models/watched-1")
    assert "amount moved far" in alert.says
    assert alert.says.endswith("Its scores have moved less (PSI 0.00).")  # which is what decides
    trail = AuditTrail(tmp_path)
    (entry,) = trail.page(1, 10**9, 10, action="model.drifted")
    assert (entry.actor, entry.thing) == ("watch", "models/watched-1")
    assert b'"amount"' in (entry.after or b"")
    trail.close()
    panel.dismiss(seat.key)
    asyncio.run(watch.look())
    assert b"watched-1" not in metrics_text()
    assert list(alerts_of(panel, 1)) == []


def test_of_a_model_that_does_not_judge_any_more_nothing_is_remembered(tmp_path: Path, panel: Panel) -> None:
    """It keeps its seat for a rollback, and should not come back with what was said of its first term."""
    clock = ManualClock(NOW_MS)
    Configuration(tmp_path, clock).close()
    watch = ModelWatch(tmp_path, panel, clock)
    (seat,) = panel.seats.values()
    _hand(seat, moved=True)
    asyncio.run(watch.look())
    panel.failing[seat.key] = (3, "a test")
    assert {one.code for one in alerts_of(panel, 1)} == {"model.drifted", "model.failing"}
    panel.put(1, None, ())
    asyncio.run(watch.look())
    assert list(alerts_of(panel, 1)) == []
    assert _value('fourthwatch_model_drift{model="watched-1",of="score"}') is None
    panel.put(1, seat, ())
    asyncio.run(watch.look())
    assert list(alerts_of(panel, 1)) == []
