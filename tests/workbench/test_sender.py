import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fourthwatch.clock import SystemClock
from fourthwatch.errors import SendingStopped, UsageError
from fourthwatch.workbench.demo import perform
from fourthwatch.workbench.sender import Connection, Sender, Target
from fourthwatch.workbench.simulator import DemoShop
from fourthwatch.workbench.turns import Outgoing, about_of
from workbench.event_taker import KEY, Taker, Trouble, taking

pytestmark = pytest.mark.slow


@pytest.fixture
def taker() -> Iterator[Taker]:
    with taking() as server:
        yield server


def sender_to(url: str, *, key: str = KEY, workers: int = 4, patience_s: float = 5.0) -> Sender:
    return Sender(url, key, clock=SystemClock(), random=Random(1), workers=workers, patience_s=patience_s)


def connection_to(url: str, *, insecure: bool = False) -> Connection:
    return Connection(Target.of(url), KEY, clock=SystemClock(), random=Random(1), insecure=insecure, patience_s=60.0)


def numbered(count: int) -> Iterator[Outgoing[int]]:
    for n in range(count):
        yield Outgoing(n, "login", b'{"_n":%d}' % n)


def test_events_go_out_in_order_over_kept_connections(taker: Taker) -> None:
    with sender_to(taker.url, workers=1) as sender:
        replies = list(sender.send(numbered(50)))
    assert [n for n, _ in replies] == list(range(50))
    assert all(reply.acknowledged and reply.attempts == 1 for _, reply in replies)
    assert [body["_n"] for _, body in taker.taken] == list(range(50))
    assert taker.connections == 1


def test_no_more_than_the_window_is_under_way(taker: Taker) -> None:
    read = 0

    def counted() -> Iterator[Outgoing[int]]:
        nonlocal read
        for outgoing in numbered(40):
            read += 1
            yield outgoing

    answered = 0
    with sender_to(taker.url, workers=4) as sender:
        for _ in sender.send(counted()):
            answered += 1
            assert read <= answered + 4 + 1  # one is read ahead
    assert answered == 40
    assert taker.connections <= 4


def test_events_about_one_order_or_user_never_overtake_each_other(taker: Taker) -> None:
    never = threading.Event()

    def out_of_step(number: int, event: str, body: bytes) -> None:
        never.wait(0.002 * (number % 5))

    taker.trouble = out_of_step

    def story() -> Iterator[Outgoing[int]]:
        for n in range(240):
            body = b'{"_n":%d,"_userId":"u-%d","_orderId":"o-%d"}' % (n, n % 7, n // 3 % 11)
            yield Outgoing(n, "login", body, about=about_of(body))

    with sender_to(taker.url, workers=16) as sender:
        assert len(list(sender.send(story()))) == 240
    arrived = [body for _, body in taker.taken]
    assert [body["_n"] for body in arrived] != list(range(240)), "strangers should not wait for each other"
    for name in ("_userId", "_orderId"):
        for value in {body[name] for body in arrived}:
            numbers = [body["_n"] for body in arrived if body[name] == value]
            assert numbers == sorted(numbers)  # type: ignore[type-var]


def test_a_busy_or_silent_server_is_asked_again_until_it_answers(taker: Taker) -> None:
    answers = {1: Trouble(status=503), 2: Trouble(lose=True), 3: Trouble(status=429), 4: Trouble(status=500)}
    taker.trouble = lambda number, event, body: answers.get(number)
    with sender_to(taker.url, workers=1) as sender:
        ((_, reply),) = sender.send(numbered(1))
    assert reply.acknowledged
    assert reply.attempts == 5
    assert taker.acknowledged == {"0": 1}


def test_retry_after_is_waited_for(taker: Taker) -> None:
    taker.trouble = lambda number, event, body: (
        Trouble(status=503, headers={"Retry-After": "1"}) if number == 1 else None
    )
    clock = SystemClock()
    started_s = clock.monotonic_s()
    with connection_to(taker.url) as connection:
        reply = connection.post("login", b"{}")
    assert reply.attempts == 2
    assert clock.monotonic_s() - started_s >= 1.0


def test_a_retry_after_beyond_patience_is_not_waited_for(taker: Taker) -> None:
    taker.trouble = lambda number, event, body: Trouble(status=503, headers={"Retry-After": "3600"})
    told = "does not take events, tried 1 times: 503: trouble 503"
    with connection_to(taker.url) as connection, pytest.raises(SendingStopped, match=told):
        connection.post("login", b"{}")


def test_a_refusal_is_not_repeated(taker: Taker) -> None:
    taker.trouble = lambda number, event, body: Trouble(status=400)
    with connection_to(taker.url) as connection:
        reply = connection.post("login", b"{}")
    assert (reply.status, reply.acknowledged, reply.told) == (400, False, "trouble 400")
    assert taker.requests == 1


def test_an_answer_that_is_not_this_api_is_no_acknowledgement(taker: Taker) -> None:
    taker.trouble = lambda number, event, body: Trouble(plain=True)
    with connection_to(taker.url) as connection:
        reply = connection.post("login", b"{}")
    assert (reply.status, reply.body, reply.acknowledged) == (200, {}, False)


def test_nobody_listening_ends_in_a_clear_error() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # so that nobody else gets this number meanwhile
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with (
            sender_to(url, patience_s=0.3) as sender,
            pytest.raises(SendingStopped, match="does not take events"),
        ):
            list(sender.send(numbered(3)))


def test_stopping_ends_waiting_for_an_absent_server(taker: Taker) -> None:
    taker.trouble = lambda number, event, body: Trouble(status=503)
    with sender_to(taker.url, workers=2, patience_s=600) as sender:
        threading.Timer(0.1, sender.stop.set).start()
        with pytest.raises(SendingStopped, match="stopped"):
            list(sender.send(numbered(5)))


def test_events_leave_when_they_are_due_and_not_before(taker: Taker) -> None:
    clock = SystemClock()
    start_s = clock.monotonic_s()
    arrived: list[float] = []

    def note(number: int, event: str, body: bytes) -> None:
        arrived.append(clock.monotonic_s())

    taker.trouble = note
    due = (Outgoing(n, "login", b"{}", start_s + 0.1 * n) for n in range(5))
    with sender_to(taker.url, workers=4) as sender:
        assert len(list(sender.send(due))) == 5
    assert all(at >= start_s + 0.1 * n for n, at in enumerate(arrived))


def test_a_shop_sends_its_history_at_once_and_the_rest_as_it_happens(taker: Taker) -> None:
    clock = SystemClock()
    now_ms = clock.now_ms()
    shop = DemoShop(seed=1, start_ms=now_ms - 3_600_000, orders_per_hour=60)
    with sender_to(taker.url, workers=4) as sender:
        performed = list(perform(shop, sender, clock=clock, until_ms=now_ms + 2_000))
    assert clock.now_ms() >= max(event.at_ms for event, _ in performed)
    again = DemoShop(seed=1, start_ms=now_ms - 3_600_000, orders_per_hour=60).events(now_ms + 2_000)
    assert len(performed) == len(list(again)) > 100
    assert all(reply.acknowledged for _, reply in performed)
    assert "truth" not in str(taker.taken)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/event", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/event/", "http://127.0.0.1:8080"),
        ("https://fraud.example.com/event", "https://fraud.example.com:443"),
        ("https://example.com/behind/a/proxy/event", "https://example.com:443/behind/a/proxy"),
        ("localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_a_base_address_is_taken_with_and_without_event(url: str, base: str) -> None:
    assert Target.of(url).url == base


@pytest.mark.parametrize(
    "url",
    ["", "ftp://example.com", "http://example.com:99999", "http://u:p@example.com", "http://a/event?x=1"],
)
def test_what_is_no_base_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        Target.of(url)


def test_a_key_that_no_header_can_hold_is_refused() -> None:
    with pytest.raises(UsageError, match="printable"):
        sender_to("http://127.0.0.1:1", key="two\nlines")


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "both.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_a_self_signed_certificate_is_refused_unless_asked_for(self_signed: ssl.SSLContext) -> None:
    with taking(self_signed) as secure:
        with (
            connection_to(secure.url) as strict,
            pytest.raises(SendingStopped, match="certificate is not trusted"),
        ):
            strict.post("login", b'{"_n":1}')
        with connection_to(secure.url, insecure=True) as trusting:
            assert trusting.post("login", b'{"_n":1}').acknowledged
