"""Bytes to a JSON document, strictly: one parser for the whole house, with the refusals no Python parser makes.

msgspec refuses NaN, overflow, bad UTF-8, surrogates, BOMs and trailing data; duplicate keys, depth, NUL and integers
beyond 63 bits are refused here (the table of cases is in the tests). A refusal never quotes the body.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from fourthwatch.errors import Malformed
from fourthwatch.limits import JSON_DEPTH_MAX, JSON_INTEGER_MAX, KEYS_MAX

_decode = msgspec.json.Decoder().decode
_AT_BYTE = re.compile(r"\(byte (\d+)\)")
_LONG_INTEGER = re.compile(rb"\d{19}")


def document_of(raw: bytes) -> Any:
    """The JSON value that `raw` holds; raises `Malformed` for anything doubtful."""
    try:
        document = _decode(raw)
    except msgspec.DecodeError as error:
        raise Malformed(_explain(raw, error), code="malformed_json") from None
    except RecursionError:
        raise _too_deep() from None
    keys = _count_keys(document, 1)
    if keys > KEYS_MAX:
        raise Malformed(f"the body has more than {KEYS_MAX} keys", code="too_many_keys")
    # Each key of the text is followed by one colon outside strings, so as many colons as keys means that no key was
    # said twice. More colons stand in strings (a URL, a time) or betray a duplicate: then look closely.
    if raw.count(b":") != keys:
        _refuse_duplicates(raw)
    if b"\\u0000" in raw:
        _refuse_nul(document, "")
    if _LONG_INTEGER.search(raw) is not None:
        _refuse_long_integers(document, "")
    return document


def object_of(raw: bytes) -> dict[str, Any]:
    """As `document_of`, and the body must be an object."""
    document = document_of(raw)
    if type(document) is not dict:
        raise Malformed("the body must be a JSON object", code="not_an_object")
    return document


def pointer_to(parent: str, key: str | int) -> str:
    """RFC 6901: one step further down.

    >>> pointer_to("/_items", 0), pointer_to("", "a/b~c")
    ('/_items/0', '/a~1b~0c')
    """
    return f"{parent}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _count_keys(value: Any, depth: int) -> int:
    if depth > JSON_DEPTH_MAX:
        raise _too_deep()
    if type(value) is dict:
        keys = len(value)
        children: Iterable[Any] = value.values()
    elif type(value) is list:
        keys = 0
        children = value
    else:
        return 0
    for child in children:
        kind = type(child)
        if kind is dict or kind is list:
            keys += _count_keys(child, depth + 1)
    return keys


def _too_deep() -> Malformed:
    return Malformed(f"the body is nested deeper than {JSON_DEPTH_MAX} levels", code="too_deep")


def _explain(raw: bytes, error: msgspec.DecodeError) -> str:
    if not raw.strip():
        return "the body is empty; send a JSON object"
    if raw[:3] == b"\xef\xbb\xbf" or raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "the body must be UTF-8 without a byte order mark"
    at = _AT_BYTE.search(str(error))
    where = f" near byte {at.group(1)}" if at is not None else ""
    return f"the body is not valid JSON{where}"


def _refuse_duplicates(raw: bytes) -> None:
    def pairs_to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        if len(built) != len(pairs):
            raise Malformed("an object has the same key twice", code="duplicate_key")
        return built

    # The fast parser has accepted these bytes, so the slow one only looks at keys.
    json.loads(raw, object_pairs_hook=pairs_to_object, parse_int=len, parse_float=len)


def _refuse_nul(value: Any, pointer: str) -> None:
    if type(value) is str:
        if "\x00" in value:
            raise Malformed("text must not hold the character U+0000", pointer=pointer, code="nul_character")
    elif type(value) is dict:
        for key, child in value.items():
            if "\x00" in key:
                raise Malformed("a key must not hold the character U+0000", pointer=pointer, code="nul_character")
            _refuse_nul(child, pointer_to(pointer, key))
    elif type(value) is list:
        for index, child in enumerate(value):
            _refuse_nul(child, pointer_to(pointer, index))


def _refuse_long_integers(value: Any, pointer: str) -> None:
    if type(value) is int:
        if not -JSON_INTEGER_MAX - 1 <= value <= JSON_INTEGER_MAX:
            raise Malformed("an integer is beyond 63 bits; send it as text", pointer=pointer, code="integer_too_large")
    elif type(value) is dict:
        for key, child in value.items():
            _refuse_long_integers(child, pointer_to(pointer, key))
    elif type(value) is list:
        for index, child in enumerate(value):
            _refuse_long_integers(child, pointer_to(pointer, index))
