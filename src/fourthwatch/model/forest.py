"""LightGBM's text read into packed trees, which answer a row in a fraction of the library's time (ADR 36).

What the text says is checked again, so that nothing of it can lead a walk astray. What is not packed (categorical
splits, linear leaves, several classes …) the library serves, as it does everything where there was no compiler.
"""

import math
import re
from array import array
from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING

from fourthwatch.errors import ModelRefused
from fourthwatch.model.booster import Booster, Predictor, Vector

if TYPE_CHECKING:
    from fourthwatch.model._trees import Forest, Tree

try:
    from fourthwatch.model._trees import packed

    COMPILED = True
except ImportError:
    COMPILED = False

_DAMAGED = "the model's text is damaged"
_HEAD = re.compile(rb"tree\n(?:[^\n]+\n)*\n+")
_LINES_MAX = 22
"""The library reads so many lines of a tree."""
_TRIED_ROWS, _TRIED_PARTS = 64, 2
_TOLERANCE = 1e-9


class Trees:
    """A model whose trees are packed; used by one thread at a time."""

    def __init__(self, forest: "Forest") -> None:
        self._forest = forest
        self.margin = forest.margin
        """Of one row, to the bit as the library gives it."""

    def contributions(self, values: Vector) -> list[float] | None:
        """Exact, to some 14 digits as the library gives them; a fraction of a millisecond."""
        return self._forest.contributions(values)

    def close(self) -> None:
        """Nothing is held outside of Python."""


def served(judge: Predictor, body: bytes, width: int) -> Predictor:
    """What answers in place of the library's `judge`, if it can be packed and says the same of rows at the trees' own
    thresholds; else the judge. Raises `ModelRefused` for a text that leads anywhere but to its leaves."""
    if not COMPILED or not isinstance(judge, Booster):
        return judge
    trees = read_text(body, width)
    try:
        forest = None if trees is None else packed(width, trees)
    except ValueError as error:
        raise ModelRefused(f"{_DAMAGED}: {error}") from error
    if trees is None or forest is None or not _agree(forest, judge, _rows(trees, width)):
        return judge
    judge.close()
    return Trees(forest)


def _agree(forest: "Forest", judge: Booster, rows: list[list[float | None]]) -> bool:
    if any(forest.margin(row) != judge.margin(row) for row in rows):
        return False
    for row in rows[:_TRIED_PARTS]:
        parts, wanted = forest.contributions(row), judge.contributions(row) or ()
        bound = _TOLERANCE * max(1.0, *map(abs, wanted))
        if not all(abs(one - other) <= bound for one, other in zip(parts, wanted, strict=True)):
            return False
    return True


def _rows(trees: "list[Tree]", width: int) -> list[list[float | None]]:
    """Values at thresholds and just beyond, and unknown ones."""
    asked: list[list[float]] = [[0.0] for _ in range(width)]
    for features, _, thresholds, *_ in trees:
        for feature, threshold in zip(array("i", features), array("d", thresholds), strict=True):
            asked[feature].append(threshold)
    chance = Random(0)  # noqa: S311 (nothing secret; the same each time)
    return [
        [chance.choice((None, at, math.nextafter(at, math.inf))) for at in map(chance.choice, asked)]
        for _ in range(_TRIED_ROWS)
    ]


def read_text(body: bytes, width: int) -> "list[Tree] | None":
    """The trees of a text, `None` where they are of a kind that is not packed; raises `ModelRefused` when damaged."""
    head = _HEAD.match(body)
    if head is None or b"\r" in body:
        return None
    told = _lines(head[0].rstrip(b"\n").split(b"\n")[1:])
    usual = {b"num_class": b"1", b"num_tree_per_iteration": b"1", b"max_feature_idx": b"%d" % (width - 1)}
    if b"average_output" in told or b"tree_sizes" not in told or any(told.get(key) != usual[key] for key in usual):
        return None
    trees, at = [], head.end()
    for number, size in enumerate(_wholes(told, b"tree_sizes", len(told[b"tree_sizes"].split()))):
        block = body[at : at + size]
        at += size
        if size <= 0 or not block.startswith(b"Tree=") or len(block) < size:
            raise ModelRefused(f"{_DAMAGED}: tree {number} is not where it says")
        try:
            tree = _tree(_lines(block.split(b"\n\n", 1)[0].split(b"\n")[1 : _LINES_MAX + 1]))
        except ModelRefused as error:
            raise ModelRefused(f"{_DAMAGED}: in tree {number} {error}") from error
        if tree is None:
            return None
        trees.append(tree)
    return trees


def _lines(lines: list[bytes]) -> dict[bytes, bytes]:
    return {key: value for key, _, value in (line.partition(b"=") for line in lines)}


def _tree(told: Mapping[bytes, bytes]) -> "Tree | None":
    if told.get(b"num_cat") != b"0" or told.get(b"is_linear", b"0") != b"0":
        return None
    leaves = _wholes(told, b"num_leaves", 1)[0]
    if leaves < 1:
        raise ModelRefused("there is no leaf")
    splits = leaves - 1
    if splits and not {b"decision_type", b"internal_count", b"leaf_count"} <= told.keys():
        return None
    values, thresholds = _numbers(told, b"leaf_value", leaves), _numbers(told, b"threshold", splits)
    if not all(map(math.isfinite, values)) or any(map(math.isnan, thresholds)):
        return None
    features, kinds, lefts, rights, counts = (
        _wholes(told, key, splits).tobytes()
        for key in (b"split_feature", b"decision_type", b"left_child", b"right_child", b"internal_count")
    )
    leaf_counts = _wholes(told, b"leaf_count", leaves) if splits else array("i", [0])
    return features, kinds, thresholds.tobytes(), lefts, rights, counts, values.tobytes(), leaf_counts.tobytes()


def _wholes(told: Mapping[bytes, bytes], key: bytes, count: int) -> "array[int]":
    try:
        return array("i", map(int, _split(told, key, count)))
    except (ValueError, OverflowError) as error:
        raise ModelRefused(f"{key.decode()} should be whole numbers") from error


def _numbers(told: Mapping[bytes, bytes], key: bytes, count: int) -> "array[float]":
    try:
        return array("d", map(float, _split(told, key, count)))
    except ValueError as error:
        raise ModelRefused(f"{key.decode()} should be numbers") from error


def _split(told: Mapping[bytes, bytes], key: bytes, count: int) -> list[bytes]:
    found = told.get(key, b"").split() if count else []
    if len(found) != count:
        raise ModelRefused(f"{key.decode()} should be {count:,} numbers, and is {len(found):,}")
    return found
