"""A damaged data file: which of its pages are, and what to do about it.

Every page is held against the checksum that stands on it, in the file's own bytes. A process that closes a file lets go
of all of SQLite's locks on it, so none may have it open here meanwhile; other processes may.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from fourthwatch.errors import LedgerError, LedgerUnusable
from fourthwatch.store.file import FILE_NAME, is_damage, register_checksums, why_not

_SIZES = (8_192, 4_096)
"""Of pages, that a data file was ever made with."""
_NAMED_MAX = 10
_HEAD = b"SQLite format 3\0"
"""Of a file of SQLite's; behind it stands the size of its pages."""


@contextmanager
def damage_is_told(directory: Path) -> Iterator[None]:
    """Whoever meets damage that it cannot do without hears what to do: raises `LedgerUnusable`."""
    try:
        yield
    except (LedgerError, apsw.Error) as error:
        if not _is_of_damage(error):
            raise
        what = str(error) if isinstance(error, LedgerError) else f"the data file could not be read: {why_not(error)}"
        raise LedgerUnusable(
            f"{what}. `fourthwatch doctor --data {directory}` names the pages. Keep this directory, and start on a copy"
            " of the newest backup in which doctor finds nothing; what came in since then can be read from here with"
            " `fourthwatch events export --after`, as far as it is whole"
        ) from error


def refuse_cut(directory: Path) -> None:
    """Raise `apsw.CorruptError` when the file ends within a page: SQLite reads what is missing as zeros, and looks at
    no checksum.

    So it is, too, where a crash cut short a page on its way from SQLite's log into the file; then the log has the page,
    and it is written again here. For the one server on the directory, before anything else opens the file.
    """
    path = directory / FILE_NAME
    if not bytes_over(path):
        return
    register_checksums()
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    if over := bytes_over(path):
        raise apsw.CorruptError(f"its end is cut off, {over:,} bytes behind the last whole page")


def bytes_over(path: Path) -> int:
    """Bytes behind the last whole page; 0 where there is no data file."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        head = file.read(len(_HEAD) + 2)
    page_bytes = int.from_bytes(head[len(_HEAD) :], "big")
    return path.stat().st_size % page_bytes if head.startswith(_HEAD) and page_bytes in _SIZES else 0


def _is_of_damage(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, apsw.Error) and is_damage(error):
            return True
        error = error.__cause__
    return False


def damaged_pages(path: Path) -> list[int]:
    """Numbers, from 1, of the pages that fail their checksum.

    How large pages are is said by one that may be damaged itself: of the sizes that there are the one counts by which
    the fewest fail.
    """
    return min((_failing(path, page_bytes) for page_bytes in _SIZES), key=len)


def named(numbers: list[int]) -> str:
    """A few of them, and how many more there are.

    >>> named([7]), named([7, 9])
    ('page 7', 'pages 7 and 9')
    >>> named(list(range(1, 15)))
    'pages 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 4 more'
    """
    shown, more = [str(number) for number in numbers[:_NAMED_MAX]], len(numbers) - _NAMED_MAX
    last = f"{more:,} more" if more > 0 else shown.pop()
    return f"pages {', '.join(shown)} and {last}" if shown else f"page {last}"


def _failing(path: Path, page_bytes: int) -> list[int]:
    """A page that was being written when it was read is right when it is read again."""
    pages = path.stat().st_size // page_bytes
    return _wrong(path, page_bytes, _wrong(path, page_bytes, range(1, pages + 1)))


def _wrong(path: Path, page_bytes: int, numbers: Iterable[int]) -> list[int]:
    register_checksums()
    look = apsw.Connection(":memory:")
    wrong = []
    with path.open("rb") as file:
        for number in numbers:
            file.seek((number - 1) * page_bytes)
            page = file.read(page_bytes)
            if look.execute("SELECT verify_checksum(?)", (page,)).fetchall() != [(1,)]:
                wrong.append(number)
    look.close()
    return wrong
