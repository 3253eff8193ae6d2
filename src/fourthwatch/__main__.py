"""`python -m fourthwatch` is the `fourthwatch` command."""

from fourthwatch.cli import main

main()
