"""What an operator may choose, from the environment; the only place that reads it.

Every setting has a sane value without being set; a value that cannot be read stops the start with its name.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from fourthwatch.errors import UsageError
from fourthwatch.limits import DEADLINE_MS_MAX, FORGET_AFTER_DAYS, FORGET_AFTER_DAYS_MIN

_PREFIX = "FOURTHWATCH_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Read once, at start."""

    red_above: int = 70
    """FOURTHWATCH_RED_ABOVE: scores above it are red, 0 to 100."""
    deadline_ms: int = 50
    """FOURTHWATCH_DEADLINE_MS: what a decision may take before parts of it are put off; up to 10000, 0 for no end."""
    disk_reserve_bytes: int = 64 * 1024 * 1024
    """FOURTHWATCH_DISK_RESERVE_BYTES: with less free space than this no event is taken."""
    events_per_second: float | None = None
    """FOURTHWATCH_EVENTS_PER_SECOND: rate of one key; unlimited when not set."""
    snapshot_every_events: int = 20_000
    """FOURTHWATCH_SNAPSHOT_EVERY_EVENTS: a snapshot begins when so many events came since the last; at least 1."""
    forget_after_days: int = FORGET_AFTER_DAYS
    """FOURTHWATCH_FORGET_AFTER_DAYS: a thing that was silent for so many days is forgotten; at least 100."""
    ip_files: str = ""
    """FOURTHWATCH_IP_FILES: files, with colons between, that tell where IP addresses are: `.mmdb`, `.csv` or `.tsv`."""
    card_file: str = ""
    """FOURTHWATCH_CARD_FILE: a `.csv` with the columns `bin` and `country`: who issued a card."""
    number_fields: str = ""
    """FOURTHWATCH_NUMBER_FIELDS: keys, with commas between, whose numbers are the shop's own and never masked."""
    four_eyes: bool = False
    """FOURTHWATCH_FOUR_EYES: of every tenant, rule sets wait for a second key's approval; true or false."""
    private_receivers: str = ""
    """FOURTHWATCH_PRIVATE_RECEIVERS: host:port, with commas between, that may be called at any address and by http."""
    postback_seconds_after_payment: float = 4.0
    """FOURTHWATCH_POSTBACK_SECONDS_AFTER_PAYMENT: how long after its payment an order's score is posted back."""
    postback_seconds_without_payment: float = 30.0
    """FOURTHWATCH_POSTBACK_SECONDS_WITHOUT_PAYMENT: the same, for an order whose payment does not come."""
    log_level: str = "info"
    """FOURTHWATCH_LOG_LEVEL: debug, info, warning or error."""

    @property
    def ip_file_paths(self) -> tuple[Path, ...]:
        """The files in `ip_files`."""
        return tuple(Path(one.strip()) for one in self.ip_files.split(os.pathsep) if one.strip())

    @property
    def card_file_path(self) -> Path | None:
        """The file of `card_file`."""
        return Path(self.card_file) if self.card_file.strip() else None

    @property
    def number_field_names(self) -> frozenset[str]:
        """The keys in `number_fields`; blanks around them do not count."""
        return frozenset(name.strip() for name in self.number_fields.split(",") if name.strip())


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings; raises `UsageError` that names the variable and what would be right."""
    source = os.environ if environment is None else environment
    given = {
        name: source[_PREFIX + name.upper()]
        for name in Settings.__struct_fields__
        if source.get(_PREFIX + name.upper())
    }
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        what, _, name = str(error).removesuffix("`").rpartition(" - at `$.")
        raise UsageError(f"{_PREFIX}{name.upper()} cannot be read: {what}") from None
    if not 0 <= settings.red_above <= 100:
        raise UsageError(f"{_PREFIX}RED_ABOVE must be from 0 to 100")
    if not 0 <= settings.deadline_ms <= DEADLINE_MS_MAX:
        raise UsageError(f"{_PREFIX}DEADLINE_MS must be from 0 to {DEADLINE_MS_MAX}")
    if settings.disk_reserve_bytes < 0:
        raise UsageError(f"{_PREFIX}DISK_RESERVE_BYTES must not be negative")
    if settings.snapshot_every_events < 1:
        raise UsageError(f"{_PREFIX}SNAPSHOT_EVERY_EVENTS must be at least 1")
    if settings.forget_after_days < FORGET_AFTER_DAYS_MIN:
        raise UsageError(f"{_PREFIX}FORGET_AFTER_DAYS must be at least {FORGET_AFTER_DAYS_MIN}")
    if settings.events_per_second is not None and not settings.events_per_second > 0:
        raise UsageError(f"{_PREFIX}EVENTS_PER_SECOND must be greater than 0")
    if not 0 <= settings.postback_seconds_after_payment <= 3_600:
        raise UsageError(f"{_PREFIX}POSTBACK_SECONDS_AFTER_PAYMENT must be from 0 to 3600")
    if not 0 <= settings.postback_seconds_without_payment <= 3_600:
        raise UsageError(f"{_PREFIX}POSTBACK_SECONDS_WITHOUT_PAYMENT must be from 0 to 3600")
    if settings.log_level not in ("debug", "info", "warning", "error"):
        raise UsageError(f"{_PREFIX}LOG_LEVEL must be debug, info, warning or error")
    return settings
