"""`fourthwatch replay` and `fourthwatch convert`: recordings made from other data, and sent to a server over HTTP."""

import signal
import sys
from pathlib import Path

import click
import msgspec

from fourthwatch.cli.counting import counted
from fourthwatch.cli.options import json_option
from fourthwatch.workbench.fraudecom import convert as convert_fraudecom
from fourthwatch.workbench.fraudecom import read_truth
from fourthwatch.workbench.handbook import convert as convert_handbook
from fourthwatch.workbench.measures import auc
from fourthwatch.workbench.replay import Progress, Replayed
from fourthwatch.workbench.replay import replay as run_replay

_STEPS = 1_000


@click.command(
    epilog="Example: fourthwatch replay last-month.jsonl.gz --to http://127.0.0.1:8080 --key $KEY --rate 500"
)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", required=True, metavar="URL", help="The server, with or without /event at the end.")
@click.option("--key", required=True, envvar="FOURTHWATCH_KEY", show_envvar=True, help="A key with the scope ingest.")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), help="Events per second; as fast as it goes when not given."
)
@click.option(
    "--workers", type=click.IntRange(1, 256), default=16, show_default=True, help="Connections used side by side."
)
@click.option("--from-start", is_flag=True, help="Ignore how far an earlier replay of the file came.")
@click.option("--insecure", is_flag=True, help="Do not verify the server's certificate (self-signed).")
@click.option("--truth", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="CSV of order_id,class: prints how well the scores tell the classes apart.")  # fmt: skip
@json_option
def replay(
    files: tuple[Path, ...], to: str, key: str, rate: float | None, workers: int, from_start: bool,
    insecure: bool, truth: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Send recorded events to a server over HTTP.

    A recording is JSON lines, {"event": "custom_event", "body": {…}}, plain or gzipped. What was settled is remembered
    beside each file (FILE.progress), so a replay that was stopped goes on where it was.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: how far it came is remembered
    if truth is not None:
        outcomes = read_truth(truth)
    with click.progressbar(length=_STEPS * len(files), label="sending", file=sys.stderr, width=30) as bar:
        at = 0

        def show(progress: Progress) -> None:
            nonlocal at
            step = int((files.index(progress.file) + progress.share) * _STEPS)
            bar.label = f"{progress.acknowledged:,} taken, {progress.refused:,} refused, {progress.events_per_s:,.0f}/s"
            bar.update(max(0, step - at))
            at = max(at, step)

        done = run_replay(
            files, to, key, rate=rate, workers=workers, from_start=from_start, insecure=insecure, progress=show
        )
        bar.update(_STEPS * len(files) - at)
    quality = None if truth is None else _quality(done, outcomes)
    _report(done, quality, as_json=as_json)
    if done.refused:
        sys.exit(1)


def _quality(done: Replayed, outcomes: dict[str, bool]) -> dict[str, float | int | None]:
    scored = [(score, outcomes[order]) for order, score in done.first_scores.items() if order in outcomes]
    return {
        "orders": len(scored),
        "bad": sum(bad for _, bad in scored),
        "auc": auc([score for score, _ in scored], [bad for _, bad in scored]),
    }


def _report(done: Replayed, quality: dict[str, float | int | None] | None, *, as_json: bool) -> None:
    for line in done.refused_lines:
        click.echo(f"{line.file}, line {line.line}: refused with {line.status}: {line.told}", err=True)
    figures = {
        "sent": done.sent, "acknowledged": done.acknowledged, "refused": done.refused, "repeated": done.repeated,
        "settled_before": done.skipped_lines, "seconds": round(done.seconds, 3),
        "events_per_s": round(done.events_per_s, 1), "quality": quality,
    }  # fmt: skip
    if as_json:
        click.echo(msgspec.json.encode(figures))
        return
    click.echo(
        f"{done.acknowledged:,} of {counted(done.sent, 'event')} taken in {done.seconds:,.1f} s "
        f"({done.events_per_s:,.0f}/s), "
        f"{done.refused:,} refused, {done.skipped_lines:,} settled before"
    )
    if quality is not None:
        orders = counted(int(quality["orders"] or 0), "order")
        told = "unknown" if quality["auc"] is None else f"{quality['auc']:.4f}"
        click.echo(f"AUC of the first scores: {told} over {orders}, {quality['bad']:,} of them bad")


@click.command(epilog="Example: fourthwatch convert fraudecom purchases.csv.gz --out rec.jsonl.gz --truth truth.csv")
@click.argument("form", type=click.Choice(["fraudecom", "handbook"]))
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The recording; .gz packs it."
)
@click.option("--truth", required=True, type=click.Path(dir_okay=False, path_type=Path), help="CSV of order_id,class.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many rows.")
@json_option
def convert(form: str, source: Path, out: Path, truth: Path, limit: int | None, as_json: bool) -> None:
    """Turn a public data set into a recording, and keep its labels aside.

    fraudecom: web shop purchases of 2015 (user, sign-up and purchase time, value, device, IP, class), CSV. handbook:
    simulated card payments of 2018 (customer, terminal, amount, fraud), Parquet.
    """
    done = (convert_fraudecom if form == "fraudecom" else convert_handbook)(source, out, truth, limit)
    if as_json:
        click.echo(msgspec.json.encode(done))
    rows, events = counted(done.rows, "row"), counted(sum(done.events.values()), "event")
    click.echo(f"{rows}, {done.bad:,} of them bad, became {events}", err=True)
