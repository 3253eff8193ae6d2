"""Models that are asked apart from the walk, each in memory once more: who explains a decision keeps nobody waiting.

One question at a time, on another thread; the few that were asked last stay loaded, also those that have retired.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from fourthwatch.errors import ModelRefused, NotFound
from fourthwatch.limits import EXPLAINING_MODELS_MAX
from fourthwatch.model.manifest import Package
from fourthwatch.model.probe import try_out
from fourthwatch.model.serving import LiveModel
from fourthwatch.store.models import ModelStore

T = TypeVar("T")


class ModelsApart:
    """Loads models as they are asked for."""

    def __init__(self, models: ModelStore) -> None:
        self._models = models
        self._loaded: OrderedDict[tuple[int, str], LiveModel] = OrderedDict()
        self._asking = asyncio.Lock()

    async def ask(self, tenant: int, model: str, question: Callable[[LiveModel], T]) -> T:
        """What the question says of a model; raises `NotFound` for one that cannot be loaded any more."""
        async with self._asking:
            live = self._loaded.get((tenant, model))
            if live is None:
                row, files = self._models.get(tenant, model), self._models.files(tenant, model)
                try:
                    live = await asyncio.to_thread(_loaded, Package(row.manifest, files.body, files.golden))
                except ModelRefused as refusal:
                    raise NotFound(
                        f"the model that made this decision cannot be loaded any more: {refusal}"
                    ) from refusal
                self._loaded[tenant, model] = live
            self._loaded.move_to_end((tenant, model))
            if len(self._loaded) > EXPLAINING_MODELS_MAX:
                self._loaded.popitem(last=False)[1].close()
            return await asyncio.to_thread(question, live)


def _loaded(package: Package) -> LiveModel:
    """A model that does not serve; raises `ModelRefused`. It is tried as if it did."""
    return LiveModel.of(try_out(package), package)
