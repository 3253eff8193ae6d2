"""What writes the index, as a process of its own: `python -m fourthwatch.server.index_process DIRECTORY`.

Started by `serve`, so that the index takes no time from those who wait for a decision. It is told on standard input
what events bring and answers on standard output how the index stands; it ends when its standard input does, that is
with the server, and begins only when the one before it is gone.
"""

import gc
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from fourthwatch.engine.filing import BeginAgain, Commit, Derived, Filing, Stand
from fourthwatch.errors import IndexDamaged, LedgerFull
from fourthwatch.logs import log, set_up_logs
from fourthwatch.server.filer import LENGTH_BYTES, Message, framed, lock_index
from fourthwatch.settings import read_settings

_NICENESS = 10
"""Whoever waits for a decision comes first. Not 19: beside programs that keep the machine busy it would stand still."""
_messages = msgspec.msgpack.Decoder(Derived | Commit | BeginAgain)


def main(directory: Path) -> int:
    """File until standard input ends; the exit code."""
    set_up_logs(level=read_settings().log_level)
    os.nice(_NICENESS)
    gc.disable()  # tens of thousands of rows at a time, and no cycle among them
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # meant for the server, with which it ends
    told, answered = sys.stdin.buffer, sys.stdout.buffer
    lock = lock_index(directory, told)
    if lock is None:
        return 0
    with lock:
        try:
            filing = Filing(directory)
        except (IndexDamaged, LedgerFull) as error:
            log.error("index_unusable", reason=str(error))
            return 1
        _answer(answered, Stand(filing.position()[0]))
        for stand in answers(filing, _told(told)):
            _answer(answered, stand)
        filing.close()
    return 0


def answers(filing: Filing, messages: Iterable[Message]) -> Iterator[Stand]:
    """Do as told; a word for every commit and every new beginning."""
    pieces: list[Derived] = []
    for message in messages:
        if isinstance(message, Derived):
            pieces.append(message)
        else:
            yield _obeyed(filing, message, pieces)
            pieces.clear()


def _obeyed(filing: Filing, message: Commit | BeginAgain, pieces: list[Derived]) -> Stand:
    try:
        if isinstance(message, BeginAgain):
            filing.begin_again()
        elif pieces:
            filing.file(pieces, message.chain)
        return Stand(filing.position()[0])
    except (IndexDamaged, LedgerFull) as error:
        return Stand(0, str(error), is_full=isinstance(error, LedgerFull))


def _told(stream: BinaryIO) -> Iterator[Message]:
    while len(length := stream.read(LENGTH_BYTES)) == LENGTH_BYTES:
        body = stream.read(size := int.from_bytes(length, "big"))
        if len(body) < size:
            return  # the server ended in the middle of a word
        yield _messages.decode(body)


def _answer(stream: BinaryIO, stand: Stand) -> None:
    stream.write(framed(stand))
    stream.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
