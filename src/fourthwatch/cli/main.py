"""The command line's root: help, version, and what a failure looks like to a person."""

import sys

import click

from fourthwatch import __version__
from fourthwatch.cli.again import replay_decision
from fourthwatch.cli.audit import audit
from fourthwatch.cli.backup import backup
from fourthwatch.cli.dataset import dataset
from fourthwatch.cli.demo import demo
from fourthwatch.cli.doctor import doctor
from fourthwatch.cli.erase import erase_user
from fourthwatch.cli.events import events
from fourthwatch.cli.features import features
from fourthwatch.cli.keys import keys
from fourthwatch.cli.lists import lists
from fourthwatch.cli.models import models
from fourthwatch.cli.replay import convert, replay
from fourthwatch.cli.rules import rules
from fourthwatch.cli.serve import serve
from fourthwatch.cli.tenants import tenants
from fourthwatch.cli.training import train
from fourthwatch.cli.users import users
from fourthwatch.cli.webhook import webhook
from fourthwatch.errors import FourthwatchError, UsageError

FINDING, USAGE = 1, 2


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: fourthwatch serve --data ./data --listen 127.0.0.1:8080",
)
@click.version_option(__version__, prog_name="fourthwatch")
def root() -> None:
    """Fraud decisions for online merchants, on your own machine.

    Start a server, make a key for your shop, point the shop's SDK at it.
    """


for _command in (
    serve, keys, tenants, users, features, lists, rules, train, models, replay, replay_decision, convert, dataset,
    events, audit, webhook, erase_user, backup, doctor, demo,
):  # fmt: skip
    root.add_command(_command)


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
