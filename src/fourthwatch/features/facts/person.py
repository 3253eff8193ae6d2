"""Facts of who orders: names, phone numbers and account profiles as they were written."""

from operator import attrgetter

from fourthwatch.clock import DAY_MS
from fourthwatch.entities.person_name import name_look, share_a_word
from fourthwatch.entities.phone_plan import NumberKind, PhoneFacts, longest_digit_run, phone_facts
from fourthwatch.events import CreateAccount
from fourthwatch.events.values import outcome_of
from fourthwatch.features.facts.fact import (
    Compute,
    Fact,
    account_name,
    buyer_name,
    country_of,
    custom_text,
    email_of,
    is_stated,
    said,
    truth,
)
from fourthwatch.features.subject import Subject
from fourthwatch.wire.times import read_timestamp_ms

_AGE_YEARS_MAX = 130


def name_twice(subject: Subject) -> float | None:
    """Of the delivery address; unknown for a single word."""
    address = subject.shipping_address()
    words = address.name.casefold().split() if address is not None and address.name is not None else []
    return None if len(words) < 2 else float(words[0] == words[-1])


def _of_name(attribute: str) -> Compute:
    read = attrgetter(attribute)

    def compute(subject: Subject) -> float | None:
        name = buyer_name(subject)
        look = None if name is None else name_look(name)
        value: float | None = None if look is None else read(look)
        return None if value is None else float(value)

    return compute


def _is_one_word(subject: Subject) -> float | None:
    name = buyer_name(subject)
    look = None if name is None else name_look(name)
    return None if look is None else truth(look.words < 2)


def _names_differ(subject: Subject) -> float | None:
    shipping, billing = subject.shipping_address(), subject.billing_address()
    if shipping is None or billing is None or shipping.name is None or billing.name is None:
        return None
    told = share_a_word(shipping.name, billing.name)
    return None if told is None else truth(not told)


def _account_name_differs(subject: Subject) -> float | None:
    address, account = subject.shipping_address() or subject.billing_address(), account_name(subject)
    if account is None or address is None or address.name is None:
        return None
    told = share_a_word(account, address.name)
    return None if told is None else truth(not told)


def phone_text(subject: Subject) -> str | None:
    """The account's own, else of delivery, else of billing."""
    own = said(getattr(subject.event, "phone", None))
    if own is not None:
        return own
    for address in (subject.shipping_address(), subject.billing_address()):
        phone = None if address is None else said(address.phone)
        if phone is not None:
            return phone
    return custom_text(subject, ("contact",))


def _phone(subject: Subject) -> PhoneFacts | None:
    text = phone_text(subject)
    return None if text is None else phone_facts(text, country_of(subject))


def _is_phone_valid(subject: Subject) -> float | None:
    phone = _phone(subject)
    return None if phone is None or phone.kind is None else truth(phone.kind != "unassigned")


def _is_kind(*kinds: NumberKind) -> Compute:
    # Where the plan does not tell mobile from fixed, neither is known.
    untold = {None, "unassigned"} | ({"fixed or mobile"} if {"fixed", "mobile"}.intersection(kinds) else set())

    def compute(subject: Subject) -> float | None:
        phone = _phone(subject)
        return None if phone is None or phone.kind in untold else truth(phone.kind in kinds)

    return compute


def _phone_country_differs(subject: Subject) -> float | None:
    phone, country = _phone(subject), country_of(subject)
    return None if phone is None or phone.country is None or country is None else truth(phone.country != country)


def _is_phone_invented(subject: Subject) -> float | None:
    phone = _phone(subject)
    return None if phone is None else truth(phone.is_invented)


def _longest_run(subject: Subject) -> float | None:
    text = phone_text(subject)
    return None if text is None else longest_digit_run(text) or None


def _phones(subject: Subject) -> float | None:
    return len(subject.involved.phones) or None


def _is_phone_missing(subject: Subject) -> float | None:
    stated = is_stated(subject.shipping_address()) or is_stated(subject.billing_address())
    if not stated and not isinstance(subject.event, CreateAccount):
        return None
    return truth(phone_text(subject) is None)


def _profile_completeness(subject: Subject) -> float | None:
    event = subject.event
    if not isinstance(event, CreateAccount):
        return None
    texts = (event.user_email, event.first_name, event.last_name, event.phone, event.age, event.gender)
    addresses = (event.billing_address, event.shipping_address)
    filled = sum(said(text) is not None for text in texts) + sum(map(is_stated, addresses))
    return filled / (len(texts) + len(addresses))


def _is_confirmed(attribute: str, key: str) -> Compute:
    """A word that nobody knows says neither yes nor no."""

    def compute(subject: Subject) -> float | None:
        status: str | None = getattr(subject.event, attribute, None)
        outcome = "other" if status is None else outcome_of(status)
        if outcome != "other":
            return truth(outcome == "success")
        word = status if status is not None else custom_text(subject, (key,))
        told = "" if word is None else word.strip().lower().removeprefix("_")
        return 1.0 if told in _CONFIRMED else 0.0 if told in _NOT_CONFIRMED else None

    return compute


_CONFIRMED = frozenset({"verified", "confirmed", "true", "yes"})
_NOT_CONFIRMED = frozenset({"unverified", "not verified", "not_verified", "unconfirmed", "pending", "false", "no"})


def _has_social_sign_on(subject: Subject) -> float | None:
    event = subject.event
    if not isinstance(event, CreateAccount):
        return None
    given = (event.social_sign_on_type, event.facebook_id, event.google_id, event.twitter_id)
    return truth(any(said(one) is not None for one in given))


def _is_referred(subject: Subject) -> float | None:
    event = subject.event
    if not isinstance(event, CreateAccount):
        return None
    return truth(said(event.referral_code) is not None or said(event.referrer_user_id) is not None)


def _age_years(subject: Subject) -> float | None:
    event = subject.event
    text = said(event.age) if isinstance(event, CreateAccount) else None
    if text is None or len(text) > 3 or not text.isascii() or not text.isdigit():
        return None
    return int(text) if 0 < int(text) <= _AGE_YEARS_MAX else None


def _account_age_told(subject: Subject) -> float | None:
    text = custom_text(subject, ("userCreatedAt", "user_created_at", "accountCreatedAt"))
    created_ms = None if text is None else read_timestamp_ms(text)
    return None if created_ms is None else max(0, subject.occurred_ms - created_ms) / DAY_MS


def _is_email_missing(subject: Subject) -> float | None:
    is_asked = subject.order is not None or isinstance(subject.event, CreateAccount)
    return truth(said(email_of(subject)) is None) if is_asked else None


PERSON_FACTS: tuple[Fact, ...] = (
    Fact("name_twice", "0 or 1", "first and last name are the same", name_twice, "_isFirstNameLastNameSame"),
    Fact("name_is_dummy", "0 or 1", "the name is a placeholder, such as test or abc", _of_name("is_dummy"),
         "dummy_name_detected"),
    Fact("name_digits", "digits", "digits in the name", _of_name("digits"), "name_digits"),
    Fact("name_symbols", "characters", "characters that no name is written with", _of_name("symbols"),
         "name_contains_invalid_characters"),
    Fact("name_letters", "letters", "letters in the name", _of_name("letters"), "short_name"),
    Fact("name_is_one_word", "0 or 1", "the name is a single word", _is_one_word, "incomplete_name"),
    Fact("name_at_random", "0 or 1", "the name looks typed at random", _of_name("at_random"),
         "gibberish_detected_in_name"),
    Fact("names_differ", "0 or 1", "billing and delivery names have no word in common", _names_differ,
         "billing_shipping_name_mismatch"),
    Fact("account_name_differs", "0 or 1", "the account's name and the name in the address have no word in common",
         _account_name_differs, "account_name_mismatch"),
    Fact("phone_valid", "0 or 1", "the phone number can exist in its country", _is_phone_valid, "invalid_phone"),
    Fact("phone_is_mobile", "0 or 1", "the phone is a mobile", _is_kind("mobile"), "phone_mobile"),
    Fact("phone_is_fixed", "0 or 1", "the phone is a landline", _is_kind("fixed"), "phone_landline"),
    Fact("phone_is_voip", "0 or 1", "the phone is an internet number", _is_kind("voip"), "phone_voip"),
    Fact("phone_is_service", "0 or 1", "the phone is a toll-free, premium or other service number",
         _is_kind("toll free", "premium", "shared cost", "other"), "phone_service_number"),
    Fact("phone_country_differs", "0 or 1", "the phone belongs to another country than the address",
         _phone_country_differs, "phone_country_mismatch"),
    Fact("phone_is_invented", "0 or 1", "the phone number looks made up: counted, repeated or patterned digits",
         _is_phone_invented, "dummy_phone_detected"),
    Fact("phone_longest_run", "digits", "the most times running that one digit stands in the phone number",
         _longest_run, "phone_repeated_digits"),
    Fact("phones_given", "phones", "different phone numbers given", _phones, "several_phones"),
    Fact("phone_missing", "0 or 1", "no phone number was given", _is_phone_missing, "missing_phone"),
    Fact("email_missing", "0 or 1", "no e-mail was given", _is_email_missing, "missing_email"),
    Fact("profile_completeness", "ratio", "share of the account's profile that is filled", _profile_completeness,
         "incomplete_profile"),
    Fact("email_confirmed", "0 or 1", "the account's e-mail was confirmed",
         _is_confirmed("email_confirmed_status", "emailVerification"), "email_not_confirmed"),
    Fact("phone_confirmed", "0 or 1", "the account's phone was confirmed",
         _is_confirmed("phone_confirmed_status", "contactVerification"), "phone_not_confirmed"),
    Fact("has_social_sign_on", "0 or 1", "the account was opened with a social login", _has_social_sign_on,
         "social_sign_on"),
    Fact("is_referred", "0 or 1", "the account was referred by another user", _is_referred, "referred_account"),
    Fact("age_years", "years", "age as the account says", _age_years, "buyer_age"),
    Fact("account_age_told", "days", "days since the account was created, as the shop says", _account_age_told,
         "_accountAge"),
)  # fmt: skip
