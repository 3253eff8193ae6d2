"""Bytes to a JSON document, strictly: one parser for the whole house, with the refusals no Python parser makes.

msgspec refuses NaN, overflow, bad UTF-8, surrogates, BOMs and trailing data; duplicate keys, depth, NUL and integers
beyond 63 bits are refused here (the table of cases is in the tests). A refusal never quotes the body.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from fourthwatch.errors import Malformed
from fourthwatch.limits import JSON_DEPTH_MAX, JSON_INTEGER_MAX, KEYS_MAX, TEXT_ID_MAX
from fourthwatch.wire.masking import mask_text
from fourthwatch.wire.scan import COLONS_FROM, SHAPE, colons, scan

_decode = msgspec.json.Decoder().decode
_AT_BYTE = re.compile(r"\(byte (\d+)\)")


def document_of(raw: bytes) -> Any:
    """The JSON value that `raw` holds; raises `Malformed` for anything doubtful."""
    return _read(raw, scan(raw))[0]


def object_of(raw: bytes) -> dict[str, Any]:
    """As `document_of`, and the body must be an object."""
    return read_object(raw)[0]


def read_object(raw: bytes, found: int | None = None) -> tuple[dict[str, Any], bytes]:
    """The object that `raw` holds, and its canonical form: sorted keys, no blanks; `found`: by `scan`, if known."""
    document, canonical = _read(raw, scan(raw) if found is None else found)
    if type(document) is not dict:
        raise Malformed("the body must be a JSON object", code="not_an_object")
    return document, canonical


def _read(raw: bytes, found: int) -> tuple[Any, bytes]:
    try:
        document = _decode(raw)
        if found & SHAPE:
            _refuse_depth(document, 1)
            _refuse(document, _is_long, "an integer is beyond 63 bits; send it as text", "integer_too_large")
        if found >> COLONS_FROM > KEYS_MAX and _count_keys(document) > KEYS_MAX:
            raise Malformed(f"the body has more than {KEYS_MAX} keys", code="too_many_keys")
        canonical = canonical_of(document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(_explain(raw, error), code="malformed_json") from None
    except RecursionError:
        raise _too_deep() from None
    # A key is followed by one colon outside strings, and the canonical form has each key once. As many colons in both
    # means that none was said twice, as long as no string spells a colon as an escape. Else look closely.
    if found >> COLONS_FROM != colons(canonical) or (found & SHAPE and b"\\u003" in raw):
        _refuse_duplicates(raw)
    if found & SHAPE and b"\\u0000" in raw:
        _refuse(document, _holds_nul, "text and keys must not hold the character U+0000", "nul_character")
    return document, canonical


def is_plain(found: int, canonical: bytes) -> bool:
    """Whether a body that a typed decoder took is surely free of all that is refused here, by what `scan` found."""
    return not found & SHAPE and found >> COLONS_FROM == colons(canonical) and found >> COLONS_FROM <= KEYS_MAX


def canonical_of(document: Any) -> bytes:
    """The same bytes for the same content, however keys were ordered and blanks were set."""
    return msgspec.json.encode(document, order="sorted")


def pointer_to(parent: str, key: str | int) -> str:
    """RFC 6901: one step further down.

    >>> pointer_to("/_items", 0), pointer_to("", "a/b~c")
    ('/_items/0', '/a~1b~0c')
    """
    return f"{parent}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _refuse_depth(value: Any, depth: int) -> None:
    if depth > JSON_DEPTH_MAX:
        raise _too_deep()
    for child in value.values() if type(value) is dict else value if type(value) is list else ():
        if type(child) in (dict, list):
            _refuse_depth(child, depth + 1)


def _count_keys(value: Any) -> int:
    if type(value) is dict:
        return len(value) + sum(map(_count_keys, value.values()))
    return sum(map(_count_keys, value)) if type(value) is list else 0


def _too_deep() -> Malformed:
    return Malformed(f"the body is nested deeper than {JSON_DEPTH_MAX} levels", code="too_deep")


def _explain(raw: bytes, error: Exception) -> str:
    if not raw.strip():
        return "the body is empty; send a JSON object"
    if raw[:3] == b"\xef\xbb\xbf" or raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "the body must be UTF-8 without a byte order mark"
    try:
        raw.decode()
    except UnicodeDecodeError as undecodable:
        return f"the body is not valid UTF-8 near byte {undecodable.start}"
    if "out of range" in str(error):
        return "a number in the body is out of range; send it as text"
    at = _AT_BYTE.search(str(error))
    where = f" near byte {at.group(1)}" if at is not None else ""
    return f"the body is not valid JSON{where}"


class _Pairs(list[tuple[str, Any]]):
    """An object with all that was said in it, also what a later duplicate hides."""


def _refuse_duplicates(raw: bytes) -> None:
    # The fast parser has accepted these bytes, so the slow one only looks at keys. It is also the one to see what a
    # later duplicate has hidden, and needs a little more stack for it.
    try:
        document = json.loads(raw, object_pairs_hook=_Pairs, parse_int=len, parse_float=len)
        _refuse_at(_path_to_repetition(document), "an object has the same key twice", "duplicate_key")
    except RecursionError:
        raise _too_deep() from None


def _refuse(document: Any, offends: Callable[[Any], bool], sentence: str, code: str) -> None:
    _refuse_at(_path_to_offence(document, offends), sentence, code)


def _refuse_at(path: tuple[str | int, ...] | None, sentence: str, code: str) -> None:
    if path is not None:
        pointer = ""
        for step in path:
            # A key is the sender's text too: what looks like a card number in it is not repeated.
            pointer = pointer_to(pointer, step if isinstance(step, int) else mask_text(step)[:TEXT_ID_MAX])
        raise Malformed(sentence, pointer=pointer, code=code)


def _path_to_offence(value: Any, offends: Callable[[Any], bool]) -> tuple[str | int, ...] | None:
    """Keys and indices down to what offends; an offending key is shown by its object. `None` when nothing does."""
    if type(value) is dict:
        if any(map(offends, value)):
            return ()
        children: Iterable[tuple[str | int, Any]] = value.items()
    elif type(value) is list:
        children = enumerate(value)
    else:
        return () if offends(value) else None
    for step, child in children:
        path = _path_to_offence(child, offends)
        if path is not None:
            return (step, *path)
    return None


def _path_to_repetition(value: Any) -> tuple[str | int, ...] | None:
    """Keys and indices down to a key that is said again in its object; `None` when none is."""
    if type(value) not in (_Pairs, list):
        return None
    said: set[str | int] = set()
    for step, child in value if type(value) is _Pairs else enumerate(value):
        if step in said:
            return (step,)
        said.add(step)
        path = _path_to_repetition(child)
        if path is not None:
            return (step, *path)
    return None


def _holds_nul(value: Any) -> bool:
    return type(value) is str and "\x00" in value


def _is_long(value: Any) -> bool:
    return type(value) is int and not -JSON_INTEGER_MAX - 1 <= value <= JSON_INTEGER_MAX
