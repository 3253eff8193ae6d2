"""Turns the simulated card payments of the *Fraud Detection Handbook* (2018) into a recording and a truth file.

Each payment becomes the order that it pays, with the terminal as the seller of its one line (a `transaction` of the
contract has no seller), and a fraud a `chargeback` seven days later. Neither class nor scenario is in a body.
"""

from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from fourthwatch.clock import DAY_MS, SECOND_MS
from fourthwatch.errors import RecordingError
from fourthwatch.workbench.fraudecom import TRUTH_HEADER, Converted
from fourthwatch.workbench.recording import line_of, write_lines
from fourthwatch.workbench.table import Cell, groups_of

COLUMNS = ("TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD")
CHARGEBACK_DELAY_MS = 7 * DAY_MS


def convert(
    source: Path, recording_out: Path, truth_out: Path, limit: int | None = None, to_ms: int | None = None
) -> Converted:
    """Convert the Parquet `source`, whose rows are in order of time; `limit` stops after so many rows.

    `to_ms` leaves out payments, and labels, from this moment on. Times are taken as UTC. Ids are made of the row's:
    user `hb-<customer>`, order `hb-o-<transaction>`, seller `hb-t-<terminal>`. Raises `RecordingError`.
    """
    plan = _Plan(source, limit, to_ms)
    write_lines(recording_out, plan.lines())
    write_lines(truth_out, plan.truth)
    return Converted(plan.rows, plan.bad, plan.rows, dict(plan.events))


class _Plan:
    """The rows in order of time, with the labels between them where they fall due."""

    def __init__(self, source: Path, limit: int | None, to_ms: int | None) -> None:
        self.rows = self.bad = 0
        self.events: Counter[str] = Counter()
        self.truth: list[bytes] = [TRUTH_HEADER]
        self._source = source
        self._limit = limit
        self._to_ms = to_ms
        self._labels: deque[tuple[int, bytes]] = deque()

    def lines(self) -> Iterator[bytes]:
        """Lines of the recording."""
        for cells in self._cells():
            try:
                at_ms = _ms(cells["TX_DATETIME"])
                line = self._order(cells, at_ms)
            except (ValueError, TypeError) as error:
                raise RecordingError(
                    f"{self._source}, row {self.rows + 1}: not a row of the handbook: {error}"
                ) from error
            if (self._limit is not None and self.rows >= self._limit) or (
                self._to_ms is not None and at_ms >= self._to_ms
            ):
                break
            yield from self._due(at_ms)
            yield line
            self._count(cells, at_ms)
        yield from self._due(self._to_ms)

    def _cells(self) -> Iterator[dict[str, Cell]]:
        for group in groups_of(self._source, COLUMNS):
            for row in zip(*(group[name] for name in COLUMNS), strict=True):
                yield dict(zip(COLUMNS, row, strict=True))

    def _order(self, cells: dict[str, Cell], at_ms: int) -> bytes:
        if cells["TX_FRAUD"] not in (0, 1):
            raise ValueError("TX_FRAUD should be 0 or 1")
        terminal = f"hb-t-{_whole(cells['TERMINAL_ID'])}"
        return line_of(
            "createOrder",
            {
                "_userId": f"hb-{_whole(cells['CUSTOMER_ID'])}",
                "_orderId": f"hb-o-{_whole(cells['TRANSACTION_ID'])}",
                "_originTimestamp": str(at_ms),
                "_amount": str(cells["TX_AMOUNT"]),
                "_currencyCode": "EUR",
                "_items": [{"_itemId": terminal, "_seller": {"_sellerId": terminal}}],
                "_paymentMethods": [{"_paymentType": "_creditCard"}],
            },
        )

    def _count(self, cells: dict[str, Cell], at_ms: int) -> None:
        self.rows += 1
        self.events["createOrder"] += 1
        is_bad = cells["TX_FRAUD"] == 1
        self.bad += is_bad
        order = f"hb-o-{_whole(cells['TRANSACTION_ID'])}"
        self.truth.append(f"{order},{int(is_bad)}\n".encode())
        if is_bad:
            told_ms = at_ms + CHARGEBACK_DELAY_MS
            body = {
                "_userId": f"hb-{_whole(cells['CUSTOMER_ID'])}",
                "_orderId": order,
                "_chargebackState": "_received",
                "_chargebackReason": "_fraud",
                "_originTimestamp": str(told_ms),
            }
            self._labels.append((told_ms, line_of("chargeback", body)))

    def _due(self, at_ms: int | None) -> Iterator[bytes]:
        """Labels that have arrived before a moment; `None`: all of them."""
        while self._labels and (at_ms is None or self._labels[0][0] < at_ms):
            self.events["chargeback"] += 1
            yield self._labels.popleft()[1]


def _ms(value: object) -> int:
    if not isinstance(value, datetime):
        raise ValueError("TX_DATETIME should be a time")
    return int(value.replace(tzinfo=UTC).timestamp()) * SECOND_MS


def _whole(value: Cell) -> int:
    if not isinstance(value, int):
        raise ValueError("an id should be a whole number")
    return value
