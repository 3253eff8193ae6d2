"""Turns the public *fraudecom* data set, a web shop's purchases of 2015, into a recording and a truth file.

Each row becomes what a shop would have sent, in order of time: `create_account` at sign-up, `createOrder` and
`transaction` at purchase and, for class 1, `chargeback` fourteen days later; the class itself is in no body.
"""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import IO, cast

from fourthwatch.clock import DAY_MS, SECOND_MS
from fourthwatch.errors import RecordingError
from fourthwatch.workbench.recording import GZIP_MAGIC, line_of, write_lines

COLUMNS = (
    "user_id",
    "signup_time",
    "purchase_time",
    "purchase_value",
    "device_id",
    "source",
    "browser",
    "sex",
    "age",
    "ip_address",
    "class",
)
CHARGEBACK_DELAY_MS = 14 * DAY_MS
TRUTH_HEADER = b"order_id,class\n"

_TIME_FORMS = ("%m/%d/%y %H:%M", "%Y-%m-%d %H:%M:%S")
_GENDERS = {"M": "_male", "F": "_female"}


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion wrote. `bad` counts the rows of class 1; `without_ip` those whose IP is not known."""

    rows: int
    bad: int
    without_ip: int
    events: dict[str, int]
    """Events by name; their sum is the number of recorded lines."""


def convert(source: Path, recording_out: Path, truth_out: Path, limit: int | None = None) -> Converted:
    """Convert the CSV `source` (gzipped or not); `limit` stops after so many rows, in the order of the file.

    Times are taken as UTC. Ids are made of the row's user: `fe-<user>`, order `fe-o-<user>`, transaction
    `fe-t-<user>`. The truth file is `order_id,class` in the order of the rows. Equal times keep the order
    sign-up, order, payment, label. Raises `RecordingError` naming the line when a row cannot be read.
    """
    timed: list[tuple[int, bytes]] = []
    truth = [TRUTH_HEADER]
    events: Counter[str] = Counter()
    bad = without_ip = rows = 0
    for rows, (number, row) in enumerate(rows_of(source, limit), start=1):  # noqa: B007 - counted
        try:
            planned, is_bad, ip = _events_of(row)
        except (ValueError, TypeError, KeyError) as error:
            raise RecordingError(f"{source}, line {number}: not a row of fraudecom: {error}") from error
        for event, at_ms, body in planned:
            timed.append((at_ms, line_of(event, body)))
            events[event] += 1
        bad += is_bad
        without_ip += ip is None
        truth.append(f"fe-o-{row['user_id']},{int(is_bad)}\n".encode())
    timed.sort(key=lambda pair: pair[0])  # by time alone: sorting is stable
    write_lines(recording_out, (line for _, line in timed))
    write_lines(truth_out, truth)
    return Converted(rows, bad, without_ip, dict(events))


def read_truth(truth: Path) -> dict[str, bool]:
    """A truth file again: order id to whether it was bad."""
    with _text(truth) as lines:
        return {row["order_id"]: row["class"] == "1" for row in csv.DictReader(lines)}


def _events_of(row: dict[str, str]) -> tuple[list[tuple[str, int, dict[str, object]]], bool, str | None]:
    user = row["user_id"]
    signed_up_ms, bought_ms = _ms(row["signup_time"]), _ms(row["purchase_time"])
    ip = _ip(row["ip_address"])
    if row["class"] not in ("0", "1"):
        raise ValueError("class should be 0 or 1")
    who: dict[str, object] = {"_userId": f"fe-{user}"}
    if ip is not None:
        who["_deviceIp"] = ip
    custom = {
        "deviceId": row["device_id"],
        "source": row["source"],
        "browser": row["browser"],
        "sex": row["sex"],
        "age": row["age"],
    }
    facts = {"_age": row["age"], "_gender": _GENDERS.get(row["sex"], row["sex"])}
    order = {"_orderId": f"fe-o-{user}", "_amount": row["purchase_value"], "_currencyCode": "USD"}
    paid = {
        "_transactionId": f"fe-t-{user}",
        "_transactionType": "_sale",
        "_transactionStatus": "_success",
    }

    def at(ms: int, *parts: dict[str, str]) -> dict[str, object]:
        body: dict[str, object] = {**who, "_originTimestamp": str(ms)}
        for part in parts:
            body |= part
        return body | {"_customInfo": custom}

    planned = [
        ("create_account", signed_up_ms, at(signed_up_ms, facts)),
        ("createOrder", bought_ms, at(bought_ms, order)),
        ("transaction", bought_ms, at(bought_ms, order, paid)),
    ]
    is_bad = row["class"] == "1"
    if is_bad:
        told_ms = bought_ms + CHARGEBACK_DELAY_MS
        planned.append(("chargeback", told_ms, _chargeback(user, told_ms)))
    return planned, is_bad, ip


def _chargeback(user: str, at_ms: int) -> dict[str, object]:
    # The contract has no timestamp here; without one the label would be known at the time of the replay.
    return {
        "_userId": f"fe-{user}",
        "_orderId": f"fe-o-{user}",
        "_transactionId": f"fe-t-{user}",
        "_chargebackState": "_received",
        "_chargebackReason": "_fraud",
        "_originTimestamp": str(at_ms),
    }


def rows_of(source: Path, limit: int | None = None) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a file with the number of their line; raises `RecordingError`."""
    with _text(source) as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise RecordingError(f"{source}: not the fraudecom file, it has no column {', '.join(missing)}")
        for count, row in enumerate(reader):
            if limit is not None and count >= limit:
                return
            yield reader.line_num, row


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    try:
        raw = path.open("rb")
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
    with raw:
        packed = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=raw) if packed else raw)
        with io.TextIOWrapper(stream, encoding="utf-8", newline="") as lines:
            yield lines


def _ms(text: str) -> int:
    for form in _TIME_FORMS:
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()) * SECOND_MS
        except ValueError:
            continue
    raise ValueError("a time should be like 2/24/15 22:55 or 2015-02-24 22:55:49")


def _ip(text: str) -> str | None:
    """The dotted form of an address written as a number, whatever its decimals; None when there is none.

    >>> _ip("3405803784.3"), _ip("")
    ('203.0.113.8', None)
    """
    return str(IPv4Address(int(float(text)))) if text else None
