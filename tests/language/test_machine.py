"""The compiled parts of expressions against those in Python: the same results for whatever values come."""

import gc
import math
from random import Random
from typing import Any

import pytest

from fourthwatch.language import Checked, closures, compile_expression, format_expression, machine, read
from language.invention import expression
from language.stall import SHOP

TREES = 6_000
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 3, 2**53, 2**53 + 1, -(2**53) - 1, 2**62, 2**63 - 1, -(2**63), 2**70, 0.0, -0.0, 0.1,
    1.5, 1e300, -1e300, 5e-324, math.inf, -math.inf, math.nan, "", "a", "abc", "5", "\U0001f600", [], [1], ["a"], {},
    {"a": 1}, (1, 2),
]  # fmt: skip
MAKERS = [
    "among", "calculated", "called", "called_with_all", "chosen", "constant", "equal", "fill", "fitting", "greatest",
    "joined", "negated", "numbered", "ordered", "results", "signals", "taken",
]  # fmt: skip


def in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MAKERS:
        monkeypatch.setattr(machine, name, getattr(closures, name))


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one == other or (one != one and other != other))


def test_the_compiled_parts_are_in_use_here() -> None:
    assert machine.COMPILED
    assert {name for name in MAKERS if getattr(machine, name) is getattr(closures, name)} == set()


@pytest.mark.slow
def test_both_give_the_same_for_invented_expressions_and_odd_values(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(11)
    trees = [invented(random) for _ in range(TREES)]
    quick = [compile_expression(checked) for checked in trees]
    in_python(monkeypatch)
    slow = [compile_expression(checked) for checked in trees]
    kinds: dict[type, int] = {}
    for one, other, checked in zip(quick, slow, trees, strict=True):
        assert one.inputs == other.inputs
        for _ in range(4):
            values = [random.choice(ODD) for _ in one.inputs]
            got, expected = outcome(one.run, values), outcome(other.run, values)
            assert same(got, expected), (checked.tree, values)
            kinds[type(got)] = kinds.get(type(got), 0) + 1
    assert min(kinds[each] for each in (int, float, str, bool, type(None))) > TREES // 100


def invented(random: Random) -> Checked:
    """An expression of whatever type comes."""
    tree = expression(random, random.choice(["number", "text", "truth"]), random.choice((2, 3, 4)))
    return read(format_expression(tree), SHOP)


def outcome(run: Any, values: list[Any]) -> Any:
    try:
        return run(values)
    except (OverflowError, ValueError) as error:  # of numbers that JSON does not have
        return type(error).__name__


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/", "%"])
def test_every_pair_of_values_is_compared_and_reckoned_with_alike(sign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = read(f"custom.a {sign} custom.b", SHOP)
    quick = compile_expression(checked).run
    in_python(monkeypatch)
    slow = compile_expression(checked).run
    for a in ODD:
        for b in ODD:
            assert same(outcome(quick, [a, b]), outcome(slow, [a, b])), (a, sign, b)


def test_one_of_two_and_the_greatest_are_alike() -> None:
    random = Random(3)
    places = [(machine.taken(at), closures.taken(at)) for at in range(5)]
    for _ in range(2_000):
        parts = random.choices(places, k=random.randrange(1, 6))
        values = [random.choice(ODD) for _ in places]
        quick, slow = (
            made.greatest(*of)(values) for made, of in zip((machine, closures), zip(*parts, strict=True), strict=True)
        )
        assert quick is slow
        values = [random.choice(ODD), *values]
        quick, slow = (made.chosen(*[made.taken(at) for at in range(3)])(values) for made in (machine, closures))
        assert quick is slow
    for made in (machine, closures):
        assert made.greatest(made.taken(0), made.constant(1))(["a"]) == 1


def test_results_and_steps_are_alike() -> None:
    def own(values: Any, present: object) -> object:
        return (len(values), present)

    for made in (machine, closures):
        conditions = tuple([made.taken(at) for at in (0, 1, 2, 0)])
        assert made.results(conditions, [True, False, None]) == ("hmuh", [0, 3])
        values: list[Any] = [2, None]
        steps = (made.ordered(">", made.taken(0), made.constant(1)), str.upper, own, made.numbered(made.taken(2)))
        made.fill(steps, b"vsev", values, "present", "subject")
        assert values == [2, None, True, "SUBJECT", (4, "present"), 1.0]


def test_signals_are_alike_whatever_is_shown() -> None:
    random = Random(7)
    codes = ["a", "b", "c", "d"]
    for _ in range(2_000):
        size = random.randrange(8)
        chosen = [(random.choice(codes), random.choice((-2.5, 0.0, 1e16, 1.0)), random.choice((None, None, 1, -1)))
                  for _ in range(size)]  # fmt: skip
        counted = [at for at in range(size) if random.random() < 0.7]
        random.shuffle(counted)
        values, most = [random.choice(ODD) for _ in range(size)], random.randrange(4)
        quick, slow = (
            made.signals(counted, tuple((*one, made.taken(at)) for at, one in enumerate(chosen)), values, most)
            for made in (machine, closures)
        )
        assert len(quick) == len(slow) <= most
        for (*one, value), (*other, also) in zip(quick, slow, strict=True):
            assert one == other
            assert same(value, also)


def test_what_a_part_raises_is_raised_and_nothing_is_lost() -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("on purpose")

    one = machine.joined(True, (machine.constant(True), machine.called_with_all(fails, (machine.taken(0),))))
    before = len(gc.get_objects())
    for _ in range(1_000):
        with pytest.raises(RuntimeError, match="on purpose"):
            one([1])
        with pytest.raises(RuntimeError, match="on purpose"):
            machine.results((one,), [1])
        with pytest.raises(RuntimeError, match="on purpose"):
            machine.fill((one,), b"v", [1], None, None)
        with pytest.raises(RuntimeError, match="on purpose"):
            machine.signals([0, 1], (("a", 1.0, None, len), ("b", 1.0, 1, one)), [1], 2)
        with pytest.raises(IndexError):
            machine.taken(3)([1])
    gc.collect()
    assert len(gc.get_objects()) < before + 500


def test_a_part_that_refers_to_itself_is_collected() -> None:
    class Held:
        gone = False

        def __del__(self) -> None:
            Held.gone = True

    def cycle() -> None:
        held = Held()
        parts: list[Any] = []
        parts.append(machine.called_with_all(lambda *_: (held, parts), (machine.taken(0),)))

    cycle()
    gc.collect()
    assert Held.gone


def test_what_is_handed_in_wrongly_is_refused() -> None:
    made: Any = machine
    first = made.taken(0)
    wrong: list[tuple[Any, tuple[Any, ...]]] = [
        (made.taken, (-1,)),
        (made.called, (len, (first,), ())),
        (made.called, (len, (first,), ({int},))),
        (made.among, (first, {int}, frozenset())),
        (made.results, ((), ())),
        (made.signals, ([0], ("no line",), [], 1)),
        (made.signals, ([0], (("a", 1, None, first),), [], 1)),
        (made.signals, ([], (), [], -1)),
        (made.fill, ((len,), b"", [], None, None)),
        (first, ()),
        (first, (5,)),
    ]
    for call, arguments in wrong:
        with pytest.raises((TypeError, ValueError)):
            call(*arguments)
