"""What is on standard error: one JSON object per line, and nothing that somebody wrote, whoever logs it."""

import json
import subprocess
import sys
from typing import Any

_WRITTEN = "neha@shop.example"


def told(script: str) -> list[dict[str, Any]]:
    """Every line that a program logs which has the logs set up."""
    whole = f"from fourthwatch.logs import log, set_up_logs\nset_up_logs()\nWRITTEN = {_WRITTEN!r}\n{script}"
    ended = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout == ""
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_of_a_fault_its_way_and_its_kind_are_told_and_not_what_it_says() -> None:
    (entry,) = told("""
def number_in(text):
    return float(text)
try:
    try:
        number_in(WRITTEN)
    except ValueError as error:
        raise KeyError(WRITTEN) from error
except KeyError as error:
    log.error("request_failed", fault=type(error).__name__, exc_info=error)
""")
    assert _WRITTEN not in json.dumps(entry)
    assert (entry["event"], entry["level"], entry["fault"]) == ("request_failed", "error", "KeyError")
    first, last = entry["exception"].split("\nled to\n")
    assert "in number_in" in first
    assert first.endswith("ValueError")
    assert last.endswith("KeyError")


def test_what_our_own_errors_say_is_told_since_it_is_ours() -> None:
    (entry,) = told("""
from fourthwatch.errors import LedgerFull
try:
    raise LedgerFull("the disk is full")
except LedgerFull as error:
    log.error("walk_failed", exc_info=error)
""")
    assert entry["exception"].endswith("LedgerFull: the disk is full")


def test_what_a_library_logs_is_a_line_like_any_other_without_what_it_fills_in() -> None:
    entries = told("""
import asyncio, logging
logging.getLogger("uvicorn.error").info("Started server process [%d]", 1)
logging.getLogger("uvicorn.error").warning("Invalid request from %s", WRITTEN)
def breaks(text):
    raise ValueError(text)
async def main():
    asyncio.get_running_loop().call_soon(breaks, WRITTEN)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
asyncio.run(main())
""")
    assert _WRITTEN not in json.dumps(entries)
    assert [(one["event"], one["level"], one["library"], one["says"]) for one in entries] == [
        ("library_says", "warning", "uvicorn.error", "Invalid request from"),
        ("library_says", "error", "asyncio", "Exception in callback breaks"),
    ]
    assert "in breaks" in entries[1]["exception"]
