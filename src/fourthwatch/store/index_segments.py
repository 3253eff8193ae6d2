"""Segments of the index: what is written lately lies in young ones, which grow together into old ones.

Keys are scattered, so a batch writes to nearly every page of the segment that it goes into; a young one is small enough
that it is written about once. How far the young ones have gone into the old is a function of the position alone: after
each 256 events a further part of what is in the complete ones moves, in the transaction of the batch.
"""

import apsw
import msgspec

YOUNG_BITS = 10
"""Positions of a young segment: those of about one batch."""
OLD_BITS = 14
"""Positions of an old one; a question looks into each."""
_PARTS_BITS = 6
"""Parts of the keys in which an old segment is made, so that none holds up a batch."""
_SLICE_BITS = OLD_BITS - _PARTS_BITS
_KEYS_PER_PART = 1 << (64 - _PARTS_BITS)
_FIRST_KEY = -(1 << 63)
ALL_OLD = 0
"""The number under which the names of things lie that are in no young segment any more."""

OLD_OF = f"(({{seq}}) >> {OLD_BITS} << {OLD_BITS + 1})"
"""SQL: number of the old segment of a position. Numbers are twice the first position, so they are in its order."""
YOUNG_OF = f"((({{seq}}) >> {YOUNG_BITS} << {YOUNG_BITS + 1}) | 1)"
"""SQL: number of the young segment of a position; odd."""
_NEXT_OLD = 1 << (OLD_BITS + 1)

_KINDS_MAX = 128
_NAME_PARTS = 8
"""Names lie by kind and value, and move by kind: each page of the old ones is written once, not for every part."""

_YOUNG_ONES = f"s.n > ?1 AND s.n < ?1 + {_NEXT_OLD}"
_BY_KEY = "m.key BETWEEN ?2 AND ?3"
_BY_KIND = "m.kind IN (SELECT value FROM json_each(?2))"
_MOVES = {
    "mention": (_BY_KEY, "?1, m.key, m.seq", "m.key, m.seq"),
    "link": (_BY_KEY, "?1, m.key, m.kind, m.other, m.seq, m.ms", "m.key, m.kind, m.other, m.seq"),
    "thing": (_BY_KEY, f"{ALL_OLD}, m.key, m.tenant, m.kind, m.value, m.seq", "m.key, m.seq"),
    "name": (
        _BY_KIND,
        f"{ALL_OLD}, m.kind, m.tenant, m.value, m.key, m.seq",
        "m.kind, m.tenant, m.value, m.key, m.seq",
    ),
}
"""By table what of it moves, as what, and in which order: of two rows that mean the same the first stays."""


def young_of(seq: int) -> int:
    """Number of the young segment of a position.

    >>> young_of(0), young_of(1_023), young_of(1_024)
    (1, 1, 2049)
    """
    return (seq >> YOUNG_BITS << YOUNG_BITS + 1) | 1


def grow(connection: apsw.Connection, from_seq: int, to_seq: int) -> None:
    """Let grow together what is due when an index comes from one position to another, inside its transaction."""
    for part in range(_parts_due(from_seq), _parts_due(to_seq)):
        _move(connection, part >> _PARTS_BITS, part & ((1 << _PARTS_BITS) - 1))


def _parts_due(seq: int) -> int:
    """How many parts have moved, of all old segments together, when an index has come to a position.

    >>> _parts_due(16_639), _parts_due(16_640), _parts_due(32_768)
    (0, 1, 64)
    """
    return max(0, (seq >> _SLICE_BITS) - (1 << _PARTS_BITS))


def _move(connection: apsw.Connection, number: int, part: int) -> None:
    """One part of what is in the young segments of one old one."""
    old = number << (OLD_BITS + 1)
    first = _FIRST_KEY + part * _KEYS_PER_PART
    if part == 0:
        connection.execute("INSERT OR IGNORE INTO segment VALUES (?)", (old,))
    for table in ("mention", "link", "thing"):
        _move_rows(connection, table, (old, first, first + _KEYS_PER_PART - 1))
    if part % _NAME_PARTS == 0:
        kinds = list(range(part // _NAME_PARTS, _KINDS_MAX, _NAME_PARTS))
        _move_rows(connection, "name", (old, msgspec.json.encode(kinds).decode()))
    if part == (1 << _PARTS_BITS) - 1:
        connection.execute(f"DELETE FROM segment AS s WHERE {_YOUNG_ONES}", (old,))


def _move_rows(connection: apsw.Connection, table: str, which: tuple[int | str, ...]) -> None:
    these, columns, order = _MOVES[table]
    connection.execute(
        f"INSERT OR IGNORE INTO {table} SELECT {columns} FROM segment s CROSS JOIN {table} m"
        f" ON m.segment = s.n AND {these} WHERE {_YOUNG_ONES} ORDER BY {order}",
        which,
    )
    connection.execute(
        f"DELETE FROM {table} AS m WHERE m.segment IN (SELECT n FROM segment s WHERE {_YOUNG_ONES}) AND {these}", which
    )
