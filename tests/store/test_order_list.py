"""Lists of orders: the same rows as a plain sort gives, page by page, whatever is asked."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from fourthwatch.limits import PAGE_ROWS_MAX
from fourthwatch.store.index_reader import IndexReader
from fourthwatch.store.index_rows import IndexBatch, OrderLine
from fourthwatch.store.index_writer import IndexWriter
from fourthwatch.store.order_list import OrderQuery, count_orders, list_orders, place_of, queue_state

LINES = 400


def some_lines(chance: Random) -> list[OrderLine]:
    lines = []
    for number in range(LINES):
        amount = None if chance.random() < 0.1 else chance.randrange(1, 40) * 100
        probability = None if chance.random() < 0.1 else chance.randrange(100) / 100
        risk = None if amount is None or probability is None else round(amount * probability)
        lines.append(
            OrderLine(
                tenant=chance.choice((1, 1, 1, 2)),
                order_id=f"ord-{number}",
                user_id=chance.choice(("asha", "ravi", None)),
                placed_ms=1_000 + chance.randrange(200),
                updated_seq=number,
                updated_ms=2_000,
                amount_minor=amount,
                currency=chance.choice(("INR", "USD")),
                probability=probability,
                risk_minor=risk,
                flag=chance.choice(("red", "green")),
                verdict=chance.choice(("approve", "review", "decline")),
                state=chance.choice((None, "held", "rto")),
                rto=chance.choice((None, 0, 1)),
                reds=chance.choice(("[]", '["_accountAge"]', '["_accountAge","_odd"]')),
                is_open=int(chance.random() < 0.3),
                chargeback=chance.choice((None, None, 0, 1)),
                fraud=chance.choice((None, None, 0, 1)),
                bad=chance.choice((None, None, 0, 1)),
                asked_score=chance.choice((None, *range(5))),
                asked_verdict=chance.choice((None, "approve", "review", "decline")),
                by_rule=chance.choice((None, "ring")),
                analyst_decision=chance.choice((None, None, "decline")),
            )
        )
    return lines


@pytest.fixture
def lines(tmp_path: Path) -> list[OrderLine]:
    made = some_lines(Random(4))
    writer = IndexWriter(tmp_path)
    writer.begin()
    writer.put(made)
    writer.finish(IndexBatch(1, [], [], [], {}), b"x" * 16)
    writer.close()
    return [msgspec.structs.replace(line, no=number) for number, line in enumerate(made, 1)]


@pytest.fixture
def reader(tmp_path: Path, lines: list[OrderLine]) -> Iterator[IndexReader]:
    assert len(lines) == LINES
    opened = IndexReader(tmp_path)
    yield opened
    opened.close()


QUERIES: list[dict[str, Any]] = [
    {}, {"flag": "red"}, {"verdict": "review", "state": "held"}, {"analyst_decision": "none"}, {"label": "rto"},
    {"reason": "_odd"}, {"user_id": "asha", "currency": "USD"}, {"from_ms": 1_050, "to_ms": 1_100},
    {"min_amount": 1_000, "max_amount": 2_000}, {"open_only": True},
]  # fmt: skip


def plain(lines: list[OrderLine], asked: OrderQuery, tenant: int) -> list[str]:
    """What the list is, told in Python."""

    def is_wanted(line: OrderLine) -> bool:
        amount = line.amount_minor
        return (
            line.tenant == tenant
            and (asked.flag is None or line.flag == asked.flag)
            and (asked.verdict is None or line.verdict == asked.verdict)
            and (asked.analyst_decision is None or line.analyst_decision is None)
            and (asked.state is None or line.state == asked.state)
            and (asked.user_id is None or line.user_id == asked.user_id)
            and (asked.currency is None or line.currency == asked.currency)
            and (asked.label is None or line.rto == 1)
            and (asked.reason is None or asked.reason in line.reds)
            and (asked.from_ms is None or line.placed_ms >= asked.from_ms)
            and (asked.to_ms is None or line.placed_ms < asked.to_ms)
            and (asked.min_amount is None or (amount is not None and amount >= asked.min_amount))
            and (asked.max_amount is None or (amount is not None and amount <= asked.max_amount))
            and (not asked.open_only or line.is_open == 1)
        )

    sign = 1 if asked.ascending else -1

    def by(line: OrderLine) -> tuple[bool, int, int]:
        value, no = place_of(line, asked.sort)
        return (value is None, sign * (value or 0), sign * no)

    return [line.order_id for line in sorted(filter(is_wanted, lines), key=by)]


@pytest.mark.slow
@pytest.mark.parametrize("different", QUERIES, ids=repr)
@pytest.mark.parametrize("sort", ["time", "amount", "risk"])
@pytest.mark.parametrize("ascending", [False, True])
def test_pages_together_are_the_whole_list_in_order(
    reader: IndexReader, lines: list[OrderLine], different: dict[str, Any], sort: Any, ascending: bool
) -> None:
    for tenant in (1, 2):
        asked = OrderQuery(sort=sort, ascending=ascending, **different)
        expected = plain(lines, asked, tenant)
        seen: list[str] = []
        behind = None
        while page := list_orders(reader, tenant, asked, behind, 7):
            seen += [line.order_id for line in page]
            behind = place_of(page[-1], asked.sort)
        assert seen == expected
        assert count_orders(reader, tenant, asked) == len(expected)
        assert [line.order_id for line in list_orders(reader, tenant, asked, None, PAGE_ROWS_MAX)] == expected


def test_the_queue_as_a_whole_is_told(reader: IndexReader, lines: list[OrderLine]) -> None:
    mine = [line for line in lines if line.tenant == 1 and line.is_open]
    state = queue_state(reader, 1)
    assert state.open == len(mine)
    assert state.oldest_ms == min(line.placed_ms for line in mine)
    assert state.risk_minor == sum(line.risk_minor or 0 for line in mine)
    assert queue_state(reader, 3) == type(state)(0, None, 0)


@pytest.mark.parametrize("open_only", [True, False])
def test_the_first_page_of_every_order_comes_from_an_index_and_is_not_sorted(
    reader: IndexReader, *, open_only: bool
) -> None:
    wanted = "tenant = 1" + (" AND is_open = 1" if open_only else "")
    columns = ("risk_minor",) if open_only else ("placed_ms", "amount_minor", "risk_minor")
    for column in columns:
        plan = reader.rows(
            f"EXPLAIN QUERY PLAN SELECT * FROM line WHERE {wanted} AND {column} IS NOT NULL"
            f" AND ({column}, no) < (900, 4) ORDER BY {column} DESC, no DESC LIMIT 51"
        )
        assert not [row for row in plan if "TEMP B-TREE" in row[3]], plan
