"""`POST /api/v1/trials`: what an event would be answered with, if it came now; nothing of it is kept or counts."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Access
from fourthwatch.api.bodies import failed, faults_of_shape, refuse
from fourthwatch.api.changes import caller_of, document_of, json_reply
from fourthwatch.clock import Clock, iso_ms
from fourthwatch.decision import why
from fourthwatch.engine.corridor import Corridor
from fourthwatch.entities import involved_in
from fourthwatch.errors import Malformed
from fourthwatch.events import KINDS
from fourthwatch.rules.ruling import HIT, UNKNOWN
from fourthwatch.wire.decode import decode_event
from fourthwatch.wire.reply import BodyWarning, Reason, encode

_KINDS = {name: kind for kind in KINDS for name in (kind.name, *kind.aliases)}


class TrialChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event to try."""

    event: str
    """The kind, as in the path that it is sent to."""
    body: dict[str, Any]
    """As it would be sent."""


class TrialView(msgspec.Struct, frozen=True):
    """What would be answered."""

    event: str
    occurred_at: str
    """As we read the sender's clock."""
    warnings: tuple[BodyWarning, ...]
    """What would be taken otherwise than it was sent."""
    involved: tuple[str, ...]
    """Who and what it names, in their normal forms: type, colon, value."""
    is_decided: bool
    """Whether such an event is answered with a decision without being asked for one."""
    score: int
    flag: str
    verdict: str
    probability: float
    why: str
    reasons: tuple[Reason, ...]
    hits: tuple[str, ...]
    """Rules that hit, shadows included."""
    unknown: tuple[str, ...]
    """Rules that could not be answered."""
    body: msgspec.Raw
    """As it would be kept, card data masked."""


class Trials:
    """Handler of trials."""

    def __init__(self, access: Access, corridor: Corridor, clock: Clock, number_fields: frozenset[str]) -> None:
        self._access = access
        self._corridor = corridor
        self._clock = clock
        self._number_fields = number_fields

    def routes(self) -> list[Route]:
        """For the router."""
        return [Route("/api/v1/trials", self.run, methods=["POST"])]

    async def run(self, request: Request) -> Response:
        """Judge an event as if it had just come in."""
        caller = caller_of(self._access, request, "read")
        sent = _checked(await document_of(request))
        received_ms = self._clock.now_ms()
        try:
            decoded = decode_event(encode(sent.body), _KINDS[sent.event], received_ms, keep=self._number_fields)
        except Malformed as error:
            raise Malformed(error.message, pointer="/body" + error.pointer, code=error.code) from None
        walk = self._corridor.definitions.walk
        ruling = walk.rulings.of(caller.tenant).ruling
        made = walk.tried(caller.tenant, decoded, received_ms)
        judged = [rule.name for rule in ruling.rules if rule.is_evaluated]
        results = list(zip(judged, made.results, strict=False))
        return json_reply(
            TrialView(
                event=decoded.kind.name,
                occurred_at=iso_ms(decoded.occurred_ms),
                warnings=decoded.warnings,
                involved=tuple(involved_in(decoded.event).keys()),
                is_decided=decoded.kind.decided,
                score=made.score,
                flag=made.flag,
                verdict=made.verdict,
                probability=made.probability,
                why=why(made, ruling.rules, walk.judging.policies.of(caller.tenant)),
                reasons=made.reasons,
                hits=tuple(name for name, letter in results if letter == HIT),
                unknown=tuple(name for name, letter in results if letter == UNKNOWN),
                body=msgspec.Raw(decoded.body),
            )
        )


def _checked(document: dict[str, Any]) -> TrialChoice:
    faults = faults_of_shape(document, TrialChoice)
    told = document.get("event")
    refuse(faults + failed([("/event", not isinstance(told, str) or told in _KINDS, "there is no such kind of event")]))
    return msgspec.convert(document, TrialChoice)
