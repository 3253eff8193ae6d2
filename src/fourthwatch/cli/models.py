"""`fourthwatch models`: what models there are, and which of them judges; works while the server runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import msgspec

from fourthwatch.cli.options import json_option, there_option
from fourthwatch.clock import SystemClock, iso_ms
from fourthwatch.errors import FourthwatchError, ModelRefused, NotFound, UsageError
from fourthwatch.logs import set_up_logs
from fourthwatch.model.manifest import Manifest, Package
from fourthwatch.model.probe import try_out
from fourthwatch.store.changes import COMMAND_LINE
from fourthwatch.store.models import ModelFiles, ModelRow, ModelStore
from fourthwatch.workbench.packages import read_package

_WHY_CHARS_MAX = 500
_tenant_option = click.option("--tenant", default="default", show_default=True, help="Whose models.")


@click.group(epilog="Example: fourthwatch models list --data ./data")
def models() -> None:
    """List, compare, promote and roll back models.

    States: a candidate was trained or imported; a shadow judges every order without effect; the champion decides; the
    retired did. A running server takes a change up within a second, once all that a model reads has its past.
    """


@models.command("list", epilog="Example: fourthwatch models list --data ./data --json")
@there_option
@_tenant_option
@json_option
def list_models(directory: Path, tenant: str, as_json: bool) -> None:
    """List all models, the newest first."""
    with _store(directory, tenant) as (store, number):
        rows = store.all(number)
    if as_json:
        click.echo(msgspec.json.encode([_as_object(row) for row in rows]))
        return
    if not rows:
        click.echo("there are no models yet; learn one with `fourthwatch train`", err=True)
    for row in rows:
        manifest = _manifest(row)
        auc = manifest.metrics.get("auc")
        told = "" if auc is None else f"AUC {auc.value:.3f}"
        click.echo(
            f"{row.id:<34} {row.state:<10} {iso_ms(row.created_ms)[:16]}  {len(manifest.features):>3} features  {told}"
        )


@models.command(epilog="Example: fourthwatch models show --data ./data chargeback-20260601-0a1b2c3d --card card.html")
@there_option
@click.argument("model")
@_tenant_option
@click.option("--card", type=click.Path(dir_okay=False, path_type=Path), help="Write the model card there, HTML.")
@json_option
def show(directory: Path, model: str, tenant: str, card: Path | None, as_json: bool) -> None:
    """Show one model: figures, features, changes of state, from where it judged."""
    with _store(directory, tenant) as (store, number):
        row = store.get(number, model)
        changes, held = store.changes(number, model), [one for one in store.held(number) if one.model == model]
        if card is not None:
            content = store.files(number, model).card
            if not content:
                raise NotFound("this model came without a card")
            card.write_bytes(content)
    manifest = _manifest(row)
    if as_json:
        told = {**_as_object(row), "changes": changes, "judged_from": [one.from_seq for one in held]}
        click.echo(msgspec.json.encode(told))
        return
    click.echo(f"{row.id}: {row.state}, foretells {manifest.target}; {manifest.rows:,} orders, {manifest.bad:,} bad")
    click.echo(f"  a score of 70 stands for {manifest.of_70}")
    for name, one in manifest.metrics.items():
        click.echo(f"  {name.replace('_', ' '):<22} {one.value:.4f}  ({one.low:.4f} to {one.high:.4f})")
    for use in sorted(manifest.features, key=lambda use: -use.gain)[:15]:
        click.echo(f"  {use.gain:>6.1%}  {use.name:<38} {use.says}")
    for change in changes:
        click.echo(f"  {iso_ms(change.at_ms)[:19]}  {change.state:<10} by {change.actor} {change.why}".rstrip())
    for term in held:
        click.echo(f"  judged from position {term.from_seq:,}")


@models.command(epilog="Example: fourthwatch models compare --data ./data chargeback-20260601-0a1b2c3d")
@there_option
@click.argument("model")
@_tenant_option
@json_option
def compare(directory: Path, model: str, tenant: str, as_json: bool) -> None:
    """Compare a model with the champion, or the scorecard, on the same orders, and say which gates it passes."""
    report = _compared(directory, tenant, model)
    if as_json:
        click.echo(msgspec.json.encode(report))
        return
    _say(report)


@models.command(epilog="Example: fourthwatch models promote --data ./data chargeback-20260601-0a1b2c3d")
@there_option
@click.argument("model")
@_tenant_option
@click.option("--override", metavar="WHY", help="Promote whatever the gates say; the reason goes into the audit trail.")
@click.option("--by", metavar="NAME", help="Who overrides them.")
@json_option
def promote(directory: Path, model: str, tenant: str, override: str | None, by: str | None, as_json: bool) -> None:
    """Let a model decide from now on, if it passes the gates of `compare`; the champion before it retires."""
    if override is not None and not by:
        raise UsageError("--override needs --by: who promotes a model that does not pass is written down")
    if override is not None and not 0 < len(override.strip()) <= _WHY_CHARS_MAX:
        raise UsageError(f"--override wants the reason, in up to {_WHY_CHARS_MAX} characters")
    if override is None and by is not None:
        raise UsageError("--by goes with --override alone: who passes the gates needs nobody's word")
    with _store(directory, tenant) as (store, number):
        store.moved(number, model, "champion", actor=COMMAND_LINE)  # told before the ledger is walked, if it cannot be
    report = None
    if override is None:
        report = _compared(directory, tenant, model)
        if not as_json:
            _say(report)
        if not report.passed:
            if as_json:
                click.echo(msgspec.json.encode({"model": model, "state": None, "report": report}))
            raise FourthwatchError("the model does not pass; --override WHY --by NAME promotes it all the same")
    why = "passed its gates" if override is None else f"gates overridden by {by}: {override}"
    _move(directory, tenant, model, "champion", why, None if report is None else report.against)
    if as_json:
        click.echo(msgspec.json.encode({"model": model, "state": "champion", "report": report}))


@models.command(epilog="Example: fourthwatch models shadow --data ./data chargeback-20260601-0a1b2c3d")
@there_option
@click.argument("model")
@_tenant_option
@json_option
def shadow(directory: Path, model: str, tenant: str, as_json: bool) -> None:
    """Let a model judge every order without effect."""
    _move(directory, tenant, model, "shadow", "")
    if as_json:
        click.echo(msgspec.json.encode({"model": model, "state": "shadow"}))


@models.command(epilog="Example: fourthwatch models retire --data ./data chargeback-20260601-0a1b2c3d")
@there_option
@click.argument("model")
@_tenant_option
@json_option
def retire(directory: Path, model: str, tenant: str, as_json: bool) -> None:
    """Take a model out of use; without a champion the scorecard of rules decides."""
    _move(directory, tenant, model, "retired", "")
    if as_json:
        click.echo(msgspec.json.encode({"model": model, "state": "retired"}))


@models.command(epilog="Example: fourthwatch models rollback --data ./data --why 'more reviews than people'")
@there_option
@_tenant_option
@click.option("--why", default="", help="Goes into the audit trail.")
@json_option
def rollback(directory: Path, tenant: str, why: str, as_json: bool) -> None:
    """Let the champion before this one decide again, or without one the scorecard."""
    with _store(directory, tenant) as (store, number):
        change, before = store.rolled_back(number, actor=COMMAND_LINE, why=why)
        if before is not None:
            try:
                _check(directory, number, _package(store, number, store.get(number, before)))
            except ModelRefused as refused:
                told = f"{before}, the champion before, cannot decide again: {refused}; retire this one instead"
                raise ModelRefused(told) from refused
        store.apply(change)
    if as_json:
        click.echo(msgspec.json.encode({"champion": before}))
    click.echo(f"{before or 'the scorecard'} decides again", err=True)


@models.command("import", epilog="Example: fourthwatch models import --data ./data ./my-model")
@there_option
@click.argument("package", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_tenant_option
@json_option
def import_model(directory: Path, package: Path, tenant: str, as_json: bool) -> None:
    """Take in a model directory as a candidate: manifest.json, model.txt or model.onnx, golden.f64.

    It is tried in a process apart first: it must load, and give its golden rows the probabilities they say. Drift is
    measured against these rows (from 200 on) where the manifest does not say how its features and scores were spread.
    """
    read, card = read_package(package)
    manifest = try_out(read)
    spread: Any = import_module("fourthwatch.workbench.spread")  # NumPy comes with it
    with _store(directory, tenant) as (store, number):
        panel, book = _panel_and_book(directory, number)
        panel.check_brought(manifest, book)
        files = ModelFiles(read.body, read.golden, card)
        store.add(number, manifest.id, spread.completed(read, manifest), files, actor=COMMAND_LINE)
    if as_json:
        click.echo(msgspec.json.encode({"model": manifest.id, "state": "candidate"}))
    click.echo(f"{manifest.id} is a candidate now", err=True)


def _compared(directory: Path, tenant: str, model: str) -> Any:
    comparing: Any = import_module("fourthwatch.workbench.comparing")  # NumPy and LightGBM come with it
    set_up_logs(level="warning")
    with _store(directory, tenant) as (store, number):
        candidate, champion = store.get(number, model), store.champion(number)
        other = None if champion is None or champion.id == model else _package(store, number, champion)
        package = _package(store, number, candidate)
        with click.progressbar(length=1, label="walking", file=sys.stderr, width=30) as bar:

            def show(done: int, total: int) -> None:
                bar.length = max(1, total)
                bar.update(done - bar.pos)

            report = comparing.compare(directory, tenant, package, other, SystemClock(), show)
        store.report(number, model, msgspec.json.encode(report))
    return report


def _say(report: Any) -> None:
    click.echo(
        f"{report.model} against {report.against}, on {report.orders:,} orders ({report.on}), {report.bad:,} bad"
    )
    for side in (report.ours, report.theirs):
        told = f"AUC {side.auc:.4f}  AP {side.average_precision:.4f}  cost {side.cost:,.2f}"
        click.echo(f"  {side.name:<34} {told}")
    for gate in report.gates:
        click.echo(f"  {'passed' if gate.passed else 'FAILED'}  {gate.name:<12} {gate.says}")


def _move(directory: Path, tenant: str, model: str, state: Any, why: str, against: str | None = None) -> None:
    with _store(directory, tenant) as (store, number):
        change = store.moved(number, model, state, actor=COMMAND_LINE, why=why, against=against)
        if state != "retired":  # which what is damaged may always be
            _check(directory, number, _package(store, number, store.get(number, model)))
        store.apply(change)
    told = "" if state == "retired" else "; a running server goes by it once all that it reads is counted"
    click.echo(f"{model} is {state} now{told}", err=True)


def _check(directory: Path, tenant: int, package: Package) -> None:
    """What a server would refuse to let judge is refused here, where somebody is told."""
    manifest = try_out(package)
    panel, book = _panel_and_book(directory, tenant)
    panel.wanted_by(manifest, tenant, book)


def _panel_and_book(directory: Path, tenant: int) -> tuple[Any, Any]:
    panel: Any = import_module("fourthwatch.engine.panel")  # the engine comes with them
    definitions: Any = import_module("fourthwatch.engine.definitions")
    return panel, definitions.Shelf(definitions.stored_features(directory, SystemClock())).of(tenant)


def _package(store: ModelStore, number: int, row: ModelRow) -> Package:
    files = store.files(number, row.id)
    return Package(row.manifest, files.body, files.golden)


@contextmanager
def _store(directory: Path, tenant: str) -> Iterator[tuple[ModelStore, int]]:
    store = ModelStore(directory, SystemClock())
    try:
        yield store, store.tenant_id(tenant)
    finally:
        store.close()


def _manifest(row: ModelRow) -> Manifest:
    return msgspec.json.decode(row.manifest, type=Manifest)


def _as_object(row: ModelRow) -> dict[str, Any]:
    return {
        "id": row.id, "state": row.state, "created_at": iso_ms(row.created_ms), "changed_at": iso_ms(row.changed_ms),
        "manifest": msgspec.Raw(row.manifest), "report": None if row.report is None else msgspec.Raw(row.report),
    }  # fmt: skip
