"""Decisions made again from the ledger: the same rule set, the same past, the same thresholds; and what differs.

The ledger is walked from its beginning with the functions of live scoring and is only read. Nothing is taken from the
stored decision but which versions made it, and what it could not know because its past was not in yet.
"""

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from fourthwatch.decision import Decision, Explored, Foretold, Policy, decide, let_pass, versions_of
from fourthwatch.engine.judging import reduced
from fourthwatch.engine.panel import Panel
from fourthwatch.engine.roster import lists_at
from fourthwatch.engine.rule_shelf import book_as_it_was, holding
from fourthwatch.engine.rulings import starter_in_force
from fourthwatch.engine.subjects import Subjects
from fourthwatch.entities.supplied import Supplied
from fourthwatch.errors import LanguageError, ModelRefused
from fourthwatch.features.catalogue import built_in
from fourthwatch.features.definition import Book, Defined, Feature
from fourthwatch.features.observe import Present
from fourthwatch.features.wanted import WantedFeatures
from fourthwatch.features.windows import Windows
from fourthwatch.model.manifest import Package
from fourthwatch.model.probe import try_out
from fourthwatch.model.serving import LiveModel
from fourthwatch.rules.check import CheckedSet
from fourthwatch.rules.rule import decoded
from fourthwatch.rules.ruling import Ruling
from fourthwatch.store.features import FeatureRow
from fourthwatch.store.history import History
from fourthwatch.store.ledger import DecisionRow, EventRow

_NO_FEATURES = b"[]"


class Difference(msgspec.Struct, frozen=True):
    """One thing that did not come out as it is stored."""

    what: str
    """Key of the decision, with the place or name within it behind a slash."""
    stored: Any
    now: Any


_VERSIONS = frozenset(f"versions/{name}" for name in ("features", "windows", "normalisers", "enrichment"))
"""Differences that come of a newer program, not of what it makes of the event."""


class Again(msgspec.Struct, frozen=True):
    """A decision that was made again."""

    event_id: str
    position: int
    score: int
    verdict: str
    rules: int
    """Version of the rule set."""
    differences: tuple[Difference, ...]
    not_compared: tuple[str, ...] = ()
    """Own features that are not defined any more as they were."""

    @property
    def identical(self) -> bool:
        return not self.differences

    @property
    def in_versions_alone(self) -> bool:
        """Whether it differs, and only in versions of the program: a newer one came to the same."""
        return bool(self.differences) and {one.what for one in self.differences} <= _VERSIONS


class Unknown(Exception):
    """There is no decision of this id."""


def decide_again(
    directory: Path, forget_after_days: int, event_id: str | None = None, supplied: Supplied | None = None
) -> Iterator[Again]:
    """One decision, or with no id all of them in the order of the ledger. Raises `Unknown`."""
    history = History(directory)
    try:
        last = history.last_seq
        if event_id is not None:
            last = _position_in(event_id)
            if not 0 < last <= history.last_seq:
                raise Unknown
        yield from _Walk(history, forget_after_days, supplied).through(last, event_id)
    finally:
        history.close()


def _position_in(event_id: str) -> int:
    try:
        return int(event_id.removeprefix("ev_")[:12], 16)
    except ValueError:
        raise Unknown from None


class _Past:
    """Histories of all that some versions, and models, ask, whose own features are the same."""

    def __init__(
        self, history: History, tenant: int, book: Book, forget_after_days: int, supplied: Supplied | None
    ) -> None:
        self.tenant = tenant
        self.book = book
        self.asking: list[Defined] = []
        self._history = history
        self._days = forget_after_days
        self._supplied = supplied
        self._rulings: dict[tuple[int, tuple[str, ...], int, tuple[WantedFeatures, ...]], Ruling] = {}
        self._edits = history.list_edits()
        self.panel = Panel()

    def open(self) -> None:
        """When all that will be asked is known."""
        own = {self.tenant: self.book}
        asked = {self.tenant: self.asking}
        wanted = self.panel.wanted
        self.windows = Windows(
            own=own, forget_after_days=self._days, supplied=self._supplied, asked=asked, wanted=wanted
        )
        self._subjects = Subjects(self._history, self.windows)

    def present(self, event: EventRow) -> Present:
        """An event as it was judged; in ledger order."""
        return self._subjects.stored(event)

    def foretold(self, present: Present) -> Foretold | None:
        """What models made of the order when it was submitted, as it is stored: part of what was known."""
        subject = present.subject
        placed = self._subjects.fetch(subject.tenant, subject.event, subject.seq, foretold=True)
        return None if placed is None else placed.foretold

    def add(self, present: Present) -> None:
        """Let it count from now on."""
        self._subjects.add(present)

    def ruling(
        self, version: int, checked: CheckedSet, lacking: tuple[str, ...], seq: int, foretold: Foretold | None
    ) -> Ruling:
        """A version over these histories, and over lists as they were for the event at a position; it reads for the
        models, too, that are to judge this."""
        edits = bisect_right(self._edits, seq)
        readers = tuple(self.panel.readers(self.tenant, foretold))
        key = (version, lacking, edits, readers)
        if key not in self._rulings:
            if edits:
                self.windows.lists = lists_at(self._history.directory, seq)
            self._rulings[key] = Ruling(checked, self.windows, self.book, lacking, readers)
        return self._rulings[key]


class _Walk:
    def __init__(self, history: History, forget_after_days: int, supplied: Supplied | None) -> None:
        self._history = history
        self._days = forget_after_days
        self._supplied = supplied
        self._features = history.features()
        self._pasts: dict[tuple[int, bytes], _Past] = {}
        self._versions: dict[tuple[int, int], tuple[CheckedSet, _Past]] = {}
        for row in history.rule_sets():
            past = self._past(row.tenant, row.features)
            checked = holding(row.tenant, decoded(row.content), past.book)
            past.asking += checked.asking
            self._versions[row.tenant, row.version] = (checked, past)
        for tenant in history.tenant_ids():
            self._versions[tenant, 0] = (starter_in_force().checked, self._past(tenant, _NO_FEATURES))
        for past in self._pasts.values():
            _admit(past, history)
            past.open()

    def through(self, last: int, event_id: str | None) -> Iterator[Again]:
        """Walk up to a position; each decision that is wanted is made before its event counts."""
        for entry in self._history.entries():
            event = entry.event
            if event.seq > last:
                break
            presents = self._told(event)
            if event_id is not None and event.seq == last and event.event_id != event_id:
                raise Unknown
            if event_id is None or event.seq == last:
                if entry.decision is not None:
                    yield self._again(event, entry.decision, presents)
                elif event_id is not None:
                    raise Unknown
            for past, present in presents.items():
                past.add(present)

    def _told(self, event: EventRow) -> dict[_Past, Present]:
        """The event before all histories of its tenant; those of others only hear that it passes."""
        presents = {}
        for past in self._pasts.values():
            past.windows.pass_to(event.seq, event.received_ms)
            if past.tenant == event.tenant:
                presents[past] = past.present(event)
            else:
                past.windows.applied.add(event.seq)
        return presents

    def _again(self, event: EventRow, made: DecisionRow, presents: dict[_Past, Present]) -> Again:
        stored: dict[str, Any] = msgspec.json.decode(made.detail)
        version = int(stored.get("versions", {}).get("rules", 0))
        lacking = tuple(stored.get("lacking", ()))
        limits = stored.get("thresholds", (70, 94))
        if (event.tenant, version) not in self._versions:
            missing = Difference("versions/rules", version, None)
            return Again(event.event_id, event.seq, made.score, made.verdict, version, (missing,))
        checked, past = self._versions[event.tenant, version]
        degraded = tuple(stored.get("degraded", ()))
        present = reduced(presents[past], degraded) if degraded else presents[past]
        files = None if self._supplied is None else self._supplied.versions
        policy = msgspec.structs.replace(Policy(*limits), version=int(stored.get("policy", 0)))
        past.panel.put_by_id(event.tenant, stored.get("model", ""), [name for name, _ in stored.get("shadows", ())])
        foretold = past.foretold(present) if stored.get("judged_on") else None
        ruling = past.ruling(version, checked, lacking, event.seq, foretold)
        judgement = ruling.judge(present)
        opinion = past.panel.opinion(present.subject, judgement.handed, policy.red_above, foretold)
        now = decide(judgement, ruling.rules, policy, versions_of(version, files), lacking, (), degraded, opinion)
        if "explored" in stored and now.verdict == "decline" and not now.by:
            now = let_pass(now, msgspec.convert(stored["explored"], Explored))
        found, not_compared = self._compared(stored, now, event)
        return Again(event.event_id, event.seq, made.score, made.verdict, version, found, not_compared)

    def _compared(
        self, stored: dict[str, Any], now: Decision, event: EventRow
    ) -> tuple[tuple[Difference, ...], tuple[str, ...]]:
        told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(now))
        own_then, own_now = stored.pop("own", {}), told.pop("own", {})
        stored.pop("micros", None)
        there = {
            row.name for row in self._features if row.tenant == event.tenant and row.created_ms <= event.received_ms
        }
        compared = [name for name in own_then if name in own_now and name in there]
        found = [Difference(f"own/{name}", own_then[name], own_now[name]) for name in compared]
        for key in dict.fromkeys([*stored, *told]):
            found += _apart(key, stored.get(key), told.get(key))
        not_compared = tuple(name for name in own_then if name not in compared)
        return tuple(one for one in found if one.stored != one.now), not_compared

    def _past(self, tenant: int, features: bytes) -> _Past:
        key = (tenant, features)
        if key not in self._pasts:
            book = book_as_it_was(features, built_in())
            _add_what_fits(book, [row for row in self._features if row.tenant == tenant])
            self._pasts[key] = _Past(self._history, tenant, book, self._days, self._supplied)
        return self._pasts[key]


def _admit(past: _Past, history: History) -> None:
    """Every model that ever judged the tenant's orders or looked on, if it is still there and whole."""
    for row in history.models(past.tenant):
        package = Package(row.manifest, row.body, row.golden)
        try:
            past.panel.admit(past.tenant, LiveModel.of(try_out(package), package), past.book)
        except ModelRefused:
            continue  # its decisions then differ in `model`


def _add_what_fits(book: Book, rows: list[FeatureRow]) -> None:
    """Own features of today, for those decisions that are stored with them."""
    for row in rows:
        if row.name not in book:
            try:
                book.add(Feature(row.name, row.text, row.unit, row.says, row.reason, row.tenant))
            except LanguageError:
                continue  # made of one that is another now


def _apart(what: str, stored: Any, now: Any) -> list[Difference]:
    """Lists and objects element by element."""
    if isinstance(stored, dict) and isinstance(now, dict):
        return [
            one
            for key in dict.fromkeys([*stored, *now])
            for one in _apart(f"{what}/{key}", stored.get(key), now.get(key))
        ]
    if isinstance(stored, list) and isinstance(now, list) and len(stored) == len(now):
        return [one for at, pair in enumerate(zip(stored, now, strict=True)) for one in _apart(f"{what}/{at}", *pair)]
    return [] if stored == now else [Difference(what, stored, now)]
