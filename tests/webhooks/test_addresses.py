"""The whole table of addresses: what may be connected to, and what only seems to lead outside."""

import asyncio
import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from fourthwatch.errors import UsageError
from fourthwatch.webhooks.addresses import ALWAYS_DENIED, DENIED, named_receivers, refusal_of
from fourthwatch.webhooks.transport import NotReplied, Target, Transport, system_addresses, target_of
from webhooks.listening import Rogue

TABLE = """
    0/8 10/8 100.64/10 127/8 169.254/16 172.16/12 192.0.0/24 192.0.2/24 192.88.99/24 192.168/16 198.18/15 198.51.100/24
    203.0.113/24 224/4 240/4 ::/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20
    5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
""".split()  # noqa: SIM905 (as the design has it)
"""Written as people write it; each one is tried at both ends, and just outside."""


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if ":" in text:
        return ipaddress.ip_network(text)
    head, _, length = text.partition("/")
    return ipaddress.ip_network(f"{head}{'.0' * (3 - head.count('.'))}/{length}")


def test_the_table_is_the_one_of_the_design() -> None:
    assert sorted(map(str, map(network, TABLE))) == sorted(map(str, DENIED))


@pytest.mark.parametrize("text", TABLE)
def test_each_network_is_denied_from_its_first_to_its_last_address(text: str) -> None:
    one = network(text)
    for address in (one[0], one[1], one[-1], one[one.num_addresses // 2]):
        assert refusal_of(str(address), is_named=False) is not None


@pytest.mark.parametrize("text", [text for text in TABLE if ":" not in text])
def test_an_ipv4_address_is_denied_in_every_dress_of_ipv6(text: str) -> None:
    inside = int(network(text)[1])
    for outer in ("::ffff:0:0", "::", "64:ff9b::"):
        assert refusal_of(str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(outer)) + inside)), is_named=False)
    assert refusal_of(str(ipaddress.IPv6Address((0x2002 << 112) + (inside << 80))), is_named=False) is not None


PUBLIC = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888", "2003::1", "::ffff:8.8.8.8",
)  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_let_through(text: str) -> None:
    assert refusal_of(text, is_named=False) is None


FOOLED = ("64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "fec0::1", "224.0.0.1", "192.0.0.8", "3fff::1")


def test_the_standard_librarys_opinion_is_not_enough() -> None:
    fooled = [text for text in FOOLED if ipaddress.ip_address(text).is_global]
    assert fooled, "the standard library has learned; the table may stay"
    assert all(refusal_of(text, is_named=False) is not None for text in FOOLED)


@pytest.mark.parametrize("text", ["", "example.com", "1.2.3", "0x7f000001", "127.1", "::1::", "300.1.1.1", "1.1.1.1/8"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert refusal_of(text, is_named=True) is not None


def test_a_named_receiver_may_be_private_but_never_a_clouds_metadata_or_everybody() -> None:
    for text in ("127.0.0.1", "10.1.2.3", "192.168.0.9", "fd00::1", "::1"):
        assert refusal_of(text, is_named=True) is None
    for one in ALWAYS_DENIED:
        assert refusal_of(str(one[0]), is_named=True) is not None
    assert refusal_of("169.254.169.254", is_named=True) is not None
    assert refusal_of("::ffff:169.254.169.254", is_named=True) is not None


@pytest.mark.parametrize("text", ["shop", "shop:", ":80", "shop:0", "shop:65536", "shop:x", "shop:-1", "a:1;b:2"])
def test_a_list_of_receivers_that_cannot_be_read_stops_the_start(text: str) -> None:
    with pytest.raises(UsageError, match="FOURTHWATCH_PRIVATE_RECEIVERS"):
        named_receivers(text)


# On the way to a connection.

SPELLINGS = (
    "0x7f000001", "2130706433", "0177.0.0.1", "127.1", "0", "localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]",
    "[::]", "0.0.0.0",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_this_machine_is_connected_to(host: str) -> None:
    with Rogue(lambda sock: None) as canary:
        with pytest.raises(NotReplied):
            asyncio.run(Transport().post(f"https://{host}:443/", {}, b"{}", plain_is_right=False))
        with pytest.raises(NotReplied):
            asyncio.run(Transport().post(f"http://{host}:8080/", {}, b"{}", plain_is_right=True))
        assert canary.connections == 0


@pytest.mark.parametrize(
    "url",
    ["https://１２７.0.0.1/", "http://127。0。0。1/", "https://good.example\t.evil.example/", "https://good.example\n/",
     "https://user:word@good.example/", "https://user@good.example/", "ftp://good.example/", "https://", "https:///x",
     "https://good.example:99999/", "https://[::1/", "//good.example/", "good.example", "https://good.example/ x"],
)  # fmt: skip
def test_an_address_that_two_readers_might_read_differently_is_not_looked_up(url: str) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with pytest.raises(NotReplied):
        asyncio.run(Transport(resolve=resolve).post(url, {}, b"{}", plain_is_right=True))
    assert asked == []


@pytest.mark.parametrize(
    ("url", "plain"),
    [("http://shop.example.com/", False), ("https://shop.example.com:22/", True),
     ("http://shop.example.com:6379/", True),
     ("http://shop.example.com:443/", True)],
)  # fmt: skip
def test_plain_http_and_odd_ports_are_for_named_receivers(url: str, plain: bool) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError("looked up")

    with pytest.raises(NotReplied):
        asyncio.run(Transport(resolve=resolve).post(url, {}, b"{}", plain_is_right=plain))


def test_one_bad_address_among_good_ones_is_enough_to_refuse() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["8.8.8.8", "127.0.0.1"]

    with pytest.raises(NotReplied) as caught:
        asyncio.run(Transport(resolve=resolve).post("https://shop.example.com/", {}, b"{}", plain_is_right=False))
    assert caught.value.address == "127.0.0.1"


class Rebinding:
    """A name whose address is public when it is asked for first, and this machine's ever after that."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return ["8.8.8.8"] if self.asked % 2 else ["127.0.0.1"]


class Wires:
    """Where addresses lead: a public one nowhere, for tests go nowhere; this machine's to the canary."""

    def __init__(self, canary: Rogue) -> None:
        self._port = canary.port
        self.dialled: list[str] = []

    async def __call__(self, address: str, port: int, **options: Any) -> Any:
        self.dialled.append(address)
        if address != "127.0.0.1":
            raise OSError("unreachable")
        return await asyncio.open_connection("127.0.0.1", self._port)


class Careless(Transport):
    """Broken on purpose: looks a name up to check it, and again to connect."""

    async def _address_of(self, target: Target, *, is_named: bool) -> str:
        await super()._address_of(target, is_named=is_named)
        return (await self._resolve(target.host, target.port))[0]

    def _checked_peer(self, writer: asyncio.StreamWriter, *, is_named: bool) -> str:
        return str(writer.get_extra_info("peername")[0])


def attacked(kind: type[Transport], times: int) -> tuple[int, list[str]]:
    """Connections to the canary, and the addresses that were dialled."""

    async def attack(canary: Rogue) -> list[str]:
        resolve, wires = Rebinding(), Wires(canary)
        transport = kind(resolve=resolve, dial=wires, deadline_s=5)
        for _ in range(times):
            with suppress(NotReplied):
                await transport.post("https://rebind.example.com/", {}, b"{}", plain_is_right=False)
        return wires.dialled

    with Rogue(lambda sock: sock.close()) as canary:
        dialled = asyncio.run(attack(canary))
        return canary.connections, dialled


@pytest.mark.slow
def test_a_name_that_changes_its_address_never_leads_inside() -> None:
    connections, dialled = attacked(Transport, 10_000)
    assert connections == 0
    assert dialled == ["8.8.8.8"] * 5_000, "the address that was checked is the one that is used"


def test_a_sender_that_looks_a_name_up_twice_would_be_led_inside() -> None:
    connections, _ = attacked(Careless, 10)
    assert connections > 0


def test_where_a_connection_really_leads_is_looked_at_before_anything_is_said() -> None:
    said: list[bytes] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["8.8.8.8"]

    async def astray(address: str, port: int, **options: Any) -> Any:
        return await asyncio.open_connection("127.0.0.1", canary.port)

    with Rogue(lambda sock: said.append(sock.recv(1))) as canary:
        transport = Transport(resolve=resolve, dial=astray, deadline_s=5)
        with pytest.raises(NotReplied) as caught:
            asyncio.run(transport.post("https://shop.example.com/", {}, b"{}", plain_is_right=False))
    assert caught.value.address == "127.0.0.1"
    assert [one for one in said if one] == []


def test_an_address_stands_for_itself() -> None:
    assert asyncio.run(system_addresses("8.8.8.8", 443)) == ["8.8.8.8"]
    assert asyncio.run(system_addresses("2606:4700::1111", 443)) == ["2606:4700::1111"]


def test_host_and_name_for_tls_are_those_of_the_address_that_was_given() -> None:
    target = target_of("https://shop.example.com:8443/a?b=c")
    assert (target.host, target.port, target.authority, target.path) == (
        "shop.example.com", 8443, "shop.example.com:8443", "/a?b=c",
    )  # fmt: skip
    assert target_of("http://[::1]").authority == "[::1]"
