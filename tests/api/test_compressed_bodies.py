"""Compressed bodies: one member or several behind each other, and the bound on what they hold together."""

import gzip
import zlib

import pytest

from fourthwatch.api.request import decompressed
from fourthwatch.errors import Malformed, TooLarge
from fourthwatch.limits import BODY_BYTES_MAX, GZIP_MEMBERS_MAX


def members(*parts: bytes) -> bytes:
    return b"".join(map(gzip.compress, parts))


def test_members_behind_each_other_are_one_body() -> None:
    assert decompressed(members(b'{"_userId":', b"", b'"u"}'), "gzip") == b'{"_userId":"u"}'
    assert decompressed(members(*[b"x"] * GZIP_MEMBERS_MAX), "x-gzip") == b"x" * GZIP_MEMBERS_MAX


def test_what_all_members_hold_together_is_bounded() -> None:
    half = b"x" * (BODY_BYTES_MAX // 2)
    assert len(decompressed(members(half, half), "gzip")) == BODY_BYTES_MAX
    with pytest.raises(TooLarge):
        decompressed(members(half, half, b"x"), "gzip")
    with pytest.raises(TooLarge):
        decompressed(members(b"x", b"x" * 50_000_000), "gzip")


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (members(*[b""] * (GZIP_MEMBERS_MAX + 1)), "gzip"),
        (members(b"{}", b"{}")[:-1], "gzip"),
        (members(b"{}") + b"{}", "gzip"),
        (members(b"{}") + b"\0\0", "gzip"),
        (zlib.compress(b"{}") * 2, "deflate"),
        (b"", "gzip"),
    ],
    ids=["too many", "cut off", "something behind", "zeros behind", "two of deflate", "nothing"],
)
def test_what_is_not_whole_members_and_nothing_else_is_refused(body: bytes, encoding: str) -> None:
    with pytest.raises(Malformed) as refused:
        decompressed(body, encoding)
    assert refused.value.code == "bad_encoding"
