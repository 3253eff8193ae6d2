"""What is known as of now about every entity of every tenant, in memory; derived from the ledger and rebuildable.

Read first, then add: an event never counts in its own features. What is known is a function of the set of events that
were added, by ledger position: their order does not matter, and adding one again has no effect.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from fourthwatch.entities.supplied import Supplied
from fourthwatch.events import CreateAccount, LinkSessionToUser, Login
from fourthwatch.features.backfiller import Backfiller, add_in_parts
from fourthwatch.features.catalogue import DECIDING, Vector, built_in
from fourthwatch.features.definition import Book, Defined, needs_of
from fourthwatch.features.forgetting import Horizon, Passed
from fourthwatch.features.inputs import Inputs
from fourthwatch.features.kernel import Kernel
from fourthwatch.features.lists import Lists
from fourthwatch.features.observe import By, Observer, Present
from fourthwatch.features.positions import Applied, Lack
from fourthwatch.features.reading import Reading
from fourthwatch.features.repeats import Others, settle
from fourthwatch.features.series import Registry, Series, SeriesHead
from fourthwatch.features.specification import Plan
from fourthwatch.features.things import THINGS, key_of
from fourthwatch.features.wanted import WantedFeatures
from fourthwatch.limits import FORGET_AFTER_DAYS, FORGOTTEN_PER_STEP, SOURCES_MAX

WINDOWS_VERSION = 7
"""Goes up whenever the same events would give other histories; a snapshot of another version is not read."""

_STITCHING = (LinkSessionToUser, Login, CreateAccount)
"""The kinds that say for sure that a session is a user's (contract, section 9, row 8)."""

SessionUser = tuple[int, str]
"""Ledger position of the link, and the user."""


class Windows:
    """Histories by entity, what is read of them for a decision, and which user a session turned out to be."""

    def __init__(
        self,
        book: Book | None = None,
        heads: Sequence[SeriesHead] | None = None,
        up_to: int = 0,
        own: Mapping[int, Book] | None = None,
        forget_after_days: int = FORGET_AFTER_DAYS,
        asked: Mapping[int, Sequence[Defined]] | None = None,
        supplied: Supplied | None = None,
        wanted: Mapping[str, WantedFeatures] | None = None,
    ) -> None:
        """Empty, or with `heads` about to be given the slices of a snapshot that was taken at position `up_to`.

        `own` are the books of tenants that have features of their own, `asked` the expressions of tenants' rules,
        `supplied` the operator's files, `wanted` what models read.
        """
        self.supplied = supplied
        self.lists = Lists()
        """As of now; whoever has others puts them here before anything is compiled over these windows."""
        self._horizon = Horizon(forget_after_days)
        self.book = built_in() if book is None else book
        self.asked: dict[int, Sequence[Defined]] = dict(asked or {})
        """By tenant, expressions that ask the histories without being features; after a change as with `own`."""
        self.generation = 0
        """Goes up whenever what was compiled over these windows has to be compiled anew."""
        self.own: dict[int, Book] = dict(own or {})
        """By tenant; after a change of a book call `need` or `release`."""
        self._deciding: tuple[Reading, Plan] | None = None
        self.wanted: dict[str, WantedFeatures] = dict(wanted or {})
        """By the name of a model, as `own`."""
        self.registry = Registry()
        self.applied = Applied(up_to)
        self._users: dict[str, list[SessionUser]] = {}
        self._links: deque[tuple[int, str]] = deque()
        """Linked sessions by the position at which it was last seen to that they are not forgotten."""
        self._routes: dict[By, set[str]] = {}
        self._leftovers: list[int] = []
        self._lack = Lack()
        self._lacking: frozenset[int] = frozenset()
        """Numbers of the series whose past is not in yet."""
        self._kernel = Kernel([0])
        for head in heads or ():
            self._kernel.define(head.number, head.mode)
        self._need(self._everything(), heads, complete=heads is None)
        self._compile()

    def __len__(self) -> int:
        return len(self._kernel)

    @property
    def memory_bytes(self) -> int:
        return self._kernel.memory_bytes()

    def pass_to(self, seq: int, received_ms: int) -> None:
        """The next event of the ledger is about to be judged; whoever was silent for too long by now is forgotten."""
        horizon = self._horizon
        was = horizon.below
        if horizon.pass_to(seq, received_ms) != was:
            self._kernel.forget(horizon.below)

    def vector(self, present: Present) -> Vector:
        """What decisions are stored with, before the event itself counts."""
        if self._deciding is None:
            self._deciding = self.reading_of(self.book, DECIDING)
        return self.read(*self._deciding, present)

    def answers(self, reading: Reading, plan: Plan, present: Present) -> list[Any]:
        """All that a reading needs of the histories, to be asked for before the event itself counts."""
        questions, at_ms = reading.questions, present.subject.occurred_ms
        answers: list[Any] = self._kernel.read(plan, at_ms, questions.keys(present), questions.marks(present))
        answers += [recall(present) for recall in reading.recalls]
        return answers

    def read(self, reading: Reading, plan: Plan, present: Present) -> Vector:
        """The wanted features of a reading."""
        return reading.values(self.answers(reading, plan, present), present)

    def reading_of(self, book: Book, names: Sequence[str]) -> tuple[Reading, Plan]:
        """Any features of a book, with the plan that `read` wants; their series must be here."""
        reading = Reading(book.with_parts(names), names, self.registry, self._kernel)
        return reading, self._kernel.plan(reading.questions.queries)

    def inputs_of(
        self,
        book: Book,
        names: Sequence[str],
        expressions: Sequence[Defined],
        lacking: Collection[str] = (),
        beside: Sequence[WantedFeatures] = (),
    ) -> tuple[Inputs, Plan]:
        """What `Inputs` reads together, with the plan that `read_all` wants."""
        found = Inputs(book, names, expressions, self.registry, self._kernel, lacking, self.lists, beside)
        return found, self._kernel.plan(found.questions.queries)

    def read_all(self, inputs: Inputs, plan: Plan, present: Present) -> list[Any]:
        """Everything that is read together, before the event itself counts."""
        return inputs.read_from(self.answers(inputs, plan, present), present)

    def add(self, present: Present, others: Others | None = None) -> None:
        """Let the event count from now on; `others` finds those before it that told of the same thing."""
        subject = present.subject
        if not self.applied.add(subject.seq):
            return
        observer = self._observer
        entities, seen = observer.entities(present), observer.observations(present, subject.kind.number)
        mark = present.mark if present.comes_again else 0
        if len(entities) <= SOURCES_MAX and len(seen) <= SOURCES_MAX:
            doubts = self._kernel.add(subject.seq, subject.occurred_ms, entities, seen, mark)
        else:
            doubts = add_in_parts(self._kernel.add, subject.seq, subject.occurred_ms, entities, seen, mark)
        if doubts and others is not None:
            settle(self._kernel, observer, present, frozenset(doubts), others(present), self._is_in)
        event = subject.event
        if isinstance(event, _STITCHING) and event.session_id is not None and event.user_id is not None:
            self._link(subject.tenant, event.session_id, subject.seq, event.user_id)

    def _is_in(self, series: int, seq: int) -> bool:
        """Whether an event that was added is in a series, whose past may still be on its way."""
        return series not in self._lacking or self._lack.has(seq)

    def _link(self, tenant: int, session: str, seq: int, user: str) -> None:
        name = f"{tenant}|{session}"
        links = self._users.get(name)
        if links is None:
            links = self._users[name] = []
            self._links.append((seq, name))
        elif links[-1][0] < self._horizon.below and not self._holds(tenant, session, links[-1][0]):
            links.clear()  # of a session that was forgotten, and comes back as a new one
        if not links or links[-1][1] != user:
            links.append((seq, user))
            links.sort()

    def knows(self, tenant: int, text: str) -> bool:
        return self._kernel.knows(key_of(tenant, text))

    def user_of_session(self, tenant: int, session: str, before_seq: int) -> str | None:
        """The user a session was last linked to before a ledger position; `None` when it was not."""
        for seq, user in reversed(self._users.get(f"{tenant}|{session}", ())):
            if seq < before_seq:
                return user if seq >= self._horizon.below or self._holds(tenant, session, seq) else None
        return None

    def _holds(self, tenant: int, session: str, seq: int) -> bool:
        """Whether a session was not forgotten since it was linked."""
        first = self._kernel.first_seq(key_of(tenant, "session:" + session))
        return first is not None and first <= seq

    def is_known_session(self, tenant: int, text: str, before_seq: int) -> bool:
        """Whether an id that came as a user's is in truth a session's (contract, section 9, row 7)."""
        session = self._kernel.first_seq(key_of(tenant, "session:" + text))
        if session is None or session >= before_seq:
            return False
        user = self._kernel.first_seq(key_of(tenant, "user:" + text))
        return user is None or user >= before_seq

    # Features that come and go.

    def need(self, features: Iterable[Defined], *, complete: bool = False) -> list[Series]:
        """Begin to remember what features ask; returns those series of which the past is not in yet.

        `complete` says that there is no past.
        """
        self._need(features, None, complete=complete)
        self._compile()
        return self.incomplete()

    def keeps(self, features: Iterable[Defined]) -> bool:
        """Whether all that these ask is remembered already."""
        return all(self._routes.get(by, set()) >= texts for by, texts in needs_of(features)[1].items())

    def incomplete(self) -> list[Series]:
        """Series of which the past is not in yet."""
        return [one.series for one in self.registry.all().values() if not one.complete]

    def release(self) -> None:
        """Forget what no feature of any book asks any more."""
        series, self._routes = needs_of(self._everything())
        for one in list(self.registry.all().values()):
            if one.series.text not in series:
                self._kernel.drop_series(self.registry.give_up(one.series))
        self._routes = {
            by: {text for text in texts if text in self.registry.all()} for by, texts in self._routes.items()
        }
        self._compile()

    def own_is(self, tenant: int, book: Book) -> None:
        """A tenant's book has changed; its new features are unknown until `need` and `completed` say otherwise."""
        self.own[tenant] = book
        self.generation += 1

    def want(self, name: str, wanted: WantedFeatures) -> list[Defined]:
        """Read these features under a name from now on; returns what `need` is to be called with."""
        self.wanted[name] = wanted
        return wanted.book.with_parts(wanted.names)

    def first_ms(self, tenant: int, text: str) -> int | None:
        """When a thing, `kind:normal form`, was first heard of; `None` when never."""
        return self._kernel.first_ms(key_of(tenant, text))

    def _everything(self) -> Iterator[Defined]:
        yield from self.book.kept()
        for book in self.own.values():
            yield from book.with_parts([one.feature.name for one in book.own()])
        for tenant, expressions in self.asked.items():
            parts = sorted(set().union(*[one.names for one in expressions])) if expressions else []
            yield from self.own.get(tenant, self.book).with_parts(parts)
            yield from expressions
        for wanted in self.wanted.values():
            yield from wanted.book.with_parts(wanted.names)

    def completed(self, all_series: Iterable[Series]) -> None:
        """The past of these series is in now."""
        for series in all_series:
            self.registry.completed(series)
        self._compile()

    def backfiller(self, all_series: Sequence[Series]) -> Backfiller:
        """Adds the past of some series, event after event, in any order, each once."""
        wanted = [self.registry.all()[series.text] for series in all_series]
        numbers = {one.series.text: one.number for one in wanted}
        routes = {by: {numbers[text] for text in texts & numbers.keys()} for by, texts in self._routes.items()}
        kept = self.registry.all()
        heard = {by for by, texts in self._routes.items() if any(kept[text].complete for text in texts)}
        heard |= {(thing.name,) for thing in THINGS.values() if thing.is_always_heard}
        return Backfiller(self._kernel, Observer(wanted, routes), heard, self._lack)

    def give_back(self, limit: int = FORGOTTEN_PER_STEP) -> None:
        """Give back some of the memory of what is forgotten; nobody's answer depends on it."""
        below = self._horizon.below
        if below == 0:
            return
        self._kernel.take_out_forgotten(limit)
        for _ in range(min(limit, len(self._links))):
            seen, link = self._links[0]
            if seen >= below:
                break
            self._links.popleft()
            tenant, _, session = link.partition("|")
            links = [one for one in self._users[link] if one[0] >= below or self._holds(int(tenant), session, one[0])]
            if links:
                self._users[link] = links
                self._links.append((self._horizon.passed_to, link))
            else:
                del self._users[link]

    def _need(self, features: Iterable[Defined], heads: Sequence[SeriesHead] | None, *, complete: bool) -> None:
        known = {head.text: head for head in heads or ()}
        series, routes = needs_of(features)
        for text, one in series.items():
            head = known.pop(text, None)
            if head is not None and head.complete and _kept_by(text, routes) <= set(head.kept_by):
                self.registry.adopt(one, head.number)
            elif head is not None:
                known[text] = head
        if heads:
            self._leftovers = [head.number for head in known.values()]
            last = max(head.number for head in heads)
            self.registry.start_after(last)
            for number in sorted(set(range(1, last + 1)) - {head.number for head in heads}):
                self.registry.free(number)
        if not self._lacking:
            self._lack = Lack(self.applied.up_to)
        for one in series.values():
            numbered = self.registry.need(one, complete=complete)
            self._kernel.define(numbered.number, int(one.mode))
        for by, texts in routes.items():
            self._routes.setdefault(by, set()).update(texts)

    def _compile(self) -> None:
        all_series = self.registry.all()
        routes = {by: {all_series[text].number for text in texts} for by, texts in self._routes.items()}
        self._observer = Observer(all_series.values(), routes)
        for kind, kept, always in self._observer.kinds:
            self._kernel.route(kind, kept, always)
        self._lacking = frozenset(one.number for one in all_series.values() if not one.complete)
        self._deciding = None
        self.generation += 1

    # Snapshots: as of the moment they begin, written slice after slice while events go on being added.

    def heads(self) -> list[SeriesHead]:
        """The series, for the head of a snapshot."""
        return [
            SeriesHead(
                one.number, int(one.series.mode), text, one.complete, tuple(sorted(_kept_by(text, self._routes)))
            )
            for text, one in self.registry.all().items()
        ]

    def begin_snapshot(self) -> None:
        """From now on slices show the histories as they are at this moment."""
        self._kernel.begin_snapshot()

    def next_slice(self, max_bytes: int) -> bytes:
        """The next slice; empty after the last."""
        return self._kernel.next_slice(max_bytes)

    def end_snapshot(self) -> None:
        """After the last slice, or instead of it."""
        self._kernel.end_snapshot()

    def load(self, piece: bytes) -> None:
        """Put a slice back; raises `ValueError` when it is none."""
        self._kernel.load(piece)

    def loaded(self) -> None:
        """All slices are back: forget what no feature asks any more."""
        for number in self._leftovers:
            self._kernel.drop_series(number)
            self.registry.free(number)
        self._leftovers = []

    def session_users(self) -> Mapping[str, list[SessionUser]]:
        """Which users each linked session was given to; shared, not a copy."""
        return self._users

    def restore_session_users(self, users: Mapping[str, list[SessionUser]]) -> None:
        """Put the links of sessions back."""
        if not users:  # as in nearly every chunk of a snapshot
            return
        self._users.update(users)
        self._links = deque(sorted((links[-1][0], session) for session, links in self._users.items() if links))

    def passed(self) -> Passed:
        """How far the horizon has come, for the head of a snapshot."""
        return self._horizon.passed()

    def restore_passed(self, passed: Passed) -> None:
        """Put the horizon back."""
        self._horizon.restore(passed)
        self._kernel.forget(passed.below)


def _kept_by(text: str, routes: Mapping[By, set[str]]) -> set[str]:
    return {"+".join(by) for by, texts in routes.items() if text in texts}
