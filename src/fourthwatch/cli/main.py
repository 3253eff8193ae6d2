"""The command line's root: help, version, and what a failure looks like to a person."""

import sys
from importlib import import_module

import click

from fourthwatch import __version__
from fourthwatch.errors import FourthwatchError, UsageError

FINDING, USAGE = 1, 2
_PLACES = {
    "serve": "serve:serve",
    "keys": "keys:keys",
    "tenants": "tenants:tenants",
    "users": "users:users",
    "features": "features:features",
    "lists": "lists:lists",
    "rules": "rules:rules",
    "train": "training:train",
    "models": "models:models",
    "replay": "replay:replay",
    "replay-decision": "again:replay_decision",
    "convert": "replay:convert",
    "dataset": "dataset:dataset",
    "events": "events:events",
    "audit": "audit:audit",
    "webhook": "webhook:webhook",
    "erase": "erase:erase_user",
    "backup": "backup:backup",
    "doctor": "doctor:doctor",
    "demo": "demo:demo",
}
"""Module and function of each command."""


class Commands(click.Group):
    """Loads the command that is asked for and no other: together they load the whole house, for half a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _PLACES:
            return None
        module, name = _PLACES[cmd_name].split(":")
        command = getattr(import_module(f"fourthwatch.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: fourthwatch serve --data ./data --listen 127.0.0.1:8080",
)
@click.version_option(__version__, prog_name="fourthwatch")
def root() -> None:
    """Fraud decisions for online merchants, on your own machine.

    Start a server, make a key for your shop, point the shop's SDK at it.
    """


def main() -> None:
    """Entry point of the `fourthwatch` command."""
    try:
        code = root.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = USAGE
    except click.ClickException as error:
        error.show()
        code = FINDING
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        code = FINDING
    except UsageError as error:
        click.echo(f"fourthwatch: {error}", err=True)
        code = USAGE
    except FourthwatchError as error:
        click.echo(f"fourthwatch: {error}", err=True)
        code = FINDING
    except OSError as error:  # standard output that is full, a file that cannot be written
        click.echo(f"fourthwatch: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", err=True)
        code = FINDING
    sys.exit(code if isinstance(code, int) else 0)
