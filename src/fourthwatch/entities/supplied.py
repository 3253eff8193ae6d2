"""Files that the operator supplies, to look things up in: where IP addresses are, which country issued a card.

None is needed. Each has a version that stands beside every decision made with it; what no file tells is unknown.
"""

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from fourthwatch.entities.country import country_code
from fourthwatch.entities.ip_place import IpPlace, IpPlaces, read_ip_places
from fourthwatch.errors import UsageError

_BIN_DIGITS = 6
_BIN_COLUMNS = ("bin", "iin", "prefix")
_COUNTRY_COLUMNS = ("alpha_2", "isocode2", "country_code", "country")


class Supplied(msgspec.Struct, frozen=True):
    """What the files tell."""

    ip_places: IpPlaces | None = None
    card_countries: dict[str, str] | None = None
    """First six digits of a card to the alpha-2 of the country that issued it."""
    versions: dict[str, str] = {}
    """By name of the file."""

    def ip_place(self, ip: str | None) -> IpPlace | None:
        """What is known of an address in canonical text; `None` without a file."""
        return None if ip is None or self.ip_places is None else self.ip_places.find(ip)

    def card_country(self, digits: str | None) -> str | None:
        """The country that issued a card with these first six digits."""
        return None if digits is None or self.card_countries is None else self.card_countries.get(digits)


def read_supplied(ip_files: Sequence[Path], card_file: Path | None) -> Supplied:
    """Read all of them; raises `UsageError` that names the file which cannot be."""
    places, versions = read_ip_places(ip_files) if ip_files else (None, {})
    if card_file is None:
        return Supplied(places, None, versions)
    try:
        content = card_file.read_bytes()
        countries = _card_countries(content.decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{card_file} is no file of cards' first digits that is understood: {error}") from error
    versions = {**versions, card_file.name: f"sha256:{hashlib.sha256(content).hexdigest()[:12]}"}
    return Supplied(places, countries, versions)


def _card_countries(text: str) -> dict[str, str]:
    rows = csv.reader(text.splitlines())
    head = [name.strip().casefold() for name in next(rows, [])]
    digits_at = next((at for at, name in enumerate(head) if name in _BIN_COLUMNS), None)
    country_at = next((head.index(name) for name in _COUNTRY_COLUMNS if name in head), None)
    if digits_at is None or country_at is None:
        raise ValueError("its first line should name the columns `bin` and `country`")
    found: dict[str, str] = {}
    for row in rows:
        if len(row) > max(digits_at, country_at):
            digits, country = row[digits_at].strip(), country_code(row[country_at])
            if digits.isascii() and digits.isdigit() and len(digits) >= _BIN_DIGITS and country is not None:
                found.setdefault(digits[:_BIN_DIGITS], country)
    if not found:
        raise ValueError("no line has six digits and a country")
    return found
