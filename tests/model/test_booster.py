"""The C library without its Python gives the same margins and contributions, to the last bit."""

import lightgbm
import numpy as np
import pytest

from fourthwatch.errors import ModelRefused
from fourthwatch.model.booster import Booster
from small_model import WIDTH, small_model


def test_one_row_through_the_c_interface_is_what_the_library_gives() -> None:
    body = small_model().body
    plain = lightgbm.Booster(model_str=body.decode())
    ours = Booster(body, WIDTH)
    chance = np.random.default_rng(9)
    values = chance.normal(size=(500, WIDTH)) * 2
    values[chance.random(values.shape) < 0.2] = np.nan
    rows = [[None if value != value else value for value in row] for row in values.tolist()]
    margins = [ours.margin(row) for row in rows]
    assert margins == np.asarray(plain.predict(values, raw_score=True, num_threads=1)).tolist()
    parts = [ours.contributions(row) for row in rows[:50]]
    assert parts == np.asarray(plain.predict(values[:50], pred_contrib=True, num_threads=1)).tolist()
    for part, margin in zip(parts, margins, strict=False):
        assert part is not None
        assert sum(part) == pytest.approx(margin, abs=1e-9)
    ours.close()


def test_a_model_of_another_width_is_refused() -> None:
    with pytest.raises(ModelRefused, match="does not take the 9 features"):
        Booster(small_model().body, WIDTH + 1)
