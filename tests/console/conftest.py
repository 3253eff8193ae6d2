"""Served programs that the tests of the console share."""

from collections.abc import Iterator

import pytest

from served import Served


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with nobody and nothing in it at first."""
    with Served(tmp_path_factory.mktemp("console")) as running:
        yield running
