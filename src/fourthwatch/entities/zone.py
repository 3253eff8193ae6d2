"""Clock time where an address lies: the offset from UTC of a country, as far as all of it agrees.

The rules are those of the IANA database as the `tzdata` package carries them, never the machine's own copy, so that
two machines with one version tell the same time.
"""

from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from fourthwatch.clock import MINUTE_MS
from fourthwatch.limits import DOMAINS_CACHED_MAX

_STEP_MS = 15 * MINUTE_MS
"""Offsets change on quarter hours only."""
_LATEST_MS = 4_102_444_800_000
"""The year 2100: rules beyond it are nobody's promise."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TABLES = files("tzdata") / "zoneinfo"

# Nineteen of twenty people and more live in this zone, or the whole country officially uses it.
_MAIN = {
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "NZ": "Pacific/Auckland",
    "PT": "Europe/Lisbon",
}


def _regions() -> dict[tuple[str, str], str]:
    """States and provinces that lie in one zone altogether; those that are split are left out."""
    rows = {
        ("US", "America/New_York"): "CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV",
        ("US", "America/Chicago"): "AL AR IA IL LA MN MO MS OK WI",
        ("US", "America/Denver"): "CO MT NM UT WY",
        ("US", "America/Los_Angeles"): "CA WA",
        ("US", "America/Phoenix"): "AZ",
        ("US", "Pacific/Honolulu"): "HI",
        ("CA", "America/Toronto"): "QC",
        ("CA", "America/Halifax"): "NS NB PE",
        ("CA", "America/Winnipeg"): "MB",
        ("CA", "America/Edmonton"): "AB",
        ("AU", "Australia/Sydney"): "NSW ACT",
        ("AU", "Australia/Melbourne"): "VIC TAS",
        ("AU", "Australia/Brisbane"): "QLD",
        ("AU", "Australia/Adelaide"): "SA",
        ("AU", "Australia/Darwin"): "NT",
        ("AU", "Australia/Perth"): "WA",
        ("BR", "America/Sao_Paulo"): "AL AP BA CE DF ES GO MA MG PA PB PE PI PR RJ RN RS SC SE SP TO",
        ("BR", "America/Manaus"): "RO RR MT MS",
    }
    return {(country, region): zone for (country, zone), regions in rows.items() for region in regions.split()}


def _zones_by_country() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in (_TABLES / "zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found.setdefault(country, []).append(zone)
    return {country: tuple(zones) for country, zones in found.items()}


_OF_REGION = _regions()
_OF_COUNTRY = _zones_by_country()


def offset_minutes(country: str, region: str | None, at_ms: int) -> int | None:
    """Minutes that clocks of a country (alpha-2) are ahead of UTC at a time; the region is its postal code, if any.

    None: no such country, a time outside 1970 to 2099, or a country of several zones and no region that settles it.

    >>> offset_minutes("IN", None, 1_790_000_000_000), offset_minutes("US", None, 1_790_000_000_000)
    (330, None)
    >>> offset_minutes("US", "CA", 1_790_000_000_000)
    -420
    """
    return _offset(country, region, at_ms // _STEP_MS) if 0 <= at_ms < _LATEST_MS else None


def offsets_minutes(country: str, at_ms: int) -> frozenset[int]:
    """Every offset that is in use somewhere in the country; empty: no such country, or a time outside 1970 to 2099."""
    return _offsets(country, at_ms // _STEP_MS) if 0 <= at_ms < _LATEST_MS else frozenset()


def zone_offset_minutes(zone: str, at_ms: int) -> int | None:
    """The offset of a zone by its IANA name ("Asia/Kolkata"); None: no such zone in the table of countries."""
    if zone not in _NAMES or not 0 <= at_ms < _LATEST_MS:
        return None
    return _of_zone(zone, at_ms // _STEP_MS)


_ALIASES = {"Asia/Calcutta": "Asia/Kolkata", "Europe/Kiev": "Europe/Kyiv", "Asia/Saigon": "Asia/Ho_Chi_Minh",
            "Asia/Katmandu": "Asia/Kathmandu", "Asia/Rangoon": "Asia/Yangon"}  # fmt: skip
"""Old names that browsers still send."""
_NAMES = frozenset(zone for zones in _OF_COUNTRY.values() for zone in zones) | _ALIASES.keys() | {"UTC"}


@lru_cache(maxsize=DOMAINS_CACHED_MAX)
def _offset(country: str, region: str | None, step: int) -> int | None:
    zone = _MAIN.get(country)
    if zone is None and region is not None:
        zone = _OF_REGION.get((country, region))
    if zone is not None:
        return _of_zone(zone, step)
    found = _offsets(country, step)
    return next(iter(found)) if len(found) == 1 else None


@lru_cache(maxsize=DOMAINS_CACHED_MAX)
def _offsets(country: str, step: int) -> frozenset[int]:
    return frozenset(_of_zone(zone, step) for zone in _OF_COUNTRY.get(country, ()))


def _of_zone(zone: str, step: int) -> int:
    at = (_EPOCH + timedelta(milliseconds=step * _STEP_MS)).astimezone(_rules(_ALIASES.get(zone, zone)))
    offset = at.utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) // 60


@cache
def _rules(zone: str) -> ZoneInfo:
    """Read once per zone."""
    with _TABLES.joinpath(*zone.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=zone)
