"""What follows from decisions, each thing by itself: one that cannot be done keeps no other from being done.

The decision is durable and answered by then, and the same thing is found again at each start: it must end neither a
server nor a start.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from fourthwatch.errors import LedgerError, LedgerUnreadable
from fourthwatch.logs import log
from fourthwatch.metrics import NOT_FOLLOWED


@contextmanager
def leaving_out(what: str, seq: int) -> Iterator[None]:
    """Do one thing that follows from the decision at a position, or leave it out: logged and counted.

    Left out is what meets a fault of ours, or needs what is stored and cannot be read. Any other `LedgerError` is about
    more than that, and is raised.
    """
    try:
        yield
    except LedgerUnreadable as damage:
        do = "run fourthwatch doctor, then restore a backup"
        log.error("not_followed", what=what, position=seq, reason=str(damage), do=do)
        NOT_FOLLOWED.inc()
    except LedgerError:
        raise
    except Exception as fault:  # noqa: BLE001 (a fault of ours in one thing must not stop all others)
        log.error("not_followed", what=what, position=seq, fault=type(fault).__name__, exc_info=fault)
        NOT_FOLLOWED.inc()
