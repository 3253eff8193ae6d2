"""The certificate of our own: for this machine's names, private, kept until it is about to run out."""

import ipaddress
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from fourthwatch.clock import DAY_MS, SECOND_MS, ManualClock
from fourthwatch.errors import UsageError
from fourthwatch.server.certificate import check_pair, self_signed
from logged import logged

NOW_MS = 1_790_000_000_000


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_it_is_good_for_localhost_by_name_and_by_address(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path, ManualClock(NOW_MS))
    names = read(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert set(names.get_values_for_type(x509.IPAddress)) == {
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("::1"),
    }


def test_it_is_valid_now_and_for_two_years(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path, ManualClock(NOW_MS))
    now = datetime.fromtimestamp(NOW_MS / SECOND_MS, UTC)
    assert read(certificate).not_valid_before_utc < now
    assert (read(certificate).not_valid_after_utc - now).days >= 730


def test_the_key_is_its_own_and_for_nobody_else_to_read(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, ManualClock(NOW_MS))
    private = load_pem_private_key(key.read_bytes(), None)
    of_key = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    of_certificate = read(certificate).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert of_key == of_certificate
    assert key.stat().st_mode & 0o777 == 0o600


def test_it_is_kept_while_it_lasts_and_made_anew_before_it_runs_out(tmp_path: Path) -> None:
    clock = ManualClock(NOW_MS)
    certificate, key = self_signed(tmp_path, clock)
    first = certificate.read_bytes(), key.read_bytes()
    clock.advance(700 * DAY_MS)
    self_signed(tmp_path, clock)
    assert (certificate.read_bytes(), key.read_bytes()) == first
    clock.advance(100 * DAY_MS)
    self_signed(tmp_path, clock)
    assert certificate.read_bytes() != first[0]
    assert key.read_bytes() != first[1]


def test_a_lost_half_is_made_anew_with_the_other(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, ManualClock(NOW_MS))
    first = certificate.read_bytes()
    key.unlink()
    self_signed(tmp_path, ManualClock(NOW_MS))
    assert certificate.read_bytes() != first
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)


def test_a_damaged_certificate_is_made_anew(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, ManualClock(NOW_MS))
    certificate.write_bytes(certificate.read_bytes()[:100])
    self_signed(tmp_path, ManualClock(NOW_MS))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)


def test_a_client_that_trusts_the_file_trusts_the_server(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, ManualClock(int(datetime.now(UTC).timestamp() * 1_000)))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=str(certificate))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    done: set[int] = set()
    for _ in range(10):
        for number, side in enumerate(sides):
            try:
                side.do_handshake()
                done.add(number)
            except ssl.SSLWantReadError:
                continue
    assert done == {0, 1}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return self_signed(tmp_path, ManualClock(NOW_MS))


def refusal(certificate: Path, key: Path) -> str:
    with pytest.raises(UsageError) as refused:
        check_pair(certificate, key, ManualClock(NOW_MS))
    return str(refused.value)


def test_a_pair_that_is_given_is_taken_in_two_files_or_in_one(pair: tuple[Path, Path], tmp_path: Path) -> None:
    check_pair(*pair, ManualClock(NOW_MS))
    both = tmp_path / "both.pem"
    both.write_bytes(pair[1].read_bytes() + pair[0].read_bytes())
    check_pair(both, both, ManualClock(NOW_MS))


def test_what_is_no_pair_is_refused_with_the_file_that_is_at_fault(pair: tuple[Path, Path], tmp_path: Path) -> None:
    certificate, key = pair
    (tmp_path / "other").mkdir()
    _, other = self_signed(tmp_path / "other", ManualClock(NOW_MS))
    assert refusal(certificate, other) == (
        f"--tls-key: {other} is not the key of {certificate}, whose first certificate has to be the key's"
    )
    assert refusal(certificate, certificate).startswith(f"--tls-key: {certificate} holds no private key in PEM")
    assert refusal(key, key) == f"--tls-cert: {key} holds no certificate in PEM"
    assert refusal(certificate, tmp_path) == f"--tls-key: {tmp_path} cannot be read: Is a directory"
    assert (
        refusal(tmp_path / "none", key) == f"--tls-cert: {tmp_path / 'none'} cannot be read: No such file or directory"
    )


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(pair: tuple[Path, Path], tmp_path: Path) -> None:
    private, sealed = load_pem_private_key(pair[1].read_bytes(), None), tmp_path / "sealed.pem"
    cipher = BestAvailableEncryption(b"a passphrase")
    sealed.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, cipher))
    assert refusal(pair[0], sealed) == (
        f"--tls-key: {sealed} has a passphrase; give the key without one (openssl pkey -in sealed.pem -out …)"
    )


def test_a_certificate_that_has_run_out_is_served_and_the_log_says_so(pair: tuple[Path, Path]) -> None:
    with logged() as told:
        check_pair(*pair, ManualClock(NOW_MS + 900 * DAY_MS))
    ((event, level),) = ((one["event"], one["log_level"]) for one in told)
    assert (event, level) == ("tls_certificate_not_valid_now", "warning")
