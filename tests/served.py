"""The served program, as its users run it: a process of its own, a data directory, a real socket on a free port."""

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

_UNHURRIED = {"FOURTHWATCH_DEADLINE_MS": "0"}
"""Nothing is put off on a busy machine: what is stored and answered depends on what was sent alone."""
PROGRAM = Path(sys.executable).parent / "fourthwatch"
KEY_HEADER = "X-THIRDWATCH-API-KEY"
_START_S = 120.0
_STOP_S = 120.0
_LOG_S = 60.0
PATIENCE_S = 60.0
"""For an answer; whoever waits longer fails."""


class Reply(NamedTuple):
    """An HTTP reply; `json` is the decoded body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A running server. Use as a context manager; `kill` and `start` again to test what survives."""

    def __init__(
        self,
        directory: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        wrapper: tuple[str, ...] = (),
        program: tuple[str, ...] = (str(PROGRAM),),
        port: int = 0,
    ) -> None:
        self.directory = directory
        self.url = ""
        self.port = port
        self.log: list[str] = []
        self._options = options
        self._environment = {**os.environ, **_UNHURRIED, **(environment or {})}
        self._wrapper = wrapper
        self._program = program
        self._process: subprocess.Popen[str] | None = None
        self._collecting: threading.Thread | None = None
        self._logged = threading.Condition()
        self._log_before = 0

    def start(self) -> Self:
        """Start and wait until it says that it is ready."""
        command = [*self._wrapper, *self._program, "serve", "--data", str(self.directory)]
        command += ["--listen", f"127.0.0.1:{self.port}", *self._options]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self._environment,
            start_new_session=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._log_before = len(self.log)
        self._collecting = threading.Thread(target=self._collect_log, args=(self._process,), daemon=True)
        self._collecting.start()
        timer = threading.Timer(_START_S, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        timer.join()
        if not line.startswith("listening on "):
            code = self._end()
            raise RuntimeError(f"the server did not start (exit code {code}): {self.log[-5:]}")
        self.url = line.removeprefix("listening on ").strip()
        self.port = int(self.url.rsplit(":", 1)[1])
        return self

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._end()

    def kill(self) -> None:
        """SIGKILL, to the wrapper and everything under it."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._end()

    def wait(self) -> int:
        """Until it ends by itself."""
        return self._end()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def logs(self, words: str) -> str:
        """The first line with these words since the last start; its log is read beside us, so it is waited for."""

        def found() -> str | None:
            return next((line for line in self.log[self._log_before :] if words in line), None)

        with self._logged:
            line = self._logged.wait_for(found, _LOG_S)
        assert line is not None, f"the server logs no {words!r}: {self.log[-8:]}"
        return line

    def key(self, *scopes: str, name: str = "test", tenant: str = "default") -> str:
        """A new API key."""
        options = [option for scope in scopes for option in ("--scope", scope)]
        made = run("keys", "create", "--data", str(self.directory), "--name", name, "--tenant", tenant, *options)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def request(
        self, method: str, path: str, body: bytes | str | None = None, headers: Mapping[str, str] | None = None,
        timeout_s: float = PATIENCE_S,
    ) -> Reply:  # fmt: skip
        """One request on a connection of its own."""
        connection = self.connection(timeout_s)
        try:
            connection.request(method, path, body, dict(headers or {}))
            reply = connection.getresponse()
            return Reply(reply.status, {key.lower(): value for key, value in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def connection(self, timeout_s: float = PATIENCE_S) -> http.client.HTTPConnection:
        """A connection to use for several requests."""
        if self.url.startswith("https"):
            context = ssl.create_default_context(cafile=str(self.directory / "tls-certificate.pem"))
            return http.client.HTTPSConnection("localhost", self.port, timeout=timeout_s, context=context)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)

    def send(self, key: str, event: str, body: Mapping[str, Any], *, query: str = "", **headers: str) -> Reply:
        """One event; header names are given with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        path = f"/event/v1/{event}" + (f"?{query}" if query else "")
        return self.request("POST", path, json.dumps(body), {KEY_HEADER: key, **named})

    def get(self, key: str, path: str) -> Reply:
        """One GET with a key."""
        return self.request("GET", path, headers={KEY_HEADER: key})

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.is_running:
            self.stop()

    def _collect_log(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                with self._logged:
                    self.log.append(line.rstrip())
                    self._logged.notify_all()

    def _end(self) -> int:
        assert self._process is not None
        try:
            return self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()
            if self._collecting is not None:
                self._collecting.join(_LOG_S)  # so that the log is whole


def run(*arguments: str, timeout_s: float = 120.0, **environment: str) -> "subprocess.CompletedProcess[str]":
    """One command of the program, to its end."""
    return subprocess.run(
        [str(PROGRAM), *arguments], capture_output=True, text=True, timeout=timeout_s, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


def served(directory: Path, *options: str, **environment: str) -> Iterator[Served]:
    """For fixtures: a server that is stopped at the end."""
    with Served(directory, *options, environment=environment) as server:
        yield server
