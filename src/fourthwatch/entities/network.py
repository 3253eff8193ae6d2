"""IP addresses in canonical text, and the network around each.

The address is what the sender says it is: good for counting and comparing, never for deciding who may speak
to us.
"""

import ipaddress
import socket
from functools import lru_cache
from typing import NamedTuple

from fourthwatch.limits import FORWARDED_CHARS_MAX, NORMAL_FORMS_CACHED_MAX

_V6_CHARS_MAX = 45
_ZONED_CHARS_MAX = 80
"""Brackets, zone id and port included."""
_V4_MAPPED = bytes(10) + b"\xff\xff"

# No customer of a shop sits in these (RELIABILITY 2.7, which the check of outgoing addresses follows too).
# Unlike there, the documentation ranges 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 and 2001:db8::/32
# count as public: shops' examples and tests are written with them and must come out as their real traffic
# will. `is_global` of the standard library is not used, it calls NAT64, 6to4 and multicast global.
_DENIED_V4 = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.88.99.0/24
    192.168.0.0/16 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4
"""
_DENIED_V6 = """
    ::/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10
    fec0::/10 ff00::/8
"""


class _Address(NamedTuple):
    key: str
    network: str
    public: bool


def ip_key(text: str) -> str | None:
    """The address in canonical text: IPv6 compressed, IPv4 inside IPv6 taken out, port and zone id gone.

    Of a comma-separated list, as proxies write it, the first public address; the first one at all when none
    is public. None: no address, or one that stands for none (`0.0.0.0`, `::`).

    >>> ip_key("[2001:DB8:0::1]:443")
    '2001:db8::1'
    >>> ip_key("10.0.0.7, 203.0.113.9")
    '203.0.113.9'
    """
    if "," not in text[:FORWARDED_CHARS_MAX]:
        address = _address(text.strip()) if len(text) <= FORWARDED_CHARS_MAX else None
        return None if address is None else address.key
    first = None
    parts = text[:FORWARDED_CHARS_MAX].split(",")
    if len(text) > FORWARDED_CHARS_MAX:
        # What is cut in two may still read as an address, another one.
        parts.pop()
    for part in parts:
        address = _address(part.strip())
        if address is None:
            continue
        if address.public:
            return address.key
        first = first or address.key
    return first


def ip_and_network(text: str) -> tuple[str | None, str | None]:
    """`ip_key` and the `network_key` of it."""
    if "," not in text and len(text) <= _ZONED_CHARS_MAX:  # nearly always, and then in one look-up
        address = _read(text.strip())
        return (None, None) if address is None else (address.key, address.network)
    key = ip_key(text)
    return key, None if key is None else network_key(key)


def network_key(ip: str) -> str | None:
    """The network that one customer's addresses tend to share: /24 of IPv4, /48 of IPv6. None: no address.

    >>> network_key("203.0.113.9")
    '203.0.113.0/24'
    >>> network_key("2001:db8:7:1::9")
    '2001:db8:7::/48'
    """
    address = _address(ip)
    return None if address is None else address.network


def is_public(ip: str) -> bool:
    """Whether a customer can come from this address over the internet; false for what is no address.

    Documentation ranges count as public here.
    """
    address = _address(ip)
    return address is not None and address.public


def _address(text: str) -> _Address | None:
    # Long texts stay outside the cache: it holds what it is asked for.
    return _read(text) if len(text) <= _ZONED_CHARS_MAX else None


@lru_cache(maxsize=NORMAL_FORMS_CACHED_MAX)
def _read(text: str) -> _Address | None:
    packed = _packed(text)
    if packed is None:
        return None
    if len(packed) == 16 and packed.startswith(_V4_MAPPED):
        packed = packed[12:]
    number = int.from_bytes(packed, "big")
    if number == 0:
        return None
    if len(packed) == 4:
        key = socket.inet_ntoa(packed)
        public = _is_outside(number, _DENIED_V4_BY_BYTE[packed[0]])
        return _Address(key, key[: key.rindex(".")] + ".0/24", public)
    key = socket.inet_ntop(socket.AF_INET6, packed)
    if "." in key:
        # The system writes ::102:304 as ::1.2.3.4.
        key = ipaddress.IPv6Address(packed).compressed
    network = socket.inet_ntop(socket.AF_INET6, packed[:6] + bytes(10))
    return _Address(key, network + "/48", _is_outside(number, _DENIED_V6_BY_BYTE[packed[0]]))


def _packed(text: str) -> bytes | None:
    """4 or 16 bytes of the address that `text` is, with or without a port."""
    if text.startswith("["):
        inside, closed, port = text[1:].partition("]")
        if not closed or not (port == "" or (port[0] == ":" and _is_port(port[1:]))):
            return None
        return _pton(socket.AF_INET6, inside.partition("%")[0])
    colons = text.count(":")
    if colons == 0:
        return _pton(socket.AF_INET, text)
    if colons == 1:
        host, _, port = text.partition(":")
        return _pton(socket.AF_INET, host) if _is_port(port) else None
    return _pton(socket.AF_INET6, text.partition("%")[0])


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


def _pton(family: socket.AddressFamily, text: str) -> bytes | None:
    """The system's parser for exact forms only: four decimal numbers, none octal, none left out."""
    if not text.isascii() or len(text) > _V6_CHARS_MAX:
        return None
    try:
        return socket.inet_pton(family, text)
    except (OSError, ValueError):
        return None


def _is_outside(number: int, networks: tuple[tuple[int, int], ...]) -> bool:
    for network, mask in networks:  # noqa: SIM110 (a generator takes three times as long)
        if number & mask == network:
            return False
    return True


def _by_first_byte(networks: str) -> tuple[tuple[tuple[int, int], ...], ...]:
    """For each value of an address's first byte, network and mask of those it may lie in."""
    parsed = [ipaddress.ip_network(network) for network in networks.split()]
    return tuple(
        tuple(
            (int(network.network_address), int(network.netmask))
            for network in parsed
            if network.network_address.packed[0] <= first <= network.broadcast_address.packed[0]
        )
        for first in range(256)
    )


_DENIED_V4_BY_BYTE = _by_first_byte(_DENIED_V4)
_DENIED_V6_BY_BYTE = _by_first_byte(_DENIED_V6)
