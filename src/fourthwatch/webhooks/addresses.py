"""Which addresses may be connected to: public ones, and what the operator has named.

Looked at when a connection is made, on the address that it is made to; never on a name alone. The standard library's
`is_global` lets through what leads back inside (NAT64, 6to4, `::127.0.0.1`, site-local), so the table is our own.
"""

import ipaddress
import re
from collections.abc import Iterable

from fourthwatch.errors import UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _words(text: str) -> list[str]:
    return text.split()


DENIED: tuple[_Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in _words(
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24"
        " 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
        " ::/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7"
        " fe80::/10 fec0::/10 ff00::/8"
    )
)
"""This network, private, shared, loopback, link-local, special, documentation, benchmark, multicast and reserved
addresses, and those that carry another address inside. `::ffff:0:0/96` is judged by the address inside."""
ALWAYS_DENIED: tuple[_Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in _words("0.0.0.0/8 169.254.0.0/16 224.0.0.0/4 240.0.0.0/4 ::/128 fe80::/10 ff00::/8")
)
"""Not even for a receiver that the operator has named: a cloud's metadata, everybody, nobody."""
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
PUBLIC_PORTS = {"https": frozenset({443, 8443}), "http": frozenset({80, 8080})}

Named = frozenset[tuple[str, int]]
"""Host, in small letters and without brackets, and port of receivers that may be anywhere."""


def is_denied(address: Address, networks: Iterable[_Network] = DENIED) -> bool:
    """Whether the table has the address.

    >>> is_denied(ipaddress.ip_address("64:ff9b::7f00:1")), is_denied(ipaddress.ip_address("::ffff:8.8.8.8"))
    (True, False)
    """
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def refusal_of(text: str, *, is_named: bool) -> str | None:
    """Why an address as the system writes it may not be connected to; `None` when it may."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return "the address cannot be read"
    if is_denied(address, ALWAYS_DENIED):
        return "the address is one that no receiver may have"
    if not is_named and is_denied(address):
        return "the address is not a public one, and the operator has not named this receiver"
    return None


def named_receivers(text: str) -> Named:
    """The receivers that an operator has named as `host:port`, with commas between; raises `UsageError`.

    >>> sorted(named_receivers("shop.internal:8080, [::1]:443"))
    [('::1', 443), ('shop.internal', 8080)]
    """
    named = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        host, colon, port = part.rpartition(":")
        if (
            not colon
            or _HOST.fullmatch(host) is None
            or not (port.isascii() and port.isdigit())
            or not 0 < int(port) < 65_536
        ):
            raise UsageError("FOURTHWATCH_PRIVATE_RECEIVERS must be host:port, with commas between")
        named.add((host.strip("[]").lower(), int(port)))
    return frozenset(named)
