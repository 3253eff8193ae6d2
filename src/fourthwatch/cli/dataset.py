"""`fourthwatch dataset`: the ledger as a table to learn from, and how much each feature tells by itself."""

import signal
import sys
from pathlib import Path

import click
import msgspec

from fourthwatch.cli.counting import counted
from fourthwatch.cli.options import json_option, moment_of
from fourthwatch.clock import SystemClock
from fourthwatch.entities.supplied import read_supplied
from fourthwatch.features.catalogue import built_in
from fourthwatch.logs import set_up_logs
from fourthwatch.settings import read_settings
from fourthwatch.store.retention import days_kept
from fourthwatch.workbench.dataset import EVENTS, Built, Events, Wanted
from fourthwatch.workbench.dataset import build as build_dataset
from fourthwatch.workbench.labels import LABEL_KINDS, LabelKind
from fourthwatch.workbench.telling import Told, read_outcomes, table_of
from fourthwatch.workbench.telling import telling as measure

_TOP = 20


@click.group(epilog="Example: fourthwatch dataset build --data ./data --out orders.parquet")
def dataset() -> None:
    """Make data sets of what was known as of each order, and look at them."""


@dataset.command(
    epilog="Example: fourthwatch dataset build --data ./data --out orders.parquet --from 2026-06-01 --to 2026-07-01"
)
@click.option(
    "--data", "directory", required=True, type=click.Path(file_okay=False, path_type=Path), envvar="FOURTHWATCH_DATA",
    show_envvar=True, help="Directory of the data file; it is only read, and the server may run.",
)  # fmt: skip
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path),
    help="The file; CSV when it ends in .csv, else Parquet.",
)  # fmt: skip
@click.option("--from", "from_", metavar="TIME", help="Orders from this moment on, ISO-8601, UTC if not said.")
@click.option("--to", metavar="TIME", help="Orders before this moment.")
@click.option(
    "--features", metavar="NAMES", help="Separated by commas; `deciding` for the scorecard's. All if not given."
)
@click.option("--events", type=click.Choice(EVENTS), default="orders", show_default=True,
              help="Submissions of orders, or every event that a decision was made on.")  # fmt: skip
@click.option("--keys", metavar="NAMES", help="Columns with normal forms of: device, ip, email, card, … Personal.")
@click.option("--tenant", default="default", show_default=True, help="Whose orders.")
@json_option
def build(
    directory: Path, out: Path, from_: str | None, to: str | None, features: str | None, events: Events,
    keys: str | None, tenant: str, as_json: bool,
) -> None:  # fmt: skip
    """Write one row per decided order: features as of the event, decision, and labels with the time they arrived.

    The whole ledger is walked on the code path of live scoring, so a row is what a decision saw. Unknown is null, never
    0. Parquet, or CSV when the name ends in `.csv`. Interrupted, it leaves nothing behind.
    """
    settings = read_settings()
    wanted = Wanted(
        tenant=tenant, from_ms=moment_of("--from", from_), to_ms=moment_of("--to", to), features=_names(features),
        events=events, keys=_names(keys),
        forget_after_days=days_kept(directory, settings.forget_after_days, SystemClock()),
        supplied=read_supplied(settings.ip_file_paths, settings.card_file_path),
    )  # fmt: skip
    set_up_logs(level="warning")  # on standard error; standard output is the result's
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what was begun is cleared away
    with click.progressbar(length=1, label="walking", file=sys.stderr, width=30) as bar:

        def show(done: int, total: int) -> None:
            bar.length = max(1, total)
            bar.label = counted(done, "event")
            bar.update(done - bar.pos)

        built = build_dataset(directory, out, wanted, show)
    _say(built, out, as_json=as_json)


def _say(built: Built, out: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(built))
        return
    click.echo(f"{counted(built.rows, 'row')} of {built.columns} columns, {built.features} of them features, in {out}")
    for kind in LABEL_KINDS:
        click.echo(f"  {kind:<10} {built.labels[kind]:,} of {built.told[kind]:,} told, {built.rows:,} in all")


@dataset.command(epilog="Example: fourthwatch dataset telling orders.parquet --target chargeback")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--target", type=click.Choice(LABEL_KINDS), default="chargeback", show_default=True,
              help="Which label is to be foretold.")  # fmt: skip
@click.option("--truth", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="CSV of order_id,class instead of the label; orders that are not in it are left out.")  # fmt: skip
@click.option("--told-only", is_flag=True, help="Leave out orders without a label; else they count as good.")
@click.option("--from", "from_", metavar="TIME", help="Only orders that happened from this moment on.")
@click.option("--top", type=click.IntRange(min=1), default=_TOP, show_default=True, help="How many are shown.")
@json_option
def telling(
    file: Path, target: LabelKind, truth: Path | None, told_only: bool, from_: str | None, top: int, as_json: bool
) -> None:  # fmt: skip
    """Say of each feature how well it tells bad orders from good ones, by itself.

    The figure is the AUC among orders whose value is known: 0.5 is guessing, 1 or 0 a perfect sign.
    Sorted by the distance from 0.5.
    """
    told = measure(
        file,
        target,
        truth=None if truth is None else read_outcomes(truth),
        told_only=told_only,
        from_ms=moment_of("--from", from_),
    )
    if as_json:
        cut = msgspec.structs.replace(told, features=told.features[:top])
        click.echo(msgspec.json.encode(cut))
        return
    for line in (*_head(told), *table_of(told, top, {one.feature.name: one.feature.says for one in built_in()})):
        click.echo(line)


def _head(told: Told) -> list[str]:
    unranked = sum(one.auc is None for one in told.features)
    return [
        f"{counted(told.rows, 'row')}, {told.bad:,} of them bad; {told.untold:,} without a label count as good,"
        f" {told.left_out:,} were left out; {unranked} features are unknown or the same in nearly all",
        "",
    ]


def _names(text: str | None) -> tuple[str, ...]:
    return () if text is None else tuple(name.strip() for name in text.split(",") if name.strip())
