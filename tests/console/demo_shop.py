"""`fourthwatch demo` for the tests of the console: the program as it is started, its past sent, its shop alive."""

import csv
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from served import PROGRAM, Served

_PAST_S = 240.0
_STOP_S = 60.0
_SEED = 1


class DemoShop:
    """A context manager: inside it the shop's past stands and the shop lives on; behind it everything is stopped."""

    def __init__(
        self, directory: Path, *, days: float, orders_per_hour: float, environment: Mapping[str, str] | None = None
    ) -> None:
        self.directory = directory
        self.served = Served(directory)
        """To ask the server that the demo started; it is not ours to stop."""
        self.name, self.password = "", ""
        """Of the administrator, as the demo tells it."""
        self.key = ""
        self.told: list[str] = []
        self._command = [
            str(PROGRAM), "demo", "--data", str(directory), "--listen", "127.0.0.1:0", "--seed", str(_SEED),
            "--days", f"{days:g}", "--orders-per-hour", f"{orders_per_hour:g}",
        ]  # fmt: skip
        self._environment = {**os.environ, "FOURTHWATCH_DEADLINE_MS": "0", **(environment or {})}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self._environment,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        timer = threading.Timer(_PAST_S, process.kill)
        timer.start()
        for line in process.stdout:
            self._hear(line.rstrip())
            if line.startswith("from here on the shop lives"):
                break
        timer.cancel()
        if not (self.key and self.password and self.told[-1].startswith("from here on")):
            self.stop()
            raise RuntimeError(f"the demo did not come to its present: {self.told[-5:]}")
        threading.Thread(target=self._drain, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """As Ctrl-C does; what the shop kept to itself is written then."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise

    def truth(self) -> dict[str, str]:
        """By order, who placed it: `ordinary`, or the trick of a ring. Whole once the shop is stopped."""
        with (self.directory / "demo-truth.csv").open(newline="") as rows:
            return {row[0]: row[1] for row in csv.reader(rows)}

    def _hear(self, line: str) -> None:
        self.told.append(line)
        word, _, rest = line.partition(" ")
        if word == "address":
            self.served.url = rest.strip()
            self.served.port = int(self.served.url.rsplit(":", 1)[1])
        elif word == "key":
            self.key = rest.strip()
        elif line.startswith("sign in  "):
            self.name, _, self.password = line.removeprefix("sign in  ").partition(" with ")

    def _drain(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as told:
            for line in told:
                self.told.append(line.rstrip())
