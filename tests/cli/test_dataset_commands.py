"""`fourthwatch dataset` as scripts use it: files, streams, exit codes; and live = offline over HTTP."""

import csv
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fourthwatch.features.catalogue import DECIDING
from fourthwatch.store.history import History
from fourthwatch.workbench.table import groups_of, names_of
from served import KEY_HEADER, PROGRAM, Served, run
from workbench.walked import demo_traffic

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running server that has come back from a snapshot in the middle of a shop's traffic."""
    directory = tmp_path_factory.mktemp("shop")
    recordings = [directory / "first.jsonl", directory / "second.jsonl"]
    events = list(demo_traffic(seed=4, days=0.5, orders_per_hour=30))[:1_400]
    for path, part in zip(recordings, (events[:700], events[700:]), strict=True):
        path.write_bytes(b"".join(msgspec.json.encode({"event": e, "body": body}) + b"\n" for e, body, _ in part))
    server = Served(directory / "data").start()
    key = server.key("ingest", "read")
    for path in recordings:
        done = run("replay", str(path), "--to", server.url, "--key", key, "--workers", "4")
        assert done.returncode == 0, done.stderr
        if path is recordings[0]:
            assert server.stop() == 0
            server.start()
            recovered = json.loads(server.logs('"recovered"'))
            assert (recovered["events"], recovered["read_again"]) == (700, 0)
    yield server
    server.stop()


def test_a_data_set_built_beside_the_server_is_to_the_bit_what_its_decisions_saw(shop: Served, tmp_path: Path) -> None:
    out = tmp_path / "orders.parquet"
    built = run(
        "dataset", "build", "--data", str(shop.directory), "--out", str(out), "--events", "all-decided", "--json"
    )
    assert built.returncode == 0, built.stderr
    figures = json.loads(built.stdout)
    assert figures["events"] == 1_400
    history = History(shop.directory)
    stored = [
        msgspec.json.decode(entry.decision.detail)["vector"]
        for entry in history.entries()
        if entry.decision is not None
    ]
    history.close()
    rows = [list(row) for group in groups_of(out, DECIDING) for row in zip(*group.values(), strict=True)]
    assert rows == stored
    assert figures["rows"] == len(rows) > 300


def test_a_range_some_features_and_csv_are_as_asked_for(shop: Served, tmp_path: Path) -> None:
    out = tmp_path / "few.csv"
    built = run(
        "dataset", "build", "--data", str(shop.directory), "--out", str(out), "--features", "amount, deciding",
        "--from", "2026-09-21T16:00:00Z", "--to", "2026-09-21T20:00Z", "--keys", "device",
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    assert "rows of" in built.stdout
    names = names_of(out)
    assert [name for name in names if name in DECIDING][:2] == ["amount", "failed_transactions_24h"]
    assert "key_device" in names
    assert "address_words" not in names
    times = [row for group in groups_of(out, ["occurred_ms"]) for row in group["occurred_ms"]]
    assert times
    assert all(1_790_006_400_000 <= float(at or 0) < 1_790_020_800_000 for at in times)


def test_the_telling_features_are_told_as_a_table_and_as_json(shop: Served, tmp_path: Path) -> None:
    out, truth = tmp_path / "o.csv", tmp_path / "truth.csv"
    assert run("dataset", "build", "--data", str(shop.directory), "--out", str(out)).returncode == 0
    orders = [row for group in groups_of(out, ["order_id"]) for row in group["order_id"]]
    truth.write_text("".join(f"{order_id},{number % 2}\n" for number, order_id in enumerate(orders)))
    told = run("dataset", "telling", str(out), "--truth", str(truth), "--top", "3")
    assert told.returncode == 0, told.stderr
    assert len([line for line in told.stdout.splitlines() if line.startswith("| `")]) == 3
    as_json = json.loads(run("dataset", "telling", str(out), "--truth", str(truth), "--top", "3", "--json").stdout)
    assert as_json["rows"] == len(orders)
    assert len(as_json["features"]) == 3


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (("--features", "orders_by_ip_24"), 2, "did you mean `orders_by_ip_24h`?"),
        (("--from", "yesterday"), 2, "it should be a time such as"),
        (("--from", "2026-07-01", "--to", "2026-06-01"), 1, "--from should lie before --to"),
        (("--from", "2031-01-01"), 1, "there is no decided event of the tenant 'default' in this range"),
        (("--tenant", "nobody"), 1, "there is no tenant 'nobody'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    options: tuple[str, ...], code: int, text: str, shop: Served, tmp_path: Path
) -> None:
    ended = run("dataset", "build", "--data", str(shop.directory), "--out", str(tmp_path / "x.csv"), *options)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert text in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_directory_without_a_data_file_is_not_made_into_one(tmp_path: Path) -> None:
    ended = run("dataset", "build", "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "x.csv"))
    assert ended.returncode == 1
    assert "there is no data file in" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_in_the_middle_it_ends_with_1_and_leaves_nothing_behind(
    number: signal.Signals, shop: Served, tmp_path: Path
) -> None:
    command = [str(PROGRAM), "dataset", "build", "--data", str(shop.directory), "--out", str(tmp_path / "x.csv")]
    for _ in range(20):  # on a busy machine it may be done before the signal reaches it
        process = subprocess.Popen(
            ["env", "--default-signal=INT", *command],  # what a script has put aside ignores it
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ}, start_new_session=True,
        )  # fmt: skip
        deadline_s = time.monotonic() + 120
        while not (tmp_path / "x.csv.partial").exists() and process.poll() is None:
            assert time.monotonic() < deadline_s
        process.send_signal(number)
        if process.wait(120) != 0:
            break
        (tmp_path / "x.csv").unlink()
    assert process.returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_what_people_say_and_decide_at_the_console_is_in_the_labels(tmp_path: Path) -> None:
    out = tmp_path / "orders.csv"
    with Served(tmp_path / "data") as server:
        key = server.key("ingest", "read", "manage")
        for number in range(3):
            order = {"_orderId": f"o-{number}", "_userId": f"u-{number}", "_amount": "10"}
            assert server.send(key, "createOrder", order).status == 200
        _change(server, key, "/api/v1/labels", {"order_id": "o-0", "label": "fraud"})
        _change(server, key, "/api/v1/orders/o-1/decisions", {"verdict": "decline"})
        built = run("dataset", "build", "--data", str(server.directory), "--out", str(out), "--features", "amount")
        assert built.returncode == 0, built.stderr
    with out.open(newline="") as file:
        rows = {row["order_id"]: (row["label_confirmed"], row["label_canceled"]) for row in csv.DictReader(file)}
    assert rows == {"o-0": ("1", ""), "o-1": ("", "1"), "o-2": ("", "")}


def _change(server: Served, key: str, path: str, body: dict[str, str]) -> None:
    reply = server.request("POST", path, msgspec.json.encode(body), {KEY_HEADER: key})
    assert reply.status in (200, 201), reply.body
