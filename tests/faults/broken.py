"""The same server, broken on purpose in one way: `broken.py WAY serve --data DIR …`. Every test must notice its ways.

A way replaces one function of the program before it starts.
"""

import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fourthwatch.engine.flight as flight
import fourthwatch.engine.opening as opening
import fourthwatch.engine.recovery as recovery
import fourthwatch.engine.walk as walk
from fourthwatch.cli.main import main
from fourthwatch.engine.identity import Identity
from fourthwatch.engine.unfinished import Unfinished
from fourthwatch.errors import LedgerError
from fourthwatch.store.ledger import Ledger, Sealed


class _Rows:
    """What a statement has answered, as a cursor hands it out."""

    def __init__(self, rows: list[Any]) -> None:
        self._rows = iter(rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def fetchone(self) -> Any:
        return next(self._rows, None)


class LazyConnection:
    """Commits only every `every`-th time it is told to; questions see what is not committed yet."""

    def __init__(self, connection: Any, every: int) -> None:
        self._connection = connection
        self._every = every
        self._commits = 0
        self._one_at_a_time = threading.Lock()

    def execute(self, statement: str, *bindings: Any) -> Any:
        with self._one_at_a_time:
            is_batch = statement.startswith("INSERT INTO temp.inbox")
            if (is_batch or statement.startswith("BEGIN")) and not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            if statement.startswith(("BEGIN", "COMMIT")):  # around a batch that has more to write
                return _Rows([])
            answer = list(self._connection.execute(statement, *bindings))
            if is_batch:
                self._commits += 1
                if self._commits % self._every == 0:
                    self._connection.execute("COMMIT")
            return _Rows(answer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def answers_early() -> None:
    """Answers are out before the commit."""
    start = Ledger.__init__

    def started(self: Ledger, directory: Path) -> None:
        start(self, directory)
        self._reading.close()
        self._connection = self._reading = LazyConnection(self._connection, 20)  # type: ignore[assignment]

    Ledger.__init__ = started  # type: ignore[method-assign]


def counts_twice() -> None:
    """No submission is known again."""
    walk.identity_of = lambda *_: Identity(None)  # type: ignore[attr-defined]


def forgets_at_start() -> None:
    """Some of the events after the snapshot are not read again."""
    recover = recovery.recover_windows

    def forgetful(ledger: Ledger, directory: Path, *books: Any) -> Any:
        windows, seq = recover(ledger, directory, *books)
        return windows, seq + (ledger.last_seq - seq) // 2

    opening.recover_windows = forgetful  # type: ignore[attr-defined, assignment]


def forgets_what_was_left() -> None:
    """What a kill left undone behind durable decisions is not looked for at the start."""
    opening.unfinished = lambda *_: Unfinished([], [])  # type: ignore[attr-defined]


def swallows_write_errors() -> None:
    """A batch that could not be written is answered as if it had been."""
    write = Ledger.write

    def swallowing(self: Ledger, batch: Sealed) -> None:
        try:
            write(self, batch)
        except LedgerError:
            self.last_seq = batch.last_seq

    Ledger.write = swallowing  # type: ignore[method-assign]


def ignores_the_reserve() -> None:
    """The disk is filled to the brim."""
    flight.free_bytes = lambda directory: 1 << 60  # type: ignore[attr-defined]


def stumbles() -> None:
    """Orders whose id begins with `stumble` bring the walk down."""
    subject_of = walk.subject_of  # type: ignore[attr-defined]

    def stumbling(kind: Any, event: Any) -> str | None:
        if str(event.order_id).startswith("stumble"):
            raise RuntimeError("broken on purpose")
        told: str | None = subject_of(kind, event)
        return told

    walk.subject_of = stumbling  # type: ignore[attr-defined]


def stumbles_over_a_body() -> None:
    """A body with `stumble` in it, and a key that begins with it, cannot be looked at."""
    module: Any = importlib.import_module("fourthwatch.api.intake")
    read, admit = module.decode_event, module.Intake.admit

    def stumbling(raw: bytes, *rest: Any, **more: Any) -> Any:
        if b"stumble" in raw:
            raise RuntimeError("broken on purpose")
        return read(raw, *rest, **more)

    def admitting(self: Any, presented: str | None, scope: str) -> Any:
        if str(presented).startswith("stumble"):
            raise RuntimeError("broken on purpose")
        return admit(self, presented, scope)

    module.decode_event, module.Intake.admit = stumbling, admitting


def shares_the_directory() -> None:
    """A second server on the same directory is let in."""
    module: Any = importlib.import_module("fourthwatch.server.serve")
    indexing: Any = importlib.import_module("fourthwatch.server.indexing")
    module.lock_directory = indexing.lock_index = lambda directory: (directory / "another.lock").open("w")


def ends_at_a_bad_page() -> None:
    """What cannot be read is taken for a disk that failed."""
    module: Any = walk
    module.LedgerUnreadable = type("Nothing", (Exception,), {})


def skips_what_came_meanwhile() -> None:
    """What comes while nobody writes the index is taken for filed."""
    module: Any = importlib.import_module("fourthwatch.server.filer")
    module.PROGRAM = "skipping_index_process"
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)


WAYS: dict[str, Callable[[], None]] = {
    way.__name__.replace("_", "-"): way
    for way in (
        answers_early, counts_twice, forgets_at_start, forgets_what_was_left, swallows_write_errors,
        ignores_the_reserve, stumbles, stumbles_over_a_body, shares_the_directory, ends_at_a_bad_page,
        skips_what_came_meanwhile,
    )
}  # fmt: skip


def broken(way: str) -> tuple[str, ...]:
    """For `Served(program=…)`."""
    assert way in WAYS
    return (sys.executable, __file__, way)


if __name__ == "__main__":
    WAYS[sys.argv.pop(1)]()
    main()
