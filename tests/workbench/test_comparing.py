"""The gates of a promotion: each stops what it is there to stop, and the command refuses by itself."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightgbm
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from fourthwatch.cli.main import root
from fourthwatch.clock import DAY_MS, Clock, ManualClock, Millis
from fourthwatch.errors import ModelRefused
from fourthwatch.model.manifest import Calibration, Manifest, Measured, Package, read_manifest
from fourthwatch.store.changes import AuditTrail
from fourthwatch.store.models import ModelFiles, ModelStore
from fourthwatch.workbench.comparing import LATENCY_P99_MICROS_MAX, Report, compare
from fourthwatch.workbench.learning import calibrated
from fourthwatch.workbench.packages import read_package
from fourthwatch.workbench.recording import line_of
from learned_shop import DELAY_MS, START_MS, UNTIL_MS, events, learned, shop

pytestmark = pytest.mark.slow

EARLIER_MS = UNTIL_MS - 20 * DAY_MS
ORDERS, ABROAD = 4_000, 8


class Learned:
    """A shop, a model that was learned some weeks before its newest orders, and one without a clue."""

    def __init__(self, data: Path, package: Package) -> None:
        self.data = data
        self.package = package
        self.manifest = read_manifest(package)

    def other(self, **told: Any) -> Package:
        """The same trees under another manifest."""
        manifest = msgspec.structs.replace(self.manifest, **told)
        golden = _golden(self.package, manifest)
        manifest = msgspec.structs.replace(manifest, golden_sha256=hashlib.sha256(golden).hexdigest())
        return Package(msgspec.json.encode(manifest), self.package.body, golden)

    @property
    def figures(self) -> dict[str, Measured]:
        """The manifest's, but no better than it does on later orders, which it is then said to have learned from."""
        modest = {"auc": Measured(value=0.9, low=0.87, high=0.93), "average_precision": Measured(0.7, 0.6, 0.8)}
        return {**self.manifest.metrics, **modest}

    def clueless(self) -> Package:
        """A model of noise, called `noise`, over the same features."""
        chance = np.random.default_rng(4)
        width = len(self.manifest.features)
        values, bad = chance.normal(size=(400, width)), (chance.random(400) < 0.1).astype(int)
        settings = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": 4, "seed": 1}
        booster = lightgbm.train(settings, lightgbm.Dataset(values, bad, params={"verbosity": -1}), 5)
        body = booster.model_to_string().encode()
        package = Package(self.package.manifest, body, self.package.golden)
        manifest = msgspec.structs.replace(
            self.manifest, id="noise", model_sha256=hashlib.sha256(body).hexdigest(),
            calibration=Calibration(1.0, 0.0), score_shares=(), trees=5,
        )  # fmt: skip
        golden = _golden(package, manifest)
        manifest = msgspec.structs.replace(manifest, golden_sha256=hashlib.sha256(golden).hexdigest())
        return Package(msgspec.json.encode(manifest), body, golden)

    def compared(self, package: Package, champion: Package | None = None, clock: Clock | None = None) -> Report:
        clock = ManualClock(UNTIL_MS) if clock is None else clock
        return compare(self.data, "default", package, champion, clock, lambda _done, _total: None)


def _golden(package: Package, manifest: Manifest) -> bytes:
    """The golden rows with what this manifest makes of them."""
    rows = np.frombuffer(package.golden, "<f8").reshape(manifest.golden_rows, -1)[:, :-1]
    booster = lightgbm.Booster(model_str=package.body.decode())
    margin = np.asarray(booster.predict(rows, raw_score=True, num_threads=1))
    return np.column_stack((rows, calibrated(margin, manifest.calibration))).astype("<f8").tobytes()


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Learned:
    timed = sorted([*events(orders=ORDERS), *_abroad()], key=lambda one: one[0])
    data = shop(tmp_path_factory.mktemp("shop"), timed)
    out = tmp_path_factory.mktemp("model") / "m"
    learned(data, out, until_ms=EARLIER_MS)
    package, _ = read_package(out)
    return Learned(data, package)


def _abroad() -> Iterator[tuple[int, bytes]]:
    """Orders of the weeks by which models are compared, in money of which a hundred are less than one of the others."""
    for number in range(ABROAD):
        at_ms = EARLIER_MS + 2 * DAY_MS + number
        order = {
            "_orderId": f"abroad-{number}", "_userId": f"u-{number}", "_originTimestamp": str(at_ms),
            "_amount": "900000", "_currencyCode": "JPY",
        }  # fmt: skip
        yield at_ms, line_of("createOrder", order)
        if number % 2:
            told = {"_orderId": f"abroad-{number}", "_chargebackState": "_received"}
            told_ms = at_ms + DAY_MS
            yield told_ms, line_of("chargeback", {**told, "_originTimestamp": str(told_ms)})


def _failed(report: Report) -> set[str]:
    return {gate.name for gate in report.gates if not gate.passed}


def test_a_good_model_passes_every_gate(known: Learned) -> None:
    report = known.compared(known.package, known.clueless())
    assert report.on == "fresh"
    assert {gate.name for gate in report.gates} == {"auc", "cost", "calibration", "latency", "drift"}
    assert _failed(report) == set()
    assert report.passed
    assert report.against == "noise"
    assert known.compared(known.package).against == "scorecard"


def test_one_that_ranks_worse_than_the_champion_does_not_pass_and_costs_more(known: Learned) -> None:
    report = known.compared(known.clueless(), known.package)
    assert report.against == known.manifest.id
    assert {"auc", "cost"} <= _failed(report)
    assert report.ours.auc < report.theirs.auc


def test_one_whose_probabilities_do_not_come_true_does_not_pass(known: Learned) -> None:
    calibration = known.manifest.calibration
    off = known.other(calibration=Calibration(calibration.slope, calibration.intercept + 4))
    assert "calibration" in _failed(known.compared(off))
    (gate,) = (gate for gate in known.compared(known.package).gates if gate.name == "calibration")
    assert gate.passed
    assert "times as many bad ones as foretold" in gate.says


def test_one_whose_scores_are_not_those_of_training_any_more_does_not_pass(known: Learned) -> None:
    moved = (*([0.0] * 18), 0.5, 0.5)
    assert _failed(known.compared(known.other(score_shares=moved), known.clueless())) == {"drift"}


def test_costs_are_of_one_currency_and_what_is_in_another_is_left_out_and_told(known: Learned) -> None:
    report = known.compared(known.package, known.clueless())
    (gate,) = (gate for gate in report.gates if gate.name == "cost")
    assert gate.says.endswith(f" EUR; {ABROAD} orders without an amount in EUR left out")
    assert 0 < report.ours.cost < report.theirs.cost < 100_000


def test_a_champion_of_another_target_is_told(known: Learned) -> None:
    told = {}
    for target in ("chargeback", "any"):
        champion = msgspec.structs.replace(read_manifest(known.clueless()), target=target)
        package = Package(msgspec.json.encode(champion), known.clueless().body, known.clueless().golden)
        told[target] = known.compared(known.package, package).gates[0].says
    assert told["chargeback"].endswith(" of noise")
    assert told["any"].endswith(" of noise, which foretells any; here an order is bad by what chargeback counts")


def test_a_champion_that_has_learned_from_the_orders_that_it_is_compared_on_is_told(known: Learned) -> None:
    noise = known.clueless()
    learned_lately = msgspec.structs.replace(read_manifest(noise), to_ms=UNTIL_MS)
    report = known.compared(known.package, msgspec.structs.replace(noise, manifest=msgspec.json.encode(learned_lately)))
    sentence = f" of noise; {report.orders:,} of these orders are of the time that it has learned from"
    assert report.gates[0].says.endswith(sentence)


class SlowClock(ManualClock):
    """Each look at it is longer after the one before than a row may take."""

    def __init__(self) -> None:
        super().__init__(Millis(UNTIL_MS))
        self._s = 0.0

    def monotonic_s(self) -> float:
        self._s += 2 * LATENCY_P99_MICROS_MAX / 1e6
        return self._s


def test_one_that_takes_too_long_does_not_pass(known: Learned) -> None:
    assert _failed(known.compared(known.package, known.clueless(), SlowClock())) == {"latency"}


def test_one_that_brings_no_figures_waits_for_later_orders(known: Learned) -> None:
    nearly_now = known.other(metrics={}, to_ms=UNTIL_MS - 8 * DAY_MS)
    with pytest.raises(ModelRefused, match="without figures in its manifest a comparison takes 200 and 10"):
        known.compared(nearly_now)


def test_one_that_does_not_say_since_when_its_figures_are_waits_for_later_orders(known: Learned) -> None:
    nameless = known.other(measured_from_ms=0, to_ms=UNTIL_MS - 8 * DAY_MS)
    with pytest.raises(ModelRefused, match="without measured_from_ms in its manifest a comparison takes 200 and 10"):
        known.compared(nameless)


def test_figures_that_a_model_cannot_have_do_not_stand_in_for_later_orders(known: Learned) -> None:
    """They let pass whoever wrote them: they were all that the gates of AUC and calibration went by."""
    nearly_now = UNTIL_MS - 8 * DAY_MS
    assert known.compared(known.other(to_ms=nearly_now, metrics=known.figures)).on == "measured"
    made_up = {**known.manifest.metrics, "auc": Measured(value=0.999, low=0.99, high=1.0)}
    with pytest.raises(
        ModelRefused, match=r"says auc 0\.999 of orders that came later, and of those .* it is 0\.\d+: the"
    ):
        known.compared(known.other(to_ms=nearly_now, metrics=made_up))
    noise = known.clueless()
    manifest = msgspec.json.encode(msgspec.structs.replace(read_manifest(noise), to_ms=nearly_now))
    with pytest.raises(ModelRefused, match="the figures cannot be its own"):
        known.compared(msgspec.structs.replace(noise, manifest=manifest))


def test_what_it_costs_before_there_are_later_orders_is_told_by_those_it_had_not_learned_from(known: Learned) -> None:
    """On the orders that it has learned from it costs less than it will."""
    share = known.manifest.metrics["cost_share"]
    assert 0 < share.low <= share.value <= share.high < 1
    nearly_now = UNTIL_MS - 8 * DAY_MS
    costlier = {**known.figures, "cost_share": Measured(value=0.9, low=0.8, high=1.0)}
    told, dearer = (
        known.compared(known.other(to_ms=nearly_now, metrics=metrics)) for metrics in (known.figures, costlier)
    )
    assert dearer.ours.cost == pytest.approx(told.ours.cost * 0.9 / share.value, rel=1e-4)
    assert "cost" in _failed(dearer)
    poor, nothing = Measured(value=0.1, low=0.0, high=0.2), Measured(value=0.0, low=0.0, high=0.0)
    noise = known.clueless()
    free = msgspec.structs.replace(
        read_manifest(noise), to_ms=nearly_now,
        metrics={"auc": poor, "average_precision": nothing, "calibration_error": poor, "cost_share": nothing},
    )  # fmt: skip
    with pytest.raises(ModelRefused, match=r"says cost share 0\.000 of orders that came later"):
        known.compared(msgspec.structs.replace(noise, manifest=msgspec.json.encode(free)))
    without = {name: one for name, one in known.figures.items() if name != "cost_share"}
    (gate,) = (
        one for one in known.compared(known.other(to_ms=nearly_now, metrics=without)).gates if one.name == "cost"
    )
    assert gate.says.endswith("; its own of orders that it has learned from, as its manifest says no cost share")


def test_how_late_labels_are_is_told_by_all_orders_and_not_by_those_of_the_measured_slice_alone(tmp_path: Path) -> None:
    """The slice begins with disputes that are the latest of it: by itself it says that none comes earlier."""
    data = shop(tmp_path, sorted((_later(at_ms, line) for at_ms, line in events()), key=lambda one: one[0]))
    learned(data, tmp_path / "m")
    package, _ = read_package(tmp_path / "m")
    rows = read_manifest(package).rows
    report = compare(data, "default", package, None, ManualClock(UNTIL_MS), lambda _done, _total: None)
    assert (report.on, report.orders) == ("measured", rows - int(0.8 * rows))


def _later(at_ms: int, line: bytes) -> tuple[int, bytes]:
    """Disputes of orders of days around the beginning of the measured slice, all told half a day before the end."""
    told_ms = UNTIL_MS - DAY_MS // 2
    told = msgspec.json.decode(line)
    if told["event"] != "chargeback" or not 43.5 <= (at_ms - DELAY_MS - START_MS) / DAY_MS < 45:
        return at_ms, line
    return told_ms, line_of("chargeback", {**told["body"], "_originTimestamp": str(told_ms)})


def test_a_target_without_labels_cannot_be_compared(known: Learned) -> None:
    with pytest.raises(ModelRefused, match="no labels of the target"):
        known.compared(known.other(target="weather"))


def _run(known: Learned, *words: str) -> Any:
    return CliRunner().invoke(root, ["models", words[0], "--data", str(known.data), *words[1:]])


def test_promote_refuses_by_itself_and_an_override_names_who_and_why(known: Learned) -> None:
    store = ModelStore(known.data, ManualClock(UNTIL_MS))
    add: Callable[[str, Package], None] = lambda name, package: store.add(  # noqa: E731
        1, name, package.manifest, ModelFiles(package.body, package.golden, b""), actor="test"
    )
    good = known.manifest.id
    add(good, known.package)
    add("noise", known.clueless())
    nameless = _run(known, "promote", "noise", "--override", "we know better")
    assert "--override needs --by" in str(nameless.exception)
    taken = _run(known, "promote", "noise", "--override", "we know better", "--by", "asha")
    assert taken.exit_code == 0, taken.output
    told = _run(known, "promote", good)
    assert told.exit_code == 0, told.output
    assert told.output.count("passed") == 5
    refused = _run(known, "promote", "noise")
    assert refused.exit_code == 1
    assert "FAILED  auc" in refused.output
    compared = _run(known, "compare", "noise")
    assert (compared.exit_code, "FAILED  auc" in compared.output) == (0, True)
    assert _champion(store) == good  # it stays
    trail = AuditTrail(known.data)
    moves = trail.page(1, 10**9, 10, action="models.moved")
    assert b"gates overridden by asha: we know better" in (moves[-1].after or b"")
    assert b"passed its gates" in (moves[0].after or b"")
    trail.close()
    assert _run(known, "rollback", "--why", "a test").exit_code == 0
    assert _champion(store) == "noise"
    store.close()


def _champion(store: ModelStore) -> str:
    found = store.champion(1)
    return "" if found is None else found.id
