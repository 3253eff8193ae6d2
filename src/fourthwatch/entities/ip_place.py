"""Where an IP address is and whose network it is in, from files that the operator supplies; nothing is ever fetched.

Understood are MaxMind's form (`.mmdb`: country, city, ASN, anonymous-IP and others' files of the kind), tables of
ranges (`.csv`, `.tsv`, also `.gz`: start, end, then a country, an ASN and its name in the usual orders) and lists of
ASNs (first column an ASN: networks of hosting and VPN companies). What no file tells is unknown.
"""

import csv
import gzip
import hashlib
import ipaddress
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TextIO

import maxminddb
import msgspec

from fourthwatch.entities.country import country_code
from fourthwatch.errors import UsageError
from fourthwatch.limits import IP_PLACES_CACHED_MAX

_NAME_CHARS_MAX = 80
_HOSTING_FLAGS = ("is_hosting_provider", "is_hosting", "hosting")
_ANONYMOUS_FLAGS = (
    "is_anonymous", "is_anonymous_vpn", "is_public_proxy", "is_residential_proxy", "is_tor_exit_node",
    "vpn", "proxy", "tor",
)  # fmt: skip


class IpPlace(msgspec.Struct, frozen=True):
    """What the files tell of one address; `None`: none of them does."""

    country: str | None = None
    """Alpha-2."""
    asn: int | None = None
    """Number of the network that announces it."""
    operator: str | None = None
    """Who runs that network."""
    is_hosting: bool | None = None
    """Whether that is a hosting company: shoppers do not sit in data centres, VPNs and robots do."""
    is_anonymous: bool | None = None
    """A VPN, proxy or Tor exit."""


class Source(Protocol):
    """One file."""

    version: str
    tells: frozenset[str]
    """Fields of `IpPlace` that it has; an address that it does not list is then no hosting and not anonymous."""

    def find(self, ip: str) -> IpPlace | None:
        """What it tells; `None` when the address is not in it."""
        ...


class IpPlaces:
    """All files together; of two that tell the same the first counts."""

    def __init__(self, sources: Sequence[Source], hosting_asns: frozenset[int] | None = None) -> None:
        """`hosting_asns`: networks of hosting companies; `None` when no file lists them."""
        self._sources = tuple(sources)
        self._hosting_asns = hosting_asns
        self.find = lru_cache(IP_PLACES_CACHED_MAX)(self._find)
        """What is known of an address in canonical text."""

    def _find(self, ip: str) -> IpPlace:
        told: dict[str, Any] = {}
        for source in self._sources:
            found = source.find(ip)
            for name in source.tells:
                value = None if found is None else getattr(found, name)
                if value is None and name in ("is_hosting", "is_anonymous"):
                    value = False
                if value is not None and (told.get(name) is None or value is True):
                    told[name] = value
        asn = told.get("asn")
        if self._hosting_asns is not None and asn is not None:
            told["is_hosting"] = bool(told.get("is_hosting")) or asn in self._hosting_asns
        return IpPlace(**told)


def read_ip_places(paths: Sequence[Path]) -> tuple[IpPlaces, dict[str, str]]:
    """The files, and the version of each by its name; raises `UsageError` for one that cannot be read."""
    sources: list[Source] = []
    hosting: set[int] | None = None
    versions = {}
    for path in paths:
        try:
            if path.suffix == ".mmdb":
                source: Source = MmdbFile(path)
                sources.append(source)
                versions[path.name] = source.version
                continue
            version = f"sha256:{_digest(path)}"
            table = read_ranges(path)
            if isinstance(table, set):
                hosting = (hosting or set()) | table
            else:
                table.version = version
                sources.append(table)
            versions[path.name] = version
        except (OSError, ValueError, csv.Error, maxminddb.InvalidDatabaseError) as error:
            raise UsageError(f"{path} is no file of IP addresses that is understood: {error}") from error
    return IpPlaces(sources, None if hosting is None else frozenset(hosting)), versions


class MmdbFile:
    """A file in MaxMind's form, mapped into memory."""

    def __init__(self, path: Path) -> None:
        self._reader = maxminddb.open_database(str(path))
        metadata = self._reader.metadata()
        built = datetime.fromtimestamp(metadata.build_epoch, UTC).strftime("%Y-%m-%d")
        self.version = f"{metadata.database_type} {built} sha256:{_digest(path)}"
        self._is_v4_only = metadata.ip_version == 4
        kind = metadata.database_type.casefold()
        self.tells = frozenset(
            {"country", "asn", "operator"} | ({"is_hosting", "is_anonymous"} if "anonym" in kind else set())
        )

    def find(self, ip: str) -> IpPlace | None:
        """What the record of the address tells."""
        if self._is_v4_only and ":" in ip:
            return None
        record: Any = self._reader.get(ip)
        return place_of(record) if isinstance(record, dict) else None


def place_of(record: dict[str, Any]) -> IpPlace:
    """A record as the usual makers write it.

    >>> place_of({"country": {"iso_code": "IN"}, "autonomous_system_number": 64500})
    IpPlace(country='IN', asn=64500, operator=None, is_hosting=None, is_anonymous=None)
    >>> place_of({"country_code": "de", "asn": "AS64501", "as_name": "Example", "is_hosting_provider": True}).is_hosting
    True
    """
    traits = record.get("traits")
    flat = {**(traits if isinstance(traits, dict) else {}), **record}
    country = flat.get("country") or flat.get("registered_country")
    written = country.get("iso_code") if isinstance(country, dict) else flat.get("country_code", country)
    operator = flat.get("autonomous_system_organization") or flat.get("as_name") or flat.get("as_organization")
    return IpPlace(
        country=country_code(written) if isinstance(written, str) else None,
        asn=_asn(flat.get("autonomous_system_number", flat.get("asn"))),
        operator=operator[:_NAME_CHARS_MAX] if isinstance(operator, str) else None,
        is_hosting=_any_of(flat, _HOSTING_FLAGS),
        is_anonymous=_any_of(flat, _ANONYMOUS_FLAGS),
    )


def _any_of(record: dict[str, Any], names: Sequence[str]) -> bool | None:
    flags = [record[name] for name in names if isinstance(record.get(name), bool)]
    return any(flags) if flags else None


def _asn(value: object) -> int | None:
    text = str(value).strip().upper().removeprefix("AS") if isinstance(value, str | int) else ""
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 2**32 else None


class RangeTable:
    """Ranges of addresses, sorted; none lie in each other."""

    def __init__(self, rows: list[tuple[int, int, IpPlace]]) -> None:
        rows.sort(key=lambda row: row[:2])
        self._starts = [row[0] for row in rows]
        self._ends = [row[1] for row in rows]
        self._places = [row[2] for row in rows]
        self.version = ""
        self.tells = frozenset(
            name
            for name in ("country", "asn", "operator")
            if any(getattr(place, name) is not None for place in self._places)
        )

    def find(self, ip: str) -> IpPlace | None:
        """The range that the address lies in."""
        number = _number(ip)
        at = bisect_right(self._starts, number) - 1
        return self._places[at] if at >= 0 and number <= self._ends[at] else None


_V6 = 1 << 128
"""Lies above every IPv4 address, so that both kinds sort into one table."""


def _number(ip: str) -> int:
    if ip.isdigit():
        return int(ip)
    address = ipaddress.ip_address(ip)
    return int(address) + (_V6 if address.version == 6 else 0)


def read_ranges(path: Path) -> RangeTable | set[int]:
    """A table of ranges, or of ASNs when its first column is one; raises `ValueError` when it is neither."""
    kept: dict[tuple[object, ...], IpPlace] = {}
    rows: list[tuple[int, int, IpPlace]] = []
    asns: set[int] = set()
    with _open(path) as file:
        for number, row in enumerate(_rows(file, path), 1):
            if not row or row[0].startswith("#") or (number == 1 and not _is_address(row[0]) and _asn(row[0]) is None):
                continue
            if not _is_address(row[0]):
                asn = _asn(row[0])
                if asn is None or rows:
                    raise ValueError(f"line {number} begins with neither an address nor an ASN")
                asns.add(asn)
                continue
            if asns or len(row) < 3:
                raise ValueError(f"line {number} is no range")
            told = _told(row[2:])
            rows.append((_number(row[0]), _number(row[1]), kept.setdefault(told, IpPlace(*told))))
    if not rows and not asns:
        raise ValueError("it is empty")
    return RangeTable(rows) if rows else asns


def _told(cells: list[str]) -> tuple[str | None, int | None, str | None]:
    """Country, ASN and name, by what they look like: IPtoASN has all three, others one or two of them."""
    country = asn = name = None
    for cell in cells:
        text = cell.strip()
        if asn is None and _asn(text) is not None:
            asn = _asn(text)
        elif country is None and len(text) == 2 and text.isalpha():
            country = country_code(text)
        elif name is None and len(text) > 2:
            name = text[:_NAME_CHARS_MAX]
    return country, asn, name if asn is not None else None


def _is_address(text: str) -> bool:
    return ":" in text or text.count(".") == 3


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _rows(file: TextIO, path: Path) -> Iterator[list[str]]:
    return csv.reader(file, delimiter="\t" if ".tsv" in path.suffixes else ",")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
