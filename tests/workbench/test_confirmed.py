"""What an analyst says of an order is learned from; whether it was canceled is as it was last said."""

import pytest

from fourthwatch.engine.labels import LABEL_EVENT
from fourthwatch.events import KIND_OF_NAME, CustomEvent, Event, OrderStatus
from fourthwatch.store.ledger import OWN_IDENTITY, EventRow
from fourthwatch.workbench.labels import Labels, labels_of


def row(seq: int, event: Event, *, is_own: bool = True) -> tuple[EventRow, Event]:
    """An event at a position, received at as many milliseconds; of our own unless it is said."""
    kind = KIND_OF_NAME["custom_event" if isinstance(event, CustomEvent) else "order_status"]
    identity = OWN_IDENTITY if is_own else b""
    return EventRow(seq, 1, b"", identity, b"", kind.number, LABEL_EVENT, None, seq, seq, b"{}", None), event


def word(label: str, source: str = "analyst") -> CustomEvent:
    return CustomEvent(custom_info={"label": label, "source": source, "author": "asha"})


def values(labels: Labels) -> dict[str, bool]:
    return {kind: label.value for kind, label in labels.items()}


def test_the_newest_word_of_an_analyst_counts_and_since_when_it_does() -> None:
    told = labels_of([row(1, word("fraud")), row(2, word("fraud")), row(3, word("good"))])
    assert values(told) == {"confirmed": False}
    assert told["confirmed"].received_ms == 3
    assert labels_of([row(1, word("fraud")), row(2, word("fraud"))])["confirmed"].received_ms == 1


def test_a_word_that_was_taken_back_leaves_nothing() -> None:
    assert labels_of([row(1, word("fraud")), row(2, word("none"))]) == {}


def test_neither_a_rule_nor_a_shop_with_an_event_of_that_name_confirms_anything() -> None:
    assert labels_of([row(1, word("fraud", source="rule"))]) == {}
    assert labels_of([row(1, word("fraud"), is_own=False)]) == {}


@pytest.mark.parametrize(
    ("states", "value"),
    [(("_canceled",), True), (("_declined",), True), (("_declined", "_approved"), False), (("_fulfilled",), False),
     (("_fulfilled", "_canceled"), False), (("_canceled", "_fulfilled", "_canceled"), False),
     (("_approved", "_canceled"), True), (("_canceled", "_held"), True)],
)  # fmt: skip
def test_an_order_is_canceled_when_it_was_last_said_to_be(states: tuple[str, ...], value: bool) -> None:
    events = [row(at, OrderStatus(order_status=state), is_own=False) for at, state in enumerate(states)]
    assert values(labels_of(events))["canceled"] is value


def test_what_came_back_was_not_canceled_by_the_paperwork_behind_it() -> None:
    states = [OrderStatus(order_status=state) for state in ("_rto", "_canceled")]
    assert values(labels_of([row(at, state, is_own=False) for at, state in enumerate(states)])) == {"rto": True}


def test_of_a_state_that_says_nothing_of_it_nothing_is_known() -> None:
    assert "canceled" not in labels_of([row(1, OrderStatus(order_status="_held"))])
