"""HTTPS as `serve` offers it: a certificate of its own making, or the operator's."""

import shutil
import ssl
import stat
import urllib.error
import urllib.request

import pytest

from contract.shop import PATIENCE_S, Shop, fresh
from served import KEY_HEADER, Served, run

pytestmark = pytest.mark.slow


def test_the_address_announced_is_https_and_events_are_taken_over_it(tls_shop: Shop) -> None:
    assert tls_shop.served.url.startswith("https://127.0.0.1:")
    receipt = tls_shop.taken("login", {"_userId": fresh("user")})
    assert tls_shop.event(receipt["event_id"])["event"] == "login"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_certificate_is_good_for_the_names_of_this_machine(tls_shop: Shop, host: str) -> None:
    context = ssl.create_default_context(cafile=str(tls_shop.served.directory / "tls-certificate.pem"))
    address = f"https://{host}:{tls_shop.served.port}/healthz"
    with urllib.request.urlopen(address, context=context, timeout=PATIENCE_S) as reply:
        assert reply.status == 200


def test_a_client_that_does_not_trust_the_certificate_refuses_it(tls_shop: Shop) -> None:
    address = f"https://localhost:{tls_shop.served.port}/healthz"
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(address, context=ssl.create_default_context(), timeout=PATIENCE_S)


def test_plain_http_on_the_tls_port_is_not_answered_as_http(tls_shop: Shop) -> None:
    with pytest.raises((ConnectionError, OSError, ValueError)):
        tls_shop.raw(b"GET /healthz HTTP/1.1\r\nHost: s\r\n\r\n")
    assert tls_shop.served.request("GET", "/healthz").status == 200


def test_a_client_that_speaks_no_more_than_tls_1_2_is_served(tls_shop: Shop) -> None:
    context = ssl.create_default_context(cafile=str(tls_shop.served.directory / "tls-certificate.pem"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    address = f"https://localhost:{tls_shop.served.port}/healthz"
    with urllib.request.urlopen(address, context=context, timeout=PATIENCE_S) as reply:
        assert reply.status == 200


def test_the_private_key_is_readable_by_its_owner_alone(tls_shop: Shop) -> None:
    mode = (tls_shop.served.directory / "tls-key.pem").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_the_certificate_stays_the_same_over_a_restart_so_that_clients_go_on_trusting_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    directory = tmp_path_factory.mktemp("tls-restarted")
    with Served(directory, "--tls-self-signed") as served:
        made = (directory / "tls-certificate.pem").read_bytes()
        assert served.stop() == 0
        served.start()
        assert (directory / "tls-certificate.pem").read_bytes() == made
        assert served.request("GET", "/healthz").status == 200


def test_the_operators_own_certificate_is_used(tls_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("tls-own")
    for name in ("tls-certificate.pem", "tls-key.pem"):
        shutil.copy(tls_shop.served.directory / name, directory / f"own-{name}")
    options = (
        "--tls-cert",
        str(directory / "own-tls-certificate.pem"),
        "--tls-key",
        str(directory / "own-tls-key.pem"),
    )
    with Served(directory, *options) as served:
        assert served.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(directory / "own-tls-certificate.pem"))
        key = served.key("ingest")
        request = urllib.request.Request(
            f"https://localhost:{served.port}/event/v1/login", b'{"_userId":"u"}', {KEY_HEADER: key}
        )
        with urllib.request.urlopen(request, context=context, timeout=PATIENCE_S) as reply:
            assert reply.status == 200
    assert not (directory / "tls-key.pem").exists()


@pytest.mark.parametrize("options", [["--tls-cert"], ["--tls-key"], ["--tls-self-signed", "--tls-cert", "--tls-key"]])
def test_options_that_contradict_each_other_are_a_usage_error(tls_shop: Shop, options: list[str]) -> None:
    files = {"--tls-cert": "tls-certificate.pem", "--tls-key": "tls-key.pem"}
    arguments: list[str] = []
    for option in options:
        arguments += [option, str(tls_shop.served.directory / files[option])] if option in files else [option]
    done = run("serve", "--data", str(tls_shop.served.directory / "other"), "--listen", "127.0.0.1:0", *arguments)
    assert done.returncode == 2
    assert "--tls" in done.stderr
    assert done.stdout == ""
