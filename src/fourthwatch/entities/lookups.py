"""Which lists and tables answers rest on, each with its version: shown to operators and kept beside decisions.

All of them are inside the package or one it depends on; none is ever fetched. An operator's own files (banks by card
digits, countries by IP) join by name when there are some.
"""

from functools import cache
from importlib.metadata import version
from importlib.resources import files

from fourthwatch.entities.browser import BROWSERS_VERSION
from fourthwatch.entities.country import COUNTRIES_VERSION
from fourthwatch.entities.domain import FREE_MAIL_VERSION
from fourthwatch.entities.postcode import POSTCODES_VERSION
from fourthwatch.entities.version import NORMALISER_VERSION

_VERSION_LINE = "// VERSION: "
_HEAD_LINES = 20


@cache
def lookups() -> dict[str, str]:
    """Name of every list and table to its version.

    >>> sorted(lookups())
    ['browsers', 'countries', 'disposable domains', 'free mail', 'normal forms', 'phone plans', 'postcodes', \
'public suffixes', 'time zones']
    """
    return {
        "browsers": str(BROWSERS_VERSION),
        "countries": str(COUNTRIES_VERSION),
        "disposable domains": version("disposable-email-domains"),
        "free mail": str(FREE_MAIL_VERSION),
        "normal forms": str(NORMALISER_VERSION),
        "phone plans": version("phonenumbers"),
        "postcodes": str(POSTCODES_VERSION),
        "public suffixes": _suffixes_version(),
        "time zones": version("tzdata"),
    }


def _suffixes_version() -> str:
    """As the list says of itself; of the package where it does not."""
    with (files("publicsuffixlist") / "public_suffix_list.dat").open(encoding="utf-8") as lines:
        for _, line in zip(range(_HEAD_LINES), lines, strict=False):
            if line.startswith(_VERSION_LINE):
                return line.removeprefix(_VERSION_LINE).strip()
    return version("publicsuffixlist")
