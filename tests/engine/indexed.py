"""The till with an index behind it, made from the ledger as a server makes it."""

from pathlib import Path
from typing import Any

import apsw

from engine.till import Till
from fourthwatch.engine.filing import Derived, filing_for
from fourthwatch.engine.indexing import Indexer
from fourthwatch.engine.walk import Submission, Taken, Walk
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.features.recognition import who_acts
from fourthwatch.store.history import History
from fourthwatch.store.index_file import FILE_NAME
from fourthwatch.store.index_reader import IndexReader
from fourthwatch.store.index_rows import OrderLine
from fourthwatch.store.index_segments import OLD_BITS

TABLES = ("segment", "mention", "line", "mark", "tally", "progress")
FIRSTS = {
    "thing": "SELECT key, tenant, kind, value, min(seq) FROM thing GROUP BY key ORDER BY key",
    "name": "SELECT key, tenant, kind, value, min(seq) FROM name GROUP BY key ORDER BY key",
    "link": "SELECT key, kind, other, min(seq), ms FROM link"
    f" GROUP BY key, kind, other, seq >> {OLD_BITS} ORDER BY 1, 2, 3, 4",
}
"""What is told again after a start has a further row in a young segment, until that is old: the first one counts."""


class Shelf:
    """A till and its index."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.till = Till(directory)
        self.filing = filing_for(directory, self.till.ledger)
        self._history = History(directory)
        self.indexer = Indexer(self._history, DECIDING)
        self.indexer.begin_at(self.filing.position()[0])
        self.reader = IndexReader(directory)

    def take(self, *batch: Submission) -> None:
        """One batch, made durable."""
        taken: Taken = self.till.walk.take(batch)
        taken.append_to(self.till.ledger)

    def step(self) -> bool:
        """Index the next few events; whether there were any."""
        derived = self.derived()
        if not derived.entries:
            return False
        self.filing.file(derived, self.till.ledger.chain_at(derived.last_seq))
        return True

    def derived(self) -> Derived:
        """What the next few events bring."""
        return next_derived(self.indexer, self.till.walk)

    def begin_again(self) -> None:
        """As the server does when the index is damaged."""
        self.filing.begin_again()
        self.indexer.begin_at(0)

    def catch_up(self) -> None:
        """To the end of the ledger."""
        while self.step():
            pass

    def line(self, order_id: str, tenant: int = 1) -> OrderLine:
        """An order as it stands."""
        self.catch_up()
        found = self.reader.line(tenant, order_id)
        assert found is not None
        return found

    def close(self) -> None:
        """Close everything."""
        self.filing.close()
        self.reader.close()
        self._history.close()
        self.till.close()


def next_derived(indexer: Indexer, walk: Walk) -> Derived:
    """What the next few events bring, with who acted as the server tells it."""
    while (doubts := indexer.read(walk.ledger.last_seq)) is not None:
        indexer.derive([who_acts(walk.windows, one.tenant, one.seq, one.user, one.session) for one in doubts])
    return indexer.handed()


def contents(directory: Path) -> dict[str, list[Any]]:
    """Everything in an index, in order."""
    connection = apsw.Connection(str(directory / FILE_NAME))
    try:
        whole = {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in TABLES}
        return whole | {name: connection.execute(firsts).fetchall() for name, firsts in FIRSTS.items()}
    finally:
        connection.close()
