"""What one event says by itself, as numbers: pure functions of a subject, without history."""

from fourthwatch.entities.lookups import lookups
from fourthwatch.features.facts.address import ADDRESS_FACTS
from fourthwatch.features.facts.basket import BASKET_FACTS
from fourthwatch.features.facts.circumstances import CIRCUMSTANCE_FACTS
from fourthwatch.features.facts.device import DEVICE_FACTS
from fourthwatch.features.facts.email import EMAIL_FACTS
from fourthwatch.features.facts.fact import UNITS, Fact
from fourthwatch.features.facts.payment import PAYMENT_FACTS, card_country_facts
from fourthwatch.features.facts.person import PERSON_FACTS

__all__ = ["FACTS", "FACT_OF_NAME", "UNITS", "Fact", "card_country_facts", "lookups"]

FACTS: tuple[Fact, ...] = (
    *ADDRESS_FACTS,
    *PERSON_FACTS,
    *EMAIL_FACTS,
    *PAYMENT_FACTS,
    *BASKET_FACTS,
    *CIRCUMSTANCE_FACTS,
    *DEVICE_FACTS,
)
FACT_OF_NAME = {fact.name: fact for fact in FACTS}
