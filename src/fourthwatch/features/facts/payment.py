"""Facts of money and of how it is paid: amounts, promotions, cards, the answers of the card's bank.

Which country issued a card is known only from an operator's file; those facts are in `looked_up`.
"""

from fourthwatch.entities.card import avs_agrees, cvv_agrees, issuer_digits, months_to_expiry
from fourthwatch.entities.country import is_usual_currency
from fourthwatch.entities.person_name import share_a_word
from fourthwatch.entities.words import word_set
from fourthwatch.events import PaymentMethod, Promotion, Transaction
from fourthwatch.events.values import outcome_of
from fourthwatch.features.facts.fact import Compute, Fact, buyer_name, country_of, said, truth
from fourthwatch.features.subject import Subject, minor_per_main, minor_units
from fourthwatch.limits import ITEMS_MAX

_ROUND = 100
"""Main units."""
_TYPE_CHARS_MAX = 64

_CARDS = word_set("creditcard debitcard card credit_card debit_card masterpass")
_WALLETS = word_set("wallet thirdpartyprocessor paypal paytm googlepay applepay amazonpay phonepe upi gpay")
_STORED_VALUE = word_set("giftcard points storecredit voucher")
_CRYPTO = word_set("cryptocurrency crypto bitcoin")
_LATER = word_set("financing invoice paylater bnpl klarna afterpay simpl")


def amount_main_units(subject: Subject) -> float | None:
    """Of the order's currency: yen as yen, rupees with two decimals."""
    amount = subject.amount_minor()
    return None if amount is None else amount / minor_per_main(_currency_code(subject))


def _is_round(subject: Subject) -> float | None:
    amount = subject.amount_minor()
    return truth(amount % (_ROUND * minor_per_main(_currency_code(subject))) == 0) if amount else None


def _currency_code(subject: Subject) -> str | None:
    """As it was written."""
    source = subject.order if subject.order is not None else subject.event
    currency: str | None = getattr(source, "currency_code", None)
    return currency


def _currency(subject: Subject) -> str | None:
    return said(_currency_code(subject))


def _is_currency_unusual(subject: Subject) -> float | None:
    currency, country = _currency(subject), country_of(subject)
    told = None if currency is None or country is None else is_usual_currency(currency, country)
    return None if told is None else truth(not told)


def _does_payment_currency_differ(subject: Subject) -> float | None:
    currency = _currency(subject)
    paid = [said(method.currency_code) for method in subject.payment_methods()[:ITEMS_MAX]]
    told = [one for one in paid if one is not None]
    return None if currency is None or not told else truth(any(one.upper() != currency.upper() for one in told))


def _paid_share(subject: Subject) -> float | None:
    """What the payment methods add up to, as a share of the total; above 1 when they say more."""
    total = subject.amount_minor()
    methods = subject.payment_methods()[:ITEMS_MAX]
    amounts = [minor_units(method.amount, method.currency_code) for method in methods]
    known = [amount for amount in amounts if amount is not None]
    return None if total is None or total <= 0 or not known or len(known) < len(amounts) else sum(known) / total


def _promotions(subject: Subject) -> tuple[Promotion, ...] | None:
    own: tuple[Promotion, ...] | None = getattr(subject.event, "promotions", None)
    if own is None and subject.order is not None:
        own = subject.order.promotions
    return None if own is None else own[:ITEMS_MAX]


def _promotion_count(subject: Subject) -> float | None:
    promotions = _promotions(subject)
    return None if promotions is None else len(promotions)


def _promotions_failed(subject: Subject) -> float | None:
    promotions = _promotions(subject)
    return None if promotions is None else sum(outcome_of(one.status) == "failure" for one in promotions)


def _promotions_referred(subject: Subject) -> float | None:
    promotions = _promotions(subject)
    return None if promotions is None else sum(said(one.referrer_user_id) is not None for one in promotions)


def _discount_share(subject: Subject) -> float | None:
    """Of the price before: by amounts where any is given, else by percentages one after the other."""
    promotions, total = _promotions(subject), subject.amount_minor()
    if promotions is None:
        return None
    applied = [one for one in promotions if outcome_of(one.status) != "failure"]
    if not applied:
        return 0.0
    amounts = [minor_units(one.amount, one.currency_code) for one in applied]
    discount = sum(max(0, amount) for amount in amounts if amount is not None)
    if discount and total is not None and total >= 0:
        return discount / (discount + total)
    left = 1.0
    for one in applied:
        percent = minor_units(one.percentage_off, None)
        if percent is None:
            return None
        left *= 1 - min(100_00, max(0, percent)) / 100_00
    return 1 - left


def _type(method: PaymentMethod) -> str | None:
    word = None if method.payment_type is None else method.payment_type[:_TYPE_CHARS_MAX].strip().lower()
    return word.removeprefix("_") if word else None


def _is_paid_by(kinds: frozenset[str]) -> Compute:
    """1 when any method is one of the kinds, 0 when all say that they are others."""

    def compute(subject: Subject) -> float | None:
        types = [_type(method) for method in subject.payment_methods()[:ITEMS_MAX]]
        return 1.0 if not kinds.isdisjoint(types) else 0.0 if types and None not in types else None

    return compute


def _is_cash(subject: Subject) -> float | None:
    return truth(subject.paid_on_delivery())


def _method_count(subject: Subject) -> float | None:
    return len(subject.payment_methods()) or None


def _card_count(subject: Subject) -> float | None:
    """Unknown as soon as a method may be a card that was not told."""
    cards = set()
    for method in subject.payment_methods()[:ITEMS_MAX]:
        issuer = issuer_digits(method.card_bin)
        if issuer is not None:
            cards.add((issuer, method.card_last4))
        elif (kind := _type(method)) is None or kind in _CARDS:
            return None
    return len(cards) if subject.payment_methods() else None


def _is_card_told(subject: Subject) -> float | None:
    """Unknown where nothing is paid by card."""
    methods = subject.payment_methods()[:ITEMS_MAX]
    if any(issuer_digits(method.card_bin) is not None for method in methods):
        return 1.0
    return 0.0 if any(_type(method) in _CARDS for method in methods) else None


def _months_to_expiry(subject: Subject) -> float | None:
    """The nearest of several cards; negative when it has expired."""
    nearest: int | None = None
    for method in subject.payment_methods()[:ITEMS_MAX]:
        months = months_to_expiry(method.card_expiry_month, method.card_expiry_year, subject.occurred_ms)
        if months is not None and (nearest is None or months < nearest):
            nearest = months
    return nearest


def _is_expired(subject: Subject) -> float | None:
    months = _months_to_expiry(subject)
    return None if months is None else truth(months < 0)


def _worst(told: list[bool | None]) -> float | None:
    """1 when any is false, 0 when any is true and none false, unknown else."""
    return 1.0 if False in told else 0.0 if True in told else None


def _does_avs_differ(subject: Subject) -> float | None:
    return _worst([avs_agrees(method.avs_response_code) for method in subject.payment_methods()[:ITEMS_MAX]])


def _does_cvv_differ(subject: Subject) -> float | None:
    return _worst([cvv_agrees(method.cvv_response_code) for method in subject.payment_methods()[:ITEMS_MAX]])


def _is_holder_another(subject: Subject) -> float | None:
    address = subject.billing_address()
    name = buyer_name(subject) if address is None or address.name is None else address.name
    if name is None:
        return None
    holders = (method.account_name for method in subject.payment_methods()[:ITEMS_MAX])
    return _worst([share_a_word(holder, name) for holder in holders if holder is not None])


def _has_payment_failed(subject: Subject) -> float | None:
    event = subject.event
    return truth(outcome_of(event.transaction_status) == "failure") if isinstance(event, Transaction) else None


def _is_refund(subject: Subject) -> float | None:
    event = subject.event
    if not isinstance(event, Transaction) or event.transaction_type is None:
        return None
    return truth(event.transaction_type.strip().lower() in ("_refund", "refund", "_void", "void"))


PAYMENT_FACTS: tuple[Fact, ...] = (
    Fact("amount", "main units", "total of the order", amount_main_units, "high_purchase_amount"),
    Fact("amount_is_round", "0 or 1", "the total is a round number of hundreds", _is_round, "round_amount"),
    Fact("currency_unusual", "0 or 1", "paid in a currency that is not usual in the country delivered to",
         _is_currency_unusual, "currency_country_mismatch"),
    Fact("payment_currency_differs", "0 or 1", "the payment is in another currency than the order",
         _does_payment_currency_differ, "payment_currency_mismatch"),
    Fact("paid_share", "ratio", "what the payments add up to against the total; 1 is all of it, more is too much",
         _paid_share, "payment_total_mismatch"),
    Fact("promotions_in_order", "promotions", "promotions used in the order", _promotion_count, "many_promotions"),
    Fact("promotions_failed", "promotions", "promotions of the order that were refused", _promotions_failed,
         "failed_promotions"),
    Fact("promotions_referred", "promotions", "promotions that another user handed over", _promotions_referred,
         "referred_promotions"),
    Fact("discount_share", "ratio", "share of the price that promotions took off", _discount_share, "high_discount"),
    Fact("paid_on_delivery", "0 or 1", "paid in cash on delivery", _is_cash, "cash_on_delivery"),
    Fact("paid_by_card", "0 or 1", "paid by credit or debit card", _is_paid_by(_CARDS), "paid_by_card"),
    Fact("paid_by_wallet", "0 or 1", "paid from a wallet or through a payment service", _is_paid_by(_WALLETS),
         "paid_by_wallet"),
    Fact("paid_by_stored_value", "0 or 1", "paid with a gift card, voucher, points or store credit",
         _is_paid_by(_STORED_VALUE), "paid_by_gift_card"),
    Fact("paid_by_crypto", "0 or 1", "paid with a crypto currency", _is_paid_by(_CRYPTO), "paid_by_crypto"),
    Fact("paid_later", "0 or 1", "paid later: by invoice, in instalments or financed", _is_paid_by(_LATER),
         "paid_later"),
    Fact("payment_methods", "payments", "payment methods in the order", _method_count, "several_payment_methods"),
    Fact("cards_in_order", "cards", "different cards in the order", _card_count, "several_cards"),
    Fact("card_told", "0 or 1", "the first digits of the card are known", _is_card_told, "card_not_told"),
    Fact("card_months_to_expiry", "months", "months until the card expires", _months_to_expiry, "card_expiry_near"),
    Fact("card_expired", "0 or 1", "the card has expired", _is_expired, "card_expired"),
    Fact("avs_differs", "0 or 1", "the card's bank does not know the billing address", _does_avs_differ,
         "avs_mismatch"),
    Fact("cvv_differs", "0 or 1", "the card's bank found the security code wrong", _does_cvv_differ, "cvv_mismatch"),
    Fact("card_holder_differs", "0 or 1", "the card's holder and the buyer have no word of their names in common",
         _is_holder_another, "card_holder_mismatch"),
    Fact("payment_failed", "0 or 1", "the payment failed", _has_payment_failed, "failed_payment"),
    Fact("payment_is_refund", "0 or 1", "the payment goes back to the buyer", _is_refund, "refund"),
)  # fmt: skip
