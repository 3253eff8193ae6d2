"""The converter of the Handbook's payments: orders in time, disputes a week later, and no class in a body."""

from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from fourthwatch.clock import DAY_MS
from fourthwatch.errors import RecordingError
from fourthwatch.workbench.handbook import convert
from fourthwatch.workbench.recording import Recording

HEADER = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD"


def test_what_is_not_the_set_is_refused_with_a_sentence(tmp_path: Path) -> None:
    source = tmp_path / "odd.csv"
    source.write_text(HEADER + "\n1,yesterday,2,3,4.5,0\n")
    with pytest.raises(RecordingError, match="row 1: not a row of the handbook"):
        convert(source, tmp_path / "out.jsonl", tmp_path / "truth.csv")
    assert not (tmp_path / "out.jsonl").exists()


def test_a_fraud_becomes_an_order_and_a_dispute_seven_days_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = HEADER.split(",")
    rows = [
        (0, datetime(2018, 4, 1, 0, 0, 31), 596, 3156, 57.16, 0),
        (1, datetime(2018, 4, 1, 0, 2, 10), 4961, 3412, 81.51, 1),
        (2, datetime(2018, 4, 9, 0, 0, 0), 596, 3412, 10.0, 0),
    ]
    group = {name: [row[at] for row in rows] for at, name in enumerate(columns)}
    monkeypatch.setattr("fourthwatch.workbench.handbook.groups_of", lambda *_: iter([group]))
    done = convert(tmp_path / "x.parquet", tmp_path / "out.jsonl", tmp_path / "truth.csv")
    assert (done.rows, done.bad, done.events) == (3, 1, {"createOrder": 3, "chargeback": 1})
    with Recording(tmp_path / "out.jsonl") as recorded:
        events = [(one.event, msgspec.json.decode(one.body)) for one in recorded]
    assert [event for event, _ in events] == ["createOrder", "createOrder", "chargeback", "createOrder"]
    bought, told = (int(events[at][1]["_originTimestamp"]) for at in (1, 2))
    assert told - bought == 7 * DAY_MS
    assert events[1][1]["_items"][0]["_seller"]["_sellerId"] == "hb-t-3412"
    assert "fraud" not in str(events[0][1]).lower()
    assert (tmp_path / "truth.csv").read_text().split() == ["order_id,class", "hb-o-0,0", "hb-o-1,1", "hb-o-2,0"]
