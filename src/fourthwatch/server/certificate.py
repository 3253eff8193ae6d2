"""Certificates: of our own for `--tls-self-signed`, once per data directory, and the check of one that is given."""

import datetime
import ipaddress
import os
import socket
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fourthwatch.clock import SECOND_MS, Clock
from fourthwatch.errors import UsageError
from fourthwatch.logs import log

_VALID_DAYS = 825
_RENEW_DAYS = 30


def self_signed(directory: Path, clock: Clock) -> tuple[Path, Path]:
    """Certificate and key for localhost, made or renewed when needed; clients have to trust the certificate file."""
    now = datetime.datetime.fromtimestamp(clock.now_ms() / SECOND_MS, datetime.UTC)
    certificate_path, key_path = directory / "tls-certificate.pem", directory / "tls-key.pem"
    if key_path.exists() and _lasts(certificate_path, now + datetime.timedelta(days=_RENEW_DAYS)):
        return certificate_path, key_path
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Fourthwatch at localhost")])
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    host = socket.gethostname()
    if host.isascii() and host != "localhost":
        names.append(x509.DNSName(host))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_private(key_path, key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))  # fmt: skip
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate_path, key_path


def check_pair(certificate: Path, key: Path, clock: Clock) -> None:
    """Raises `UsageError`, which says which of the two files is at fault. A certificate that clients will refuse for
    its dates is served all the same, and said so in the log."""
    chain = _content("--tls-cert", certificate)
    _content("--tls-key", key)
    passphrases: list[str] = []

    def ask() -> str:
        passphrases.append("")  # nobody is there to be asked
        return ""

    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, ask)
    except (OSError, ValueError) as error:
        if passphrases:
            told = f"--tls-key: {key} has a passphrase; give the key without one (openssl pkey -in {key.name} -out …)"
        elif "KEY_VALUES_MISMATCH" in str(error):
            told = f"--tls-key: {key} is not the key of {certificate}, whose first certificate has to be the key's"
        elif _first_of(chain) is None:
            told = f"--tls-cert: {certificate} holds no certificate in PEM"
        else:
            told = f"--tls-key: {key} holds no private key in PEM that serves this certificate ({error})"
        raise UsageError(told) from error
    first = _first_of(chain)
    now = datetime.datetime.fromtimestamp(clock.now_ms() / SECOND_MS, datetime.UTC)
    if first is not None and not first.not_valid_before_utc <= now <= first.not_valid_after_utc:
        dates = {"valid_from": f"{first.not_valid_before_utc:%F}", "valid_until": f"{first.not_valid_after_utc:%F}"}
        log.warning("tls_certificate_not_valid_now", **dates)


def _content(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{option}: {path} cannot be read: {error.strerror}") from error


def _first_of(chain: bytes) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(chain)
    except ValueError:
        return None


def _lasts(certificate_path: Path, until: datetime.datetime) -> bool:
    """Whether there is a certificate that is valid until then; a start that was killed may have left half of one."""
    try:
        return x509.load_pem_x509_certificate(certificate_path.read_bytes()).not_valid_after_utc > until
    except (FileNotFoundError, ValueError):
        return False


def _write_private(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
