"""A few of the seeds that `differential.py` looks at by the ten thousand, and that it would notice a fault."""

import pytest

from features.differential import differences
from fourthwatch.features import answers


@pytest.mark.slow
@pytest.mark.parametrize("block", [0, *(pytest.param(block, marks=pytest.mark.slow) for block in range(1, 8))])
def test_both_kernels_say_of_invented_shops_what_a_reading_of_all_events_says(block: int) -> None:
    for seed in range(25 * block, 25 * block + 25):
        assert list(differences(seed)) == []


def test_a_kernel_that_counts_the_future_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = answers.answer
    monkeypatch.setattr(
        "fourthwatch.features.specification.answer",
        lambda mode, run, first_ms, query, until_ms, mark: honest(
            mode, run, first_ms, query, until_ms + 3_600_000, mark
        ),
    )
    assert any("plain" in said for seed in range(20) for said in differences(seed))
