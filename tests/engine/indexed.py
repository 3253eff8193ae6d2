"""The till with an index behind it, made from the feed as a server makes it, or from the ledger as at a start."""

from pathlib import Path
from typing import Any

import apsw

from engine.till import Till
from fourthwatch.engine.feed import Feed
from fourthwatch.engine.indexing import Derived, Indexer
from fourthwatch.engine.walk import Submission, Taken
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.store.index_file import FILE_NAME
from fourthwatch.store.index_reader import IndexReader
from fourthwatch.store.index_rows import OrderLine

TABLES = ("segment", "mention", "thing", "link", "line", "mark", "tally", "progress")


class Shelf:
    """A till, its feed and its index."""

    def __init__(self, directory: Path, *, fed: bool = True) -> None:
        self.directory = directory
        self.till = Till(directory)
        self.feed = Feed()
        self._fed = fed
        self.indexer = Indexer(directory, self.till.walk, self.feed, DECIDING)
        self.reader = IndexReader(directory)

    def take(self, *batch: Submission) -> None:
        """One batch, made durable and fed."""
        taken: Taken = self.till.walk.take(batch)
        taken.append_to(self.till.ledger)
        if self._fed:
            self.feed.add(taken)

    def step(self) -> bool:
        """Index the next few events; whether there were any."""
        derived = Derived(self.indexer.position)
        for fresh in self.indexer.next_events(self.till.walk):
            self.indexer.derive(fresh, derived)
        if derived.last_seq == self.indexer.position:
            return False
        self.indexer.write(derived, self.till.ledger.chain_at(derived.last_seq))
        return True

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
        self.indexer.close()
        self.reader.close()
        self.till.close()


def contents(directory: Path) -> dict[str, list[Any]]:
    """Everything in an index, in order."""
    connection = apsw.Connection(str(directory / FILE_NAME))
    try:
        return {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in TABLES}
    finally:
        connection.close()
