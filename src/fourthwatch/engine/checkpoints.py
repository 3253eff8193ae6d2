"""When committed pages are moved from the log file into the data file: beside the commits, every so many pages."""

from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from fourthwatch.errors import LedgerError, LedgerFull
from fourthwatch.limits import CHECKPOINT_EVERY_PAGES
from fourthwatch.logs import log
from fourthwatch.store.checkpoint import Checkpointer


class Checkpoints:
    """Asked after every commit on the owner's thread; the work is done on another."""

    def __init__(self, directory: Path, background: Executor, on_failure: Callable[[LedgerError], object]) -> None:
        """`on_failure` is called on the other thread."""
        self._checkpointer = Checkpointer(directory)
        self._background = background
        self._on_failure = on_failure
        self._is_free = True
        self._done_pages = 0

    def begin_when_due(self, log_pages: int) -> None:
        """`log_pages` is the length of the log file after the newest commit."""
        self._done_pages = min(self._done_pages, log_pages)  # the log file may have begun anew
        if log_pages - self._done_pages >= CHECKPOINT_EVERY_PAGES and self._is_free:
            self._done_pages = log_pages
            self._is_free = False
            self._background.submit(self._run)

    def close(self) -> None:
        """To be called when nothing runs any more."""
        self._checkpointer.close()

    def _run(self) -> None:
        try:
            self._checkpointer.run()
        except LedgerFull as error:
            log.warning("checkpoint_failed", reason=str(error))
        except LedgerError as error:
            self._on_failure(error)
        finally:
            self._is_free = True
