"""Moving committed pages from the log file into the data file, beside the commits and not inside one of them.

Left to SQLite, every few thousand pages one commit would do it for all before, and everybody would wait for its syncs.
"""

from pathlib import Path

import apsw

from fourthwatch.store.file import ledger_error, open_file


class Checkpointer:
    """A connection of its own; use it from one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._connection: apsw.Connection | None = None

    def run(self) -> None:
        """Move what is committed by now, as far as no reader is in the way; raises `LedgerFull` or `LedgerBroken`."""
        if self._connection is None:
            self._connection = open_file(self._directory)
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:
            return  # another connection is at it
        except apsw.Error as error:
            raise ledger_error(error) from error

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
