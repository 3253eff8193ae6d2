"""Questions for the events about an order or a user, as the ledger and whoever only reads it ask them."""

from collections.abc import Sequence


def order_before_statement(kinds: Sequence[int]) -> str:
    """Asks for kind, body and Go's mark; bound to it are tenant, subject, position and the kinds."""
    marks = ",".join("?" * len(kinds))
    return (
        f"SELECT kind, body, from_go FROM event WHERE tenant = ? AND subject = ? AND seq < ? AND kind IN ({marks})"
        " ORDER BY seq DESC LIMIT 1"
    )


def newest_about_statement(columns: str) -> str:
    """Asks for events; bound to it are tenant, subject, position, the `bits_of` kinds, and how many."""
    return (
        f"SELECT {columns} FROM event WHERE tenant = ? AND subject = ? AND seq < ? AND (? >> kind) & 1"
        " ORDER BY seq DESC LIMIT ?"
    )


def bits_of(kinds: Sequence[int]) -> int:
    """Kinds as bits, which cost a question less than a list of them."""
    return sum(1 << kind for kind in kinds)
