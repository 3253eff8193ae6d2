"""The parts of compiled expressions: those in C, or those in Python where there was no compiler; both do the same."""

from fourthwatch.language.closures import BY_EVENT, BY_SUBJECT, BY_VALUES, HIT, MISS, UNKNOWN, Line, Run, Signal

try:
    from fourthwatch.language._machine import (
        among,
        calculated,
        called,
        called_with_all,
        chosen,
        constant,
        equal,
        fill,
        fitting,
        greatest,
        joined,
        negated,
        numbered,
        ordered,
        results,
        signals,
        taken,
    )

    COMPILED = True
except ImportError:
    from fourthwatch.language.closures import (
        among,
        calculated,
        called,
        called_with_all,
        chosen,
        constant,
        equal,
        fill,
        fitting,
        greatest,
        joined,
        negated,
        numbered,
        ordered,
        results,
        signals,
        taken,
    )

    COMPILED = False

__all__ = [
    "BY_EVENT",
    "BY_SUBJECT",
    "BY_VALUES",
    "COMPILED",
    "HIT",
    "MISS",
    "UNKNOWN",
    "Line",
    "Run",
    "Signal",
    "among",
    "calculated",
    "called",
    "called_with_all",
    "chosen",
    "constant",
    "equal",
    "fill",
    "fitting",
    "greatest",
    "joined",
    "negated",
    "numbered",
    "ordered",
    "results",
    "signals",
    "taken",
]
