"""What is logged meanwhile, for tests, however another test of the same process has set the logs up."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

from fourthwatch.logs import log


@contextmanager
def logged() -> Iterator[list[EventDict]]:
    """Every log entry of the block, of any level; afterwards the logs are as structlog has them before any set-up.

    A command run in this process leaves its own level behind and, as `set_up_logs` wants it, a logger that is bound
    for good at its first use. Both are undone first, or else nothing of the block would be seen.
    """
    structlog.reset_defaults()
    vars(log).pop("bind", None)
    with capture_logs() as entries:
        yield entries
