"""What holds of every command, found by walking them: help with an example, `--json` or why not, and exit code 2."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fourthwatch.cli.main import root
from fourthwatch.cli.options import WITHOUT_JSON

Walked = tuple[tuple[str, ...], click.Command]


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[Walked]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, (*path, name))


ALL = list(commands(root))


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(path: tuple[str, ...]) -> None:
    told = CliRunner().invoke(root, [*path, "--help"])
    assert (told.exit_code, told.stderr) == (0, "")
    assert f"Example: {' '.join(('fourthwatch', *path))}" in " ".join(told.stdout.split()).replace(
        "Example: KEY=$(", "Example: "
    )


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=" ".join)
def test_a_call_that_is_not_understood_ends_with_2_and_prints_no_data(path: tuple[str, ...]) -> None:
    told = CliRunner().invoke(root, [*path, "--nonsense"])
    assert (told.exit_code, told.stdout) == (2, "")
    assert "No such option" in told.stderr


def test_every_command_prints_json_or_it_is_told_why_not() -> None:
    without = {
        " ".join(path)
        for path, command in ALL
        if not isinstance(command, click.Group) and not any(option.name == "as_json" for option in command.params)
    }
    assert without == set(WITHOUT_JSON)


def test_there_are_as_many_commands_as_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text("utf-8")
    told = [line for line in page.split("\n") if line.startswith("## `")]
    assert len(ALL) == len(told) >= 24
    assert all(f"* `{name}` {why}" in page for name, why in WITHOUT_JSON.items())
