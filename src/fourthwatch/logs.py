"""Logs: one JSON object per line on standard error, with no secret and no personal data in it.

Log what happened and how often, never what a shop or a shopper wrote. What an exception says may be that, and so may
what a library logs; of both only what is fixed is told.
"""

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import ExcInfo

from fourthwatch.errors import FourthwatchError

log: Any = structlog.get_logger("fourthwatch")
_CHAIN_MAX = 5


def set_up_logs(*, level: str = "info") -> None:
    """Write logs of `level` and above to standard error, and warnings of libraries among them."""
    numbers = {"debug": 10, "info": 20, "warning": 30, "error": 40}
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.ExceptionRenderer(way_of),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numbers[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Overheard(max(numbers[level], logging.WARNING))], force=True)


def way_of(exc_info: ExcInfo) -> str:
    """The way that an exception and its causes came, as Python tells it, without what they say unless they are ours."""
    told: list[str] = []
    error: BaseException | None = exc_info[1]
    for _ in range(_CHAIN_MAX):
        if error is None:
            break
        says = f": {error}" if isinstance(error, FourthwatchError) else ""
        told.insert(0, "".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__ + says)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\nled to\n".join(told)


class _Overheard(logging.Handler):
    """What libraries log: their first words, up to where a value may begin."""

    def emit(self, record: logging.LogRecord) -> None:
        says = str(record.msg).partition("\n")[0].partition("(")[0].partition("%")[0].strip()
        log.log(record.levelno, "library_says", library=record.name, says=says, exc_info=record.exc_info)
