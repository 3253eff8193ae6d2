"""Sends recordings to a server and remembers how far it got, so that it can be stopped at any moment.

What is remembered is a line up to which *everything* was answered: going on may send a little again, which the
server knows as the same, and never leaves anything out.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import msgspec

from fourthwatch.clock import Clock, SystemClock
from fourthwatch.errors import SendingStopped, UsageError
from fourthwatch.workbench.recording import Recorded, Recording
from fourthwatch.workbench.repeats import repeat_key
from fourthwatch.workbench.sender import PATIENCE_S, WORKERS, Reply, Sender
from fourthwatch.workbench.turns import Outgoing, about_of

REMEMBER_EVERY_S = 1.0
REPORT_EVERY_S = 0.2
REFUSED_LINES_MAX = 10
REFUSED_STATUSES = frozenset({400, 413, 422})
"""This event is not taken, the next one may be."""

_PROGRESS_VERSION = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is. `share` (0 to 1) is of the present file's bytes; rates are of this run."""

    file: Path
    line: int
    share: float
    sent: int
    acknowledged: int
    refused: int
    events_per_s: float


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """An event the server refused with 400, 413 or 422, and why in its words."""

    file: Path
    line: int
    status: int
    told: str


@dataclass(slots=True)
class Replayed:
    """What a replay came to. `skipped_lines` were settled by an earlier run; all else is of this run.

    `first_scores` are the scores told at createOrder, `last_scores` the newest told for the order by any
    event (by order id, 0 to 100); an order whose replies held no score is in neither.
    """

    sent: int = 0
    acknowledged: int = 0
    refused: int = 0
    repeated: int = 0
    """Requests sent again: no answer came, or the server was busy."""
    skipped_lines: int = 0
    seconds: float = 0.0
    refused_lines: list[RefusedLine] = field(default_factory=list)
    """The first ten."""
    first_scores: dict[str, float] = field(default_factory=dict)
    last_scores: dict[str, float] = field(default_factory=dict)

    @property
    def events_per_s(self) -> float:
        return self.sent / self.seconds if self.seconds > 0 else 0.0


def replay(
    files: Sequence[Path],
    to: str,
    key: str,
    *,
    rate: float | None = None,
    state_dir: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    workers: int = WORKERS,
    insecure: bool = False,
    from_start: bool = False,
    patience_s: float = PATIENCE_S,
    clock: Clock | None = None,
    random: Random | None = None,
) -> Replayed:
    """Send every event of `files`, one file after the other, to the server at `to`.

    `rate` is events per second, paced by the clock and not by the replies; None is as fast as it goes. Beside
    each file (or in `state_dir`) a `<file>.progress` remembers the line up to which all was settled by this
    server; `from_start` ignores it. Raises `RecordingError` for a damaged file, `SendingStopped` when the key
    is refused, the server stays away for `patience_s` seconds or is not what it should be; in each case what
    was settled is remembered.
    """
    if rate is not None and rate <= 0:
        raise UsageError(f"rate is {rate}: it should be above 0 events per second")
    clock = clock or SystemClock()
    random = random or Random()  # noqa: S311 - jitter
    replayed = Replayed()
    with Sender(
        to, key, clock=clock, random=random, workers=workers, insecure=insecure, patience_s=patience_s
    ) as sender:
        run = _Run(sender, clock, replayed, rate, progress)
        for file in files:
            with Recording(file) as recording:
                run.send(recording, _Memory(recording, sender.target.url, state_dir), from_start=from_start)
    return replayed


class _Memory:
    """The line up to which all is settled, in a small file that is replaced whole."""

    def __init__(self, recording: Recording, to: str, state_dir: Path | None) -> None:
        self._path = (state_dir or recording.path.parent) / f"{recording.path.name}.progress"
        self._identity = {
            "version": _PROGRESS_VERSION,
            "to": to,
            "bytes": recording.bytes_total,
            "head_sha256": recording.head_mark,
        }

    def recall(self) -> int:
        """The remembered line; 0 when there is none, or it is about another file, server or form."""
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return 0
        if not isinstance(found, dict) or any(found.get(k) != v for k, v in self._identity.items()):
            return 0
        line = found.get("line")
        return line if isinstance(line, int) and line >= 0 else 0

    def remember(self, line: int) -> None:
        part = self._path.with_name(self._path.name + ".part")
        part.write_text(json.dumps({**self._identity, "line": line}) + "\n")
        os.replace(part, self._path)


class _Run:
    """One replay under way."""

    def __init__(
        self,
        sender: Sender,
        clock: Clock,
        replayed: Replayed,
        rate: float | None,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._sender = sender
        self._clock = clock
        self._replayed = replayed
        self._rate = rate
        self._progress = progress
        self._started_s = clock.monotonic_s()
        self._paced = 0
        self._scored_by: dict[str, tuple[int, int]] = {}  # order -> the file and line that told the last score
        self._file_count = 0

    def send(self, recording: Recording, memory: _Memory, *, from_start: bool) -> None:
        settled = 0 if from_start else memory.recall()
        self._file_count += 1
        self._replayed.skipped_lines += settled
        outstanding: dict[int, None] = {}  # lines read and not settled, in order
        newest = settled
        remembered_s = reported_s = self._clock.monotonic_s()

        def outgoing() -> Iterator[Outgoing[Recorded]]:
            nonlocal newest
            for recorded in recording.after(settled):
                newest = recorded.line
                outstanding[recorded.line] = None
                key, due_s = repeat_key(recording.head_mark, recorded), self._due_s()
                yield Outgoing(recorded, recorded.event, recorded.body, due_s, about_of(recorded.body), key)

        def settled_line() -> int:
            return next(iter(outstanding), newest + 1) - 1

        try:
            with closing(self._sender.send(outgoing())) as replies:
                for recorded, reply in replies:
                    self._take(recording.path, recorded, reply)
                    del outstanding[recorded.line]
                    now_s = self._clock.monotonic_s()
                    if now_s - remembered_s >= REMEMBER_EVERY_S:
                        memory.remember(settled_line())
                        remembered_s = now_s
                    if now_s - reported_s >= REPORT_EVERY_S:
                        self._report(recording, recorded.line)
                        reported_s = now_s
        finally:
            memory.remember(settled_line())
            self._replayed.seconds = self._clock.monotonic_s() - self._started_s
        self._report(recording, newest)

    def _due_s(self) -> float | None:
        """When the next event may leave; counted from the start, so that a slow spell is caught up."""
        if self._rate is None:
            return None
        self._paced += 1
        return self._started_s + (self._paced - 1) / self._rate

    def _take(self, file: Path, recorded: Recorded, reply: Reply) -> None:
        replayed = self._replayed
        replayed.sent += 1
        replayed.repeated += reply.attempts - 1
        if reply.acknowledged:
            replayed.acknowledged += 1
            self._note_score(recorded, reply)
        elif reply.status in REFUSED_STATUSES:
            replayed.refused += 1
            if len(replayed.refused_lines) < REFUSED_LINES_MAX:
                replayed.refused_lines.append(RefusedLine(file, recorded.line, reply.status, reply.told))
        else:
            raise SendingStopped(_why_stopped(self._sender.target.url, file, recorded, reply))

    def _note_score(self, recorded: Recorded, reply: Reply) -> None:
        score = reply.body.get("score")
        if isinstance(score, bool) or not isinstance(score, int | float):
            return
        order_id = _order_id_decoder.decode(recorded.body).order_id
        if not isinstance(order_id, str):
            return
        if recorded.event == "createOrder":
            self._replayed.first_scores.setdefault(order_id, score)
        # Replies come out of order; the newest is the one of the latest line.
        at = (self._file_count, recorded.line)
        if at > self._scored_by.get(order_id, (0, 0)):
            self._scored_by[order_id] = at
            self._replayed.last_scores[order_id] = score

    def _report(self, recording: Recording, line: int) -> None:
        if self._progress is None:
            return
        replayed, seconds = self._replayed, self._clock.monotonic_s() - self._started_s
        self._progress(
            Progress(
                recording.path,
                line,
                recording.bytes_read / recording.bytes_total if recording.bytes_total else 1.0,
                replayed.sent,
                replayed.acknowledged,
                replayed.refused,
                replayed.sent / seconds if seconds > 0 else 0.0,
            )
        )


class _OrderId(msgspec.Struct):
    order_id: object = msgspec.field(default=None, name="_orderId")


_order_id_decoder = msgspec.json.Decoder(_OrderId)


def _why_stopped(url: str, file: Path, recorded: Recorded, reply: Reply) -> str:
    where = f"{file}, line {recorded.line}"
    if reply.status in (401, 403):
        return f"{url} does not take this key for events ({reply.status}: {reply.told}); at {where}"
    if reply.status in (404, 405):
        return f"{url} knows no event {recorded.event!r} ({reply.status}); at {where}"
    if 200 <= reply.status < 300:
        return f"{url} answers {reply.status} without the status text of this API: another server? at {where}"
    return f"{url} answers {reply.status}, which this API never does: another server? at {where}"
