"""The one parser: the table of refusals (RELIABILITY 2.6), and the standard library's parser as a second opinion."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourthwatch.errors import Malformed
from fourthwatch.limits import JSON_DEPTH_MAX, KEYS_MAX
from fourthwatch.wire.strict import document_of, object_of, pointer_to

_BROKEN = "malformed_json"
_TWICE = "duplicate_key"
_DEEP = "too_deep"
_NUL = "nul_character"
_LONG = "integer_too_large"
_NOT = "not_an_object"
_MANY = "too_many_keys"

_PLACES = (b"%s", b'{"a":%s}', b"[%s]", b'{"a":[1,{"b":%s}]}', b' {"x" : "y" ,\n"a":\t%s }\r\n')
"""A value alone, and inside others."""

_REFUSED_VALUES: list[tuple[bytes, str]] = [
    # Numbers that are none, or do not fit.
    *((text, _BROKEN) for text in (b"NaN", b"-NaN", b"Infinity", b"-Infinity", b"nan", b"inf", b"1e400", b"-1e400")),
    *((text, _BROKEN) for text in (b"01", b"-01", b"00", b"+1", b".5", b"1.", b"1.e5", b"1e", b"1e+", b"-", b"--1")),
    *((text, _BROKEN) for text in (b"0x10", b"1_000", b"1 2", "١".encode(), "１".encode(), b"1f", b"1L")),
    *((text, _LONG) for text in (b"9223372036854775808", b"-9223372036854775809", b"18446744073709551615")),
    *((text, _LONG) for text in (b"18446744073709551616", b"1" * 30, b"-" + b"9" * 100)),
    (b"1" * 5_000, _BROKEN),
    (b"-" + b"7" * 100_000, _BROKEN),
    # Text that is none, or cannot be stored.
    *((text, _BROKEN) for text in (b"'a'", b'"a', b'a"', b'"\n"', b'"\t"', b'"\x00"', b'"\x1f"', b'"\\x41"', b'"\\"')),
    *((text, _BROKEN) for text in (b'"\\u12"', b'"\\u123g"', b'"\\U00000041"', b'"\\0"', b'"\\\n"', b"\x00")),
    *((text, _BROKEN) for text in (b'"\\ud800"', b'"\\udc00"', b'"\\ud800x"', b'"\\udc00\\ud800"')),
    *((text, _BROKEN) for text in (b'"\\ud800\\u0041"', b'"\xed\xa0\x80"', b'"\xed\xbf\xbf"')),
    *((text, _BROKEN) for text in (b'"\\ud83d\\ud83d"', b'"\xed\xa0\xbd\xed\xb8\x80"')),
    *((text, _BROKEN) for text in (b'"\xff"', b'"\xfe"', b'"\x80"', b'"\xc0\x80"', b'"\xc1\xbf"', b'"\xe0\x80\xaf"')),
    *((text, _BROKEN) for text in (b'"\xf0\x80\x80\xaf"', b'"\xf4\x90\x80\x80"', b'"\xf8\x88\x80\x80\x80"', b'"\xc3"')),
    *((text, _BROKEN) for text in (b'"\xe2\x82"', b'"\xf0\x9f\x98"', b'"\xc3("', b'"\xe9t\xe9"')),
    *((text, _NUL) for text in (b'"\\u0000"', b'"a\\u0000b"', b'"\\\\\\u0000"', b'{"\\u0000":1}', b'{"a\\u0000":[]}')),
    # Structure.
    *((text, _BROKEN) for text in (b"[1,]", b"[,1]", b"[1 2]", b"[", b"]", b"{", b"}", b"[}", b"{]", b"[1]]")),
    *((text, _BROKEN) for text in (b'{"a"}', b'{"a":}', b'{"a":1,}', b'{,"a":1}', b'{"a" 1}', b"{a:1}", b"{1:1}")),
    *((text, _BROKEN) for text in (b'{"a":1 "b":2}', b'{null:1}', b"{'a':1}", b'{"a"::1}', b'{"a":1;}', b'{"a":1}}')),
    *((text, _BROKEN) for text in (b"True", b"None", b"tru", b"nul", b"undefined", b"truefalse", b"TRUE", b"fals")),
    *((text, _BROKEN) for text in (b"/* */1", b"1//", b"#1", b"<a/>", b"a=b", b"\xc2\xa01", b"\x0b1")),
    *((text, _BROKEN) for text in ("\u20281".encode(), "\u00851".encode(), b"\x0c1", b"1;", b"{}1")),
    # The same key twice, however it is spelled and whatever stands around it.
    *((text, _TWICE) for text in (b'{"a":1,"a":1}', b'{"a":1,"b":2,"a":3}', b'{"a":1,"\\u0061":2}', b'{"":1,"":2}')),
    *((text, _TWICE) for text in (b'{"a":{"a":1},"a":2}', b'{"a":1,"b":{"c":1,"c":2}}', b'[{"a":1,"a":2}]')),
    *((text, _TWICE) for text in (b'{"a:b":1,"a:b":2}', b'{"u":"a:b","a":1,"a":2}', b'{"/":1,"\\/":2}')),
    ('{"ü":1,"\\u00fc":2}'.encode(), _TWICE),
    ('{"😀":1,"\\ud83d\\ude00":2}'.encode(), _TWICE),
    (b'{"a":"https://example.com:80/?a:b","b":"12:00:00","a":"x"}', _TWICE),
    (b'{"a":{"x":1,"y":2,"z":3},"a":{"x":1}}', _TWICE),
    (b'{"a":"::::::::","b":{"c":":","c":":"}}', _TWICE),
    (b'{"a":1,"b":"\\"a\\":1","a":2}', _TWICE),
    (b'{"k":[{"a":1},{"a":1,"a":1}]}', _TWICE),
]  # fmt: skip

_TAKEN: list[tuple[bytes, Any]] = [
    (b"0", 0), (b"-0", 0), (b"9223372036854775807", 2**63 - 1), (b"-9223372036854775808", -(2**63)), (b"1.0", 1.0),
    (b"1e5", 1e5), (b"1E+5", 1e5), (b"1e-400", 0.0), (b"1.7976931348623157e308", 1.7976931348623157e308),
    (b"-0.0", -0.0), (b"0.1", 0.1), (b"true", True), (b"false", False), (b"null", None), (b'""', ""),
    (b'"\\u0041\\n\\t\\r\\b\\f\\/\\\\\\""', 'A\n\t\r\b\f/\\"'), (b'"\\ud83d\\ude00"', "😀"),
    ('"😀ü\u2028"'.encode(), "😀ü\u2028"),
    (b'"\x7f"', "\x7f"), (b'"\\u0001"', "\x01"), (b'"\\\\u0000"', "\\u0000"), (b'"\\ufeff"', "\ufeff"),
    (b'"\\uffff"', "\uffff"),
    (b"[]", []), (b"{}", {}), (b"[[],{},[{}]]", [[], {}, [{}]]), (b" \t\r\n[ 1 , 2 ] ", [1, 2]),
    (b'{"a":"x:y","b:c":":"}', {"a": "x:y", "b:c": ":"}), (b'{"a":1,"A":2,"\\u0061 ":3}', {"a": 1, "A": 2, "a ": 3}),
    (b'{"":1}', {"": 1}), (b'{"a":{"a":{"a":1}}}', {"a": {"a": {"a": 1}}}),
    (b'[{"a":1},{"a":1}]', [{"a": 1}, {"a": 1}]),
    ('{"é":1,"e\u0301":2}'.encode(), {"é": 1, "e\u0301": 2}),
    (b'"1234567890123456789012345678901234567890"', "1234567890" * 4),
    (b'"9223372036854775808"', "9223372036854775808"), (b"1.2345678901234567890123456789", 1.2345678901234568),
    (b"12345678901234567890.5", 12345678901234567890.5),
    (b'{"__proto__":1,"constructor":2}', {"__proto__": 1, "constructor": 2}),
    (b'{"t":"12:00","u":"https://example.com:8080/"}', {"t": "12:00", "u": "https://example.com:8080/"}),
]  # fmt: skip


def _refused_cases() -> list[tuple[bytes, str]]:
    return [(place % value, code) for value, code in _REFUSED_VALUES for place in _PLACES]


def _code_of(raw: bytes) -> str | None:
    """Code of the refusal; `None` when it was taken. Anything but a `Malformed` goes through."""
    try:
        document_of(raw)
    except Malformed as refusal:
        return refusal.code
    return None


def test_the_table_has_more_than_two_hundred_cases() -> None:
    assert len(_refused_cases()) + len(_TAKEN) * len(_PLACES) > 600


@pytest.mark.parametrize(("value", "code"), _REFUSED_VALUES, ids=lambda part: ascii(part)[:40])
def test_what_is_not_json_or_doubtful_is_refused_wherever_it_stands(value: bytes, code: str) -> None:
    for place in _PLACES:
        raw = place % value
        # A "}" or "]" too many can end what stands around it; then the rest is in the way, which is the same refusal.
        assert _code_of(raw) == code, raw[:100]


@pytest.mark.parametrize(("value", "meant"), _TAKEN, ids=lambda part: ascii(part)[:40])
def test_what_is_json_is_taken_as_it_was_meant(value: bytes, meant: Any) -> None:
    assert _same(document_of(value), meant)
    assert _same(document_of(b'{"a":[%s]}' % value), {"a": [meant]})


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"\n\n", b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b"\xfe\xff\x00{\x00}", b"{\x00}\x00",
        b"\x00{\x00}", "{}".encode("utf-32"), "{}".encode("utf-32-le"), b"{}{}", b"{} x", b"{}\x00", b"{}\n{}",
        b"\x1f\x8b\x08\x00", b"--1\r\nContent-Disposition: form-data", b"_userId=u&_orderId=o", b"{}\xef\xbb\xbf",
    ],
)  # fmt: skip
def test_a_body_that_is_something_else_is_refused(raw: bytes) -> None:
    assert _code_of(raw) == _BROKEN


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "the body is empty; send a JSON object"),
        (b" \n", "the body is empty; send a JSON object"),
        (b"\xef\xbb\xbf{}", "the body must be UTF-8 without a byte order mark"),
        (b"\xff\xfe{\x00", "the body must be UTF-8 without a byte order mark"),
        (b'{"a":1,}', "the body is not valid JSON near byte 7"),
        (b'{"a"', "the body is not valid JSON"),
        (b'{"a":"caf\xe9"}', "the body is not valid UTF-8 near byte 9"),
    ],
)
def test_the_refusal_says_what_to_look_at(raw: bytes, says: str) -> None:
    with pytest.raises(Malformed) as caught:
        document_of(raw)
    assert caught.value.message == says


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"a"', b"null", b"true", b"1.5", b'[{"a":1}]'])
def test_a_body_that_is_not_an_object_is_refused_as_such(raw: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        object_of(raw)
    assert caught.value.code == _NOT


# Depth.


def _nested(depth: int, opening: bytes, closing: bytes, core: bytes) -> bytes:
    return opening * depth + core + closing * depth


_NESTS = [(b"[", b"]"), (b'{"a":', b"}"), (b'{"a":"x:y","b":', b"}"), (b'[1,"a",', b"]")]


@pytest.mark.parametrize(("opening", "closing"), _NESTS)
@pytest.mark.parametrize("depth", [1, 31, 32])
def test_nesting_up_to_the_limit_is_taken(depth: int, opening: bytes, closing: bytes) -> None:
    assert JSON_DEPTH_MAX == 32
    assert _code_of(_nested(depth, opening, closing, b"1")) is None


@pytest.mark.parametrize(("opening", "closing"), _NESTS)
@pytest.mark.parametrize("depth", [33, 34, 100, 500, 999, 1_000, 1_001, 5_000, 100_000])
def test_nesting_beyond_the_limit_is_refused_and_not_a_fault(depth: int, opening: bytes, closing: bytes) -> None:
    assert _code_of(_nested(depth, opening, closing, b"1")) == _DEEP


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_nesting_that_never_ends_is_refused(opening: bytes) -> None:
    for depth in (10, 33, 900, 1_200, 100_000):
        assert _code_of(opening * depth) in (_BROKEN, _DEEP)


@pytest.mark.slow
def test_deep_nesting_hidden_behind_a_duplicate_is_refused_at_every_depth() -> None:
    # The fast parser forgets what the second one replaces, and the slow one needs a little more stack than it.
    for opening, closing in _NESTS:
        for depth in (*range(20, 60, 7), *range(300, 1_050)):
            raw = b'{"a":' + _nested(depth, opening, closing, b"1") + b',"a":1}'
            assert _code_of(raw) in (_TWICE, _DEEP)


# Size.


def test_as_many_keys_as_allowed_are_taken_and_one_more_is_refused() -> None:
    for count, code in ((KEYS_MAX, None), (KEYS_MAX + 1, _MANY)):
        assert _code_of(json.dumps({str(number): 0 for number in range(count)}).encode()) == code
        halves = [
            {str(number): 0 for number in range(count // 2)},
            {str(number): 0 for number in range(count - count // 2)},
        ]
        assert _code_of(json.dumps(halves).encode()) == code


# Pointers.


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b'{"a":{"b":["x",{"c":"\\u0000"}]}}', "/a/b/1/c"),
        (b'{"a":{"b\\u0000":1}}', "/a"),
        (b'{"\\u0000":1}', ""),
        (b'"\\u0000"', ""),
        (b'{"a/b":{"c~d":9223372036854775808}}', "/a~1b/c~0d"),
        (b'{"_items":[{"_quantity":1},{"_quantity":99999999999999999999}]}', "/_items/1/_quantity"),
        (b"[9223372036854775808]", "/0"),
    ],
)
def test_a_refusal_points_to_the_place(raw: bytes, pointer: str) -> None:
    with pytest.raises(Malformed) as caught:
        document_of(raw)
    assert caught.value.pointer == pointer


def test_a_refusal_does_not_repeat_a_card_number_or_a_value_and_bounds_what_it_shows() -> None:
    for value in ('"\\u0000 canary"', "9223372036854775808"):
        raw = f'{{"4111 1111 1111 1111":{{"{"k" * 5_000}":{value}}}}}'.encode()
        with pytest.raises(Malformed) as caught:
            document_of(raw)
        shown = caught.value.message + caught.value.pointer
        assert "1111 1111" not in shown
        assert "canary" not in shown
        assert "775808" not in shown
        assert len(shown) < 500


def test_pointers_are_escaped_as_the_standard_says() -> None:
    assert pointer_to(pointer_to("", "a/b"), "m~n") == "/a~1b/m~0n"
    assert pointer_to("", "") == "/"


# A second opinion.


def _same(left: Any, right: Any) -> bool:
    """Equal, and of the same types all the way down (1 is not 1.0 and not True)."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)


_ALPHABET = 'ab:,{}[]"\\/ \u00e9\u4e00😀\x01\x7f\u2028012'


class _Grammar:
    """Random documents, written in random ways: blanks, escapes, and now and then the same key again."""

    def __init__(self, seed: int, duplicates: float) -> None:
        self._random = random.Random(seed)
        self._duplicates = duplicates
        self.has_duplicate = False

    def document(self, depth: int = 0) -> bytes:
        roll = self._random.random() * (1.0 if depth < 6 else 0.5)
        if roll < 0.2:
            return self._text(self._word())
        if roll < 0.35:
            return str(self._random.choice((0, -1, 7, 2**31, 2**53, 2**63 - 1, -(2**63)))).encode()
        if roll < 0.42:
            return repr(self._random.choice((0.5, -1e-7, 1e300, 123456.789, 5e-324))).encode()
        if roll < 0.5:
            return self._random.choice((b"true", b"false", b"null"))
        if roll < 0.65:
            return b"[" + b",".join(self._spaced(self.document(depth + 1)) for _ in range(self._count())) + b"]"
        pairs: list[bytes] = []
        said: set[str] = set()
        for _ in range(self._count()):
            key = self._word()
            if said and self._random.random() < self._duplicates:
                key = self._random.choice(sorted(said))
            self.has_duplicate |= key in said
            said.add(key)
            pairs.append(self._spaced(self._text(key)) + b":" + self._spaced(self.document(depth + 1)))
        return b"{" + b",".join(pairs) + b"}"

    def _count(self) -> int:
        return self._random.choice((0, 1, 1, 2, 3, 5))

    def _word(self) -> str:
        return "".join(self._random.choices(_ALPHABET, k=self._random.choice((0, 1, 1, 2, 3, 8))))

    def _text(self, text: str) -> bytes:
        written = json.dumps(text, ensure_ascii=self._random.random() < 0.5)
        if text and self._random.random() < 0.3:
            spot = self._random.randrange(len(text))
            if ord(text[spot]) < 0x10000:
                inner = [json.dumps(char, ensure_ascii=False)[1:-1] for char in text]
                inner[spot] = f"\\u{ord(text[spot]):04X}"
                written = '"' + "".join(inner) + '"'
        return written.encode()

    def _spaced(self, written: bytes) -> bytes:
        return self._random.choice((b"", b"", b" ", b"\n\t")) + written + self._random.choice((b"", b"", b" "))


def _has_duplicate(raw: bytes) -> bool:
    """By the standard library, which hands over every pair of every object."""
    found = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal found
        found = found or len({key for key, _ in pairs}) != len(pairs)

    json.loads(raw, object_pairs_hook=look)
    return found


@pytest.mark.slow
def test_twenty_thousand_random_documents_are_read_as_the_standard_library_reads_them() -> None:
    refused = 0
    for seed in range(20_000):
        grammar = _Grammar(seed, duplicates=0.02)
        raw = grammar.document()
        if grammar.has_duplicate:
            refused += 1
            assert _code_of(raw) == _TWICE, seed
        else:
            assert _same(document_of(raw), json.loads(raw)), seed
    assert 200 < refused < 10_000


@pytest.mark.slow
def test_no_duplicate_among_ten_thousand_documents_full_of_colons_and_duplicates_gets_through() -> None:
    seen = 0
    for seed in range(10_000):
        grammar = _Grammar(1_000_000 + seed, duplicates=0.4)
        raw = grammar.document()
        seen += grammar.has_duplicate
        assert (_code_of(raw) == _TWICE) == grammar.has_duplicate, seed
    assert seen > 1_000


_KEYS = st.text(alphabet='a:"\\b{}', max_size=3).map(json.dumps)
_LEAVES = st.one_of(st.none(), st.integers(-9, 9), st.text(alphabet='a:"\\{},b', max_size=8)).map(json.dumps)
_WRITTEN = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]"),
        st.lists(st.tuples(_KEYS, inner), max_size=4).map(
            lambda pairs: "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"
        ),
    ),
    max_leaves=12,
)
"""JSON text in which keys repeat often, so that colons in strings and duplicates meet in every way."""


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(_WRITTEN)
def test_exactly_the_documents_with_a_duplicate_key_are_refused(text: str) -> None:
    raw = text.encode()
    assert _code_of(raw) == (_TWICE if _has_duplicate(raw) else None)


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b'{"a":1,"b":2,"a":3}', "/a"),
        (b'{"a":1,"\\u0061":2}', "/a"),
        (b'{"a":{"c":1,"c":2},"a":0}', "/a/c"),
        (b'{"k":[{"a":1},{"x/y":1,"x/y":1}]}', "/k/1/x~1y"),
        (b'{"a":{"hidden":1,"hidden":2},"b":1,"a":0,"b":1}', "/a/hidden"),
        (b'{"4111111111111111":1,"4111111111111111":2}', "/411111******1111"),
    ],
)
def test_a_key_that_is_said_twice_is_pointed_to(raw: bytes, pointer: str) -> None:
    with pytest.raises(Malformed) as refused:
        document_of(raw)
    assert (refused.value.code, refused.value.pointer) == (_TWICE, pointer)


@pytest.mark.parametrize("raw", [b'{"a":1e999}', b'{"a":-1e400}', b"9" * 5_000])
def test_a_number_that_no_parser_can_hold_is_called_one(raw: bytes) -> None:
    with pytest.raises(Malformed, match="a number in the body is out of range; send it as text"):
        document_of(raw)


_NEARLY_JSON = st.text(alphabet='{}[]":,\\u0dae1.-+ntrfls \ud800', max_size=30)


@pytest.mark.slow
@settings(max_examples=1_000, deadline=None, derandomize=True)
@given(st.one_of(st.binary(max_size=40), _NEARLY_JSON.map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_any_bytes_are_either_refused_or_read_as_the_standard_library_reads_them(raw: bytes) -> None:
    try:
        document = document_of(raw)
    except Malformed:
        return
    assert _same(document, json.loads(raw))


_DIRT = (b"\\", b'"', b":", b",", b"{", b"}", b"\xff", b"\x00", b"\\u0000", b"1")


@pytest.mark.slow
def test_damaged_documents_are_either_refused_or_read_as_the_standard_library_reads_them() -> None:
    chance = random.Random(5)
    taken = 0
    for seed in range(10_000):
        raw = bytearray(_Grammar(seed, duplicates=0.0).document())
        for _ in range(chance.randint(1, 3)):
            spot = chance.randrange(len(raw) + 1)
            if chance.random() < 0.5:
                raw[spot:spot] = chance.choice(
                    (b"\\", b'"', b":", b",", b"{", b"}", b"\xff", b"\x00", b"\\u0000", b"1")
                )
            else:
                del raw[spot : spot + chance.randint(1, 3)]
        try:
            document = document_of(bytes(raw))
        except Malformed:
            continue
        taken += 1
        assert _same(document, json.loads(bytes(raw))), seed
    assert taken > 200
