"""`python -m bench.scores --data DIR`: how well the rules alone score, and a public set's whole way over HTTP.

First the demo shop's first two days, several seeds, in this process. Then every purchase of fraudecom: converted, sent
by `fourthwatch replay` to a served program, each event acknowledged and found again in what the program exports.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from bench.peak import scratch
from bench.program import new_key, ours
from fourthwatch.clock import DAY_MS, Millis, SystemClock
from fourthwatch.decision import Policy
from fourthwatch.engine.walk import Answer, Submission, Walk
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.features.windows import Windows
from fourthwatch.limits import BATCH_MAX
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.ledger import Ledger
from fourthwatch.wire.decode import decode_event
from fourthwatch.workbench.checkout import ORDINARY
from fourthwatch.workbench.measures import auc
from fourthwatch.workbench.recording import Recording
from fourthwatch.workbench.simulator import DemoShop

FRAUDECOM = "fraudecom.csv.gz"
_START_MS = 1_790_000_000_000
_ORDERS_PER_HOUR = 60
_LAST_FIFTH = 0.8

Scored = list[tuple[float, str]]
"""Score and truth of orders."""


def main() -> int:
    """0 when all was measured and, of the replay, every event was acknowledged and found again."""
    asked = _parser().parse_args()
    for line in _shops(asked.seeds, asked.days):
        print(line, flush=True)
    source = asked.data / FRAUDECOM
    if not source.exists():
        print(f"{source} is not there: the replay is left out", file=sys.stderr)
        return 0
    found = _replayed(source)
    print("\n".join(found.lines))
    return 0 if found.is_whole else 1


def _shops(seeds: int, days: float) -> Iterator[str]:
    worths: list[float] = []
    rings: dict[str, list[float]] = defaultdict(list)
    for seed in range(1, seeds + 1):
        scored = _shop(seed, days)
        worths.append(_auc(scored))
        for kind in sorted({truth for _, truth in scored} - {ORDINARY}):
            rings[kind].append(_auc([one for one in scored if one[1] in (ORDINARY, kind)]))
    yield f"demo shop, first {days:g} days, AUC of the rules alone over {seeds} seeds: {_spread(worths)}"
    for kind, values in rings.items():
        yield f"  against {kind}: {_spread(values)}"


def _shop(seed: int, days: float) -> Scored:
    with scratch() as directory:
        KeyStore(directory, SystemClock()).close()
        ledger = Ledger(directory)
        walk, scored = Walk(ledger, Windows(), Policy(), os.urandom), list[tuple[float, str]]()
        shop = DemoShop(seed=seed, start_ms=_START_MS, orders_per_hour=_ORDERS_PER_HOUR)
        story = shop.events(_START_MS + int(days * DAY_MS))
        while batch := list(islice(story, BATCH_MAX)):
            sent = [_submission(one.event, msgspec.json.encode(one.body), Millis(one.at_ms)) for one in batch]
            for one, outcome in zip(batch, walk.run(sent), strict=True):
                if one.truth is not None and isinstance(outcome, Answer) and isinstance(outcome.receipt.score, int):
                    scored.append((outcome.receipt.score, one.truth))
        ledger.close()
    return scored


def _submission(event: str, body: bytes, at_ms: Millis) -> Submission:
    return Submission(tenant=1, decoded=decode_event(body, KIND_OF_NAME[event], at_ms), received_ms=at_ms)


class Replay(msgspec.Struct, frozen=True):
    """What came of it."""

    lines: list[str]
    is_whole: bool


def _replayed(source: Path) -> Replay:
    with scratch() as directory:
        recording, truth, data = directory / "recording.jsonl.gz", directory / "truth.csv", directory / "data"
        data.mkdir()
        _run("convert", "fraudecom", source, "--out", recording, "--truth", truth)
        with ours(data) as server:
            key = new_key(data)
            told = json.loads(
                _run("replay", recording, "--to", server.url, "--key", key, "--truth", truth, "--json").stdout
            )
            server_s, resident = server.cpu_s(), server.resident_bytes()
            exported = _run("events", "export", "--data", data).stdout
        lost, late = _compared(recording, exported), _of_the_last_fifth(exported, data, truth)
    quality, cpu_us, resident_mb = told["quality"], server_s / told["sent"] * 1e6, resident / 2**20
    return Replay(
        [
            f"fraudecom over HTTP: {told['acknowledged']:,} of {told['sent']:,} events acknowledged, {lost:,} of them"
            f" not found again; {told['events_per_s']:,.0f} events/s with the sender on the same cores,"
            f" {cpu_us:,.0f} µs of the server's CPU per event, {resident_mb:,.0f} MB at the end",
            f"  AUC of the rules alone over {quality['orders']:,} orders, {quality['bad']:,} of them bad:"
            f" {quality['auc']:.4f}",
            f"  the same over the last fifth by time: {late:.4f}, wanted 0.555",
        ],
        told["acknowledged"] == told["sent"] and not lost,
    )


def _compared(recording: Path, exported: bytes) -> int:
    """How many of the recorded events the export lacks; it has no others."""
    with Recording(recording) as recorded:
        wanted = Counter((one.event, _plain(one.body)) for one in recorded)
    found = Counter((row["event"], _plain(msgspec.json.encode(row["body"]))) for row in _rows(exported))
    return sum((wanted - found).values()) + sum((found - wanted).values())


def _of_the_last_fifth(exported: bytes, data: Path, truth: Path) -> float:
    with truth.open() as lines:
        bad = dict(line.strip().split(",") for line in lines)
    ledger = Ledger(data)
    scored = []
    for row in _rows(exported):
        if row["event"] == "createOrder":
            made = ledger.stored(row["position"])[1]
            assert made is not None
            scored.append((row["occurred_at"], made.score, bad[row["body"]["_orderId"]]))
    ledger.close()
    scored.sort(key=lambda one: one[0])
    last = scored[int(len(scored) * _LAST_FIFTH) :]
    return _auc([(score, ORDINARY if outcome == "0" else "bad") for _, score, outcome in last])


def _rows(exported: bytes) -> Iterator[dict[str, Any]]:
    return map(msgspec.json.decode, exported.splitlines())


def _plain(body: bytes) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(body), order="deterministic")


def _auc(scored: Scored) -> float:
    found = auc([score for score, _ in scored], [truth != ORDINARY for _, truth in scored])
    return float("nan") if found is None else found


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.3f} ({min(values):.3f}–{max(values):.3f})"


def _run(*command: object) -> "subprocess.CompletedProcess[bytes]":
    program = Path(sys.executable).parent / "fourthwatch"
    return subprocess.run([str(program), *map(str, command)], stdout=subprocess.PIPE, check=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.scores", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="directory of the public sets")
    parser.add_argument("--seeds", type=int, default=5, help="demo shops")
    parser.add_argument("--days", type=float, default=2.0, help="of each")
    return parser


if __name__ == "__main__":
    sys.exit(main())
