"""Lists in memory: who is in which, as of a position of the ledger; asked by rules, three-valued.

Exact values are looked up in a table, an IP address also by each length of network that the list holds, longest first.
Expiry is judged by when the event was received. What was found is noted, so an event that is in nothing costs no more.
"""

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from fourthwatch.features.list_types import LIST_TYPES, form_of, forms_read
from fourthwatch.features.subject import Subject
from fourthwatch.features.things import THINGS, Texts

Held = tuple[int, int | None]
"""Id of the entry, and when it ends; `None`: never."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Read = Callable[[Subject], Any]
Ask = Callable[[Subject], bool | None]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What memory holds of an entry."""

    id: int
    value: str
    """In its normal form."""
    expires_ms: int | None = None


class List:
    """One list and its entries."""

    def __init__(self, number: int, name: str, type_name: str, kind: str, version: int = 1) -> None:
        self.number = number
        self.name = name
        self.type = type_name
        self.kind = kind
        self.version = version
        """Counts edits, those of entries included."""
        self._exact: dict[str, Held] = {}
        self._networks: dict[tuple[int, int], dict[int, Held]] = {}
        """By IP version and length of the prefix."""
        self._lengths: dict[int, list[int]] = {4: [], 6: []}

    def __len__(self) -> int:
        return len(self._exact) + sum(map(len, self._networks.values()))

    def entry_of(self, value: str) -> Entry | None:
        """The entry of exactly this form, ended or not."""
        network = self._network(value)
        if network is None:
            held = self._exact.get(value)
        else:
            held = self._networks.get((network.version, network.prefixlen), {}).get(_number_of(network))
        return None if held is None else Entry(held[0], value, held[1])

    def put(self, entry: Entry) -> None:
        """Take an entry in; one of the same value goes."""
        held = (entry.id, entry.expires_ms)
        network = self._network(entry.value)
        if network is None:
            self._exact[entry.value] = held
            return
        self._networks.setdefault((network.version, network.prefixlen), {})[_number_of(network)] = held
        self._lengths[network.version] = sorted(
            {network.prefixlen, *self._lengths[network.version]}, reverse=True
        )  # fmt: skip

    def drop(self, value: str) -> None:
        """Take out what has exactly this form; nothing happens when nothing has."""
        network = self._network(value)
        if network is None:
            self._exact.pop(value, None)
        else:
            self._networks.get((network.version, network.prefixlen), {}).pop(_number_of(network), None)

    def holding(self, value: str, at_ms: int) -> int | None:
        """Id of the entry that holds a value: its own, or the narrowest network around it. `None`: not in the list."""
        held = self._exact.get(value)
        if held is not None and (held[1] is None or at_ms < held[1]):
            return held[0]
        if self._networks and self.type == "ip":
            return self._network_holding(value, at_ms)
        return None

    def _network_holding(self, value: str, at_ms: int) -> int | None:
        version, number, own, bits = _address(value)
        for length in self._lengths[version]:
            if length > own:
                continue
            held = self._networks[version, length].get(number >> (bits - length))
            if held is not None and (held[1] is None or at_ms < held[1]):
                return held[0]
        return None

    def _network(self, value: str) -> Network | None:
        """The network that an entry is; `None` when it is a single thing."""
        return ipaddress.ip_network(value) if self.type == "ip" and "/" in value else None


def networks_around(value: str) -> list[str]:
    """The networks that an address or network in its normal form lies in, the narrowest first.

    >>> networks_around("203.0.113.9")[:2], len(networks_around("2001:db8::/32"))
    (['203.0.113.8/31', '203.0.113.8/30'], 32)
    """
    network = ipaddress.ip_network(value)
    return [str(network.supernet(new_prefix=length)) for length in range(network.prefixlen - 1, -1, -1)]


def _address(value: str) -> tuple[int, int, int, int]:
    """Version, number, length of the prefix and number of bits of an address or network in its normal form.

    >>> _address("203.0.113.9") == (4, 0xCB007109, 32, 32), _address("2001:db8::/32")[2:]
    (True, (32, 128))
    """
    if "/" not in value and ":" not in value:  # as nearly always; ten times as fast as by the library
        first, second, third, fourth = value.split(".")
        return 4, int(first) << 24 | int(second) << 16 | int(third) << 8 | int(fourth), 32, 32
    network = ipaddress.ip_network(value)  # of an address, the one that it is alone in
    address = network.network_address
    return address.version, int(address), network.prefixlen, address.max_prefixlen


def _number_of(network: Network) -> int:
    """The bits of its prefix."""
    return int(network.network_address) >> (network.max_prefixlen - network.prefixlen)


class Lists:
    """Every tenant's lists, as of one position."""

    def __init__(self, lists: Iterable[tuple[int, List]] = ()) -> None:
        self._of: dict[int, dict[str, List]] = {}
        for tenant, one in lists:
            self.put(tenant, one)
        self.found: list[int] = []
        """Entries that answered a question with yes since somebody last cleared it."""

    def of(self, tenant: int) -> dict[str, List]:
        """A tenant's lists by name."""
        return self._of.setdefault(tenant, {})

    def put(self, tenant: int, one: List) -> None:
        """A list that comes in."""
        self.of(tenant)[one.name] = one

    def drop(self, tenant: int, name: str) -> None:
        """A list that goes."""
        self.of(tenant).pop(name, None)

    def entries_of(self, tenant: int) -> int:
        """How many there are in all of a tenant's lists."""
        return sum(map(len, self._of.get(tenant, {}).values()))

    def words(self, tenant: int) -> dict[str, frozenset[str]]:
        """What a tenant's rules may ask: by list, the things that can be looked up in it."""
        return {
            name: frozenset(THINGS if one.type == "text" else LIST_TYPES[one.type].things)
            for name, one in self._of.get(tenant, {}).items()
        }

    def asking(self, name: str, path: tuple[str, ...], reader_of: Callable[[tuple[str, ...]], Read]) -> Ask:
        """The question whether a thing of the event, or the text of a field, is in the list of this name.

        `None`: it was not said, or there is no such list any more.
        """
        of, found = self._of, self.found
        readers = {type_name: forms_asked(type_name, path, reader_of) for type_name in LIST_TYPES}

        def ask(subject: Subject) -> bool | None:
            one = of.get(subject.tenant, {}).get(name)
            if one is None:
                return None
            values = readers[one.type](subject)
            if not values:
                return None
            for value in values:
                entry = one.holding(value, subject.received_ms)
                if entry is not None:
                    found.append(entry)
                    return True
            return False

        return ask


def forms_asked(type_name: str, path: tuple[str, ...], reader_of: Callable[[tuple[str, ...]], Read]) -> Texts:
    """Reads the forms, of a type of list, in which a thing of an event or the text of a field is asked for."""
    if len(path) == 1 and path[0] in THINGS:
        return forms_read(type_name, path[0]) or (lambda _subject: ())
    of_field = reader_of(path)

    def forms(subject: Subject) -> tuple[str, ...]:
        value = of_field(subject)
        form = form_of(type_name, value) if isinstance(value, str) else None
        return () if form is None else (form,)

    return forms
