"""Where a blank line ends in bytes that come piece by piece: every head and every chunked body ends with one."""

from typing import Final

BLANK_LINE: Final = b"\r\n\r\n"  # the parser takes no bare line feeds


class Seam:
    """The end of the piece before: a blank line may have begun in it."""

    def __init__(self) -> None:
        self._before = b""

    def forget(self) -> None:
        """What comes next follows on nothing."""
        self._before = b""

    def piece_end(self, data: bytes, start: int, room: int) -> int:
        """Where to cut: behind the next blank line, even one begun in an earlier piece, or at `room`."""
        longest = min(len(data), start + room)
        before = self._before
        at = (before + data[start : start + 3]).find(BLANK_LINE) if before else -1
        if at >= 0:
            stop = start + at + len(BLANK_LINE) - len(before)
        else:
            at = data.find(BLANK_LINE, start, longest)
            stop = at + len(BLANK_LINE)
        if at >= 0 and stop <= longest:
            self._before = b""
            return stop
        self._before = (before + data[max(start, longest - 3) : longest])[-3:]
        return longest
