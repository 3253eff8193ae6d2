"""One command per verb. Data goes to standard output, talk to standard error; exit codes: 0 ok, 1 finding, 2 usage."""

from fourthwatch.cli.main import main

__all__ = ["main"]
