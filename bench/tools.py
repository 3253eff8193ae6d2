"""The client side at full speed: wrk, or autocannon where wrk cannot be had, or our own generator.

Whichever it is, it runs on the same cores as the server, and every body it sends is a new one.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from bench.load import write_json, write_lua

HERE = Path(__file__).parent
CACHE = HERE.parent / ".cache"
CONNECTIONS = 64
_MODULES = CACHE / "npm"

Mode = Literal["orders", "events"]
ToolName = Literal["wrk", "autocannon", "own"]


class Burst(NamedTuple):
    """What a closed loop got through."""

    requests: int
    duration_s: float
    failures: int
    """Answers that were not 2xx, and requests without an answer."""

    @property
    def per_second(self) -> float:
        return self.requests / self.duration_s


class Tool(NamedTuple):
    """A load generator that is installed."""

    name: ToolName
    command: tuple[str, ...]

    def burst(self, url: str, key: str, mode: Mode, seconds: float, tag: str, connections: int = CONNECTIONS) -> Burst:
        """Load the server with all connections for a while; raises `RuntimeError` when the tool failed."""
        place = CACHE / "bench"
        place.mkdir(parents=True, exist_ok=True)
        if self.name == "wrk":
            write_lua(place / "templates.lua")
            options = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(HERE / "load.lua"), url]
            return _as_burst(_result([*self.command, *options, "--", str(place / "templates.lua"), mode, key, tag]))
        if self.name == "autocannon":
            return _as_burst(_result([*self.command, *_as_asked(url, key, mode, seconds, tag, connections)]))
        options = ["--url", url, "--key", key, "--mode", mode, "--seconds", str(seconds), "--tag", tag]
        return _as_burst(_result([*self.command, *options]))

    def offer(self, url: str, key: str, seconds: float, tag: str, connections: int, rate: float) -> "Offered":
        """So many orders a second, answered or not, as far as the connections carry them; for autocannon alone."""
        options = [*_as_asked(url, key, "orders", seconds, tag, connections), "--rate", str(round(rate))]
        found = _result([*self.command, *options])
        if found["timeout"] or found["read"]:
            raise RuntimeError(f"{found['timeout']} orders were not answered, {found['read']} connections broke")
        return Offered(
            taken=int(found["taken"]),
            refused=int(found["refused"]),
            duration_s=found["duration_us"] / 1e6,
            taken_p99_ms=found["taken_p99_ms"],
            refused_p99_ms=found["refused_p99_ms"],
        )


def find_tool(wanted: ToolName | None = None) -> Tool:
    """The best generator there is; installs one when none is."""
    if wanted in (None, "wrk"):
        wrk = shutil.which("wrk") or _install_wrk()
        if wrk is not None:
            return Tool("wrk", (wrk,))
    if wanted in (None, "autocannon"):
        node = shutil.which("node")
        if node is not None and _install_autocannon():
            return Tool("autocannon", (node, str(HERE / "autocannon.cjs")))
    return Tool("own", (*_OWN, "closed"))


def _install_wrk() -> str | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", "--no-install-recommends", "wrk"]):
        print(f"  {' '.join(command)} …", file=sys.stderr)
        if not _succeeds(command, environment):
            return None
    return shutil.which("wrk")


def _install_autocannon() -> bool:
    if (_MODULES / "node_modules" / "autocannon").exists():
        return True
    npm = shutil.which("npm")
    if npm is None:
        return False
    print("  npm install autocannon …", file=sys.stderr)
    _MODULES.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--prefix", str(_MODULES), "--no-audit", "--no-fund", "autocannon@8"]
    return _succeeds(command, dict(os.environ))


def _succeeds(command: Sequence[str], environment: dict[str, str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, env=environment, timeout=300).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class Offered(NamedTuple):
    """What became of orders that came at a rate of their own; both times are from sending to the answer."""

    taken: int
    refused: int
    duration_s: float
    taken_p99_ms: float
    refused_p99_ms: float

    @property
    def per_second(self) -> float:
        """Orders taken."""
        return self.taken / self.duration_s


class Latencies(NamedTuple):
    """What an open loop saw, from the moment each request was due."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    per_second: float
    failures: int


def own_burst(url: str, key: str, mode: Mode | Literal["visits"], count: int, tag: str) -> Burst:
    """A closed loop of our own generator with all connections, for a number of events."""
    command = [*_OWN, "closed", "--url", url, "--key", key, "--mode", mode, "--count", str(count), "--tag", tag]
    return _as_burst(_result(command))


def open_loop(url: str, key: str, rate: float, seconds: float, tag: str) -> Latencies:
    """Orders at a fixed rate, whether or not they are answered."""
    options = ["--url", url, "--key", key, "--rate", f"{rate:.1f}", "--seconds", str(seconds), "--tag", tag]
    found = _result([*_OWN, "open", *options])
    return Latencies(
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        max_ms=found["max_ms"],
        per_second=found["requests"] / found["duration_us"] * 1e6,
        failures=int(found["not_2xx"]),
    )


_OWN = (sys.executable, "-m", "bench.generator")


def _as_asked(url: str, key: str, mode: Mode, seconds: float, tag: str, connections: int) -> list[str]:
    (CACHE / "bench").mkdir(parents=True, exist_ok=True)
    templates = CACHE / "bench" / "templates.json"
    write_json(templates)
    options = ["--url", url, "--key", key, "--mode", mode, "--seconds", str(seconds), "--tag", tag]
    return [*options, "--templates", str(templates), "--modules", str(_MODULES), "--connections", str(connections)]


def _as_burst(found: dict[str, float]) -> Burst:
    failures = sum(found.get(name, 0) for name in ("not_2xx", "connect", "read", "write", "timeout"))
    return Burst(int(found["requests"]), found["duration_us"] / 1e6, int(failures))


def _result(command: Sequence[str]) -> dict[str, float]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=HERE.parent)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode != 0 or not lines:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-500:] or done.stdout[-500:]}")
    found: dict[str, float] = json.loads(lines[0].removeprefix("RESULT "))
    return found
