"""Orders as last submitted: the same whether remembered or read back from the ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.till import Till
from fourthwatch import limits
from fourthwatch.engine import orders
from fourthwatch.engine.orders import Orders, Placed


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    opened = Till(tmp_path)
    yield opened
    opened.close()


def amount(placed: Placed | None) -> str | None:
    return None if placed is None else placed.order.amount


def test_an_order_is_read_back_as_it_was_before_a_position(till: Till) -> None:
    till.tell("createOrder", _orderId="ord-1", _amount="1")
    till.tell("order_status", _orderId="ord-1", _orderStatus="_approved")
    till.tell("update_order", _orderId="ord-1", _amount="2")
    found = [amount(Orders(till.ledger).find(1, "ord-1", seq)) for seq in range(1, 5)]
    assert found == [None, "1", "1", "2"]


def test_an_order_of_another_tenant_is_not_found(till: Till) -> None:
    till.tell("createOrder", _orderId="ord-1", _amount="1")
    till.tell("createOrder", tenant=2, _orderId="ord-2", _amount="2")
    placed = Orders(till.ledger)
    assert [amount(placed.find(tenant, f"ord-{tenant}", 9)) for tenant in (1, 2)] == ["1", "2"]
    assert placed.find(1, "ord-2", 9) is None
    assert placed.find(2, "ord-1", 9) is None


def test_the_newest_submission_is_remembered(till: Till) -> None:
    till.tell("createOrder", _orderId="ord-1", _amount="1")
    placed = Orders(till.ledger)
    first = placed.find(1, "ord-1", 9)
    assert first is not None
    placed.place(1, "ord-1", Placed(first.order, first.involved))
    assert placed.find(1, "ord-1", 9) == first


def test_memory_is_bounded_and_what_was_forgotten_is_read_again(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "ORDERS_CACHED_MAX", 10)
    assert limits.ORDERS_CACHED_MAX > 1_000
    for number in range(40):
        till.tell("createOrder", _orderId=f"ord-{number}", _amount=str(number))
    placed = Orders(till.ledger)
    for number in [*range(40), *range(40)]:
        assert amount(placed.find(1, f"ord-{number}", 99)) == str(number)
    assert len(placed._warm) <= 10
