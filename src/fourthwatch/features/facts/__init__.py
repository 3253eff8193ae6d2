"""What one event says by itself, as numbers: pure functions of a subject, without history."""

from collections.abc import Mapping
from types import MappingProxyType

from fourthwatch.entities.lookups import lookups
from fourthwatch.features.facts.address import ADDRESS_FACTS
from fourthwatch.features.facts.basket import BASKET_FACTS
from fourthwatch.features.facts.circumstances import CIRCUMSTANCE_FACTS
from fourthwatch.features.facts.device import DEVICE_FACTS
from fourthwatch.features.facts.email import EMAIL_FACTS
from fourthwatch.features.facts.fact import UNITS, Fact
from fourthwatch.features.facts.looked_up import LOOKED_UP_FACTS
from fourthwatch.features.facts.payment import PAYMENT_FACTS
from fourthwatch.features.facts.person import PERSON_FACTS

__all__ = ["FACTS", "FACT_OF_NAME", "FACT_THEMES", "UNITS", "Fact", "lookups"]

FACT_THEMES: Mapping[str, tuple[Fact, ...]] = MappingProxyType(
    {
        "The delivery address": ADDRESS_FACTS,
        "The person": PERSON_FACTS,
        "The e-mail": EMAIL_FACTS,
        "The payment": PAYMENT_FACTS,
        "The basket": BASKET_FACTS,
        "The circumstances": CIRCUMSTANCE_FACTS,
        "The device": DEVICE_FACTS,
        "The countries of IP and card, from the operator's files": LOOKED_UP_FACTS,
    }
)
"""In the order in which they are explained."""
FACTS: tuple[Fact, ...] = tuple(fact for facts in FACT_THEMES.values() for fact in facts)
FACT_OF_NAME = {fact.name: fact for fact in FACTS}
