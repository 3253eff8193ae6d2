"""The whole way of a public data set, in small: converted, replayed over HTTP, every event found again, AUC printed."""

import csv
import json
import random
from pathlib import Path

import pytest

from served import Served, run

pytestmark = pytest.mark.slow

COLUMNS = "user_id,signup_time,purchase_time,purchase_value,device_id,source,browser,sex,age,ip_address,class"


def invented_purchases(path: Path, rows: int) -> None:
    """Rows of the public set's form, invented: the bad ones share devices."""
    chance = random.Random(7)
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS.split(","))
        for number in range(rows):
            bad = number % 10 == 0
            device = f"BAD{number % 3}" if bad else f"DEV{number}"
            day, hour = 1 + number // 24 % 27, number % 24
            out.writerow(
                [1000 + number, f"3/{day}/15 {hour}:00", f"3/{day}/15 {hour}:{chance.randrange(10, 59)}",
                 chance.randrange(5, 90), device, "SEO", "Chrome", "M", 33, 3405803776 + number, int(bad)]
            )  # fmt: skip


def test_purchases_are_converted_replayed_and_found_again_and_the_scores_are_measured(tmp_path: Path) -> None:
    source, out, truth = tmp_path / "purchases.csv", tmp_path / "recording.jsonl.gz", tmp_path / "truth.csv"
    invented_purchases(source, 300)
    converted = run("convert", "fraudecom", str(source), "--out", str(out), "--truth", str(truth))
    assert converted.returncode == 0, converted.stderr
    with Served(tmp_path / "data") as server:
        key = server.key("ingest", "read")
        done = run("replay", str(out), "--to", server.url, "--key", key, "--truth", str(truth), "--json")
        assert done.returncode == 0, done.stderr
        figures = json.loads(done.stdout)
        assert figures["acknowledged"] == figures["sent"] == 300 * 3 + 30
        assert (figures["quality"]["orders"], figures["quality"]["bad"]) == (300, 30)
        assert figures["quality"]["auc"] > 0.6
        order = server.get(key, "/api/v1/orders/fe-o-1000").json
        assert [event["event"] for event in order["timeline"]] == ["createOrder", "transaction", "chargeback"]
        exported = run("events", "export", "--data", str(tmp_path / "data")).stdout
    assert len(exported.splitlines()) == figures["sent"]
