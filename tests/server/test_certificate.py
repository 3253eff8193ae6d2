"""The certificate of our own: for this machine's names, private, kept until it is about to run out."""

import ipaddress
import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from fourthwatch.clock import DAY_MS, SECOND_MS, ManualClock
from fourthwatch.server.certificate import self_signed

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
