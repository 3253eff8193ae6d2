"""IP normal forms: canonical text, networks, and who can be a customer."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import the_same_each_time
from fourthwatch.entities.network import ip_and_network, ip_key, is_public, network_key
from fourthwatch.limits import BODY_BYTES_MAX

ANY_TEXT = st.text(st.characters())
NEARLY_ADDRESSES = st.text("0123456789abcdef.:[]%, /x")
ADDRESSES = st.ip_addresses()


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("203.0.113.9", "203.0.113.9"),
        (" 203.0.113.9 ", "203.0.113.9"),
        ("203.0.113.9:443", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::FFFF:cb00:7109", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:80", "fe80::1"),
        ("::1", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("203.0.113.9, 198.51.100.7", "203.0.113.9"),
        ("10.0.0.1,203.0.113.9", "203.0.113.9"),
        ("unknown, 192.168.1.1, [2001:db8::1]:80, 203.0.113.9", "2001:db8::1"),
        ("192.168.1.1, 10.0.0.1", "192.168.1.1"),
        (",,203.0.113.9,", "203.0.113.9"),
    ],
)
def test_an_address_has_one_text(written: str, key: str) -> None:
    assert ip_key(written) == key
    assert ip_and_network(written) == (key, network_key(key))


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        ",",
        "0.0.0.0",
        "::",
        "::ffff:0.0.0.0",
        "256.1.1.1",
        "1.2.3",
        "1.2.3.4.5",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "01.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:x",
        "1.2.3.4:123456",
        "1.2.3.4/24",
        "1.2.3.4 5",
        "[1.2.3.4]",
        "[::1",
        "[::1]x",
        "[::1]:",
        "::1::",
        "12345::",
        ":::",
        "1.2.3.4\x00",
        "\ud800",
        "１.2.3.4",
        "1。2。3。4",
        "localhost",
        "example.com:80",
        "null",
        "-",
        "%eth0",
        "[%]",
    ],
)
def test_what_is_no_address_is_unknown(written: str) -> None:
    assert ip_key(written) is None
    assert network_key(written) is None
    assert not is_public(written)


@the_same_each_time
@given(ADDRESSES)
def test_the_key_is_the_standard_librarys_text_of_the_address(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    plain = (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
    expected = None if int(plain) == 0 else str(plain)
    assert ip_key(address.exploded) == expected
    if expected is not None:
        width = 24 if plain.version == 4 else 48
        assert network_key(expected) == str(ipaddress.ip_network((expected, width), strict=False))


@the_same_each_time
@given(NEARLY_ADDRESSES | ADDRESSES.map(str) | st.lists(ADDRESSES.map(str)).map(", ".join))
def test_a_key_is_its_own_key(text: str) -> None:
    key = ip_key(text)
    if key is not None:
        assert ip_key(key) == key
        assert ip_key(f"[{key}]:80" if ":" in key else f"{key}:80") == key


@the_same_each_time
@given(ANY_TEXT | NEARLY_ADDRESSES)
def test_no_text_is_refused_with_an_error(text: str) -> None:
    key = ip_key(text)
    assert ip_and_network(text) == (key, None if key is None else network_key(key))
    network_key(text)
    is_public(text)


@pytest.mark.parametrize("part", ["1", ".", ":", "1.", "[", ",", "1.2.3.4,", " ", "%", "é"])
def test_a_text_as_long_as_a_body_does_not_get_read_to_its_end(part: str) -> None:
    text = part * (BODY_BYTES_MAX // len(part))
    assert ip_key(text) in (None, "1.2.3.4")
    assert network_key(text) is None
    assert not is_public(text)


def test_an_address_cut_in_two_at_the_end_of_a_long_list_is_not_read_as_another() -> None:
    # The 512 characters end within "203.0.113.99": what is left of it reads as an address as well.
    text = "x," * 250 + " 203.0.113.99,"
    assert text[:512].endswith("203.0.113.9")
    assert ip_key(text) is None


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("203.0.113.255", "203.0.113.0/24"),
        ("2001:db8:7:1::9", "2001:db8:7::/48"),
        ("2001:db8::9", "2001:db8::/48"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
    ],
)
def test_an_address_lies_in_its_network(ip: str, network: str) -> None:
    assert network_key(ip) == network


@pytest.mark.parametrize(
    "ip",
    [
        "0.0.0.1",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:1ff::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_a_special_address_is_not_public(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize(
    "ip",
    [
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "2001:db8::1",
        "::ffff:203.0.113.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "2001:200::1",
        "2003::1",
        "2600::1",
    ],
)
def test_an_ordinary_or_documentation_address_is_public(ip: str) -> None:
    assert is_public(ip)
