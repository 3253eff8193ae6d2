import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fourthwatch.errors import RecordingError
from fourthwatch.workbench.fraudecom import COLUMNS, convert, read_truth
from fourthwatch.workbench.recording import Recording

# Twenty invented rows: user numbers rise, times of purchase fall, the first five bought at sign-up.
ROWS = [
    {
        "user_id": str(900 + n),
        "signup_time": f"3/{20 - n}/15 {n % 24}:05",
        "purchase_time": f"3/{20 - n}/15 {n % 24}:05" if n < 5 else f"4/{25 - n}/15 7:3{n % 10}",
        "purchase_value": str(10 + n),
        "device_id": f"INVENTED{n // 3}",
        "source": ("SEO", "Ads", "Direct")[n % 3],
        "browser": ("Chrome", "Opera")[n % 2],
        "sex": "MF"[n % 2],
        "age": str(20 + n),
        "ip_address": "" if n % 4 == 3 else f"{3405803776 + n}.{n}",  # 203.0.113.0 and on
        "class": "1" if n % 6 == 0 else "0",
    }
    for n in range(20)
]


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    text = ",".join(COLUMNS) + "\n" + "".join(",".join(r[c] for c in COLUMNS) + "\n" for r in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def events_in(path: Path) -> list[tuple[str, dict[str, object]]]:
    with Recording(path) as recording:
        return [(r.event, json.loads(r.body)) for r in recording]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_every_row_becomes_sign_up_order_payment_and_a_chargeback_when_bad(tmp_path: Path, suffix: str) -> None:
    source = written(tmp_path / f"rows{suffix}", ROWS)
    converted = convert(source, tmp_path / "out.jsonl.gz", tmp_path / "truth.csv")
    assert (converted.rows, converted.bad, converted.without_ip) == (20, 4, 5)
    assert converted.events == {"create_account": 20, "createOrder": 20, "transaction": 20, "chargeback": 4}
    assert len(events_in(tmp_path / "out.jsonl.gz")) == 64


def test_events_are_in_order_of_time_and_equal_times_keep_sign_up_before_order(tmp_path: Path) -> None:
    convert(written(tmp_path / "rows.csv", ROWS), tmp_path / "out.jsonl", tmp_path / "truth.csv")
    events = events_in(tmp_path / "out.jsonl")
    times = [int(str(body["_originTimestamp"])) for _, body in events]
    assert times == sorted(times)
    first = [event for event, body in events if body["_userId"] == "fe-903"]
    assert first == ["create_account", "createOrder", "transaction"]


def test_a_row_becomes_the_fields_of_the_contract(tmp_path: Path) -> None:
    convert(written(tmp_path / "rows.csv", ROWS[6:7]), tmp_path / "out.jsonl", tmp_path / "truth.csv")
    account, order, payment, chargeback = events_in(tmp_path / "out.jsonl")
    bought_ms = int(datetime(2015, 4, 19, 7, 36, tzinfo=UTC).timestamp()) * 1000
    custom = {"deviceId": "INVENTED2", "source": "SEO", "browser": "Chrome", "sex": "M", "age": "26"}
    assert account[1]["_age"] == "26"
    assert account[1]["_gender"] == "_male"
    assert order == (
        "createOrder",
        {
            "_userId": "fe-906",
            "_deviceIp": "203.0.113.6",
            "_originTimestamp": str(bought_ms),
            "_orderId": "fe-o-906",
            "_amount": "16",
            "_currencyCode": "USD",
            "_customInfo": custom,
        },
    )
    assert payment[1]["_transactionStatus"] == "_success"
    assert payment[1]["_orderId"] == "fe-o-906"
    assert chargeback == (
        "chargeback",
        {
            "_userId": "fe-906",
            "_orderId": "fe-o-906",
            "_transactionId": "fe-t-906",
            "_chargebackState": "_received",
            "_chargebackReason": "_fraud",
            "_originTimestamp": str(bought_ms + 14 * 86_400_000),
        },
    )


def test_an_unknown_address_is_left_out_and_the_class_is_in_no_body(tmp_path: Path) -> None:
    convert(written(tmp_path / "rows.csv", ROWS), tmp_path / "out.jsonl", tmp_path / "truth.csv")
    events = events_in(tmp_path / "out.jsonl")
    assert all("_deviceIp" not in body for _, body in events if body["_userId"] == "fe-903")
    assert all("class" not in json.dumps(body) for _, body in events)
    shapes = {
        bad: {(e, *sorted(b)) for e, b in events if e != "chargeback" and "_deviceIp" in b}
        for bad in (True, False)
        for truth in [read_truth(tmp_path / "truth.csv")]
        if truth.get("fe-o-900") or not bad
    }
    assert shapes[True] == shapes[False]


def test_the_truth_is_kept_beside_by_order(tmp_path: Path) -> None:
    convert(written(tmp_path / "rows.csv", ROWS), tmp_path / "out.jsonl", tmp_path / "truth.csv")
    assert (tmp_path / "truth.csv").read_text().splitlines()[:3] == [
        "order_id,class",
        "fe-o-900,1",
        "fe-o-901,0",
    ]
    truth = read_truth(tmp_path / "truth.csv")
    assert len(truth) == 20
    assert sum(truth.values()) == 4


def test_the_times_of_the_full_file_are_read_too(tmp_path: Path) -> None:
    row = {**ROWS[1], "signup_time": "2015-02-24 22:55:49", "purchase_time": "2015-04-18 02:47:11"}
    convert(written(tmp_path / "rows.csv", [row]), tmp_path / "out.jsonl", tmp_path / "truth.csv")
    seconds = int(datetime(2015, 2, 24, 22, 55, 49, tzinfo=UTC).timestamp())
    assert events_in(tmp_path / "out.jsonl")[0][1]["_originTimestamp"] == str(seconds * 1000)


def test_a_limit_takes_the_first_rows(tmp_path: Path) -> None:
    source = written(tmp_path / "rows.csv", ROWS)
    assert convert(source, tmp_path / "out.jsonl", tmp_path / "truth.csv", limit=3).rows == 3
    assert list(read_truth(tmp_path / "truth.csv")) == ["fe-o-900", "fe-o-901", "fe-o-902"]


@pytest.mark.parametrize(
    "change",
    [{"purchase_time": "yesterday"}, {"ip_address": "4294967296"}, {"class": "2"}],
    ids=["time", "address", "class"],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, change: dict[str, str]) -> None:
    source = written(tmp_path / "rows.csv", [ROWS[0], {**ROWS[1], **change}])
    with pytest.raises(RecordingError, match=r"rows\.csv, line 3: not a row of fraudecom"):
        convert(source, tmp_path / "out.jsonl", tmp_path / "truth.csv")
    assert not (tmp_path / "out.jsonl").exists()


def test_another_file_is_refused_by_its_columns(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RecordingError, match="no column user_id"):
        convert(tmp_path / "rows.csv", tmp_path / "out.jsonl", tmp_path / "truth.csv")
