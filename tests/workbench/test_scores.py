"""How well the starter set tells rings from shoppers in a shop's first two days, with no label there yet."""

from itertools import islice
from pathlib import Path

import pytest

from fourthwatch.clock import DAY_MS
from fourthwatch.engine.walk import Answer
from fourthwatch.workbench.checkout import ORDINARY
from fourthwatch.workbench.measures import auc
from fourthwatch.workbench.rings import KINDS
from fourthwatch.workbench.simulator import DemoShop
from workbench.walked import START_MS, Shop

pytestmark = pytest.mark.slow

DAYS = 2
ORDERS_PER_HOUR = 60
BATCH = 64


def scored(directory: Path, seed: int) -> tuple[list[float], list[str]]:
    """Score and truth of each order, as a server that has just been connected would answer it."""
    shop, scores, truths = Shop(directory, seed), list[float](), list[str]()
    story = DemoShop(seed=seed, start_ms=START_MS, orders_per_hour=ORDERS_PER_HOUR).events(START_MS + DAYS * DAY_MS)
    while batch := list(islice(story, BATCH)):
        taken = shop.walk.run([shop.submission(one.event, dict(one.body), one.at_ms) for one in batch])
        for one, outcome in zip(batch, taken, strict=True):
            if one.truth is not None:
                assert isinstance(outcome, Answer)
                assert isinstance(outcome.receipt.score, int)
                scores.append(outcome.receipt.score)
                truths.append(one.truth)
    shop.close()
    return scores, truths


@pytest.mark.parametrize("seed", range(1, 6))
def test_the_first_two_days_of_a_shop_are_told_apart_without_labels(seed: int, tmp_path: Path) -> None:
    scores, truths = scored(tmp_path, seed)
    assert len(scores) > 2_500
    worth = auc(scores, [truth != ORDINARY for truth in truths])
    assert worth is not None
    assert worth >= 0.85
    for kind in KINDS:  # none of the rings is left to the others' share
        of_kind = [at for at, truth in enumerate(truths) if truth in (ORDINARY, kind)]
        told = auc([scores[at] for at in of_kind], [truths[at] == kind for at in of_kind])
        assert told is not None
        assert told >= 0.75, kind
    red = [truth for score, truth in zip(scores, truths, strict=True) if score > 70]
    assert sum(truth != ORDINARY for truth in red) / len(red) > 0.6  # of what a person is shown, most is worth it
