"""CSV that may be opened in a spreadsheet: no cell begins a formula, and what was guarded is read back as it was.

A cell that begins with one of `= + - @`, their full-width forms, a tab, a line break or NUL gets an apostrophe in front
(ASVS 1.2.10); so does one with apostrophes before such a character, so that reading takes off what
writing put on.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\x00＝＋－＠]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n\x00＝＋－＠]")


def guarded(cell: str) -> str:
    """The cell as it may stand in a file.

    >>> guarded("=1+1"), guarded("+4912345"), guarded("plain"), guarded("'=x")
    ("'=1+1", "'+4912345", 'plain', "''=x")
    """
    return "'" + cell if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """What was guarded.

    >>> unguarded("'=1+1"), unguarded("+4912345"), unguarded("'tis")
    ('=1+1', '+4912345', "'tis")
    """
    return cell[1:] if _GUARDED.match(cell) else cell


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV with CRLF (RFC 4180), every cell guarded."""
    file = io.StringIO()
    writer = csv.writer(file)
    for row in rows:
        writer.writerow([guarded(cell) for cell in row])
    return file.getvalue()


def csv_rows(text: str) -> list[tuple[int, list[str]]]:
    """The line that each row ends on, and its cells as they were before they were guarded; raises `csv.Error`."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    return [(reader.line_num, [unguarded(cell) for cell in row]) for row in reader if row]
