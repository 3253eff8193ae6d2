"""What writes the index, as a process of its own: `python -m fourthwatch.server.index_process DIRECTORY`.

Started by `serve`, so that the index takes no time from those who wait for a decision. It is told on standard input
how far the ledger goes, reads it, asks who acted where an event does not tell, and answers on standard output how the
index stands; it ends when its standard input does, that is with the server, and begins only when the one before it is
gone.
"""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from fourthwatch.engine.filing import Filing
from fourthwatch.engine.indexing import Indexer
from fourthwatch.errors import IndexDamaged, LedgerError
from fourthwatch.limits import INDEX_READING_KIB
from fourthwatch.logs import log, set_up_logs
from fourthwatch.server.filer import lock_index
from fourthwatch.server.index_talk import (
    LENGTH_BYTES,
    Acting,
    Answer,
    Begin,
    BeginAgain,
    Doubts,
    Follow,
    Stand,
    Told,
    framed,
)
from fourthwatch.settings import read_settings
from fourthwatch.store.history import History

_NICENESS = 10
"""Whoever waits for a decision comes first. Not 19: beside programs that keep the machine busy it would stand still."""
_messages: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told)


def main(directory: Path) -> int:
    """Write until standard input ends; the exit code."""
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
            scribe = Scribe(directory)
        except (IndexDamaged, LedgerError) as error:
            log.error("index_unusable", reason=str(error))
            return 1
        with ThreadPoolExecutor(1, "patient", _let_all_go_before) as patient:
            is_patient = False
            for message in _told(told):
                if not isinstance(message, Acting):
                    is_patient = isinstance(message, Follow) and message.is_patient
                answer = patient.submit(scribe.answer, message).result() if is_patient else scribe.answer(message)
                if not _was_heard(answered, framed(answer)):
                    break
        scribe.close()
    return 0


def _was_heard(stream: BinaryIO, word: bytes) -> bool:
    """Whether the server is still there to hear it; it may have been killed meanwhile."""
    try:
        stream.write(word)
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # for what would be tried again at the end
        return False
    return True


def _let_all_go_before() -> None:
    """Of this thread, for good: nobody may take it back without privileges, so it is a thread of its own.

    With the least priority alone its processor counts as taken: a thread of the server's that wakes up waits behind the
    client or another one of its own, and not where it could run at once.
    """
    if sys.platform == "linux":
        with suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


class Scribe:
    """Does as it is told."""

    def __init__(self, directory: Path) -> None:
        """Raises `IndexDamaged` when the index can neither be opened nor begun anew, and `LedgerError`."""
        self._history = History(directory, INDEX_READING_KIB)
        self._filing = Filing(directory)
        self._indexer = Indexer(self._history)
        self._until_seq = 0
        self._indexer.begin_at(self._filing.position()[0])

    def answer(self, message: Told) -> Answer:
        """A word for each message."""
        try:
            match message:
                case Begin():
                    self._indexer.feature_names = message.feature_names
                case BeginAgain():
                    self._filing.begin_again()
                    self._indexer.begin_at(0)
                case Follow():
                    if self._indexer.is_under_way:  # the server was called off in the middle
                        self._indexer.begin_at(self._filing.position()[0])
                    self._until_seq = message.until_seq
                    return self._go_on()
                case Acting():
                    self._indexer.derive(message.who)
                    return self._go_on()
            return Stand(self._filing.position()[0])
        except (IndexDamaged, LedgerError) as error:
            return Stand(0, str(error), isinstance(error, LedgerError))

    def close(self) -> None:
        """Close both files."""
        self._filing.close()
        self._history.close()

    def _go_on(self) -> Answer:
        while (doubts := self._indexer.read(self._until_seq)) is not None:
            if doubts:
                return Doubts(doubts)
            self._indexer.derive(())
        derived = self._indexer.handed()
        if derived.entries:
            try:
                self._filing.file(derived, self._history.chain_at(derived.last_seq))
            except (IndexDamaged, LedgerError):
                self._indexer.begin_at(derived.after_seq)
                raise
        return Stand(derived.last_seq)


def _told(stream: BinaryIO) -> Iterator[Told]:
    while len(length := stream.read(LENGTH_BYTES)) == LENGTH_BYTES:
        body = stream.read(size := int.from_bytes(length, "big"))
        if len(body) < size:
            return  # the server ended in the middle of a word
        yield _messages.decode(body)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
