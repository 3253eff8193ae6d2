"""What is known of users at a moment, for a graph: their orders, and what became of them."""

from collections.abc import Iterable

import msgspec

from fourthwatch.store.index_reader import IndexReader


class UserFacts(msgspec.Struct, frozen=True):
    """A user's orders up to a moment."""

    orders: int
    chargebacks: int
    rto: int
    red: int
    """Orders whose newest decision is red."""
    bad: bool | None
    """Whether a mark says so; `None`: none stands."""


def user_facts(reader: IndexReader, tenant: int, user_ids: Iterable[str], until_ms: int) -> dict[str, UserFacts]:
    """By user; those without an order and without a mark are left out."""
    wanted = msgspec.json.encode(list(user_ids)).decode()
    counted = reader.rows(
        "SELECT user_id, count(*), sum(chargeback IS 1 AND chargeback_ms <= ?3), sum(rto IS 1 AND rto_ms <= ?3),"
        " sum(flag IS 'red') FROM line WHERE tenant = ?1 AND user_id IN (SELECT value FROM json_each(?2))"
        " AND placed_ms <= ?3 GROUP BY user_id",
        (tenant, wanted, until_ms),
    )
    marked = reader.rows(
        "SELECT user_id, max(bad) FROM mark WHERE tenant = ?1 AND user_id IN (SELECT value FROM json_each(?2))"
        " AND ms <= ?3 GROUP BY user_id",
        (tenant, wanted, until_ms),
    )
    marks = {user: bool(bad) for user, bad in marked}
    facts = {row[0]: UserFacts(row[1], row[2], row[3], row[4], marks.get(row[0])) for row in counted}
    return facts | {user: UserFacts(0, 0, 0, 0, bad) for user, bad in marks.items() if user not in facts}
