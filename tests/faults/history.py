"""What clients were told, and whether the data file keeps those promises.

Of each call is known: `ok`, `fail` (surely not done) or `unknown` (no answer). Told `ok` must be stored; told only
`fail` must not be; `unknown` may be either; and nothing may be stored twice.
"""

import json
import os
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

from fourthwatch.decision import Policy
from fourthwatch.engine.recovery import read_again, recover_windows
from fourthwatch.engine.walk import Walk
from fourthwatch.features.windows import SessionUser, Windows
from fourthwatch.store.file import FILE_NAME
from fourthwatch.store.ledger import EventRow, Ledger
from fourthwatch.store.reader import LedgerReader
from story import memory_of

Outcome = Literal["ok", "fail", "unknown"]

_SHOWN_MAX = 5
_CHECKSUM_BYTES = 8


class Call(NamedTuple):
    """One submission of the event with this mark, as its client saw it."""

    mark: str
    outcome: Outcome
    event_id: str | None = None
    """As the reply had it; `None` without one."""


class Stored(NamedTuple):
    """An event as the data file has it."""

    mark: str
    event_id: str
    body: bytes


class History:
    """Every call of a test, from any thread."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.calls: list[Call] = []

    def submitting(self, mark: str, body: bytes) -> None:
        """A client is about to send this, perhaps again."""
        self.bodies[mark] = body

    def told(self, mark: str, outcome: Outcome, event_id: str | None = None) -> None:
        """What came of it."""
        self.calls.append(Call(mark, outcome, event_id))

    def acknowledged(self) -> set[str]:
        """Marks that were told `ok` at least once."""
        return {call.mark for call in self.calls if call.outcome == "ok"}

    def counts(self) -> "Counter[str]":
        """Calls by outcome."""
        return Counter(call.outcome for call in self.calls)


class Verdict(NamedTuple):
    """Broken promises, by kind; each is named by its mark."""

    lost: list[str]
    """Acknowledged and not stored."""
    revived: list[str]
    """Told every time that it was not taken, and stored all the same."""
    doubled: list[str]
    """Stored more than once."""
    changed: list[str]
    """Stored with another body or under another id than was said."""
    foreign: list[str]
    """Stored though nobody sent it."""

    @property
    def is_sound(self) -> bool:
        return not any(self)

    def __str__(self) -> str:
        named = zip(self._fields, self, strict=True)
        told = [f"{len(marks)} {name}, such as {marks[:_SHOWN_MAX]}" for name, marks in named if marks]
        return "; ".join(told) or "sound"


def judge(history: History, stored: Iterable[Stored]) -> Verdict:
    """Hold what was said against what is there.

    >>> history = History()
    >>> for mark, outcome in (("a", "ok"), ("b", "ok"), ("c", "fail"), ("d", "unknown"), ("e", "unknown")):
    ...     history.submitting(mark, b"{}")
    ...     history.told(mark, outcome, "ev_" + mark if outcome == "ok" else None)
    >>> judge(history, [Stored(mark, "ev_" + mark, b"{}") for mark in "acdd"])
    Verdict(lost=['b'], revived=['c'], doubled=['d'], changed=[], foreign=[])
    """
    outcomes: dict[str, set[Outcome]] = defaultdict(set)
    ids: dict[str, set[str]] = defaultdict(set)
    for call in history.calls:
        outcomes[call.mark].add(call.outcome)
        if call.event_id is not None:
            ids[call.mark].add(call.event_id)
    there: dict[str, list[Stored]] = defaultdict(list)
    for row in stored:
        there[row.mark].append(row)
    return Verdict(
        lost=sorted(mark for mark in history.acknowledged() if mark not in there),
        revived=sorted(mark for mark, told in outcomes.items() if told == {"fail"} and mark in there),
        doubled=sorted(mark for mark, rows in there.items() if len(rows) > 1),
        changed=sorted(
            mark
            for mark, rows in there.items()
            if mark in history.bodies
            and (rows[0].body != history.bodies[mark] or ids[mark] - {row.event_id for row in rows})
        ),
        foreign=sorted(mark for mark in there if mark not in history.bodies),
    )


def stored_in(directory: Path) -> list[Stored]:
    """Every event of the data file; the server may be running."""
    reader = LedgerReader(directory)
    try:
        return [_stored(row) for row in reader.export(1)]
    finally:
        reader.close()


def check_file(directory: Path) -> int:
    """Chain, page checksums, indexes and references are in order; returns how many events there are."""
    reader = LedgerReader(directory)
    try:
        events = sum(1 for _ in reader.verify())
        assert events == reader.count()
        assert reader.pragma("integrity_check") == "ok"
        assert reader.pragma("foreign_key_check") is None
        with (directory / FILE_NAME).open("rb") as file:
            assert file.read(21)[20] == _CHECKSUM_BYTES, "the pages have no checksums"
        return events
    finally:
        reader.close()


class Remembered(NamedTuple):
    """Windows in comparable form."""

    histories: dict[int, bytes]
    session_users: dict[str, list[SessionUser]]
    from_snapshot: int
    """Position that the snapshot reached; 0 without one."""


def recovered(directory: Path) -> Remembered:
    """The windows as a server started now would have them; no server may be running."""
    ledger = Ledger(directory)
    try:
        windows, seq = recover_windows(ledger, directory)
        return _read_on(ledger, windows, seq)
    finally:
        ledger.close()


def rebuilt(directory: Path) -> Remembered:
    """The windows that the whole log gives, without any snapshot; no server may be running."""
    ledger = Ledger(directory)
    try:
        return _read_on(ledger, Windows(), 0)
    finally:
        ledger.close()


def differing(directory: Path) -> list[str]:
    """Names of the histories and links in which recovered and rebuilt windows are not the same, byte for byte."""
    one, other = recovered(directory), rebuilt(directory)
    names = one.histories.keys() | other.histories.keys()
    links = one.session_users.keys() | other.session_users.keys()
    return [
        *sorted(f"{name:x}" for name in names if one.histories.get(name) != other.histories.get(name)),
        *sorted(f"link {name}" for name in links if one.session_users.get(name) != other.session_users.get(name)),
    ]


def seeded(name: str) -> Random:
    """A random source whose seed is printed; FOURTHWATCH_TEST_SEED repeats a run as far as timing lets it."""
    seed = os.environ.get("FOURTHWATCH_TEST_SEED") or secrets.token_hex(4)
    print(f"seed of {name}: {seed}")
    return Random(f"{name} {seed}")


def _read_on(ledger: Ledger, windows: Windows, after_seq: int) -> Remembered:
    walk = Walk(ledger, windows, Policy(), os.urandom)
    read_again(walk, after_seq, lambda done, total: None)
    return Remembered(*memory_of(windows), after_seq)


def _stored(row: EventRow) -> Stored:
    info = json.loads(row.body).get("_customInfo")
    mark = info.get("mark") if isinstance(info, dict) else None
    return Stored(str(mark), row.event_id, row.body)
