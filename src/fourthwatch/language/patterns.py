"""Patterns that shops write: RE2, which takes linear time whatever they are and knows no way back.

A pattern is looked at when it is written; later it is only matched with.
"""

from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

from fourthwatch.limits import PATTERN_CHARS_MAX, PATTERN_MEMORY_BYTES, PATTERN_TEXT_CHARS_MAX, PATTERNS_CACHED_MAX

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = PATTERN_MEMORY_BYTES


def matches(text: str, pattern: str) -> bool | None:
    """Whether a pattern is found in the beginning of a text, as far as is looked; `None` for what is no pattern.

    >>> matches("test12@example.com", "^test[0-9]+@"), matches("aa", "(")
    (True, None)
    """
    compiled = _compiled(pattern)
    return None if compiled is None else compiled.search(text[:PATTERN_TEXT_CHARS_MAX]) is not None


def why_no_pattern(pattern: str) -> str | None:
    """Why a text is no pattern; `None` when it is one."""
    if len(pattern) > PATTERN_CHARS_MAX:
        return f"a pattern has at most {PATTERN_CHARS_MAX} characters"
    try:
        re2.compile(pattern, _OPTIONS)
    except UnicodeEncodeError:
        return "half of a character (a surrogate) is no pattern"
    except re2.error as error:
        told = error.args[0]
        said = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
        return f"this is no pattern of RE2: {said.partition(': ')[0]}"  # behind it stands a piece of the pattern
    return None


@lru_cache(maxsize=PATTERNS_CACHED_MAX)
def _compiled(pattern: str) -> Any:
    try:
        return re2.compile(pattern, _OPTIONS)
    except (re2.error, UnicodeEncodeError):
        return None
