"""The programs under measure, each a process of its own: the server as shipped, and the bare application beside it."""

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from fourthwatch.clock import SystemClock
from fourthwatch.store.keys import KeyStore

KEY_HEADER = "X-THIRDWATCH-API-KEY"
_START_S = 600.0
_STOP_S = 120.0
_SETTLE_S = 120.0
_LOOK_EVERY_S = 0.5
_NEARLY_THERE = 8
"""Events; the gauge is written when a step of the index ends."""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_METRIC = re.compile(rb"^(\w+(?:{[^}]*})?) ([0-9.e+]+)$", re.MULTILINE)


class Program:
    """A server process. Use as a context manager, or `start` and `kill` it again and again."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[str] | None = None
        self._said: list[str] = []
        self.port = 0
        self.ready_s = 0.0
        """From the start of the process to its word that it is ready."""

    def start(self) -> Self:
        """Returns when it says that it listens."""
        began = time.monotonic()
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        alarm = threading.Timer(_START_S, self._process.kill)
        alarm.start()
        line = self._process.stdout.readline()
        alarm.cancel()
        self.ready_s = time.monotonic() - began
        if not line.startswith("listening on "):
            self._process.wait(_STOP_S)
            raise RuntimeError(f"it did not start: {' | '.join(self._said[-5:])}")
        self.port = int(line.strip().rsplit(":", 1)[1])
        return self

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """CPU seconds, user and system, of all its threads since it was started."""
        return _cpu_s(self._pid)

    def cpu_s_of_all(self) -> float:
        """The same with the processes that it has at work: what writes the index, what sends."""
        tasks = Path(f"/proc/{self._pid}/task").glob("*/children")
        children = [int(child) for task in tasks for child in task.read_text().split()]
        return sum(map(_cpu_s, (self._pid, *children)))

    def resident_bytes(self) -> int:
        """Memory that is really there."""
        return int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * _PAGE_BYTES

    def metric(self, name: str) -> float:
        """A gauge or counter of its /metrics; one with labels is 0 until it was counted."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/metrics")
            found = dict(_METRIC.findall(connection.getresponse().read()))
            return float(found.get(name.encode(), 0) if "{" in name else found[name.encode()])
        finally:
            connection.close()

    def stored(self) -> int:
        """Events in the ledger."""
        return int(self.metric("fourthwatch_events_stored"))

    def settle(self) -> None:
        """Until the index has all that is stored: it follows behind, and would run under the next measurement."""
        deadline = time.monotonic() + _SETTLE_S
        time.sleep(_LOOK_EVERY_S)
        while self.metric("fourthwatch_index_behind_events") >= _NEARLY_THERE and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()

    @property
    def _pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self._said.append(line.rstrip())

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def ours(directory: Path) -> Program:
    """The server as shipped."""
    program = Path(sys.executable).parent / "fourthwatch"
    return Program([str(program), "serve", "--data", str(directory), "--listen", "127.0.0.1:0"])


def bare(*, as_it_comes: bool = False) -> Program:
    """A constant answer on the same HTTP server: the most that any application could reach on it.

    `as_it_comes` is uvicorn with its own protocol instead of ours.
    """
    return Program([sys.executable, "-m", "bench.bare", *(["--as-it-comes"] if as_it_comes else [])])


def new_key(directory: Path, scope: str = "ingest") -> str:
    """An API key for a data directory, which is made when there is none."""
    store = KeyStore(directory, SystemClock())
    try:
        return store.create("bench", (scope,))
    finally:
        store.close()
