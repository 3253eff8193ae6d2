"""The walk of one event: has it been here, who is involved, what is known, what do we answer, made durable.

A batch is committed as one; while it is, the next one may walk. Synchronous, one thread; chance is handed in.
"""

from collections.abc import Callable, Container, Sequence

import msgspec

from fourthwatch.clock import Millis
from fourthwatch.decision import Decision, Foretold, Policy, decide
from fourthwatch.engine.consequences import Consequences, change_of
from fourthwatch.engine.exploring import Exploring
from fourthwatch.engine.identity import Identity, fresh_identity, identity_of, subject_of
from fourthwatch.engine.panel import Panel
from fourthwatch.engine.policies import Policies
from fourthwatch.engine.recent import Recent, Seen
from fourthwatch.engine.rulings import Rulings
from fourthwatch.engine.subjects import Subjects, first_told
from fourthwatch.errors import Conflict, LedgerUnreadable, Unavailable
from fourthwatch.events import Event
from fourthwatch.features.observe import Present
from fourthwatch.features.subject import Subject
from fourthwatch.features.windows import Windows
from fourthwatch.logs import log
from fourthwatch.rules.rule import Action
from fourthwatch.store.changes import Change, Write
from fourthwatch.store.draws import drawn
from fourthwatch.store.ledger import NONCE_BYTES, DecisionRow, EventRow, Ledger, Sealed
from fourthwatch.store.lists import entries_hit
from fourthwatch.store.outbox import CaseMove, Occasion
from fourthwatch.wire.decode import Decoded
from fourthwatch.wire.reply import BodyWarning, Reason, Receipt, encode

STAGES = ("enrichment", "neighbourhood", "explanation")
"""Parts of a decision that may be skipped, in the order in which they are."""
_SKIPPED_AT_QUARTERS = (2, 3, 4)
"""Of the deadline: half of it costs the first stage, three quarters the second, all of it the third."""


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
        self.policies = Policies(policy)
        """Which policy holds for whom; `policy` for everybody, until somebody puts others here."""
        self._random_bytes = random_bytes
        self._exploring = Exploring(random_bytes, ledger.draw_of, ledger.spent())
        self._ticks_ns = ticks_ns
        self.now_ms = 0
        """Wall time as of the newest turn; 0 where nobody waits."""
        self.panel = Panel() if panel is None else panel

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
        for at, submission in enumerate(batch):
            identity = identity_of(submission.decoded, submission.idempotency_key, submission.is_own)
            try:
                seen = self._find(submission, identity)
                if seen is None:  # what has to be read is read before anything changes
                    self._foretold(submission.tenant, submission.decoded.event, self.last_seq + 1)
            except LedgerUnreadable as damage:
                taken.outcomes.append(unreadable(damage))
                continue
            if seen is None:
                nonce = nonces[NONCE_BYTES * at : NONCE_BYTES * (at + 1)]
                taken.outcomes.append(self._take(submission, identity, nonce, taken))
            elif identity.by_key and seen[1] != submission.decoded.fingerprint:
                taken.outcomes.append(Conflict("this Idempotency-Key was used before with another body; use a new one"))
            else:
                taken.outcomes.append(seen[0])
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

    def _take(self, submission: Submission, identity: Identity, nonce: bytes, taken: Taken) -> Answer:
        decoded, tenant = submission.decoded, submission.tenant
        seq = self.last_seq + 1
        self.windows.pass_to(seq, submission.received_ms)
        present = self._subjects.present(
            tenant, seq, decoded.kind, decoded.event, decoded.occurred_ms, decoded.name, submission.received_ms,
            is_own=submission.is_own,
        )  # fmt: skip
        answered = decoded.kind.decided or submission.wants_score
        decision: Decision | None = None
        if answered or decoded.kind.rescores:
            found = self.windows.lists.found
            found.clear()  # somebody may have asked what would be
            degraded = self._put_off(submission)
            decision = self.decided(reduced(present, degraded) if degraded else present)
            if decision.verdict == "decline":
                decision = self._explored(decision, present, submission, taken, answered=answered)
            if decision.actions:
                taken.wishes += [(present.subject, one) for one in decision.actions if one.do in DONE_BEHIND]
            if found:
                taken.found(found, submission.received_ms)
        self._subjects.add(present, decision)
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
        if submission.actor:
            taken.spoken.append((change_of(event, decoded.event, submission.actor), submission.received_ms))
        taken.presents.append(present)
        if decision is None:
            occasion, move = self._consequences.of_other(event, decoded)
        else:
            row = _decision_row(seq, tenant, decision, answered=answered)
            taken.decisions.append(row)
            if decision.degraded and decoded.event.order_id is not None:
                taken.degraded.append(event)
            by_analyst, actions = submission.by_analyst, decision.actions
            occasion, move = self._consequences.of_decided(event, decoded, row, actions, by_analyst=by_analyst)
            if actions:
                taken.occasions += self._consequences.of_rules(event, decoded, actions)
        if move is not None:
            taken.case_moves.append(move)
        if occasion is not None:
            taken.occasions.append(occasion)
        self._recent.add(event)
        self.last_seq = seq
        return Answer(receipt_of(event.event_id, decoded.warnings, decision if answered else None), replayed=False)

    def decided(self, present: Present) -> Decision:
        """What is decided on an event, before it counts itself."""
        ready, ticks_ns = self.rulings.of(present.subject.tenant), self._ticks_ns
        ruling = ready.ruling
        if ticks_ns is None:
            judgement, micros = ruling.judge(present), None
        else:
            began = ticks_ns()
            values = ruling.values(present)
            read = ticks_ns()
            judgement = ruling.judged(values, present.subject)
            micros = ((read - began) // 1_000, (ticks_ns() - read) // 1_000)
        subject = present.subject
        policy = self.policies.of(subject.tenant)
        lacking, versions = ruling.lacking, ready.versions
        foretold = None if subject.order is None else self._foretold(subject.tenant, subject.event, subject.seq)
        opinion = self.panel.opinion(self.windows, present, judgement.vector, policy.red_above, foretold)
        return decide(judgement, ruling.rules, policy, versions, lacking, micros or (), subject.skipped, opinion)

    def _foretold(self, tenant: int, event: Event, before_seq: int) -> Foretold | None:
        """What models made of the order that an event is about; where any judge it is read back, and then at hand."""
        return self._subjects.fetch(tenant, event, before_seq, foretold=self.panel.judges(tenant))

    def _explored(
        self, decision: Decision, present: Present, submission: Submission, taken: Taken, *, answered: bool
    ) -> Decision:
        """A decision to decline, or what chance makes of it."""
        exploration = self.policies.of(present.subject.tenant).exploration
        may_draw = answered and not (submission.is_bulk or submission.is_own)
        decision, row = self._exploring.of(
            decision, exploration, present.subject, submission.received_ms, may_draw=may_draw
        )
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
        return self.decided(present)

    def _put_off(self, submission: Submission) -> tuple[str, ...]:
        """Stages to skip because of how long the event has waited; nothing for nearly all."""
        budget_ms = self.policies.of(submission.tenant).deadline_ms
        waited_ms = self.now_ms - submission.received_ms
        if waited_ms * 2 < budget_ms or budget_ms == 0 or submission.is_bulk:
            return ()
        return STAGES[: sum(waited_ms * 4 >= budget_ms * quarters for quarters in _SKIPPED_AT_QUARTERS)]

    def _old_answer(self, seq: int) -> Answer | Unavailable:
        try:
            return Answer(receipt_again(*self.ledger.stored(seq)), replayed=True)
        except LedgerUnreadable as damage:
            return unreadable(damage)


def unreadable(damage: LedgerUnreadable) -> Unavailable:
    """What is told to whoever asks for what cannot be read; nothing of the event is kept, and it can be sent again."""
    log.error("stored_event_unreadable", reason=str(damage), do="run fourthwatch doctor, then restore a backup")
    return Unavailable("what is stored about this cannot be read; the operator has been told", retry_after_s=60)


class _Told(msgspec.Struct):
    reasons: tuple[Reason, ...]
    degraded: tuple[str, ...] = ()


def reduced(present: Present, skipped: tuple[str, ...]) -> Present:
    """The event as it is judged without some stages."""
    supplied = None if "enrichment" in skipped else present.subject.supplied
    return Present(msgspec.structs.replace(present.subject, skipped=skipped, supplied=supplied), {})


def receipt_of(event_id: str, warnings: tuple[BodyWarning, ...], decision: Decision | None) -> Receipt:
    """What the shop is told about its event."""
    if decision is None:
        return Receipt("ok", _TAKEN, event_id, warnings)
    return _receipt(
        event_id, warnings, decision.score, decision.flag, decision.verdict, decision.reasons, decision.degraded
    )


def receipt_again(event: EventRow, made: DecisionRow | None) -> Receipt:
    """What the shop was told about a stored event."""
    warnings = () if event.warnings is None else msgspec.json.decode(event.warnings, type=tuple[BodyWarning, ...])
    if made is None or not made.answered:
        return receipt_of(event.event_id, warnings, None)
    told = msgspec.json.decode(made.detail, type=_Told)
    return _receipt(event.event_id, warnings, made.score, made.flag, made.verdict, told.reasons, told.degraded)


_TAKEN = "event recorded"
_DECIDED = "event recorded and decided"


def _receipt(
    event_id: str, warnings: tuple[BodyWarning, ...], score: int, flag: str, verdict: str, reasons: tuple[Reason, ...],
    degraded: tuple[str, ...] = (),
) -> Receipt:  # fmt: skip
    return Receipt(
        "ok", _DECIDED, event_id, warnings, score, flag, verdict, reasons, degraded if degraded else msgspec.UNSET
    )


def _decision_row(seq: int, tenant: int, decision: Decision, *, answered: bool) -> DecisionRow:
    return DecisionRow(
        seq=seq,
        tenant=tenant,
        score=decision.score,
        flag=decision.flag,
        verdict=decision.verdict,
        answered=answered,
        detail=encode(decision),
    )
