"""The walk at a counter: one event after the other, into a real ledger, with chance from a seed."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from fourthwatch.clock import ManualClock, Millis
from fourthwatch.decision import Policy
from fourthwatch.engine.recovery import read_again
from fourthwatch.engine.walk import Answer, Outcome, Submission, Walk
from fourthwatch.events import KIND_OF_NUMBER
from fourthwatch.features.windows import Windows
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.ledger import DecisionRow, EventRow, Ledger
from fourthwatch.wire.decode import Decoded, read_stored
from fourthwatch.wire.reply import Receipt
from story import NOW_MS, Memory, decoded, memory_of


def submission(
    kind: str, at_ms: int = NOW_MS, *, tenant: int = 1, key: str | None = None, wants_score: bool = False,
    timed: bool = True, is_own: bool = False, **body: Any,
) -> Submission:  # fmt: skip
    """An event on its way in."""
    return Submission(
        tenant=tenant,
        decoded=decoded(kind, at_ms, timed=timed, **body),
        received_ms=Millis(at_ms),
        idempotency_key=key,
        wants_score=wants_score,
        is_own=is_own,
    )


class Till:
    """A walk on a directory of its own; the tenants 1 and 2 are there."""

    def __init__(self, directory: Path, policy: Policy | None = None, *, seed: int = 1) -> None:
        keys = KeyStore(directory, ManualClock(NOW_MS))
        keys.create("second", ["ingest"], tenant="second")
        keys.close()
        self.ledger = Ledger(directory)
        self.windows = Windows()
        read_again(self._new_walk(Policy(), seed), 0, lambda done, total: None)
        self.walk = self._new_walk(policy or Policy(), seed)  # one that remembers no orders, as after a snapshot

    def take(self, *batch: Submission) -> list[Outcome]:
        """One batch."""
        return self.walk.run(batch)

    def tell(self, kind: str, at_ms: int = NOW_MS, **different: Any) -> Answer:
        """One event by itself, which must not be a conflict."""
        (outcome,) = self.take(submission(kind, at_ms, **different))
        assert isinstance(outcome, Answer)
        return outcome

    def receipt(self, kind: str, at_ms: int = NOW_MS, **different: Any) -> Receipt:
        """What is answered to a new event."""
        answer = self.tell(kind, at_ms, **different)
        assert not answer.replayed
        return answer.receipt

    def rows(self) -> list[tuple[EventRow, DecisionRow | None]]:
        """Everything stored, in order."""
        return [self.ledger.stored(row.seq) for row in list(self.ledger.read_after(0))]

    def vector(self) -> list[float | None]:
        """Of the newest event, which must have been decided."""
        made = self.ledger.stored(self.ledger.last_seq)[1]
        assert made is not None
        vector: list[float | None] = msgspec.json.decode(made.detail)["vector"]
        return vector

    def memory(self) -> Memory:
        """Everything that the windows hold."""
        return memory_of(self.windows)

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()

    def _new_walk(self, policy: Policy, seed: int) -> Walk:
        return Walk(self.ledger, self.windows, policy, Random(seed).randbytes)


def stored_again(rows: list[tuple[EventRow, DecisionRow | None]]) -> Iterator[Submission]:
    """Stored events as submissions that make each of them anew."""
    for row, made in rows:
        kind = KIND_OF_NUMBER[row.kind]
        yield Submission(
            tenant=row.tenant,
            decoded=Decoded(
                kind=kind,
                event=read_stored(kind, row.body, from_go=row.from_go),
                body=row.body,
                fingerprint=row.fingerprint,
                occurred_ms=Millis(row.occurred_ms),
                sent_ms=None,
                name=row.name,
                warnings=(),
                from_go=row.from_go,
            ),
            received_ms=Millis(row.received_ms),
            idempotency_key=f"again-{row.seq}",
            wants_score=made is not None and made.answered,
        )
