"""Options that several commands share, so that they read and behave the same everywhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from fourthwatch.errors import FourthwatchError, UsageError
from fourthwatch.store.file import FILE_NAME
from fourthwatch.wire.times import read_timestamp_ms

Command = TypeVar("Command", bound=Callable[..., Any])

WITHOUT_JSON = {
    "serve": "prints one line, the address, which is the sign that events are taken",
    "demo": "is for people to look at; the server that it starts answers programs",
    "events export": "prints JSON lines anyhow",
    "audit export": "prints JSON lines anyhow",
    "lists export": "prints CSV, which `lists import` reads; `lists show --json` has the same entries",
}
"""The commands that have no `--json`, and why; every other that prints anything has it."""


def data_option(command: Command) -> Command:
    """`--data DIR`: where the data file lives."""
    return _data_option("Directory of the data file; made when there is none.")(command)


def there_option(command: Command) -> Command:
    """The same for what only makes sense where a data file is: a directory that is mistyped does not become one."""
    return _data_option("Directory of the data file.", _with_file)(command)


def _data_option(told: str, callback: Callable[..., Path] | None = None) -> Callable[[Command], Command]:
    return click.option(
        "--data",
        "directory",
        required=True,
        type=click.Path(file_okay=False, path_type=Path),
        envvar="FOURTHWATCH_DATA",
        show_envvar=True,
        callback=callback,
        help=told,
    )


def _with_file(_context: click.Context, _option: click.Parameter, directory: Path) -> Path:
    if not (directory / FILE_NAME).exists():
        raise FourthwatchError(f"there is no data file in {directory}; is --data right?")
    return directory


def json_option(command: Command) -> Command:
    """`--json`: data for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def split_address(text: str) -> tuple[str, int]:
    """`HOST:PORT` (an IPv6 host in brackets) in two; raises `UsageError`.

    >>> split_address("127.0.0.1:8080"), split_address("[::1]:0")
    (('127.0.0.1', 8080), ('::1', 0))
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise UsageError(f"{text!r} is not HOST:PORT, for instance 127.0.0.1:8080")
    return host, int(port)


def moment_of(option: str, text: str | None) -> int | None:
    """Milliseconds since 1970 of what was given with an option; raises `UsageError`."""
    if text is None:
        return None
    ms = read_timestamp_ms(text)
    if ms is None:
        raise UsageError(f"{option} is {text!r}: it should be a time such as 2026-06-01 or 2026-06-01T12:00:00Z")
    return ms
