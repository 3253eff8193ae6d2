"""Recorded events in a file: JSON lines `{"event": "createOrder", "body": {…}}`, gzipped in a `.gz` file.

A body is kept as the bytes it was recorded with, so that what is replayed is what was sent; the truth about
an order is never in a recording, it goes to a file of its own.
"""

import gzip
import hashlib
import io
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import msgspec

from fourthwatch.errors import RecordingError
from fourthwatch.limits import BODY_BYTES_MAX

LINE_BYTES_MAX = 2 * BODY_BYTES_MAX
"""A recorded line beyond this cannot be an event that a server would take."""
HEAD_BYTES = 64 * 1024
"""How much of a file's beginning tells it from another."""
GZIP_MAGIC = b"\x1f\x8b"

_EVENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class _Line(msgspec.Struct):
    event: str
    body: msgspec.Raw


_decoder = msgspec.json.Decoder(_Line)
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded event. `line` counts from 1; `body` is a JSON object, byte for byte as recorded."""

    line: int
    event: str
    body: bytes


def line_of(event: str, body: Mapping[str, object]) -> bytes:
    r"""One line of a recording, with its newline.

    >>> line_of("logout", {"_userId": "u-1"})
    b'{"event":"logout","body":{"_userId":"u-1"}}\n'
    """
    return _encoder.encode({"event": event, "body": body}) + b"\n"


def write_recording(path: Path, events: Iterable[tuple[str, Mapping[str, object]]]) -> int:
    """Write `(event, body)` pairs to `path` and return how many; the file appears whole or not at all.

    The same events give the same bytes, gzipped or not.
    """
    return write_lines(path, (line_of(event, body) for event, body in events))


def write_lines(path: Path, lines: Iterable[bytes]) -> int:
    """Write ready lines to `path` (gzipped when it ends in `.gz`), whole or not at all; how many."""
    part = path.with_name(path.name + ".part")
    count = 0
    try:
        with part.open("wb") as raw:
            # No name and no time in the gzip header: the same lines must give the same bytes.
            packed = gzip.GzipFile("", "wb", 6, raw, mtime=0) if path.suffix == ".gz" else None
            out = cast(IO[bytes], packed if packed is not None else raw)
            for line in lines:
                out.write(line)
                count += 1
            if packed is not None:
                packed.close()
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return count


class Recording:
    """A recording opened for reading; a context manager and, once, an iterator of `Recorded`.

    Blank lines count and are skipped. Raises `RecordingError` naming file and line when a line is no event,
    and when the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._raw = path.open("rb")
        except OSError as error:
            raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
        head = self._raw.read(HEAD_BYTES)
        self._raw.seek(0)
        self.bytes_total = os.fstat(self._raw.fileno()).st_size
        self.head_mark = hashlib.sha256(head).hexdigest()
        """SHA-256 of the first 64 KiB as stored: with the size, tells this file from another."""
        self._stream: IO[bytes] = self._raw
        if head.startswith(GZIP_MAGIC):
            self._stream = cast(IO[bytes], io.BufferedReader(gzip.GzipFile(fileobj=self._raw)))

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._raw.close()

    @property
    def bytes_read(self) -> int:
        """How far into the stored file the reading is; with `bytes_total`, the share that is done."""
        return self._raw.tell()

    def __iter__(self) -> Iterator[Recorded]:
        return self.after(0)

    def after(self, line: int) -> Iterator[Recorded]:
        """The events of the lines after `line`; those up to it are read over unparsed."""
        number = 0
        while True:
            number += 1
            try:
                text = self._stream.readline(LINE_BYTES_MAX + 1)
            except (EOFError, OSError, zlib.error) as error:
                raise RecordingError(f"{self.path}, line {number}: the file is damaged: {error}") from error
            if not text:
                return
            if len(text) > LINE_BYTES_MAX:
                raise RecordingError(f"{self.path}, line {number}: longer than {LINE_BYTES_MAX} bytes")
            if number > line and not text.isspace():
                yield self._parsed(number, text)

    def _parsed(self, number: int, text: bytes) -> Recorded:
        try:
            line = _decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # msgspec's text names the place, not the value: nothing of a body gets into the message.
            raise RecordingError(
                f'{self.path}, line {number}: should be {{"event": "<name>", "body": {{…}}}}, but {error}'
            ) from error
        body = bytes(line.body)
        if _EVENT_NAME.fullmatch(line.event) is None:
            raise RecordingError(f"{self.path}, line {number}: the event should be a name such as createOrder")
        if not body.startswith(b"{"):
            raise RecordingError(f"{self.path}, line {number}: the body should be a JSON object")
        return Recorded(number, line.event, body)
