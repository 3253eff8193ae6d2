"""The walk of one event: has it been here, who is involved, what is known, what do we answer, made durable.

A batch is committed as one; while it is, the next one may walk. Synchronous, one thread; chance is handed in.
"""

from collections.abc import Callable, Container, Sequence

import msgspec

from fourthwatch.clock import Millis
from fourthwatch.decision import Decision, Opinion, Policy, foretold_by
from fourthwatch.engine.consequences import Consequences, change_of
from fourthwatch.engine.exploring import Exploring
from fourthwatch.engine.identity import Identity, fresh_identity, identity_of, subject_of
from fourthwatch.engine.judging import Judging, Known, reduced
from fourthwatch.engine.orders import Placed
from fourthwatch.engine.panel import Panel
from fourthwatch.engine.policies import Policies
from fourthwatch.engine.receipts import receipt_again, receipt_of
from fourthwatch.engine.recent import Recent, Seen
from fourthwatch.engine.rulings import Rulings
from fourthwatch.engine.subjects import Subjects, first_told
from fourthwatch.entities import Involved, involved_in
from fourthwatch.errors import Conflict, LedgerUnreadable, Unavailable
from fourthwatch.events import CreateOrder, Event
from fourthwatch.features.observe import Present
from fourthwatch.features.subject import Subject
from fourthwatch.features.windows import Windows
from fourthwatch.logs import log
from fourthwatch.rules.rule import Action
from fourthwatch.rules.ruling import Judgement
from fourthwatch.store.changes import Change, Write
from fourthwatch.store.draws import drawn
from fourthwatch.store.ledger import NONCE_BYTES, DecisionRow, EventRow, Ledger, Sealed
from fourthwatch.store.lists import entries_hit
from fourthwatch.store.outbox import CaseMove, Occasion
from fourthwatch.wire.decode import Decoded
from fourthwatch.wire.reply import Receipt, encode


class Submission(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An event on its way in."""

    tenant: int
    decoded: Decoded
    received_ms: Millis
    idempotency_key: str | None = None
    wants_score: bool = False
    by_analyst: bool = False
    """Whether it is an analyst's decision, made here, of which the shop has to hear."""
    is_bulk: bool = False
    """Whether it is history, or other work that may wait: it walks when nobody else does, and is decided in full."""
    is_own: bool = False
    """Whether it is an event of our own, whose word counts as ours."""
    actor: str = ""
    """Id of the key by which somebody here says it, for the audit trail; empty for what shops and rules say."""

    @property
    def is_answered(self) -> bool:
        """Whether the submitter is told what is decided."""
        return self.decoded.kind.decided or self.wants_score


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What the submitter is told once the batch is durable."""

    receipt: Receipt
    replayed: bool
    """Whether the event had been here before; then the receipt is the old one."""


Outcome = Answer | Conflict | Unavailable
Wish = tuple[Subject, Action]
DONE_BEHIND = ("list", "label", "tag")
"""Of the actions of rules those that are carried out behind the decision that wants them; `queue` and `webhook` are
in its own transaction."""


class Taken:
    """Events that have walked, on their way to the disk, and what their senders are to be told then."""

    def __init__(self) -> None:
        self.events: list[EventRow] = []
        self.decisions: list[DecisionRow] = []
        self.presents: list[Present] = []
        """Per event what its walk found out about it."""
        self.occasions: list[Occasion] = []
        self.case_moves: list[CaseMove] = []
        self.outcomes: list[Outcome | int] = []
        """Per submission its outcome, or the position of the event that it repeats."""
        self.wishes: list[Wish] = []
        """What rules that count want put into lists, and said of orders and users."""
        self.degraded: list[EventRow] = []
        """Events about orders of whose decision something was put off."""
        self.spoken: list[tuple[Change, Millis]] = []
        """For the audit trail: what people have said by events, and when."""
        self.hits: dict[int, tuple[int, int]] = {}
        """By entry of a list that a decision found: how often, and when the newest event was received."""
        self.draws: list[Write] = []
        """What chance has drawn for orders that would be declined."""
        self._sealed: Sealed | None = None

    def seal(self, ledger: Ledger) -> None:
        """Make it ready to be written next; nothing joins it any more."""
        if self.events:
            also = (*(entries_hit(self.hits) if self.hits else ()), *self.draws)
            told = (self.occasions, self.case_moves, also, self.spoken)
            self._sealed = ledger.sealed(self.events, self.decisions, *told)

    def found(self, entries: Sequence[int], received_ms: int) -> None:
        """A decision found these entries of lists; each counts once for it."""
        for entry in set(entries):
            count, last_ms = self.hits.get(entry, (0, 0))
            self.hits[entry] = (count + 1, max(last_ms, received_ms))

    def append_to(self, ledger: Ledger) -> None:
        """Make it durable, sealed before or not; raises `LedgerFull` or `LedgerBroken`."""
        if self._sealed is None:
            self.seal(ledger)
        if self._sealed is not None:
            ledger.write(self._sealed)


class _Walked(msgspec.Struct, gc=False):
    """An event that counts, on its way through the steps that are left."""

    at: int
    """Place of its outcome."""
    submission: Submission
    present: Present
    event: EventRow
    placed: Placed | None
    """The order that it is, or is about."""
    known: Known | None
    """`None`: it is not judged."""
    decision: Decision | None = None
    detail: bytes = b""
    """The decision as it is stored."""


class Walk:
    """The corridor's inside: ledger, windows and orders, and the way through them."""

    def __init__(
        self,
        ledger: Ledger,
        windows: Windows,
        policy: Policy,
        random_bytes: Callable[[int], bytes],
        rulings: Rulings | None = None,
        ticks_ns: Callable[[], int] | None = None,
        heard: Container[int] = frozenset(),
        panel: Panel | None = None,
    ) -> None:
        """`rulings` says who is judged by what, by the starter set if it is not given; `ticks_ns` times it; `heard` are
        the tenants of which somebody wants to hear, and may change while the walk is used; `panel` has the models,
        without which the points of the rules judge."""
        self.ledger = ledger
        self.windows = windows
        self.rulings = Rulings(windows) if rulings is None else rulings
        self.last_seq = ledger.last_seq
        """Position of the newest event that walked; the ledger's own is that of the newest that is durable."""
        self._recent = Recent(ledger)
        self._subjects = Subjects(ledger, windows)
        self._consequences = Consequences(heard, ledger.open_cases())
        self._random_bytes = random_bytes
        self._exploring = Exploring(random_bytes, ledger.draw_of, ledger.spent())
        self.now_ms = 0
        """Wall time as of the newest turn; 0 where nobody waits."""
        self.panel = Panel() if panel is None else panel
        self.judging = Judging(self.rulings, Policies(policy), self.panel, ticks_ns)

    def run(self, batch: Sequence[Submission]) -> list[Outcome]:
        """Take a batch, make it durable and answer it, all on this thread.

        Raises `LedgerFull` or `LedgerBroken`; then the windows hold events that the ledger does not, and the walk must
        not be used again.
        """
        taken = self.take(batch)
        taken.append_to(self.ledger)
        return self.answers(taken)

    def take(self, batch: Sequence[Submission], taken: Taken | None = None) -> Taken:
        """Walk a batch in memory, behind those of `taken`; nothing is durable yet, and nobody may be answered.

        What was taken before may still be on its way to the disk; should it not arrive, this walk is of no more use.
        """
        taken = Taken() if taken is None else taken
        if not batch:
            return taken
        self._subjects.expect(
            lambda: first_told(self.ledger, [(o.tenant, subject_of(o.decoded.kind, o.decoded.event)) for o in batch])
        )
        nonces = self._random_bytes(NONCE_BYTES * len(batch))
        said = [involved_in(submission.decoded.event) for submission in batch]
        walked: list[_Walked] = []
        for at, submission in enumerate(batch):
            identity = identity_of(submission.decoded, submission.idempotency_key, submission.is_own)
            try:
                seen = self._find(submission, identity)
                if seen is None:  # what has to be read is read before anything changes
                    placed = self._placed(submission.tenant, submission.decoded.event, self.last_seq + 1)
            except LedgerUnreadable as damage:
                taken.outcomes.append(unreadable(damage))
                continue
            if seen is None:
                nonce = nonces[NONCE_BYTES * at : NONCE_BYTES * (at + 1)]
                one = self._counted(submission, identity, nonce, said[at], placed, taken)
                walked.append(one)
                taken.outcomes.append(one.event.seq)
            elif identity.by_key and seen[1] != submission.decoded.fingerprint:
                taken.outcomes.append(
                    Conflict("this Idempotency-Key was used before with another request; use a new one")
                )
            else:
                taken.outcomes.append(seen[0])
        self._decide(walked, taken)
        return taken

    def answers(self, taken: Taken) -> list[Outcome]:
        """One outcome per submission of a batch that is durable now."""
        return [self._old_answer(outcome) if isinstance(outcome, int) else outcome for outcome in taken.outcomes]

    def replay(self, rows: Sequence[EventRow]) -> None:
        """Let stored events count again, in their order, as they did when they came in."""
        self._subjects.expect(lambda: first_told(self.ledger, [(row.tenant, row.subject) for row in rows]))
        for row in rows:
            self.windows.pass_to(row.seq, row.received_ms)
            self._subjects.add(self._subjects.stored(row))

    def others(self, present: Present) -> list[Present]:
        """All that has walked and counts as the same thing as a stored event."""
        return self._subjects.others(present, self.last_seq + 1)

    def _find(self, submission: Submission, identity: Identity) -> Seen | None:
        """The event that this submission repeats."""
        tenant, decoded = submission.tenant, submission.decoded
        if identity.exact is not None:
            return self._recent.by_identity(tenant, identity.exact)
        subject = subject_of(decoded.kind, decoded.event) if identity.family else None
        if subject is None:
            return None
        newest = self._recent.newest_of(tenant, subject, identity.family)
        return newest if newest is not None and newest[1] == decoded.fingerprint else None

    def _counted(
        self, submission: Submission, identity: Identity, nonce: bytes, said: Involved, placed: Placed | None,
        taken: Taken,
    ) -> "_Walked":  # fmt: skip
        """Take an event in: what is known of it before, if it is to be judged, and then it counts."""
        decoded, tenant = submission.decoded, submission.tenant
        seq = self.last_seq + 1
        self.windows.pass_to(seq, submission.received_ms)
        present = self._subjects.present(
            tenant, seq, decoded.kind, decoded.event, decoded.occurred_ms, decoded.name, submission.received_ms,
            is_own=submission.is_own, said=said,
        )  # fmt: skip
        known: Known | None = None
        if decoded.kind.decided or decoded.kind.rescores or submission.wants_score:
            degraded = self._put_off(submission)
            foretold = None if placed is None else placed.foretold
            known = self.judging.known(reduced(present, degraded) if degraded else present, foretold)
        placed = self._subjects.add(present, is_judged=known is not None) or placed
        event = EventRow(
            seq=seq,
            tenant=tenant,
            nonce=nonce,
            identity=identity.exact or fresh_identity(nonce, is_own=submission.is_own),
            fingerprint=decoded.fingerprint,
            kind=decoded.kind.number,
            name=decoded.name,
            subject=subject_of(decoded.kind, decoded.event),
            occurred_ms=decoded.occurred_ms,
            received_ms=submission.received_ms,
            body=decoded.body,
            warnings=encode(decoded.warnings) if decoded.warnings else None,
            from_go=decoded.from_go,
        )
        taken.events.append(event)
        taken.presents.append(present)
        self._recent.add(event)
        self.last_seq = seq
        return _Walked(len(taken.outcomes), submission, present, event, placed, known)

    def _decide(self, walked: Sequence["_Walked"], taken: Taken) -> None:
        """Judge all that were taken in, step by step for all of them: each step finds at hand what it needs."""
        judging = self.judging
        judged = [(one, known, *self._judged(one, known, taken)) for one in walked if (known := one.known) is not None]
        opinions = [self._opinion(one, known, judgement) for one, known, judgement, _ in judged]
        self.panel.count(opinions)
        for (one, known, judgement, micros), opinion in zip(judged, opinions, strict=True):
            decision = judging.decided(known, judgement, micros, opinion)
            one.decision = self._explored(decision, one, taken) if decision.verdict == "decline" else decision
        for one in walked:
            if one.decision is not None:
                one.detail = encode(one.decision)
        for one in walked:
            taken.outcomes[one.at] = self._told(one, taken)

    def _judged(self, one: "_Walked", known: Known, taken: Taken) -> tuple[Judgement, tuple[int, ...]]:
        found = self.windows.lists.found
        found.clear()  # somebody may have asked what would be
        judged = self.judging.judged(known)
        if found:
            taken.found(found, one.submission.received_ms)
        return judged

    def _opinion(self, one: "_Walked", known: Known, judgement: Judgement) -> Opinion | None:
        """What models make of an event; of a submission it is there for the events behind it."""
        subject, placed = known.present.subject, one.placed
        if placed is None or not isinstance(subject.event, CreateOrder):
            return self.judging.opinion(known, judgement, None if placed is None else placed.foretold)
        opinion = self.judging.opinion(known, judgement, None)
        placed.foretold = foretold_by(subject.seq, opinion, subject.skipped)
        return opinion

    def _told(self, one: "_Walked", taken: Taken) -> Answer:
        """What follows from an event, and what its sender is told."""
        submission, event, decision = one.submission, one.event, one.decision
        decoded = submission.decoded
        if submission.actor:
            taken.spoken.append((change_of(event, decoded.event, submission.actor), submission.received_ms))
        if decision is None:
            occasion, move = self._consequences.of_other(event, decoded)
        else:
            row = _decision_row(one, decision)
            taken.decisions.append(row)
            if decision.degraded and decoded.event.order_id is not None:
                taken.degraded.append(event)
            by_analyst, actions = submission.by_analyst, decision.actions
            occasion, move = self._consequences.of_decided(event, decoded, row, actions, by_analyst=by_analyst)
            if actions:
                taken.wishes += [(one.present.subject, each) for each in actions if each.do in DONE_BEHIND]
                taken.occasions += self._consequences.of_rules(event, decoded, actions)
        if move is not None:
            taken.case_moves.append(move)
        if occasion is not None:
            taken.occasions.append(occasion)
        answer = decision if submission.is_answered else None
        return Answer(receipt_of(event.event_id, decoded.warnings, answer), replayed=False)

    def _placed(self, tenant: int, event: Event, before_seq: int) -> Placed | None:
        """The order that an event is about, and what models made of it: where any judge it is read back, and then at
        hand."""
        return self._subjects.fetch(tenant, event, before_seq, foretold=self.panel.judges(tenant))

    def _explored(self, decision: Decision, one: "_Walked", taken: Taken) -> Decision:
        """A decision to decline, or what chance makes of it."""
        submission, subject = one.submission, one.present.subject
        exploration = self.judging.policies.of(subject.tenant).exploration
        may_draw = submission.is_answered and not (submission.is_bulk or submission.is_own)
        decision, row = self._exploring.of(decision, exploration, subject, submission.received_ms, may_draw=may_draw)
        if row is not None:
            taken.draws.append(drawn(row))
        return decision

    def tried(self, tenant: int, decoded: Decoded, received_ms: Millis) -> Decision:
        """What would be decided on an event that came now. It leaves nothing behind but one more row of what
        the drift of models is measured on."""
        event, occurred_ms = decoded.event, decoded.occurred_ms
        present = self._subjects.present(
            tenant, self.last_seq + 1, decoded.kind, event, occurred_ms, decoded.name, received_ms, is_kept=False
        )
        placed = self._placed(tenant, event, present.subject.seq)
        foretold = None if placed is None else placed.foretold
        known = self.judging.known(present, foretold)
        judgement, micros = self.judging.judged(known)
        return self.judging.decided(known, judgement, micros, self.judging.opinion(known, judgement, foretold))

    def _put_off(self, submission: Submission) -> tuple[str, ...]:
        """Stages to skip because of how long the event has waited; nothing for nearly all."""
        if submission.is_bulk:
            return ()
        return self.judging.put_off(submission.tenant, self.now_ms - submission.received_ms)

    def _old_answer(self, seq: int) -> Answer | Unavailable:
        try:
            return Answer(receipt_again(*self.ledger.stored(seq)), replayed=True)
        except LedgerUnreadable as damage:
            return unreadable(damage)


def unreadable(damage: LedgerUnreadable) -> Unavailable:
    """What is told to whoever asks for what cannot be read; nothing of the event is kept, and it can be sent again."""
    log.error("stored_event_unreadable", reason=str(damage), do="run fourthwatch doctor, then restore a backup")
    return Unavailable("what is stored about this cannot be read; the operator has been told", retry_after_s=60)


def _decision_row(one: "_Walked", decision: Decision) -> DecisionRow:
    return DecisionRow(
        seq=one.event.seq,
        tenant=one.event.tenant,
        score=decision.score,
        flag=decision.flag,
        verdict=decision.verdict,
        answered=one.submission.is_answered,
        detail=one.detail,
    )
