"""Named readings of the past: numbers that expressions use by name and that no expression says.

Each tells what histories have to keep for it; how it is read is fixed here, not written by anybody.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from fourthwatch.features.kernel import Kernel
from fourthwatch.features.neighbourhood import KEPT, NAMES, Neighbourhood
from fourthwatch.features.observe import By, Present
from fourthwatch.features.questions import Questions
from fourthwatch.features.series import TAG_SERIES, Series

Recall = Callable[[Present], tuple[float | None, ...]]
"""All numbers of one recollection, in the order of its names."""


class Recollection(msgspec.Struct, frozen=True):
    """Some numbers that come about together."""

    names: tuple[str, ...]
    """What expressions call them."""
    keeps: tuple[tuple[By, Series], ...]
    """Which series histories of whom have to keep."""
    prepare: Callable[[Questions, Kernel], Sequence[int] | Recall]
    """The places of the kernel's answers when they are no more than that, else what computes them."""

    @property
    def series(self) -> list[Series]:
        """What has to be remembered, each once."""
        return list({series.text: series for _, series in self.keeps}.values())


RECOLLECTIONS: tuple[Recollection, ...] = (
    Recollection(
        ("standing_tags",), ((("user",), TAG_SERIES),), lambda questions, _kernel: [questions.ask_standing(TAG_SERIES)]
    ),
    Recollection(NAMES, KEPT, lambda questions, kernel: Neighbourhood(questions.registry, kernel)),
)
RECOLLECTION_OF: Mapping[str, Recollection] = MappingProxyType(
    {name: recollection for recollection in RECOLLECTIONS for name in recollection.names}
)
"""By each of its names."""
