"""What writes the index, broken on purpose: what came while it was away it takes for filed."""

import sys
from pathlib import Path
from typing import Any

from fourthwatch.engine.indexing import Indexer
from fourthwatch.server.index_process import main

_begin_at = Indexer.begin_at


def _going_on(self: Any, position: int) -> None:
    newest = self._history.last_seq  # when it was opened
    _begin_at(self, newest if position else 0)


if __name__ == "__main__":  # not where doctests are looked for, which imports this
    Indexer.begin_at = _going_on  # type: ignore[method-assign]
    sys.exit(main(Path(sys.argv[1])))
