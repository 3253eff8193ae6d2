"""Learning from a shop's log: honest about time, the same live, resumable, and no model where there is too little."""

from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS, ManualClock
from fourthwatch.decision import Policy
from fourthwatch.engine.corridor import CorridorSettings
from fourthwatch.engine.definitions import Shelf
from fourthwatch.engine.opening import open_walk
from fourthwatch.engine.panel import Panel
from fourthwatch.errors import ModelRefused
from fourthwatch.features.definition import Feature
from fourthwatch.model.manifest import Manifest, Package, read_manifest
from fourthwatch.model.probe import try_out
from fourthwatch.model.serving import LiveModel
from fourthwatch.store.features import FeatureStore
from fourthwatch.store.history import History
from fourthwatch.workbench.card import by_month
from fourthwatch.workbench.dataset import Wanted
from fourthwatch.workbench.intake import take_recording
from fourthwatch.workbench.learning import Learner
from fourthwatch.workbench.matrix import Matrix, read_matrix
from fourthwatch.workbench.maturity import curve_of, usable
from fourthwatch.workbench.outcomes import TARGETS, history_of
from fourthwatch.workbench.packages import read_package
from fourthwatch.workbench.ranking import auc_of
from fourthwatch.workbench.recording import line_of, write_lines
from fourthwatch.workbench.training import Plan, gone_on, train
from learned_shop import DAYS, DELAY_MS, FEATURES, START_MS, UNTIL_MS, events, learned, shop

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop(tmp_path_factory.mktemp("shop"), events())


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, Package]:
    out = tmp_path_factory.mktemp("model") / "m"
    learned(data, out)
    package, card = read_package(out)
    assert b"<script" not in card
    for title in (
        "Bad orders found, by good orders flagged", "Precision, by share of bad orders found", "Month by month",
        "What came, by what was foretold", "Money (EUR), by score above which orders are held",
        "<h3>Effects</h3><figure", "The scores that were given then",
    ):  # fmt: skip
        assert title.encode() in card, title
    assert not (out / "work").exists()
    return read_manifest(package), package


def _nothing(_done: int, _total: int) -> None:
    """Progress that nobody looks at."""


def _matrix(data: Path, manifest: Manifest, to_ms: int | None = None, known_by_ms: int | None = None) -> Matrix:
    own = tuple(Feature(use.name, use.text, use.unit, use.says) for use in manifest.features if use.text)
    wanted = Wanted(to_ms=to_ms, features=manifest.names, definitions=own, kept=manifest.names, known_by_ms=known_by_ms)
    return read_matrix(data, wanted, _nothing)


def _probabilities(manifest: Manifest, package: Package, matrix: Matrix) -> list[float]:
    live = LiveModel.of(manifest, package)
    rows = matrix.columns(manifest.names).tolist()
    found = [live.judge([None if one != one else one for one in row]).probability for row in rows]
    live.close()
    return found


def test_a_model_finds_the_rings_and_says_what_it_is(model: tuple[Manifest, Package]) -> None:
    manifest, package = model
    assert manifest.metrics["auc"].low > 0.8
    assert manifest.metrics["auc"].low <= manifest.metrics["auc"].value <= manifest.metrics["auc"].high
    assert manifest.delay_days == 5
    assert manifest.knew_then
    assert manifest.rows + manifest.left_out == 1_500
    assert manifest.left_out > 0  # the last five days
    assert try_out(package) == manifest
    assert any(use.text.startswith("(count(chargeback, by device") for use in manifest.features)


def test_a_card_draws_every_month_of_a_longer_time() -> None:
    occurred = np.arange(600) * DAY_MS // 6  # a hundred days
    bad = (np.arange(600) % 7 == 0).astype(np.int64)
    told = np.where(bad == 1, 0.7, 0.2) + np.linspace(0, 0.4, 600) * np.where(np.arange(600) % 2, 1, -1)
    page = by_month(bad, told, occurred)
    assert "Stability, by month of the table" in page
    assert page.count("<tr><td>1970-") == 4


def test_the_future_shuffled_moves_no_past_feature_and_no_prediction_by_a_bit(
    model: tuple[Manifest, Package], tmp_path: Path
) -> None:
    manifest, package = model
    half_ms = START_MS + DAYS * DAY_MS // 2
    past = [one for one in events() if one[0] < half_ms]
    future = [one for one in events(seed=99) if one[0] >= half_ms]
    Random(5).shuffle(future)
    later = [(half_ms + at, line) for at, (_, line) in enumerate(future)]
    found = []
    for name, timed in (("one", events()), ("other", past + later)):
        ledger = shop(tmp_path / name, timed)
        matrix = _matrix(ledger, manifest, to_ms=half_ms, known_by_ms=half_ms)
        known = usable(matrix, "chargeback", half_ms)
        found.append((matrix.values.tobytes(), _probabilities(manifest, package, matrix), known.bad.tobytes()))
    assert found[0] == found[1]
    assert len(found[0][1]) > 600


def test_training_until_a_moment_gives_the_same_bytes_whatever_came_after(tmp_path: Path) -> None:
    until_ms = START_MS + 45 * DAY_MS
    bodies = []
    for name, timed in (("long", events()), ("short", [one for one in events() if one[0] < until_ms])):
        ledger = shop(tmp_path / name, timed)
        plan = Plan(until_ms=until_ms, features=FEATURES, seconds=0.0)
        train(ledger, tmp_path / f"m-{name}", plan, ManualClock(UNTIL_MS), lambda _what, _share: None)
        package, _ = read_package(tmp_path / f"m-{name}")
        bodies.append((package.body, package.golden))
    assert bodies[0] == bodies[1]


def test_what_a_champion_is_handed_live_is_what_it_was_trained_on(
    model: tuple[Manifest, Package], tmp_path: Path
) -> None:
    manifest, package = model
    data = tmp_path / "data"
    data.mkdir()
    panel = Panel()
    seat = panel.admit(1, LiveModel.of(manifest, package), Shelf(()).of(1))
    panel.put(1, seat, (seat,))
    settings = CorridorSettings(
        directory=data, policy=Policy(deadline_ms=0), disk_reserve_bytes=0, snapshot_every_events=10**9, panel=panel
    )
    recording = tmp_path / "past.jsonl"
    write_lines(recording, (line for _, line in events()))
    take_recording(recording, data, lambda _: None, panel=panel)
    matrix = _matrix(data, manifest)
    expected = {int(at): row for at, row in zip(matrix.position, matrix.columns(manifest.names).tolist(), strict=True)}
    history = History(data)
    compared = 0
    for entry in history.entries():
        if entry.decision is None or entry.event.seq not in expected:
            continue
        told = msgspec.json.decode(entry.decision.detail)
        assert told["model"] == manifest.id
        assert told["model_vector"] == [None if one != one else one for one in expected[entry.event.seq]]
        assert told["shadows"] == [[manifest.id, told["probability"]]]
        compared += 1
    history.close()
    assert compared == 1_500
    opened = open_walk(settings, ManualClock(UNTIL_MS), bytes)
    assert opened.definitions.is_known(seat.key)
    opened.walk.ledger.close()


def test_a_share_of_bad_outcomes_is_what_brute_force_counts(data: Path) -> None:
    own = history_of("chargeback", 5)
    named = ("bad_share_of_device_3d", "bad_share_of_device_7d", "bad_share_of_device_ever")
    wanted = Wanted(features=("amount", *named), definitions=own)
    matrix = read_matrix(data, wanted, _nothing)
    orders: dict[str, list[tuple[int, str]]] = {}
    bad: dict[str, int] = {}
    for at_ms, line in events():
        told = msgspec.json.decode(line)
        if told["event"] == "createOrder":
            orders.setdefault(told["body"]["_customInfo"]["deviceId"], []).append((at_ms, told["body"]["_orderId"]))
        elif told["event"] == "chargeback":
            bad[told["body"]["_orderId"]] = at_ms
    device_of = {order: device for device, rows in orders.items() for _, order in rows}
    shares = matrix.columns(named)
    told_apart = 0
    for order, now_ms, (*lately, ever) in zip(matrix.order, matrix.occurred_ms.tolist(), shares.tolist(), strict=True):
        rows = [one for one in orders[device_of[order]] if one[0] < now_ms]
        known = [bad[name] for _, name in rows if bad.get(name, 2**62) <= now_ms]
        late = [at for at, _ in rows if at <= now_ms - DELAY_MS]
        assert ever == pytest.approx(len(known) / (len(late) + 20))
        for days, share in zip((3, 7), lately, strict=True):
            bad_lately = [at for at in known if at > now_ms - days * DAY_MS]
            of_those = [at for at in late if at > now_ms - days * DAY_MS - DELAY_MS]
            assert share == pytest.approx(len(bad_lately) / (len(of_those) + 20), abs=0.02)
        told_apart += ever > 0
    assert told_apart > 50


@pytest.mark.parametrize("name", ["weekly", "orders_by_device_24h"])
def test_what_a_model_brings_goes_before_what_is_there_of_the_name_as_it_does_live(name: str, tmp_path: Path) -> None:
    data = shop(tmp_path, events(orders=200))
    store = FeatureStore(data, ManualClock(UNTIL_MS))
    told = {"unit": "orders", "says": "orders of the user", "reason": "weekly", "author": "a test"}
    store.add(1, "weekly", "count(order, by user, last 7d)", **told)
    store.close()
    own = tuple(Feature(one, "count(order, by device, last 7d)", "orders", "of a device") for one in (name, "alone"))
    matrix = read_matrix(data, Wanted(features=(name, "alone"), definitions=own), _nothing)
    brought, alone = matrix.columns((name, "alone")).T
    assert alone.max() > 0
    np.testing.assert_array_equal(brought, alone)


def test_a_dispute_that_was_won_leaves_the_shares_again_as_it_leaves_the_labels(tmp_path: Path) -> None:
    who = {"_userId": "u-1", "_currencyCode": "EUR", "_amount": "10"}
    dispute = {"_userId": "u-1", "_orderId": "o-0"}
    days = [("createOrder", {**who, "_orderId": f"o-{day}"}, float(day)) for day in range(20)]
    days += [
        ("chargeback", {**dispute, "_chargebackState": "_received"}, 6.5),
        ("chargeback", {**dispute, "_chargebackState": "_won"}, 12.5),
    ]
    timed = [
        (at := START_MS + int(day * DAY_MS), line_of(event, {**body, "_originTimestamp": str(at)}))
        for event, body, day in sorted(days, key=lambda one: one[2])
    ]
    data = shop(tmp_path, timed)
    for own in (history_of("chargeback", 5), history_of("any", 5)):
        names = ("bad_share_of_user_ever", "days_since_last_bad_of_user")
        matrix = read_matrix(data, Wanted(features=names, definitions=own), _nothing)
        share, since = matrix.columns(names).T.tolist()
        assert [day for day, one in enumerate(share) if one > 0] == [7, 8, 9, 10, 11, 12]
        assert since[19] == pytest.approx(12.5)  # that it was known to be disputed stays true
        assert matrix.labels["chargeback"].value[0] == 0


def test_amounts_alone_are_worth_what_the_shop_was_made_with_and_history_is_worth_much_more(data: Path) -> None:
    own = history_of("chargeback", 5)
    matrix = read_matrix(data, Wanted(features=(*FEATURES, *(one.name for one in own)), definitions=own), _nothing)
    known = usable(matrix, "chargeback", UNTIL_MS)
    train, test = np.split(np.arange(len(known.rows)), [len(known.rows) // 2])
    found = []
    for names in (("amount",), matrix.names):
        values = matrix.columns(names)[known.rows]
        learner = Learner(names, values, known.bad, known.weight, 1)
        found.append(auc_of(known.bad[test], learner.fit_plainly(train).predict(values[test])))
    ring, above = 0.12, 190 / 390  # what rings are of all orders, and which part of theirs no ordinary order comes to
    bad_above = above * ring * 0.75 / (ring * 0.75 + (1 - ring) * 0.01)
    good_above = above * ring * 0.25 / (ring * 0.25 + (1 - ring) * 0.99)
    assert found[0] == pytest.approx(0.5 + (bad_above - good_above) / 2, abs=0.06)  # as good as amounts can tell
    assert found[1] > found[0] + 0.1


def test_more_rows_to_learn_from_do_not_make_it_worse(data: Path) -> None:
    own = history_of("chargeback", 5)
    names = (*FEATURES, *(one.name for one in own))
    matrix = read_matrix(data, Wanted(features=names, definitions=own), _nothing)
    known = usable(matrix, "chargeback", UNTIL_MS)
    values, bad, weight = matrix.values[known.rows], known.bad, known.weight
    test = np.arange(int(len(bad) * 0.8), len(bad))
    curve = []
    for share in (0.2, 0.4, 0.8):
        learner = Learner(matrix.names, values, bad, weight, 1)
        rows = np.arange(int(len(bad) * (0.8 - share)), int(len(bad) * 0.8))
        curve.append(auc_of(bad[test], learner.fit_plainly(rows).predict(values[test])))
    assert curve[2] >= curve[0] - 0.03
    assert curve[2] > 0.85


def _stop_at_learning(what: str, _share: float) -> None:
    if what == "learning":
        raise KeyboardInterrupt


def test_a_training_that_was_stopped_goes_on_where_it_was_and_comes_to_the_same_bytes(
    data: Path, model: tuple[Manifest, Package], tmp_path: Path
) -> None:
    out = tmp_path / "m"
    said: list[str] = []
    plan = Plan(until_ms=UNTIL_MS, features=FEATURES, seconds=1.0)
    with pytest.raises(KeyboardInterrupt):
        train(data, out, plan, ManualClock(UNTIL_MS), _stop_at_learning)
    assert not (out / "manifest.json").exists()
    assert (out / "work" / "all.npz").exists()
    train(data, out, plan, ManualClock(UNTIL_MS), lambda what, _share: said.append(what))
    assert "walking through the ledger" not in said
    assert read_package(out)[0] == model[1]


def test_it_goes_on_beside_a_server_that_takes_in_events_meanwhile(
    model: tuple[Manifest, Package], tmp_path: Path
) -> None:
    ledger, out, clock = shop(tmp_path, events()), tmp_path / "m", ManualClock(UNTIL_MS)
    said: list[str] = []
    plan = Plan(until_ms=UNTIL_MS, features=FEATURES, seconds=1.0)
    with pytest.raises(KeyboardInterrupt):
        train(ledger, out, plan, clock, _stop_at_learning)
    more = tmp_path / "more.jsonl"
    late = [line for at, line in events(seed=2, orders=50) if b'"createOrder"' in line]
    write_lines(more, (line.replace(b'"o-', b'"late-') for line in late))
    take_recording(more, ledger, lambda _: None)
    again = gone_on(out, msgspec.structs.replace(plan, until_ms=UNTIL_MS + HOUR_MS))  # as of a command without --until
    assert again == plan
    train(ledger, out, again, clock, lambda what, _share: said.append(what))
    assert "walking through the ledger" not in said
    assert read_package(out)[0] == model[1]
    train(ledger, out, plan, clock, lambda what, _share: said.append(what))
    assert "walking through the ledger" in said  # the one that came to its end is not gone on with
    assert read_package(out)[0] != model[1]


def test_only_the_same_training_of_the_last_day_is_gone_on_with(data: Path, tmp_path: Path) -> None:
    out, plan = tmp_path / "m", Plan(until_ms=UNTIL_MS, features=FEATURES, seconds=0.0)

    def stop(what: str, _share: float) -> None:
        if what == "choosing features":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, out, plan, ManualClock(UNTIL_MS), _stop_at_learning)
    for other in ({"until_ms": UNTIL_MS + DAY_MS}, {"until_ms": UNTIL_MS + 1, "target": "any"}):
        changed = msgspec.structs.replace(plan, **other)
        assert gone_on(out, changed) == changed


def test_too_little_is_a_sentence_and_no_model(data: Path, tmp_path: Path) -> None:
    clock = ManualClock(UNTIL_MS)

    def refused(ledger: Path, sentence: str, **other: object) -> None:
        plan = Plan(**{"until_ms": UNTIL_MS, "features": FEATURES, "seconds": 0.0, **other})  # type: ignore[arg-type]
        with pytest.raises(ModelRefused, match=sentence):
            train(ledger, tmp_path / "none", plan, clock, lambda _what, _share: None)
        assert not (tmp_path / "none" / "manifest.json").exists()

    for target in TARGETS:
        if target not in ("chargeback", "any"):
            refused(data, "nothing to learn yet", target=target)
    refused(data, "are needed", until_ms=START_MS + 12 * DAY_MS)
    quiet = [(at, line) for at, line in events() if b'"chargeback"' not in line]
    refused(shop(tmp_path / "quiet", quiet), "no order is known to be bad")


def test_a_curve_is_right_although_late_labels_could_not_be_seen_yet() -> None:
    chance = np.random.default_rng(8)
    delays = chance.exponential(20, 20_000)
    ages = chance.uniform(0, 90, 20_000)
    seen = delays <= ages
    curve = curve_of("chargeback", "", delays[seen].tolist(), ages[seen].tolist())
    naive = float((delays[seen] <= 20).mean())
    whole = (1 - np.exp(-20 / 20)) / (1 - np.exp(-90 / 20))
    assert curve.share_at(20) == pytest.approx(whole, abs=0.02)
    assert naive > whole + 0.05  # what one would get without putting that right


def test_a_label_about_nobody_changes_nothing(data: Path, tmp_path: Path) -> None:
    stray = line_of("chargeback", {"_orderId": "o-nobody", "_originTimestamp": str(UNTIL_MS - 1)})
    ledger = shop(tmp_path / "stray", [*events(), (UNTIL_MS - 1, stray)])
    one = read_matrix(data, Wanted(features=FEATURES), _nothing)
    other = read_matrix(ledger, Wanted(features=FEATURES), _nothing)
    assert one.values.tobytes() == other.values.tobytes()
