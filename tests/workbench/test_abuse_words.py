"""Which marks are of promotions and which of accounts, by the words in their kind of abuse."""

import pytest

from fourthwatch.events import KIND_OF_NAME, Tag
from fourthwatch.store.ledger import EventRow
from fourthwatch.workbench.labels import LabelKind, labels_of


def told_by(abuse: str) -> set[LabelKind]:
    """The labels that one bad mark of this kind of abuse leaves behind."""
    row = EventRow(1, 1, b"", b"", b"", KIND_OF_NAME["tag"].number, None, None, 5, 7, b"{}", None)
    return {*labels_of([(row, Tag(is_bad=True, abuse_type=abuse))])} - {"bad"}


@pytest.mark.parametrize(
    "abuse",
    ["ato", "ATO", "ato_fraud", "card-ato", "user ato 2", "loginAto", "ATOFraud", "isATO", "ato2",
     "account_takeover", "accounttakeover", "Takeover", "multiaccounting"],
)  # fmt: skip
def test_a_mark_speaks_of_accounts(abuse: str) -> None:
    assert told_by(abuse) == {"account_abuse"}


@pytest.mark.parametrize("abuse", ["promo", "promo_abuse", "PromotionAbuse", "couponabuse", "referrals"])
def test_a_mark_speaks_of_promotions(abuse: str) -> None:
    assert told_by(abuse) == {"promo_abuse"}


@pytest.mark.parametrize(
    "abuse",
    ["creator", "creator_abuse", "CREATOR", "operatorFraud", "potato", "atom", "Atoll", "créato", "compromised"],
)
def test_letters_inside_another_word_are_no_word(abuse: str) -> None:
    assert told_by(abuse) == set()
