"""Models watched: what came of what they foretold week by week, how late labels come, and the sentences for people."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest

from fourthwatch.clock import DAY_MS
from fourthwatch.engine.panel import Panel, Unusable
from fourthwatch.engine.watching import alerts_of, weeks_of
from fourthwatch.model.arrival import arrived_by_age
from fourthwatch.model.stability import Drift
from fourthwatch.model.watched import Watched, Week, came_of
from fourthwatch.store.index_reader import IndexReader
from fourthwatch.store.index_rows import IndexBatch, Mark, OrderLine
from fourthwatch.store.index_writer import IndexWriter
from fourthwatch.store.model_weeks import WEEK_MS, arrivals

NOW_MS = 1_790_000_000_000
SPAN_DAYS = 80
DELAY_DAYS = 10


def _lines(seed: int = 3, orders: int = 6_000) -> list[OrderLine]:
    """Of two models that foretell the same; of the orders of the second, three times as many turn out bad."""
    random, found = Random(seed), []
    for number in range(orders):
        placed_ms = NOW_MS - int(random.random() * SPAN_DAYS * DAY_MS)
        model = random.choice(("calm", "blind", None))
        foretold = random.uniform(0.02, 0.2)
        is_bad = random.random() < foretold * (3 if model == "blind" else 1)
        told_ms = placed_ms + int(random.uniform(0, 2 * DELAY_DAYS) * DAY_MS)
        is_told = is_bad and told_ms < NOW_MS
        found.append(
            OrderLine(
                tenant=1, order_id=f"o-{number}", placed_ms=placed_ms, updated_seq=number, updated_ms=placed_ms,
                asked_score=50, asked_verdict="approve", model=model, foretold=foretold,
                chargeback=1 if is_told else None, chargeback_ms=told_ms if is_told else None,
            )
        )  # fmt: skip
    return found


LINES = _lines()
OF = {"promo_abuse": ("promo", "CouponAbuse"), "account_abuse": ("loginAto",)}


def written(directory: Path, lines: Sequence[OrderLine]) -> IndexReader:
    """An index of these lines."""
    writer = IndexWriter(directory)
    writer.begin()
    writer.put(lines)
    writer.finish(IndexBatch(1, [], [], [], {}), b"x" * 16)
    writer.close()
    return IndexReader(directory)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexReader]:
    opened = written(tmp_path_factory.mktemp("index"), LINES)
    yield opened
    opened.close()


def _monday_of(at_ms: int) -> int:
    days = at_ms // DAY_MS
    return (days - (days + 3) % 7) * DAY_MS


def test_weeks_are_what_plain_python_counts(reader: IndexReader) -> None:
    weeks = weeks_of(reader, 1, "calm", "chargeback", NOW_MS)
    assert [week.from_ms for week in weeks] == sorted({_monday_of(line.placed_ms) for line in LINES})
    for week in weeks:
        of_it = [line for line in LINES if week.from_ms <= line.placed_ms < week.from_ms + WEEK_MS]
        ours = [line for line in of_it if line.model == "calm"]
        assert week.orders == len(ours)
        assert week.share == pytest.approx(len(ours) / len(of_it))
        assert week.foretold == pytest.approx(sum(line.foretold or 0 for line in ours) / len(ours))
        assert week.bad == sum(line.chargeback == 1 for line in ours)
    assert weeks_of(reader, 2, "calm", "chargeback", NOW_MS) == ()


def test_orders_that_were_kept_out_are_no_proof_that_too_much_was_foretold(tmp_path: Path) -> None:
    """A champion declines what it holds for bad: these never end badly, and what it let pass ends as foretold."""
    writer, kept = IndexWriter(tmp_path), []
    for line in LINES:
        if line.model == "calm" and (line.foretold or 0) > 0.1:
            line = msgspec.structs.replace(line, asked_verdict="decline", chargeback=None, chargeback_ms=None)
        kept.append(line)
    writer.begin()
    writer.put(kept)
    writer.finish(IndexBatch(1, [], [], [], {}), b"x" * 16)
    writer.close()
    opened = IndexReader(tmp_path)
    weeks = weeks_of(opened, 1, "calm", "chargeback", NOW_MS)
    opened.close()
    assert sum(week.refused for week in weeks) == sum(line.asked_verdict == "decline" for line in kept)
    assert came_of(weeks) == pytest.approx(1.0, abs=0.25)


def test_of_a_kind_of_abuse_only_marks_count_that_speak_of_it(tmp_path: Path) -> None:
    writer = IndexWriter(tmp_path)
    writer.begin()
    kinds = ("promo", "CouponAbuse", "loginAto", "creator's", None)
    users = [f"u-{number % 30}" for number in range(len(LINES))]
    writer.put([msgspec.structs.replace(line, user_id=user) for line, user in zip(LINES, users, strict=True)])
    for number, kind in enumerate(kinds):
        writer.mark(Mark(1, f"u-{number}", kind, 1, NOW_MS - DAY_MS))
        writer.mark(Mark(1, f"u-{10 + number}", kind, 0, NOW_MS - DAY_MS))
    writer.finish(IndexBatch(1, [], [], [], {}), b"x" * 16)
    writer.close()
    opened = IndexReader(tmp_path)
    for target, marked in (("promo_abuse", 2), ("account_abuse", 1), ("any", 5)):
        weeks = weeks_of(opened, 1, "calm", target, NOW_MS)
        found = {f"u-{number}" for number, kind in enumerate(kinds) if target == "any" or kind in OF[target]}
        assert len(found) == marked
        bad = [
            user in found or (target == "any" and line.chargeback == 1)
            for line, user in zip(LINES, users, strict=True)
            if line.model == "calm"
        ]
        assert sum(week.bad for week in weeks) == sum(bad) > 0
        assert {week.mature is None for week in weeks} == {False}
    opened.close()


def test_of_any_target_an_analysts_fraud_counts_from_when_it_was_said_and_a_rules_does_not(tmp_path: Path) -> None:
    said_ms = 3 * DAY_MS
    lines = [
        msgspec.structs.replace(
            line, chargeback=None, chargeback_ms=None, fraud=1 if number % 3 else None, fraud_ms=line.placed_ms + 1,
            confirmed=1 if number % 3 == 1 else 0 if number % 3 == 2 else None,
            confirmed_ms=line.placed_ms + said_ms,
        )
        for number, line in enumerate(LINES)
        if line.placed_ms + said_ms < NOW_MS
    ]  # fmt: skip
    opened = written(tmp_path, lines)
    weeks = weeks_of(opened, 1, "calm", "any", NOW_MS)
    known = sum(line.confirmed == 1 and line.model == "calm" for line in lines)
    assert sum(week.bad for week in weeks) == known > 0
    days = {days for days, _, _ in arrivals(opened, 1, "any", 0, NOW_MS, NOW_MS)}
    assert days == {3}
    opened.close()


def test_labels_arrive_with_the_age_of_a_week(reader: IndexReader) -> None:
    for week in weeks_of(reader, 1, "calm", "chargeback", NOW_MS):
        age_days = (NOW_MS - week.from_ms - WEEK_MS / 2) / DAY_MS
        assert week.mature == pytest.approx(min(1.0, max(0.0, age_days / (2 * DELAY_DAYS))), abs=0.1)


def test_a_model_whose_foretelling_comes_true_is_told_from_one_that_is_blind(reader: IndexReader) -> None:
    calm, blind = (came_of(weeks_of(reader, 1, name, "chargeback", NOW_MS)) for name in ("calm", "blind"))
    assert calm == pytest.approx(1.0, abs=0.2)
    assert blind == pytest.approx(3.0, abs=0.4)


def test_without_labels_nothing_is_said_of_calibration(reader: IndexReader) -> None:
    for target in ("rto", "novelty"):
        weeks = weeks_of(reader, 1, "calm", target, NOW_MS)
        assert {week.mature for week in weeks} == {None}
        assert {week.bad for week in weeks} == {0}
        assert came_of(weeks) is None


def test_arrivals_equal_the_estimate_as_it_is_defined() -> None:
    for seed in range(200):
        random = Random(seed)
        told = []
        for _ in range(random.randrange(1, 60)):
            delay = random.randrange(0, 30)
            told.append((delay, delay + random.randrange(0, 30)))
        last = max(delay for delay, _ in told)
        plain = [1.0] * (last + 1)
        for age in range(last, 0, -1):
            at_risk = sum(delay <= age <= seen for delay, seen in told)
            is_told = at_risk and sum(seen >= age for _, seen in told) >= 0.05 * len(told)
            plain[age - 1] = plain[age] * (1 - sum(delay == age for delay, _ in told) / at_risk if is_told else 1)
        assert arrived_by_age([(delay, seen, 1) for delay, seen in told]) == pytest.approx(plain)
    assert arrived_by_age([]) == (1.0,)


def test_one_label_that_is_later_than_all_others_can_be_does_not_say_that_none_comes_earlier() -> None:
    """In a young shop only its first order is as old: of all labels that could be so late, one of one is."""
    told = [(delay, age, 1) for age in range(10, 30) for delay in (4, 6, 8)]
    alone = arrived_by_age([*told, (32, 33, 1)])
    assert alone[:9] == pytest.approx(arrived_by_age(told))
    assert set(alone[8:]) == {1.0}
    assert arrived_by_age([(14, age, 5) for age in range(14, 40)])[12:] == (0.0, 0.0, 1.0)  # all are as late


def test_what_should_not_wait_is_a_sentence_and_only_the_tenants_own() -> None:
    panel = Panel()
    panel.refused["1/broken"] = Unusable("the file is damaged", is_champion=True)
    panel.refused["1/onlooker"] = Unusable("the file is damaged", is_champion=False)
    panel.refused["2/other"] = Unusable("the file is damaged", is_champion=True)
    alert, onlooker = alerts_of(panel, 1)
    assert (alert.code, alert.severity, alert.thing) == ("model.refused", "bad", "models/broken")
    assert alert.says == "The model broken cannot be used, so what judged before it stays: the file is damaged"
    assert (onlooker.code, onlooker.severity, onlooker.thing) == ("model.refused", "warn", "models/onlooker")
    assert onlooker.says.endswith("so it does not look on, and no decision changes: the file is damaged")


def test_a_week_that_is_too_young_does_not_count() -> None:
    old = Week(0, 1_000, 1.0, 0, 0.05, 50, 1.0)
    young = Week(WEEK_MS, 1_000, 1.0, 0, 0.05, 0, 0.3)
    assert came_of([old, young]) == pytest.approx(1.0)
    assert came_of([young]) is None
    assert Watched(Drift("m", 0, None, {}), (old,)).came == pytest.approx(1.0)
