"""Logs: one JSON object per line on standard error, with no secret and no personal data in it.

Log what happened and how often, never what a shop or a shopper wrote.
"""

import sys
from typing import Any

import structlog

log: Any = structlog.get_logger("fourthwatch")


def set_up_logs(*, level: str = "info") -> None:
    """Write logs of `level` and above to standard error."""
    numbers = {"debug": 10, "info": 20, "warning": 30, "error": 40}
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numbers[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
