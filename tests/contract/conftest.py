"""Served programs that the tests of this directory share."""

from collections.abc import Iterator

import pytest

from contract.shop import Shop
from served import Served


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop at a server over plain HTTP."""
    with Served(tmp_path_factory.mktemp("served")) as served:
        yield Shop(served, served.key("ingest", "read", "manage", name="everything"))


@pytest.fixture(scope="session")
def tls_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop at a server with a certificate of its own making."""
    with Served(tmp_path_factory.mktemp("served-tls"), "--tls-self-signed") as served:
        yield Shop(served, served.key("ingest", "read", "manage", name="everything"))
