"""`fourthwatch users`: who may sign in to the console; works while the server runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from fourthwatch.cli.options import data_option, json_option, there_option
from fourthwatch.clock import SystemClock, iso_ms
from fourthwatch.errors import FourthwatchError, UsageError
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.users import ROLES, User, UserStore


@click.group(epilog="Example: fourthwatch users create-link --data ./data --name asha@example.com --role analyst")
def users() -> None:
    """List people of the console, let them in, lock them out.

    Roles: `viewer` sees, with personal data masked; `analyst` decides; `manager` changes rules, lists, models;
    `admin` looks after users and keys. Each may do what those before it may.
    """


@users.command("list", epilog="Example: fourthwatch users list --data ./data --json")
@there_option
@json_option
def list_users(directory: Path, as_json: bool) -> None:
    """List all users, disabled ones too."""
    with _store(directory) as store:
        found = store.all()
    if as_json:
        click.echo(msgspec.json.encode([_told(user) for user in found]))
        return
    if not found:
        click.echo("nobody can sign in yet; make a link with `fourthwatch users create-link`", err=True)
    for user in found:
        click.echo(f"{user.id}  {user.role:<8}  {_state(user):<34}  {user.name}")


@users.command("create-link", epilog="Example: fourthwatch users create-link --data ./data --name asha@example.com")
@data_option
@click.option("--name", required=True, help="What is typed to sign in, an e-mail address for instance.")
@click.option("--role", type=click.Choice(ROLES), help="For a new user; `admin` if it is the first.")
@click.option("--tenant", default="default", show_default=True, help="The merchant a new user belongs to.")
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="Where the server is reached.")
@json_option
def create_link(directory: Path, name: str, role: str | None, tenant: str, url: str, as_json: bool) -> None:
    """Print a link with which a user chooses a password: once, within a day. Makes the user when new.

    For a user who is there it resets the password; who holds the link can sign in as the user.
    """
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"--url is {url!r}: it should begin with https:// or http://")
    with _store(directory) as store:
        user = store.named(name)
        if user is None:
            user = store.add(_tenant(directory, tenant), name, role or ("analyst" if store.all() else "admin"))
        elif role is not None and role != user.role:
            store.set_role(user, role)
        if user.disabled_ms is not None:
            store.set_disabled(user, disabled=False)
        secret = store.link_for(user.tenant, user)
        user = store.named(name) or user  # as it is now
    link = f"{url.rstrip('/')}/console/welcome/{secret}"
    click.echo(msgspec.json.encode({**_told(user), "link": link}) if as_json else link)
    click.echo("It works once, within a day. Give it to nobody else.", err=True)


@users.command(epilog="Example: fourthwatch users disable --data ./data asha@example.com")
@there_option
@click.argument("name")
@json_option
def disable(directory: Path, name: str, as_json: bool) -> None:
    """Lock a user out; sessions and links end at once."""
    with _store(directory) as store:
        user = store.named(name) or store.user(name)
        if user is None:
            raise FourthwatchError(f"no user has the name or id {name!r}; see `fourthwatch users list`")
        store.set_disabled(user, disabled=True)
        user = store.user(user.id) or user  # as it is now
    if as_json:
        click.echo(msgspec.json.encode(_told(user)))
    click.echo(f"disabled {user.name}", err=True)


@contextmanager
def _store(directory: Path) -> Iterator[UserStore]:
    store = UserStore(directory, SystemClock())
    try:
        yield store
    finally:
        store.close()


def _tenant(directory: Path, name: str) -> int:
    keys = KeyStore(directory, SystemClock())
    try:
        number = keys.tenant_id(name)
    finally:
        keys.close()
    if number is None:
        raise FourthwatchError(f"there is no tenant {name!r}; it is made with its first key")
    return number


def _state(user: User) -> str:
    if user.disabled_ms is not None:
        return f"disabled {iso_ms(user.disabled_ms)}"
    return "has not chosen a password" if user.password is None else "in force"


def _told(user: User) -> dict[str, object]:
    return {
        "id": user.id, "name": user.name, "role": user.role, "tenant": user.tenant,
        "has_password": user.password is not None,
        "has_second_factor": user.totp is not None, "created_at": iso_ms(user.created_ms),
        "disabled_at": None if user.disabled_ms is None else iso_ms(user.disabled_ms),
    }  # fmt: skip
