"""Pages: `limit` and `cursor` in, `next` out. A cursor is opaque, and good for one tenant and one list alone.

It is sealed with a secret of the data file, so that it tells nothing about others and another's looks like one made up.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import msgspec
from starlette.requests import Request

from fourthwatch.errors import Malformed
from fourthwatch.limits import AT_MS_MAX, CURSOR_CHARS_MAX, PAGE_ROWS, PAGE_ROWS_MAX
from fourthwatch.wire.times import read_timestamp_ms

Place = int | str | tuple[int | str, ...]
"""Where a page ends: what its last row is sorted by."""
P = TypeVar("P")
Row = TypeVar("Row")

_TAG_BYTES = 16


class Cursors:
    """Places to cursors and back."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sealed(self, tenant: int, name: str, place: Place) -> str:
        """A cursor for the list of this name."""
        plain = msgspec.msgpack.encode(place)
        tag = self._tag(tenant, name, plain)
        return base64.urlsafe_b64encode(tag + self._mixed(tag, plain)).rstrip(b"=").decode()

    def opened(self, tenant: int, name: str, cursor: str, place: type[P]) -> P:
        """The place; raises `Malformed` for a cursor of another tenant or list like for one that never was."""
        try:
            if len(cursor) > CURSOR_CHARS_MAX or not cursor.isascii():
                raise ValueError
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
            tag, mixed = sealed[:_TAG_BYTES], sealed[_TAG_BYTES:]
            plain = self._mixed(tag, mixed)
            if self._tag(tenant, name, plain) != tag:
                raise ValueError
            return msgspec.msgpack.decode(plain, type=place)
        except (ValueError, binascii.Error, msgspec.MsgspecError):
            raise Malformed("cursor is not a `next` of an earlier page of this list", code="bad_cursor") from None

    def _tag(self, tenant: int, name: str, plain: bytes) -> bytes:
        told = f"{tenant} {len(name)} {name} ".encode() + plain
        return hashlib.blake2b(told, digest_size=_TAG_BYTES, key=self._secret, person=b"tag").digest()

    def _mixed(self, tag: bytes, text: bytes) -> bytes:
        """The text with a stream of bytes that the tag chooses; applied twice it is the text again."""
        stream = b"".join(
            hashlib.blake2b(tag + number.to_bytes(4, "big"), key=self._secret, person=b"stream").digest()
            for number in range(-(-len(text) // 64))
        )
        return bytes(a ^ b for a, b in zip(text, stream, strict=False))


class Page:
    """What a caller asks of a list: how many rows, and behind which place."""

    def __init__(self, cursors: Cursors, request: Request, tenant: int, name: str, *, rows: int = PAGE_ROWS) -> None:
        """`name` is the list's, with whatever narrows it down; raises `Malformed`."""
        self._cursors, self._tenant, self._name = cursors, tenant, name
        self._cursor = request.query_params.get("cursor")
        self.limit = min(number_in(request, "limit", rows, at_least=1), PAGE_ROWS_MAX)

    def behind(self, place: type[P], otherwise: P) -> P:
        """The place behind which the page begins; `otherwise` for the first one."""
        if self._cursor is None:
            return otherwise
        return self._cursors.opened(self._tenant, self._name, self._cursor, place)

    def next(self, place: Place) -> str:
        """The cursor of the page behind this place."""
        return self._cursors.sealed(self._tenant, self._name, place)

    def cut(self, rows: Sequence[Row], place_of: Callable[[Row], Place]) -> tuple[Sequence[Row], str | None]:
        """The page of rows that were asked for with one more than `limit`, and the cursor of the next, if any."""
        if len(rows) <= self.limit:
            return rows, None
        return rows[: self.limit], self.next(place_of(rows[self.limit - 1]))


def number_in(request: Request, name: str, otherwise: int, *, at_least: int = 0) -> int:
    """A whole number of the query, or what stands for it; raises `Malformed`."""
    text = request.query_params.get(name)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit()) or len(text) > 15 or int(text) < at_least:
        raise Malformed(f"{name} must be a whole number from {at_least}", code="bad_query")
    return int(text)


def truth_in(request: Request, name: str) -> bool | None:
    """True or false of the query, `None` when absent; raises `Malformed`."""
    told = request.query_params.get(name)
    if told is None or told in ("true", "false"):
        return None if told is None else told == "true"
    raise Malformed(f"{name} must be true or false", code="bad_query")


def word_in(request: Request, name: str, words: Collection[str]) -> str | None:
    """One of a few words of the query, `None` when absent; raises `Malformed`."""
    told = request.query_params.get(name)
    if told is None or told in words:
        return told
    raise Malformed(f"{name} must be one of {', '.join(words)}", code="bad_query")


def time_in(request: Request, name: str) -> int | None:
    """A time of the query in epoch milliseconds, sent so or as ISO-8601; `None` when absent; raises `Malformed`."""
    told = request.query_params.get(name)
    if told is None:
        return None
    at_ms = read_timestamp_ms(told)
    if at_ms is None or at_ms >= AT_MS_MAX:
        raise Malformed(f"{name} must be a time: ISO-8601, or milliseconds since 1970", code="bad_query")
    return at_ms
