"""`fourthwatch rules`: rule sets as files, checked and tried offline, compared with a server's, pushed and pulled."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from fourthwatch.cli.counting import counted, either
from fourthwatch.cli.features import definitions_in, server_options
from fourthwatch.cli.options import json_option
from fourthwatch.errors import Finding, FourthwatchError, LanguageError, RulesRefused
from fourthwatch.features.catalogue import built_in
from fourthwatch.features.definition import Book, Feature
from fourthwatch.limits import PREVIEW_ORDERS, PREVIEW_ORDERS_MAX
from fourthwatch.rules.check import CheckedSet, check_set
from fourthwatch.rules.difference import differences
from fourthwatch.rules.examples import try_examples
from fourthwatch.rules.files import look_at_file, read_file, together, write_file
from fourthwatch.rules.lint import lint as look_over
from fourthwatch.rules.rule import Rule, RuleSet
from fourthwatch.rules.starter import PRESETS, preset
from fourthwatch.workbench.asking import Server, Told

_OFFLINE_TENANT = 1
_FILES = click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
_FEATURES = click.option(
    "--features", "features", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of your own features that the rules use, as `features lint` reads it; may be given again.",
)  # fmt: skip


@click.group(epilog="Example: fourthwatch rules test rules.toml")
def rules() -> None:
    """Write rules as files, try them, and publish them.

    A file is TOML, one table [[rule]] per rule; docs/reference/rules.md says what stands in it. Several files are one
    set, in the order in which they are named.
    """


@rules.command(epilog="Example: fourthwatch rules lint rules.toml")
@_FILES
@_FEATURES
@json_option
def lint(files: tuple[Path, ...], features: tuple[Path, ...], as_json: bool) -> None:
    """Check rules without a server: shape, names, words, types, bounds; and what looks wrong about those that hold.

    Dead and contradictory conditions, such as are never known, rules that others make needless, conditions that hit
    everything. Exit code 1 when something was found.
    """
    read = [look_at_file(str(file), _text(file)) for file in files]
    rule_set = together(one.rule_set for one in read)
    findings = [_of_file(file, found) for file, one in zip(files, read, strict=True) for found in one.findings]
    try:
        findings += look_over(check_set(rule_set, _book(features), _OFFLINE_TENANT))
    except RulesRefused as refused:
        findings += refused.findings
    rows = sum(one.rows for one in read)
    if as_json:
        click.echo(msgspec.json.encode({"checked": rows, "findings": findings}))
    else:
        for one in findings:
            click.echo(f"{one.rule or 'the set'}: {one.rendered.rstrip() or one.message}")
        click.echo(f"{counted(rows, 'rule')}, {counted(len(findings), 'finding')}", err=True)
    if findings:
        sys.exit(1)


@rules.command(epilog="Example: fourthwatch rules test rules.toml")
@_FILES
@_FEATURES
@json_option
def test(files: tuple[Path, ...], features: tuple[Path, ...], as_json: bool) -> None:
    """Try every example of every rule, without a server.

    Each is told to empty histories, after the events that come before it. Exit code 1 when one is not as it should be.
    """
    book = _book(features)
    checked = _checked(_read(files), book)
    tried = try_examples(checked, book)
    failed = [one for one in tried if not one.passed]
    if as_json:
        click.echo(msgspec.json.encode({"examples": len(tried), "failed": failed}))
    else:
        for one in failed:
            click.echo(f"{one.rule}: {one.says}")
        without = sum(not one.rule.examples for one in checked.rules)
        have_none = f"{counted(without, 'rule')} {either(without, 'has', 'have')} none"
        click.echo(f"{counted(len(tried), 'example')}, {len(failed):,} failed; {have_none}", err=True)
    if failed:
        sys.exit(1)


@rules.command(epilog="Example: fourthwatch rules fmt rules.toml")
@_FILES
@click.option(
    "--check", is_flag=True, help="Only say which files are not in the one form; exit code 1 when one is not."
)
@json_option
def fmt(files: tuple[Path, ...], check: bool, as_json: bool) -> None:
    """Write files in the one form: keys in their order, expressions in canonical text. Comments are lost.

    Prints the names of those that were not in it.
    """
    changed: list[str] = []
    for file in files:
        text = _text(file)
        formed = write_file(read_file(str(file), text))
        if formed != text:
            changed.append(str(file))
            if not as_json:
                click.echo(str(file))
            if not check:
                file.write_text(formed, "utf-8")
    if as_json:
        click.echo(msgspec.json.encode({"checked": len(files), "changed": changed}))
    if check and changed:
        sys.exit(1)


@rules.command(epilog="Example: fourthwatch rules starter --preset fashion > rules.toml")
@click.option("--preset", "name", type=click.Choice(tuple(PRESETS)), default="general", show_default=True,
              help="The kind of shop.")  # fmt: skip
@json_option
def starter(name: str, as_json: bool) -> None:
    """Print a preset of the rules that come with the program, as a file to begin with.

    With --json as the management API shows and takes a set.
    """
    if as_json:
        click.echo(msgspec.json.encode(preset(name)))
        return
    click.echo(write_file(preset(name)), nl=False)


@rules.command(epilog="Example: fourthwatch rules diff rules.toml --to http://127.0.0.1:8080 --key $KEY")
@_FILES
@server_options
@json_option
def diff(files: tuple[Path, ...], to: str, key: str, insecure: bool, as_json: bool) -> None:
    """Show what publishing some files would change on a server. Exit code 1 when anything would."""
    found = differences(_in_force(Server(to, key, insecure=insecure))[0], _read(files))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        for one in found:
            click.echo(f"{one.kind:<8} {one.rule or 'the set'}" + (f": {', '.join(one.keys)}" if one.keys else ""))
        click.echo(counted(len(found), "difference"), err=True)
    if found:
        sys.exit(1)


@rules.command(epilog="Example: fourthwatch rules push rules.toml --to http://127.0.0.1:8080 --key $KEY --dry-run")
@_FILES
@server_options
@click.option("--dry-run", is_flag=True, help="Only let the server check and try them, and say what would change.")
@click.option("--note", default="", help="Why; kept with the version.")
@json_option
def push(files: tuple[Path, ...], to: str, key: str, insecure: bool, dry_run: bool, note: str, as_json: bool) -> None:
    """Publish some files as the rule set, whole, over the one that is in force now. Nothing is when nothing differs.

    What looks wrong about the set, as `rules lint` finds it, is told as a warning and stops nothing.
    """
    server = Server(to, key, insecure=insecure)
    (now, etag), wanted = _in_force(server), _read(files)
    is_same = not dry_run and now.presets == wanted.presets and not differences(now, wanted)
    sent = {**msgspec.to_builtins(wanted), "note": note}
    path = "/api/v1/rule-sets" + ("?dry_run=true" if dry_run or is_same else "")
    told = _done(server.ask("POST", path, sent, {"If-Match": etag}))
    findings = told.body.get("findings", [])  # an older server tells none
    if as_json:
        nothing = {"version": None, "proposal": None, "differences": [], "findings": findings}
        click.echo(msgspec.json.encode(nothing if is_same else told.body))
        return
    for one in told.body["differences"]:
        click.echo(f"{one['kind']:<8} {one['rule'] or 'the set'}")
    for one in findings:
        click.echo(f"warning  {one['rule'] or 'the set'}: {one['message']}")
    if is_same:
        click.echo("nothing differs from what is in force: nothing is published")
    elif dry_run:
        rules, examples = told.body["rules"], told.body["examples"]
        as_they_should = either(examples, "is as it should be", "are as they should be")
        click.echo(f"{counted(rules, 'rule')} {either(rules, 'holds', 'hold')}, "
                   f"{counted(examples, 'example')} {as_they_should}")  # fmt: skip
    elif told.body["version"] is None:
        click.echo(f"waits for the approval of another key, as proposal {told.body['proposal']}")
    else:
        click.echo(f"published as version {told.body['version']}")


@rules.command(
    "try", epilog="Example: fourthwatch rules try rules.toml --to http://127.0.0.1:8080 --key $KEY --last 500"
)
@_FILES
@server_options
@click.option("--last", type=click.IntRange(1, PREVIEW_ORDERS_MAX), default=PREVIEW_ORDERS, show_default=True,
              help="Over how many of the newest orders.")  # fmt: skip
@json_option
def try_out(files: tuple[Path, ...], to: str, key: str, insecure: bool, last: int, as_json: bool) -> None:
    """Let a server say what some files, as its whole set, would have made of its newest orders. Changes nothing."""
    sent = {**msgspec.to_builtins(_read(files)), "last": last}
    told = _done(Server(to, key, insecure=insecure).ask("POST", "/api/v1/rules/preview", sent)).body
    if as_json:
        click.echo(msgspec.json.encode(told))
        return
    for one in told["rules"]:
        ended = f"{one['hits_bad']:,} known bad, {one['hits_good']:,} good"
        click.echo(f"{one['rule']}: hits {one['hits']:,} of {told['orders']:,} ({ended}), unknown {one['unknown']:,}")
    for one in told["changes"]:
        click.echo(
            f"{one['orders']:,} from {one['from']} to {one['to']} ({one['bad']:,} known bad, {one['good']:,} good)"
        )
    for text in told["not_counted"]:
        click.echo(f"not counted for some of them, which have too long a past: {text}")
    behind = f", {counted(told['behind_events'], 'newer event')} not looked up yet" if told["behind_events"] else ""
    click.echo(
        f"{counted(told['orders'], 'order')}, {counted(told['events_counted'], 'event')} counted again{behind}",
        err=True,
    )


@rules.command(epilog="Example: fourthwatch rules pull rules.toml --to http://127.0.0.1:8080 --key $KEY --dry-run")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@server_options
@click.option(
    "--version", "version", default="current", show_default=True, help="Of the rule set; 0 is the starter set."
)
@click.option("--dry-run", is_flag=True, help="Only say whether the file would change; exit code 1 when it would.")
@json_option
def pull(file: Path, to: str, key: str, insecure: bool, version: str, dry_run: bool, as_json: bool) -> None:
    """Write a server's rule set to a file."""
    rule_set, _ = _in_force(Server(to, key, insecure=insecure), version)
    text = write_file(rule_set)
    is_new = not file.exists() or _text(file) != text
    if is_new and not dry_run:
        file.write_text(text, "utf-8")
    if as_json:
        click.echo(msgspec.json.encode({"file": str(file), "rules": len(rule_set.rules), "changed": is_new}))
    click.echo(f"{file}: {counted(len(rule_set.rules), 'rule')}, " + ("changed" if is_new else "as it was"), err=True)
    if is_new and dry_run:
        sys.exit(1)


def _read(files: Sequence[Path]) -> RuleSet:
    return together(read_file(str(file), _text(file)) for file in files)


def _of_file(file: Path, found: Finding) -> Finding:
    """A finding that names no rule says the file that it is about."""
    return found if found.rule else msgspec.structs.replace(found, message=f"{file}: {found.message}")


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise FourthwatchError(f"{file}: this is not UTF-8 text") from error


def _book(files: Sequence[Path]) -> Book:
    book = built_in().for_tenant()
    for file in files:
        for row in definitions_in(file):
            try:
                book.add(Feature(row["name"], row["text"], "", "", "", _OFFLINE_TENANT))
            except (KeyError, LanguageError) as error:
                raise FourthwatchError(f"{file}: run `fourthwatch features lint` on it: {error}") from error
    return book


def _checked(rule_set: RuleSet, book: Book) -> CheckedSet:
    try:
        return check_set(rule_set, book, _OFFLINE_TENANT)
    except RulesRefused as refused:
        raise FourthwatchError(refused.rendered.rstrip()) from refused


def _in_force(server: Server, version: str = "current") -> tuple[RuleSet, str]:
    """A server's set and the ETag of the one in force."""
    told = _done(server.ask("GET", f"/api/v1/rule-sets/{version}"))
    body = told.body
    found = msgspec.convert(body["rules"], tuple[Rule, ...])
    return RuleSet(found, body["prior"], tuple(body["presets"])), told.etag or "*"


def _done(told: Told) -> Told:
    if 200 <= told.status < 300:
        return told
    shown = told.body.get("rendered")
    raise FourthwatchError(told.message + (f"\n{shown.rstrip()}" if isinstance(shown, str) else ""))
