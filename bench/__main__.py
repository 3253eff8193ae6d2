"""`python -m bench [PART …]`: measures, prints the table, and with --json writes it for programs."""

import argparse
import gc
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import uvicorn

from bench.console import measure_console
from bench.figures import Figure, as_json, table
from bench.flatness import measure_flatness
from bench.growth import measure_growth, measure_restart
from bench.hot_key import measure_hot_key
from bench.latency import measure_latency
from bench.model import measure_model
from bench.overload import measure_overload
from bench.peak import DECISIONS, measure_peak
from bench.reading import measure_reading
from bench.rules import measure_rules
from bench.sign_in import measure_sign_in
from bench.steps import measure_steps, profile
from bench.tools import Tool, find_tool
from bench.training import measure_training
from bench.webhooks import measure_webhooks
from bench.windows import measure_windows

_RUNS = 5
_SECONDS = 5.0


_QUIET = 0.5
_STORED = 1_000_000
_STORED_QUICK = 100_000
_PARTS = (
    "peak",
    "latency",
    "steps",
    "reading",
    "windows",
    "hot-key",
    "model",
    "training",
    "rules",
    "webhooks",
    "growth",
    "restart",
    "console",
    "sign-in",
)


def main() -> int:
    """0 when everything was measured; what is not reached is printed, and no error."""
    asked = _parser().parse_args()
    gc.disable()  # as in the server: looking at a million histories for garbage is no part of a step
    if asked.profile:
        profile(asked.mode)
        return 0
    tool = find_tool(asked.tool)
    events = asked.events or (_STORED_QUICK if asked.quick else _STORED)
    print(_where(tool), flush=True)
    figures: list[Figure] = []
    parts: dict[str, Callable[[], list[Figure]]] = {
        "peak": lambda: measure_peak(tool, asked.seconds, asked.runs),
        "latency": lambda: measure_latency(tool, _reached(figures), asked.seconds, asked.runs),
        "steps": lambda: measure_steps(asked.runs),
        "reading": lambda: measure_reading(asked.runs),
        "windows": lambda: measure_windows(asked.runs),
        "hot-key": lambda: measure_hot_key(asked.runs),
        "flatness": measure_flatness,
        "overload": lambda: measure_overload(asked.seconds, asked.runs),
        "model": lambda: measure_model(tool, asked.seconds, asked.runs),
        "training": lambda: measure_training(asked.runs),
        "rules": lambda: measure_rules(asked.runs),
        "webhooks": lambda: measure_webhooks(tool, asked.seconds, asked.runs),
        "growth": lambda: measure_growth(events, _reached(figures), asked.seconds, asked.runs, anew=asked.fresh),
        "restart": lambda: measure_restart(events, asked.runs, anew=asked.fresh),
        "console": lambda: measure_console(
            tool, _reached(figures), events, asked.seconds, asked.runs, anew=asked.fresh
        ),
        "sign-in": measure_sign_in,
    }
    for name in asked.parts or _PARTS:
        began = time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)
        figures += parts[name]()
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(table(figures))
    if asked.json is not None:
        asked.json.write_text(json.dumps(as_json(figures), indent=1) + "\n")
    return 0


def _where(tool: Tool) -> str:
    """What the figures are of: without it they cannot be compared."""
    versions = f"Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}, uvicorn {uvicorn.__version__}"
    load = os.getloadavg()[0]
    busy = "" if load < _QUIET else ": OTHER WORK IS RUNNING HERE, look at ratios only"
    return f"{os.cpu_count()} cores, load {load:.2f}{busy}; {versions}; client {tool.name}, on the same cores"


def _reached(figures: list[Figure]) -> float | None:
    return next((one.median for one in figures if one.name == DECISIONS), None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parts = f"of {', '.join(_PARTS)}, flatness or overload; all but these two when none is named"
    parser.add_argument("parts", nargs="*", metavar="PART", help=parts)
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="length of one burst")
    parser.add_argument("--runs", type=int, default=_RUNS, help="interleaved runs; the median counts")
    parser.add_argument("--quick", action="store_true", help=f"{_STORED_QUICK:,} stored events instead of {_STORED:,}")
    parser.add_argument("--events", type=int, metavar="N", help="this many stored events")
    parser.add_argument("--fresh", action="store_true", help="make the stored events anew")
    parser.add_argument("--tool", choices=["wrk", "autocannon", "own"], help="load generator; the best there is")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--profile", action="store_true", help="profile the walk in this process instead")
    parser.add_argument("--mode", choices=["orders", "events"], default="orders", help="what --profile sends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
