"""Examples of rules, tried: each event is told to empty histories, after those that come before it.

A set whose rules do not say of their examples what they should is not published.
"""

from typing import Any

import msgspec

from fourthwatch.clock import SECOND_MS, Millis
from fourthwatch.entities import Involved, completed, involved_in
from fourthwatch.errors import Finding, Malformed
from fourthwatch.events import KIND_OF_NAME, CreateOrder
from fourthwatch.features.definition import Book
from fourthwatch.features.inputs import text_of
from fourthwatch.features.observe import Present
from fourthwatch.features.recognition import recognised
from fourthwatch.features.subject import Subject
from fourthwatch.features.windows import Windows
from fourthwatch.language import FieldInput, inputs_of
from fourthwatch.rules.check import CheckedSet
from fourthwatch.rules.rule import Example, Expected
from fourthwatch.rules.ruling import HIT, MISS, UNKNOWN, Ruling
from fourthwatch.rules.trace import sentence
from fourthwatch.wire.decode import decode_event

AT_MS = 1_800_000_000_000
"""When the judged event of an example happens, unless it says so itself."""
_ANYBODY = {"_orderId": "order-of-an-example", "_userId": "user-of-an-example"}
_WORDS: dict[str, Expected] = {HIT: "hit", MISS: "miss", UNKNOWN: "unknown"}


class Tried(msgspec.Struct, frozen=True):
    """One example of one rule."""

    rule: str
    number: int
    """From 1."""
    expected: Expected
    told: Expected | None
    """`None` when the example could not be tried."""
    why: str = ""
    """Of one that failed: the condition with its values, or what kept it from being tried."""

    @property
    def passed(self) -> bool:
        return self.told == self.expected

    @property
    def says(self) -> str:
        """Of one that failed, for people."""
        told = f"{self.told} ({self.why})" if self.told is not None else f"no event: {self.why}"
        return f"example {self.number} should be a {self.expected}, and is {told}"


def try_examples(checked: CheckedSet, book: Book) -> list[Tried]:
    """Every example of every rule, whatever the rule's state."""
    rules = tuple(
        msgspec.structs.replace(one, rule=msgspec.structs.replace(one.rule, state="live", percentage=100))
        for one in checked.rules
    )
    bench = _Bench(msgspec.structs.replace(checked, rules=rules), book)
    return [
        bench.tried(at, number, example)
        for at, one in enumerate(rules)
        for number, example in enumerate(one.rule.examples, 1)
    ]


def findings_of(tried: list[Tried]) -> list[Finding]:
    """What is wrong about examples."""
    return [Finding(one.rule, "example", one.says) for one in tried if not one.passed]


class _Bench:
    def __init__(self, checked: CheckedSet, book: Book) -> None:
        self._checked = checked
        self._own = {checked.tenant: book}
        self._empty = self._ruling()
        self._told: dict[tuple[str, bytes], tuple[Subject, list[Any]]] = {}

    def tried(self, at: int, number: int, example: Example) -> Tried:
        rule = self._checked.rules[at].rule
        try:
            ruling, subject, values = self._told_to(at, example)
        except (Malformed, _NotRead) as error:
            return Tried(rule.name, number, example.expect, None, str(error))
        told = _WORDS[ruling.judged(values, subject).results[at]]
        why = "" if told == example.expect else self._why(at, ruling, subject, values, told)
        return Tried(rule.name, number, example.expect, told, why)

    def _why(self, at: int, ruling: Ruling, subject: Subject, values: list[Any], told: Expected) -> str:
        one = self._checked.rules[at]
        read = {each: values[ruling.place_of(each)] for each in one.when.inputs}
        said = sentence(one, read, told, subject, self._own[self._checked.tenant], ())
        return said.removesuffix(f": {told}")

    def _told_to(self, at: int, example: Example) -> tuple[Ruling, Subject, list[Any]]:
        """The windows after what comes before, the event as it is judged, and what the rules read then."""
        if example.before:
            ruling = self._ruling()
            shop = _Shop(ruling.windows, self._checked.tenant)
            for event in example.before:
                shop.tell(event.event, event.body, AT_MS - event.seconds_before * SECOND_MS)
            subject, values = self._values(ruling, shop, example)
        else:
            ruling = self._empty
            key = (example.event, msgspec.json.encode(example.body))
            if key not in self._told:
                self._told[key] = self._values(ruling, _Shop(ruling.windows, self._checked.tenant), example)
            subject, values = self._told[key]
        return ruling, subject, self._with_given(at, ruling, example, list(values))

    def _values(self, ruling: Ruling, shop: "_Shop", example: Example) -> tuple[Subject, list[Any]]:
        present = Present(shop.subject(example.event, example.body or _ANYBODY, AT_MS), {})
        return present.subject, ruling.values(present)

    def _with_given(self, at: int, ruling: Ruling, example: Example, values: list[Any]) -> list[Any]:
        if example.given:
            checked = self._checked.rules[at].when.checked
            assert checked is not None
            read = {text_of(one): one for one in inputs_of(checked) if not isinstance(one, FieldInput)}
            for text, value in example.given.items():
                if text not in read:
                    raise _NotRead(f"`{text[:80]}` is given, and the rule reads no feature or aggregate of this text")
                values[ruling.place_of(read[text])] = value
        return values

    def _ruling(self) -> Ruling:
        asked = {self._checked.tenant: self._checked.asking}
        return Ruling(self._checked, Windows(own=self._own, asked=asked))


class _NotRead(Exception):
    """An example gives a value that its rule does not read."""


class _Shop:
    """Tells events to windows, each with the order that it is about, as the walk does."""

    def __init__(self, windows: Windows, tenant: int) -> None:
        self._windows = windows
        self._tenant = tenant
        self._seq = 0
        self._orders: dict[str, tuple[CreateOrder, Involved]] = {}

    def tell(self, kind: str, body: dict[str, Any], at_ms: int) -> None:
        self._windows.add(Present(self.subject(kind, body, at_ms), {}))

    def subject(self, kind: str, body: dict[str, Any], at_ms: int) -> Subject:
        document = body if "_originTimestamp" in body else {"_originTimestamp": str(at_ms), **body}
        read = decode_event(msgspec.json.encode(document), KIND_OF_NAME[kind], Millis(at_ms))
        event, involved, order = read.event, involved_in(read.event), None
        if isinstance(event, CreateOrder):
            assert event.order_id is not None
            order = event
            self._orders[event.order_id] = (order, involved)
        elif event.order_id in self._orders:
            order, of_order = self._orders[event.order_id]
            involved = completed(involved, of_order)
        self._seq += 1
        return Subject(
            tenant=self._tenant, seq=self._seq, kind=read.kind, event=event, occurred_ms=read.occurred_ms,
            involved=recognised(involved, self._windows, self._tenant, self._seq), order=order, name=read.name,
        )  # fmt: skip
