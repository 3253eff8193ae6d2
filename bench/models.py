"""`python -m bench.models --data DIR`: how good models are on the public sets, beside what others published on them.

The same program runs as for a shop: converter → events → the product's own walk into a ledger → point-in-time matrix →
`train` → the serving code. HTTP alone is left out, a million events over it would take an hour: `workbench.intake`.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from bench.raw import raw_fraudecom, raw_handbook, raw_scores
from fourthwatch.clock import DAY_MS, SystemClock
from fourthwatch.features.catalogue import DECIDING, FEATURES_VERSION
from fourthwatch.features.definition import Feature
from fourthwatch.features.windows import WINDOWS_VERSION
from fourthwatch.model.manifest import Manifest, Measured, Package
from fourthwatch.model.serving import LiveModel
from fourthwatch.workbench import fraudecom, handbook
from fourthwatch.workbench.checkout import ORDINARY
from fourthwatch.workbench.dataset import Wanted
from fourthwatch.workbench.intake import take_recording
from fourthwatch.workbench.matrix import Floats, Matrix, Wholes, read_matrix
from fourthwatch.workbench.matrix_file import read_matrix_file, write_matrix_file
from fourthwatch.workbench.novelty import forest_text, margins
from fourthwatch.workbench.outcomes import history_of
from fourthwatch.workbench.ranking import (
    auc_of,
    average_precision,
    card_precision,
    measured,
    recall_at_false_positives,
)
from fourthwatch.workbench.recording import line_of, write_lines
from fourthwatch.workbench.simulator import DemoShop
from fourthwatch.workbench.training import Plan, fit

T = TypeVar("T")

FRAUDECOM, HANDBOOK = "fraudecom.csv.gz", "handbook_simulated.parquet"
HANDBOOK_FEATURES = (
    "amount", "amount_is_round", "own_mean_amount", "own_mean_amount_24h", "own_mean_amount_7d", "own_mean_amount_30d",
    "amount_against_own_mean", "amount_against_own_mean_30d", "amount_against_own_max", "amount_against_previous",
    "amount_against_own_max_7d", "own_max_amount", "own_max_amount_7d", "amount_against_own_earlier_mean",
    "amount_against_own_earlier_max", "own_max_3d_against_earlier_mean", "own_max_7d_against_earlier_mean",
    "amount_against_seller_mean", "amount_against_shop_mean", "amount_by_user_24h", "amount_by_user_30d",
    "orders_by_user_1h", "orders_by_user_24h", "orders_by_user_7d", "orders_by_user_90d", "order_pace_of_user",
    "seconds_since_order", "orders_by_seller_24h", "users_by_seller_7d", "seller_age_here", "chargebacks_ever",
    "disputed_rate_of_seller", "disputed_share_of_user", "days_since_chargeback",
)  # fmt: skip
"""The set has customers, terminals, amounts and times; features of anything else are unknown in all of it."""
HANDBOOK_ENTITIES = ("user", "seller")
FRAUDECOM_WORDS = {
    "source": ("Ads", "Direct", "SEO"), "browser": ("Chrome", "FireFox", "IE", "Opera", "Safari"), "sex": ("F", "M"),
}  # fmt: skip
"""Columns of the set that a shop sends as fields of its own; published figures are of models that have them."""
VERSIONS = f"features {FEATURES_VERSION}, windows {WINDOWS_VERSION}"
"""What was kept from a run with others is made anew."""
DEMO_START_MS, DEMO_SEEDS = 1_790_000_000_000, 5


class Row(msgspec.Struct, frozen=True):
    """One line of the table."""

    what: str
    auc: Measured
    average_precision: Measured
    recall: Measured
    cards: float | None = None
    goal: str = ""


def main() -> int:
    """0 when everything was measured, whether or not a goal was reached."""
    asked = _parser().parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    if not asked.only or asked.only == "fraudecom":
        rows += _fraudecom(asked.data / FRAUDECOM, asked.work / "fraudecom", asked.seconds)
    if not asked.only or asked.only == "handbook":
        rows += _handbook(asked.data / HANDBOOK, asked.work / "handbook", asked.seconds)
    if not asked.only or asked.only == "demo":
        rows.append(_demo(asked.work / "demo"))
    for line in table(rows):
        print(line)
    return 0


def table(rows: Sequence[Row]) -> list[str]:
    """As Markdown."""
    lines = [
        "| | AUC | average precision | recall at 1 % false positives | CP@100 | goal |",
        "|---|---|---|---|---:|---|",
    ]
    for row in rows:
        cards = "" if row.cards is None else f"{row.cards:.3f}"
        figures = " | ".join(_told(one) for one in (row.auc, row.average_precision, row.recall))
        lines.append(f"| {row.what} | {figures} | {cards} | {row.goal} |")
    return lines


def _fraudecom(source: Path, work: Path, seconds: float) -> list[Row]:
    own, columns = history_of("chargeback", fraudecom.CHARGEBACK_DELAY_MS // DAY_MS), _own_columns()
    wanted = Wanted(definitions=(*own, *columns))
    whole = _matrix(source, work, lambda out, truth: fraudecom.convert(source, out, truth), wanted)
    matrix = _without(whole, {one.name for one in columns})
    test = np.arange(int(len(matrix) * 0.8), len(matrix))
    until_ms = int(matrix.occurred_ms[test[0]])
    bad = _bad(matrix)[test]
    train = np.flatnonzero(matrix.occurred_ms < until_ms)
    raw = raw_scores(raw_fraudecom(source, matrix.order), _bad(matrix), train, test)
    scores = _model(matrix.part(train), matrix.part(test), own, Plan(until_ms=until_ms, seconds=seconds), work)
    rules = matrix.score[test].astype(np.float64)
    as_others = Plan(until_ms=until_ms + fraudecom.CHARGEBACK_DELAY_MS, to_ms=until_ms, seconds=seconds)
    others = _model(whole.part(train), whole.part(test), (*own, *columns), as_others, work)
    return [
        _row("fraudecom, last fifth: raw columns", bad, raw, goal="published: AUC 0.515–0.522"),
        _row("fraudecom, last fifth: rules alone (starter set)", bad, rules, goal="AUC 0.555"),
        _row("fraudecom, last fifth: novelty, no labels", bad, _novelty(matrix.part(train), matrix.part(test))),
        _row("fraudecom, last fifth: model", bad, scores, goal="AUC 0.58"),
        _row("fraudecom, last fifth: model, raw columns too, labels of training not late", bad, others),
    ]


def _own_columns() -> tuple[Feature, ...]:
    """The raw columns that are in no field of the contract, as a shop would define them."""
    words = [
        Feature(f"{name}_is_{word.lower()}", f'custom.{name} == "{word}"', "", f"{name} is {word}")
        for name, words in FRAUDECOM_WORDS.items()
        for word in words
    ]
    return (*words, Feature("age_as_told", "number(custom.age)", "years", "age that was told"))


def _without(matrix: Matrix, names: set[str]) -> Matrix:
    kept = [place for place, name in enumerate(matrix.names) if name not in names]
    values = np.take(matrix.values, kept, axis=1)
    return msgspec.structs.replace(matrix, names=tuple(matrix.names[place] for place in kept), values=values)


def _handbook(source: Path, work: Path, seconds: float) -> list[Row]:
    own = tuple(
        one
        for one in history_of("chargeback", handbook.CHARGEBACK_DELAY_MS // DAY_MS)
        if one.name.removesuffix("_ever").rsplit("_of_")[-1].split("_")[0] in HANDBOOK_ENTITIES
    )
    names = (*HANDBOOK_FEATURES, *(one.name for one in own))
    wanted = Wanted(from_ms=_ms(2018, 5, 1), to_ms=_ms(2018, 8, 15), features=names, definitions=own)
    to_ms = _ms(2018, 8, 23)
    matrix = _matrix(source, work, lambda out, truth: handbook.convert(source, out, truth, to_ms=to_ms), wanted)
    test = handbook_test(matrix, _bad(matrix))
    bad = _bad(matrix)[test]
    found, columns = [], raw_handbook(source, matrix.order)
    for what, begin, goal in (
        ("trained 25–31 July", _ms(2018, 7, 25), "AUC 0.88, AP 0.70, CP@100 0.29"),
        ("trained 1 May–31 July", _ms(2018, 5, 1), "AP 0.74, CP@100 0.30"),
    ):
        at = matrix.occurred_ms
        train = np.flatnonzero((at >= begin) & (at < _ms(2018, 8, 1)))
        plan = Plan(until_ms=_ms(2018, 8, 8), seconds=seconds)
        part = matrix.part(test)
        raw = raw_scores(columns, _bad(matrix), train, test)
        found.append(_row(f"handbook, {what}: raw columns", bad, raw, cards=_cards(part, bad, raw)))
        unlike = _novelty(matrix.part(train), part)
        found.append(_row(f"handbook, {what}: novelty, no labels", bad, unlike, cards=_cards(part, bad, unlike)))
        scores = _model(matrix.part(train), part, own, plan, work)
        found.append(_row(f"handbook, {what}: model", bad, scores, cards=_cards(part, bad, scores), goal=goal))
    return found


def _demo(work: Path) -> Row:
    """Novelty in shops of two days, five seeds together: what it makes of the third day's orders, rings among them."""
    bad: list[Wholes] = []
    found: list[Floats] = []
    for seed in range(1, DEMO_SEEDS + 1):
        shop = DemoShop(seed=seed, start_ms=DEMO_START_MS, orders_per_hour=60)
        story = list(shop.events(DEMO_START_MS + 3 * DAY_MS))
        fraud = {one.body["_orderId"] for one in story if one.truth not in (None, ORDINARY)}
        lines = [line_of(one.event, one.body) for one in story]
        convert = partial(_write, lines)
        matrix = _matrix(Path(f"demo shop {seed}"), work / str(seed), convert, Wanted(features=DECIDING))
        first = int(np.searchsorted(matrix.occurred_ms, DEMO_START_MS + 2 * DAY_MS))
        before, after = matrix.part(np.arange(first)), matrix.part(np.arange(first, len(matrix)))
        bad.append(np.array([order in fraud for order in after.order], np.int64))
        told = _novelty(before, after)
        found.append(np.argsort(np.argsort(told)) / len(told))  # of forests of different shops only the order compares
    return _row(
        f"demo shop, third day, {DEMO_SEEDS} seeds: novelty, no labels", np.concatenate(bad), np.concatenate(found)
    )


def _write(lines: Sequence[bytes], recording: Path, _truth: Path) -> None:
    write_lines(recording, lines)


def handbook_test(matrix: Matrix, bad: Wholes) -> Wholes:
    """8–14 August without customers known to be bad by then, as the book defines it (its function get_train_test_set):
    those found in the training week, and, for each day of the test, those found up to the day a delay earlier."""
    users, day = np.array(matrix.user, dtype=object), matrix.occurred_ms // DAY_MS
    first = _ms(2018, 7, 25) // DAY_MS
    known = set(users[(day >= first) & (day < first + 7) & (bad == 1)])
    kept = []
    for number in range(7):
        known |= set(users[(day == first + 7 + number - 1) & (bad == 1)])
        today = np.flatnonzero(day == first + 14 + number)
        kept.append(today[[users[at] not in known for at in today]])
    return np.concatenate(kept)


def _matrix(source: Path, work: Path, convert: Callable[[Path, Path], object], wanted: Wanted) -> Matrix:
    """What is known as of each order of a set; the ledger and the matrix are kept for the next time."""
    work.mkdir(parents=True, exist_ok=True)
    kept, mark = work / "matrix.npz", f"{VERSIONS} {wanted!r}"
    found = read_matrix_file(kept, mark)
    if found is not None:
        return found
    recording, data = work / "recording.jsonl.gz", work / "data"
    taken = work / "taken"
    if not taken.exists() or taken.read_text() != VERSIONS:
        shutil.rmtree(data, ignore_errors=True)
        _timed(f"{source.name}: converting", lambda: convert(recording, work / "truth.csv"))
        data.mkdir(exist_ok=True)
        taking = _Progress(source.name)
        _timed(
            f"{source.name}: taking the events in",
            lambda: take_recording(recording, data, lambda share: taking(int(share * 1_000), 1_000)),
        )
        taken.write_text(VERSIONS)
    found = _timed(f"{source.name}: what is known", lambda: read_matrix(data, wanted, _Progress(source.name)))
    write_matrix_file(kept, found, mark)
    return found


def _model(train: Matrix, test: Matrix, own: tuple[Feature, ...], plan: Plan, work: Path) -> Floats:
    """Probabilities of the test's rows, one by one through the serving code."""

    def learn() -> tuple[Package, str, Manifest]:
        return fit(train, own, plan, SystemClock(), lambda _what, _share: None, lambda _name, run: run())

    package, card, manifest = _timed(f"learning from {len(train):,} orders", learn)
    (work / f"card-{len(train)}.html").write_text(card)
    live = LiveModel.of(manifest, package)
    rows = test.columns(manifest.names).tolist()
    found = np.array([live.judge([None if one != one else one for one in row]).probability for row in rows])
    live.close()
    print(f"  {len(manifest.names)} features, {manifest.trees} trees: {', '.join(manifest.names)}", file=sys.stderr)
    print(f"  beyond an AUC of 0.9 by themselves: {', '.join(manifest.suspects) or 'none'}", file=sys.stderr)
    return found


def _novelty(train: Matrix, test: Matrix) -> Floats:
    """How unlike others each order is: a forest that saw no label, of the scorecard's features."""
    names = [name for name in DECIDING if name in train.names]
    return margins(forest_text(train.columns(names)), test.columns(names))


def _bad(matrix: Matrix) -> Wholes:
    found: Wholes = (matrix.labels["chargeback"].value == 1).astype(np.int64)
    return found


def _cards(part: Matrix, bad: Wholes, scores: Floats) -> float:
    return card_precision(bad, scores, part.user, part.occurred_ms)


def _row(what: str, bad: Wholes, scores: Floats, *, cards: float | None = None, goal: str = "") -> Row:
    ours, precise, recall = (
        measured(one, bad, scores) for one in (auc_of, average_precision, recall_at_false_positives)
    )
    row = Row(f"{what} ({len(bad):,} orders, {int(bad.sum()):,} bad)", ours, precise, recall, cards, goal)
    print(table([row])[-1], file=sys.stderr, flush=True)  # the whole table may be an hour away
    return row


def _told(one: Measured) -> str:
    return f"{one.value:.3f} ({one.low:.3f}–{one.high:.3f})"


class _Progress:
    """A line for every tenth that is done."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = time.monotonic()
        self._tenths = 0

    def __call__(self, done: int, total: int) -> None:
        if done * 10 // max(1, total) > self._tenths:
            self._tenths = done * 10 // max(1, total)
            spent = time.monotonic() - self._began
            print(f"  {self._what}: {self._tenths}0 %, {spent:.0f} s", file=sys.stderr, flush=True)


def _timed(what: str, run: Callable[[], T]) -> T:
    began = time.monotonic()
    print(f"{what} …", file=sys.stderr, flush=True)
    result = run()
    print(f"{what}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return result


def _ms(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1_000


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.models", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="directory of the public sets")
    parser.add_argument("--work", type=Path, default=Path(".cache/models"), help="what is kept for the next time")
    parser.add_argument("--seconds", type=float, default=240.0, help="for the search for settings, each time")
    parser.add_argument("--only", choices=["fraudecom", "handbook", "demo"], help="one of the sets, or the demo shop")
    return parser


if __name__ == "__main__":
    sys.exit(main())
