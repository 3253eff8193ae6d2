"""The till with an index behind it, made from the feed as a server makes it, or from the ledger as at a start."""

from pathlib import Path
from typing import Any

import apsw
import msgspec

from engine.till import Till
from fourthwatch.engine.feed import Feed
from fourthwatch.engine.filing import Derived, filing_for
from fourthwatch.engine.indexing import Indexer
from fourthwatch.engine.walk import Submission, Taken
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.store.index_file import FILE_NAME
from fourthwatch.store.index_reader import IndexReader
from fourthwatch.store.index_rows import OrderLine

TABLES = ("segment", "mention", "thing", "link", "line", "mark", "tally", "progress")
_PIECE = 8
"""Events of a piece that is handed over."""


class Shelf:
    """A till, its feed and its index."""

    def __init__(self, directory: Path, *, fed: bool = True) -> None:
        self.directory = directory
        self.till = Till(directory)
        self.feed = Feed()
        self._fed = fed
        self.filing = filing_for(directory, self.till.ledger)
        self.indexer = Indexer(self.feed, DECIDING)
        self.indexer.begin_at(self.filing.position()[0])
        self.reader = IndexReader(directory)

    def take(self, *batch: Submission) -> None:
        """One batch, made durable and fed."""
        taken: Taken = self.till.walk.take(batch)
        taken.append_to(self.till.ledger)
        if self._fed:
            self.feed.add(taken)

    def step(self) -> bool:
        """Index the next few events; whether there were any."""
        pieces = self.derived()
        if not pieces:
            return False
        self.filing.file(pieces, self.till.ledger.chain_at(pieces[-1].last_seq))
        return True

    def derived(self) -> list[Derived]:
        """What the next few events bring, in small pieces, as the process that files it gets them."""
        pieces: list[Derived] = []
        for number, fresh in enumerate(self.indexer.next_events(self.till.walk)):
            if number % _PIECE == 0:
                pieces.append(Derived(0))
            self.indexer.derive(fresh, pieces[-1])
        if pieces:
            self.indexer.position = pieces[-1].last_seq
        return [msgspec.msgpack.decode(msgspec.msgpack.encode(piece), type=Derived) for piece in pieces]

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
        self.till.close()


def contents(directory: Path) -> dict[str, list[Any]]:
    """Everything in an index, in order."""
    connection = apsw.Connection(str(directory / FILE_NAME))
    try:
        return {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in TABLES}
    finally:
        connection.close()
