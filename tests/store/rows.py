"""Rows to fill a ledger with."""

from fourthwatch.store.ledger import NONCE_BYTES, DecisionRow, EventRow


def event(seq: int, **different: object) -> EventRow:
    """An event at a position; everything that is not said is made from the position."""
    fields: dict[str, object] = {
        "seq": seq,
        "tenant": 1,
        "nonce": bytes([seq % 256]) * NONCE_BYTES,
        "identity": seq.to_bytes(16, "big"),
        "fingerprint": (seq + 1_000).to_bytes(16, "big"),
        "kind": 8,
        "name": None,
        "subject": f"order:ord-{seq}",
        "occurred_ms": 1_790_000_000_000 + seq,
        "received_ms": 1_790_000_000_500 + seq,
        "body": b'{"_orderId":"ord-%d","_note":"caf\xc3\xa9"}' % seq,
        "warnings": None,
        **different,
    }
    return EventRow(**fields)  # type: ignore[arg-type]


def decision(seq: int, *, tenant: int = 1, score: int = 12, answered: bool = True) -> DecisionRow:
    """A decision on the event at a position."""
    return DecisionRow(
        seq=seq,
        tenant=tenant,
        score=score,
        flag="green",
        verdict="approve",
        answered=answered,
        detail=b'{"reasons":[]}',
    )
