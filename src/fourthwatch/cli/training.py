"""`fourthwatch train`: a model from the shop's own log."""

import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import msgspec

from fourthwatch.cli.options import json_option, moment_of, there_option
from fourthwatch.clock import SystemClock, iso_ms
from fourthwatch.errors import UsageError
from fourthwatch.logs import set_up_logs
from fourthwatch.model.manifest import NOVELTY, ScoreMap, score_map_in
from fourthwatch.store.changes import COMMAND_LINE
from fourthwatch.store.models import ModelFiles, ModelStore
from fourthwatch.workbench.outcomes import TARGETS
from fourthwatch.workbench.packages import read_package

_STEPS = 1_000


@click.command(epilog="Example: fourthwatch train --data ./data --target chargeback --until 2026-06-01")
@there_option
@click.option("--target", type=click.Choice((*TARGETS, NOVELTY)), default="chargeback", show_default=True,
              help="What is to be foretold; `any`: disputed, refused at the door, confirmed as fraud, or marked as bad;"
                   " `novelty`: nothing,"
                   " it learns without labels what is usual.")  # fmt: skip
@click.option(
    "--until", metavar="TIME", help="What came to be known from this moment on is not looked at; now if not given."
)
@click.option(
    "--from", "from_", metavar="TIME", help="First order that is learned from; what came before is still known of it."
)
@click.option("--to", metavar="TIME", help="The moment before which orders lie; --until if not given.")
@click.option("--features", metavar="NAMES", help="Features to choose among, separated by commas; all if not given.")
@click.option("--red-means", type=click.FloatRange(0, 1, min_open=True, max_open=True),
              help="The chance of a bad outcome that a score of 70 stands for; that under the champion, or"
                   f" {ScoreMap().probability_at_70}, if not given.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(min=0), default=60.0, show_default=True,
              help="For the search for settings.")  # fmt: skip
@click.option("--live-cost", metavar="ERRORS", type=click.FloatRange(min=0, max=10), default=1.0, show_default=True,
              help="By how many standard errors of average precision cheaper features may be worse than the best;"
                   " 0: what they cost live does not count.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="For the learning itself.")
@click.option("--tenant", default="default", show_default=True, help="Whose log.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path),
              help="The model directory; below --data if not given.")  # fmt: skip
@json_option
def train(
    directory: Path, target: str, until: str | None, from_: str | None, to: str | None, features: str | None,
    red_means: float | None, seconds: float, live_cost: float, threads: int, tenant: str, out: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Learn a model from the log, and keep it as a candidate.

    Orders count as good only as far as their bad labels would have arrived by now; what is chosen is chosen on later
    orders than it was learned from, and measured on later ones still. A training that was stopped goes on where it was
    when the same command is given again. The server may run meanwhile.
    """
    training: Any = import_module("fourthwatch.workbench.training")  # NumPy, SciPy and LightGBM come with it
    clock = SystemClock()
    until_ms = moment_of("--until", until)
    if until_ms is None:
        until_ms = clock.now_ms()
    names = tuple(name.strip() for name in (features or "").split(",") if name.strip())
    from_ms, to_ms = moment_of("--from", from_), moment_of("--to", to)
    _check_range(from_ms, to_ms, until_ms, until)
    if until_ms > clock.now_ms():
        click.echo("--until lies in the future: orders whose bad labels are still to come may count as good", err=True)
    with _models(directory) as store:
        champion = store.champion(store.tenant_id(tenant))  # or it is told now that there is no such tenant
    if red_means is None:
        red_means = (ScoreMap() if champion is None else score_map_in(champion.manifest)).probability_at_70
    plan = training.Plan(
        tenant=tenant, target="any" if target == NOVELTY else target, until_ms=until_ms,
        from_ms=from_ms, to_ms=to_ms,
        features=names, probability_at_70=red_means, seconds=seconds, threads=threads,
        live_cost=live_cost,
    )  # fmt: skip
    out = directory / "training" / f"{tenant}-{target}" if out is None else out
    if until is None and target != NOVELTY:
        plan = _gone_on(training, out, plan)
    set_up_logs(level="warning")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with click.progressbar(length=_STEPS, label="training", file=sys.stderr, width=30) as bar:

        def say(what: str, share: float) -> None:
            bar.label = what
            bar.update(max(-bar.pos, int(share * _STEPS) - bar.pos))

        learn = training.train
        if target == NOVELTY:
            learn = import_module("fourthwatch.workbench.novelty").learn_novelty
        with _alone_in(out), _told_when_stopped(training, out):
            trained = learn(directory, out, plan, clock, say)
            keep(directory, tenant, out, trained.id)
    if as_json:
        click.echo(msgspec.json.encode({"id": trained.id, "directory": str(out), "manifest": trained.manifest}))
    _tell(trained.manifest, out, as_json=as_json)


def _tell(manifest: Any, out: Path, *, as_json: bool) -> None:
    """What came of it; beside JSON only what is wrong with it."""
    for name in manifest.suspects:
        click.echo(f"too good to be believed: {name} tells bad from good nearly by itself; is it a leak?", err=True)
    if manifest.metrics and manifest.target != NOVELTY and not manifest.knew_then:
        told = "too few labels were known when the measured orders began, and later ones were learned from"
        click.echo(f"expect less than was measured: {told}", err=True)
    if as_json:
        return
    for name, one in manifest.metrics.items():
        click.echo(f"{name.replace('_', ' '):<22} {one.value:.4f}  ({one.low:.4f} to {one.high:.4f})")
    for one in manifest.left_out_for_cost:
        click.echo(f"left out, costs more than it brings: {one.says}")
    click.echo(f"a score of 70 stands for {manifest.of_70}")
    click.echo(f"{manifest.id}: {len(manifest.features)} features, {manifest.trees} trees, in {out}")


def keep(directory: Path, tenant: str, out: Path, model: str) -> None:
    """Put a model directory into the data file as a candidate."""
    package, card = read_package(out)
    with _models(directory) as store:
        number = store.tenant_id(tenant)
        if model in {row.id for row in store.all(number)}:
            return  # the same bytes were learned before
        files = ModelFiles(package.body, package.golden, card)
        store.add(number, model, package.manifest, files, actor=COMMAND_LINE)


def _gone_on(training: Any, out: Path, plan: Any) -> Any:
    """The plan of the same training that was stopped, which is told; else this one."""
    found = training.gone_on(out, plan)
    if found != plan:
        told = iso_ms(found.until_ms)[:19]
        click.echo(f"going on with the training that was begun at {told}; --until begins another", err=True)
    return found


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Two trainings in one directory would take each other's rows and files away."""
    out.mkdir(parents=True, exist_ok=True)
    held = os.open(out, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise UsageError(f"another training is at work in {out}; wait for its end, or give another --out") from error
    finally:
        os.close(held)


@contextmanager
def _told_when_stopped(training: Any, out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if training.has_rows(out):
            click.echo("\nrows and choices are kept; the same command goes on from there", err=True)
        raise


@contextmanager
def _models(directory: Path) -> Iterator[ModelStore]:
    store = ModelStore(directory, SystemClock())
    try:
        yield store
    finally:
        store.close()


def _check_range(from_ms: int | None, to_ms: int | None, until_ms: int, until: str | None) -> None:
    """Raises `UsageError` with the names of what was given, when no order can lie in the range."""
    if from_ms is None:
        return
    if to_ms is not None and to_ms <= min(from_ms, until_ms):
        raise UsageError("the range is empty: --from should lie before --to")
    if from_ms >= until_ms:
        named = "now, for there is no --until" if until is None else "--until"
        raise UsageError(f"no order can lie in the range: --from should lie before {named}")
