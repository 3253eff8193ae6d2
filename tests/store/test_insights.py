"""Sums of orders: what plain Python counts, whatever they are divided by."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from fourthwatch.store import insights
from fourthwatch.store.index_reader import IndexReader
from fourthwatch.store.index_rows import IndexBatch, OrderLine
from fourthwatch.store.index_writer import IndexWriter
from fourthwatch.store.insights import NOTHING, STEP_MS, Span, Sums
from store.test_order_list import some_lines

SPAN = Span(tenant=1, from_ms=1_020, to_ms=1_180, currency="INR", matured_ms=1_100)
LINES = some_lines(Random(8))


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[IndexReader]:
    writer = IndexWriter(tmp_path)
    writer.begin()
    writer.put(LINES)
    tallies = {
        (1, 5, "warning", "a"): 3,
        (1, 6, "warning", "a"): 2,
        (1, 6, "warning", "b"): 9,
        (2, 6, "warning", "c"): 1,
    }
    writer.finish(IndexBatch(1, [], [], [], tallies), b"x" * 16)
    writer.begin()
    writer.finish(IndexBatch(2, [], [], [], {(1, 6, "warning", "b"): 1}), b"x" * 16)
    writer.close()
    opened = IndexReader(tmp_path)
    yield opened
    opened.close()


def sums(line: OrderLine) -> Sums:
    fraud = next((told for told in (line.chargeback, line.fraud, line.bad) if told is not None), None)
    bad = fraud == 1 or line.rto == 1
    good = not bad and (fraud == 0 or line.rto == 0)
    money = (line.amount_minor or 0) if line.currency == "INR" else 0
    return Sums(
        1, line.asked_verdict == "approve", line.asked_verdict == "review", line.asked_verdict == "decline", bad, good,
        line.chargeback == 1, line.rto == 1, line.returned == 1, line.rto is not None, line.placed_ms < 1_100, money,
        money * bad, money * good, (line.risk_minor or 0) if line.currency == "INR" else 0,
    )  # fmt: skip


def plain(*keys: Callable[[OrderLine], object]) -> dict[object, Sums]:
    found: dict[object, Sums] = {}
    for line in LINES:
        if line.tenant == 1 and SPAN.from_ms <= line.placed_ms < SPAN.to_ms:
            for key in keys:
                found[key(line)] = found.get(key(line), NOTHING) + sums(line)
    return found


def test_all_together(reader: IndexReader) -> None:
    assert insights.total(reader, SPAN) == plain(lambda _: 0)[0]
    assert insights.total(reader, Span(tenant=3, from_ms=0, to_ms=9_999, currency=None, matured_ms=0)) == NOTHING


def test_by_score_rule_value_and_step(reader: IndexReader) -> None:
    scored = plain(lambda line: line.asked_score)
    del scored[None]
    assert insights.by_score(reader, SPAN) == scored
    assert dict(insights.by_rule(reader, SPAN)) == plain(lambda line: line.by_rule)
    assert dict(insights.by_value(reader, SPAN, "state")) == plain(lambda line: line.state)
    assert dict(insights.by_value(reader, SPAN, "currency")) == plain(lambda line: line.currency)
    assert insights.by_step(reader, SPAN) == plain(lambda line: line.placed_ms // STEP_MS)


def test_an_order_is_in_the_row_of_each_of_its_reasons(reader: IndexReader) -> None:
    told = dict(insights.by_reason(reader, SPAN))
    expected = {
        name: sum((sums(line) for line in LINES if line.tenant == 1 and 1_020 <= line.placed_ms < 1_180
                   and f'"{name}"' in line.reds), NOTHING)
        for name in ("_accountAge", "_odd")
    }  # fmt: skip
    assert told == expected


def test_what_was_kept_out_and_what_was_lost_is_told_in_money(reader: IndexReader) -> None:
    mine = [line for line in LINES if line.tenant == 1 and 1_020 <= line.placed_ms < 1_180]
    kept_out = [
        line
        for line in mine
        if ("decline" in (line.asked_verdict, line.analyst_decision) or line.state == "canceled") and not sums(line).bad
    ]
    work = insights.workload(reader, SPAN)
    assert work.saved_minor == sum(sums(line).risk_minor for line in kept_out)
    assert work.lost_minor == sum(sums(line).bad_minor for line in mine)
    assert work.decided == work.declined == sum(line.analyst_decision is not None for line in mine)


def test_the_currency_of_most_orders_is_the_one_that_is_summed_up(reader: IndexReader) -> None:
    inr = sum(line.tenant == 1 and line.currency == "INR" for line in LINES)
    usd = sum(line.tenant == 1 and line.currency == "USD" for line in LINES)
    assert insights.main_currency(reader, 1, 0, 9_999) == ("INR" if inr >= usd else "USD")
    assert insights.main_currency(reader, 3, 0, 9_999) is None


def test_tallies_add_up_over_days_and_batches_and_keep_to_a_tenant(reader: IndexReader) -> None:
    assert insights.tallies(reader, 1, "warning", 5, 6) == [("b", 10), ("a", 5)]
    assert insights.tallies(reader, 1, "warning", 5, 5) == [("a", 3)]
    assert insights.tallies(reader, 1, "event", 0, 99) == []
