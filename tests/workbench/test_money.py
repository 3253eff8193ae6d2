"""Money of orders is added up in one currency, the policy's or that of most orders; what is not in it is counted."""

from pathlib import Path

import numpy as np
import pytest

from fourthwatch.clock import ManualClock
from fourthwatch.decision import Costs, Policy
from fourthwatch.engine.policies import Policies
from fourthwatch.store.changes import Change, Configuration
from fourthwatch.workbench.dataset import Wanted
from fourthwatch.workbench.intake import take_recording
from fourthwatch.workbench.matrix import Matrix, read_matrix
from fourthwatch.workbench.matrix_file import read_matrix_file, write_matrix_file
from fourthwatch.workbench.money import costs_currency, money_of
from fourthwatch.workbench.recording import line_of, write_lines
from story import NOW_MS

ORDERS = (("12", "EUR"), ("30", "eur"), ("5000", "JPY"), ("7", ""), ("", "EUR"), ("4000", "JPY"), ("8", "EUR"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    recording, found = tmp_path / "past.jsonl", tmp_path / "data"
    bodies = [
        {"_orderId": f"o-{at}", "_userId": "u", "_amount": amount, "_currencyCode": currency}
        | {"_originTimestamp": str(NOW_MS + at)}
        for at, (amount, currency) in enumerate(ORDERS)
    ]
    write_lines(recording, (line_of("createOrder", {key: one for key, one in body.items() if one}) for body in bodies))
    found.mkdir()
    take_recording(recording, found, lambda _share: None)
    return found


def matrix_of(data: Path) -> Matrix:
    return read_matrix(data, Wanted(features=("amount", "orders_by_user_24h")), lambda _done, _total: None)


def test_the_currency_of_most_orders_is_taken_and_the_others_are_counted(data: Path, tmp_path: Path) -> None:
    matrix = matrix_of(data)
    every = np.arange(len(matrix))
    write_matrix_file(tmp_path / "kept.npz", matrix, "mark")
    kept = read_matrix_file(tmp_path / "kept.npz", "mark")
    assert kept is not None
    for one in (matrix, kept, matrix.part(every)):
        found = money_of(one, every, "")
        assert (found.currency, found.left_out, float(np.nansum(found.amount))) == ("EUR", 4, 50.0)
        assert found.says == "4 orders without an amount in EUR left out"
    assert money_of(matrix, every[[0, 1]], "").says == ""
    assert money_of(matrix, every[[3]], "").says == ""  # nobody says a currency, so all are taken for the same
    assert money_of(matrix, every[[0, 2, 4]], "").currency == "EUR"


def test_the_policys_currency_goes_before(data: Path) -> None:
    assert costs_currency(data, "default") == ""
    assert costs_currency(data, "nobody") == ""
    policies = Policies(Policy(), data)
    _, write = policies.put(1, Policy(costs=Costs(currency="JPY")), "key", NOW_MS, 8)
    changes = Configuration(data, ManualClock(NOW_MS))
    changes.apply(Change(tenant=1, actor="key", action="policy.set", thing="policy", writes=(write,)))
    changes.close()
    matrix = matrix_of(data)
    found = money_of(matrix, np.arange(len(matrix)), costs_currency(data, "default"))
    assert (found.currency, found.left_out, float(np.nansum(found.amount))) == ("JPY", 5, 9000.0)
