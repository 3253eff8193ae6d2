"""Keys made in C against those made in Python: the same for every thing of every kind of event."""

from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

from fourthwatch.clock import DAY_MS
from fourthwatch.features import keyer, keying
from fourthwatch.features.things import DIGEST, KEYERS, THINGS, key_of, mark_of_key
from fourthwatch.workbench.simulator import DemoShop
from story import NOW_MS
from telling import Telling, event


def test_the_compiled_keyer_is_in_use_here() -> None:
    assert keyer.COMPILED


@pytest.mark.parametrize("seed", range(4))
def test_every_thing_has_the_key_of_its_text(seed: int) -> None:
    telling = Telling()
    seen: set[str] = set()
    shop = DemoShop(seed=seed, start_ms=NOW_MS, orders_per_hour=60)
    for told in islice(shop.events(NOW_MS + DAY_MS), 300):
        subject = telling.present(event(told.event, NOW_MS - told.at_ms, **told.body)).subject
        for name, thing in THINGS.items():
            expected = tuple([key_of(subject.tenant, text) for text in thing.texts(subject)])
            assert KEYERS[name](subject) == expected, name
            if expected:
                seen.add(name)
    assert len(seen) > len(THINGS) // 2


@pytest.mark.parametrize("made", [keyer, keying])
def test_both_say_the_same_of_one_of_several_and_of_nothing(made: Any) -> None:
    subject = SimpleNamespace(tenant=7, involved=SimpleNamespace(one="a", many=("b", "ü"), none=None, empty=()))
    texts = made.keyer("", "", lambda _: ("x:1",), DIGEST)
    names = ("one", "many", "none", "empty", "texts")
    keyers = (*[made.keyer("t:", name, None, DIGEST) for name in names[:4]], texts)
    keys = [key_of(7, text) for text in ("t:a", "t:b", "t:ü", "x:1")]
    assert [each(subject) for each in keyers] == [(keys[0],), (keys[1], keys[2]), (), (), (keys[3],)]
    known: dict[str, tuple[int, ...]] = {"none": (5, 6)}
    assert made.firsts(names, keyers, known, subject) == [keys[0], keys[1], 5, 0, keys[3]]
    assert known["many"] == (keys[1], keys[2])
    assert made.heard(names, keyers, (1, 2, 3, 4, 5), {}, subject) == [
        (1, keys[0]), (2, keys[1]), (2, keys[2]), (5, keys[3])
    ]  # fmt: skip
    entries = (("one", keyers[0], None, (3, 4)), ("texts", keyers[0], texts, (5,)), ("none", keyers[2], None, (6,)))
    told: dict[str, tuple[int, ...]] = {}
    found = [(0, 0, 0)]
    made.apart(entries, known, told, subject, found)
    made.apart(entries[1:2], {}, {"texts": (8, 9)}, None, found)
    one, other = mark_of_key(keys[0]), mark_of_key(keys[3])
    assert found == [
        (0, 0, 0), (3, one, 0), (4, one, 0), (5, other, 0), (6, 5, 0), (6, 6, 0), (5, 8, 0), (5, 9, 0)
    ]  # fmt: skip
    assert told == {"one": (one,), "texts": (other,), "none": (5, 6)}
    present = SimpleNamespace(order=77)
    firsts: tuple[Any, ...] = (entries[1], lambda of: of.order, entries[0], ("empty", keyers[3], None, ()))
    assert made.first_marks(firsts, {}, {"one": (8, 9)}, subject, present) == [other, 77, 8, 0]
    every = (1, 2**63 - 1, 2**63, 2**64 - 1)
    assert made.signed_keys(every) == tuple([mark_of_key(key) for key in every])


@pytest.mark.parametrize("made", [keyer, keying])
def test_a_key_is_never_nought_and_what_cannot_be_hashed_is_raised(made: Any) -> None:
    subject = SimpleNamespace(tenant=1, involved=SimpleNamespace(one="a", odd="\ud800"))
    assert made.keyer("", "one", None, lambda _: 0)(subject) == (1,)
    with pytest.raises(UnicodeEncodeError):
        made.keyer("", "odd", None, DIGEST)(subject)
    with pytest.raises(AttributeError):
        made.keyer("", "other", None, DIGEST)(subject)


def test_what_is_handed_in_wrongly_is_refused() -> None:
    made: Any = keyer
    subject = SimpleNamespace(tenant=1, involved=SimpleNamespace(one=5, many=(5,)))
    one = made.keyer("", "one", None, DIGEST)
    many = made.keyer("", "many", None, DIGEST)
    wrong: list[tuple[Any, tuple[Any, ...]]] = [
        (one, (subject,)), (many, (subject,)), (one, ()), (made.firsts, (("one",), (), {}, subject)),
        (made.firsts, (("one",), (lambda _: [1],), {}, subject)), (made.heard, ((), (), (), [], subject)),
        (made.signed_keys, ([1],)), (made.apart, ((), {}, {}, subject, ())), (made.apart, ((5,), {}, {}, subject, [])),
        (made.first_marks, ([], {}, {}, subject, None)), (made.first_marks, ((5,), {}, {}, subject, None)),
        (made.first_marks, ((("one", one),), {}, {}, subject, None)),
    ]  # fmt: skip
    for call, arguments in wrong:
        with pytest.raises(TypeError):
            call(*arguments)
    with pytest.raises(OverflowError):
        made.signed_keys((-1,))
