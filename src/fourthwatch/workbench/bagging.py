"""Several boosters as one: what each makes of a row, averaged, by trees of a single model in LightGBM's own text.

One booster is one draw of rows and columns; the average of a few orders cases better and moves less with the seed.
"""

import re
from collections.abc import Sequence
from typing import Any

import lightgbm

_SIZES = re.compile(r"^tree_sizes=([\d ]+)$", re.MULTILINE)
_FIRST_TREE = "Tree=0\n"
_AVERAGED = re.compile(r"^(leaf_value|internal_value|shrinkage)=(.*)$", re.MULTILINE)


def averaged(models: Sequence[Any]) -> Any:
    """A booster whose margin is the mean of theirs; they take the same columns."""
    if len(models) == 1:
        return models[0]
    texts = [model.model_to_string() for model in models]
    trees = [tree for text in texts for tree in _trees(text)]
    blocks = [f"Tree={place}\n{_scaled(tree, len(models))}" for place, tree in enumerate(trees)]
    head, rest = texts[0].split(_FIRST_TREE, 1)
    tail = rest[rest.index("end of trees") :]
    sizes = " ".join(str(len(block.encode())) for block in blocks)
    text = _SIZES.sub(f"tree_sizes={sizes}", head) + "".join(blocks) + tail
    return lightgbm.Booster(model_str=text)


def _trees(text: str) -> list[str]:
    """Each without its first line, which numbers it."""
    found = _SIZES.search(text)
    assert found is not None  # this version of the library writes it
    at = text.index(_FIRST_TREE)
    trees = []
    for size in map(int, found[1].split()):
        trees.append(text[at : at + size].split("\n", 1)[1])
        at += size
    return trees


def _scaled(tree: str, count: int) -> str:
    def line(found: "re.Match[str]") -> str:
        return f"{found[1]}={' '.join(repr(float(value) / count) for value in found[2].split())}"

    return _AVERAGED.sub(line, tree)
