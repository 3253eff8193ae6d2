"""Facts of the e-mail address: thrown away after use, typed at random, or not the buyer's."""

from operator import attrgetter

from fourthwatch.entities.address import looks_typed_at_random
from fourthwatch.entities.characters import decimals
from fourthwatch.entities.domain import country_of_domain, is_disposable, is_free_mail, registered_domain
from fourthwatch.entities.email import mentions_name
from fourthwatch.entities.mailbox import MailboxFacts, mailbox_facts
from fourthwatch.features.facts.fact import Compute, Fact, country_of, email_of, said, truth
from fourthwatch.features.subject import Subject


def email_names_person(subject: Subject) -> float | None:
    """Of the billing name, else the delivery name; unknown where nothing can be compared."""
    address = subject.billing_address() or subject.shipping_address()
    email = email_of(subject)
    name = None if address is None else address.name
    if email is None or name is None:
        return None
    told = mentions_name(email, *name.split()[:4])
    return None if told is None else float(told)


def email_digits(subject: Subject) -> float | None:
    """Digits of the local part in its normal form."""
    email = subject.involved.email
    return None if email is None else decimals(email.rpartition("@")[0])


def _mailbox(subject: Subject) -> MailboxFacts | None:
    email = email_of(subject)
    return None if email is None else mailbox_facts(email)


def _of_mailbox(attribute: str) -> Compute:
    read = attrgetter(attribute)

    def compute(subject: Subject) -> float | None:
        mailbox = _mailbox(subject)
        value: float | None = None if mailbox is None else read(mailbox)
        return None if value is None else float(value)

    return compute


def _is_invalid(subject: Subject) -> float | None:
    email = said(email_of(subject))
    return None if email is None else truth(mailbox_facts(email) is None)


def _digit_share(subject: Subject) -> float | None:
    mailbox = _mailbox(subject)
    return None if mailbox is None else mailbox.digits / mailbox.length


def _is_disposable(subject: Subject) -> float | None:
    mailbox = _mailbox(subject)
    return None if mailbox is None else truth(is_disposable(mailbox.domain))


def _is_free(subject: Subject) -> float | None:
    mailbox = _mailbox(subject)
    return None if mailbox is None else truth(is_free_mail(mailbox.domain))


def _is_domain_invalid(subject: Subject) -> float | None:
    mailbox = _mailbox(subject)
    return None if mailbox is None else truth(registered_domain(mailbox.domain) is None)


def _is_domain_at_random(subject: Subject) -> float | None:
    mailbox = _mailbox(subject)
    if mailbox is None or is_free_mail(mailbox.domain):
        return None if mailbox is None else 0.0
    registered = registered_domain(mailbox.domain) or mailbox.domain
    return truth(looks_typed_at_random(registered.partition(".")[0]))


def _domain_country_differs(subject: Subject) -> float | None:
    mailbox = _mailbox(subject)
    of_domain = None if mailbox is None else country_of_domain(mailbox.domain)
    country = None if of_domain is None else country_of(subject)
    return None if country is None else truth(of_domain != country)


EMAIL_FACTS: tuple[Fact, ...] = (
    Fact("email_invalid", "0 or 1", "the e-mail is no address that mail could reach", _is_invalid,
         "invalid_email_address"),
    Fact("email_length", "characters", "length of the e-mail before the at sign", _of_mailbox("length"), "short_email"),
    Fact("email_digits", "digits", "digits in the local part of the e-mail", email_digits, "email_digits"),
    Fact("email_digit_share", "ratio", "share of digits in the e-mail before the at sign", _digit_share,
         "email_digit_share"),
    Fact("email_trailing_digits", "digits", "digits at the end of the e-mail's local part",
         _of_mailbox("trailing_digits"), "email_trailing_digits"),
    Fact("email_separators", "times", "dots, hyphens and underscores in the e-mail before the at sign",
         _of_mailbox("separators"), "email_separators"),
    Fact("email_at_random", "0 or 1", "the e-mail looks typed at random", _of_mailbox("at_random"),
         "gibberish_detected_in_email"),
    Fact("email_names_person", "0 or 1", "the e-mail contains the first or last name", email_names_person,
         "_validEmail"),
    Fact("email_is_disposable", "0 or 1", "the e-mail is of a provider of throw-away addresses", _is_disposable,
         "potential_fraud_email"),
    Fact("email_is_free", "0 or 1", "the e-mail is of a provider where anybody gets one for nothing", _is_free,
         "free_email"),
    Fact("email_has_tag", "0 or 1", "the e-mail has a tag after a plus sign", _of_mailbox("has_tag"), "email_tag"),
    Fact("email_is_role", "0 or 1", "the e-mail is of a function such as info or sales, not of a person",
         _of_mailbox("is_role"), "role_email"),
    Fact("email_domain_invalid", "0 or 1", "nobody can have registered the domain of the e-mail", _is_domain_invalid,
         "invalid_email_domain"),
    Fact("email_domain_at_random", "0 or 1", "the domain of the e-mail looks typed at random", _is_domain_at_random,
         "gibberish_detected_in_email_domain"),
    Fact("email_country_differs", "0 or 1", "the e-mail's domain belongs to another country than the address",
         _domain_country_differs, "email_country_mismatch"),
)  # fmt: skip
