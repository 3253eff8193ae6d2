"""Facts of names, phones, e-mails and profiles on events made by hand: yes, no and unknown of each."""

from typing import Any

import pytest

from fourthwatch.clock import DAY_MS
from fourthwatch.features.facts.email import EMAIL_FACTS
from fourthwatch.features.facts.person import PERSON_FACTS
from said import ADDRESS, Example, Value, address, on_address, on_event, on_order, without_examples, wrong
from story import NOW_MS

ORDER_WIDE = {"phone_missing", "email_missing"}


def named(name: str, expected: Value, written: str | None) -> Example:
    return name, expected, on_address(name, _name=written)


def called(name: str, expected: Value, written: str | None, country: str | None = "IN") -> Example:
    to = address(_phone=written, _country=country)
    return name, expected, on_order(name, _shippingAddress=to, _billingAddress=None)


def mailed(name: str, expected: Value, written: str | None, **changed: Any) -> Example:
    return name, expected, on_order(name, _userEmail=written, **changed)


def account(name: str, expected: Value, **body: Any) -> Example:
    return name, expected, on_event(name, "create_account", _userId="asha", **body)


def silent(name: str) -> Example:
    return name, None, on_event(name, "logout", _userId="asha")


RUS = {"firstName": "Ravi", "lastName": "Iyer"}
EXAMPLES = [
    *(silent(fact.name) for fact in (*PERSON_FACTS, *EMAIL_FACTS)),
    named("name_twice", 1, "Rao Rao"),
    named("name_twice", 0, "Asha Rao"),
    named("name_is_dummy", 1, "Test User"),
    named("name_is_dummy", 1, "aaa aaa"),
    named("name_is_dummy", 1, "1234"),
    named("name_is_dummy", 0, "Asha Rao"),
    named("name_is_dummy", 0, "Customer Rao"),
    named("name_digits", 2, "Asha Rao 22"),
    named("name_symbols", 2, "A$ha R@o"),
    named("name_symbols", 0, "Anne-Marie O'Neill Jr."),
    named("name_letters", 7, "Asha Rao"),
    named("name_is_one_word", 1, "Asha"),
    named("name_is_one_word", 0, "Asha Rao"),
    named("name_at_random", 1, "xkcdqwr sdfghj"),
    named("name_at_random", 0, "Asha Venkataraman"),
    named("names_differ", 1, "Ravi Iyer"),
    named("names_differ", 0, "ASHA R."),
    named("names_differ", None, "आशा राव"),
    ("account_name_differs", 1, on_order("account_name_differs", _customInfo=RUS)),
    ("account_name_differs", 0, on_order("account_name_differs", _customInfo={"firstName": "Asha"})),
    called("phone_valid", 1, "+919820133417"),
    called("phone_valid", 1, "98201 33417"),
    called("phone_valid", 0, "98201"),
    called("phone_valid", 0, "+915555500000"),
    called("phone_valid", None, "98201 33417", None),
    called("phone_is_mobile", 1, "9820133417"),
    called("phone_is_mobile", 0, "+442079460018"),
    called("phone_is_mobile", None, "+12015550123"),
    called("phone_is_fixed", 1, "+442079460018"),
    called("phone_is_fixed", 0, "9820133417"),
    called("phone_is_voip", 1, "+445612345678"),
    called("phone_is_voip", 0, "9820133417"),
    called("phone_is_service", 1, "+18005550123"),
    called("phone_is_service", 0, "9820133417"),
    called("phone_country_differs", 1, "+442079460018"),
    called("phone_country_differs", 0, "9820133417"),
    called("phone_is_invented", 1, "9876543210"),
    called("phone_is_invented", 1, "+91 99999 99912"),
    called("phone_is_invented", 0, "9820133417"),
    called("phone_longest_run", 5, "9822222417"),
    called("phones_given", 1, "9820133417"),
    called("phone_missing", 1, None),
    called("phone_missing", 0, "9820133417"),
    account("phone_missing", 1),
    mailed("email_missing", 1, None),
    mailed("email_missing", 0, "a@example.com"),
    account("profile_completeness", 0.25, _firstName="Asha", _shippingAddress=ADDRESS),
    account("email_confirmed", 1, _emailConfirmedStatus="_success"),
    account("email_confirmed", 0, _emailConfirmedStatus="_pending"),
    account("email_confirmed", None, _emailConfirmedStatus="_sent"),
    account("email_confirmed", 1, _emailConfirmedStatus="verified"),
    ("email_confirmed", 0, on_order("email_confirmed", _customInfo={"emailVerification": "Unverified"})),
    ("email_confirmed", None, on_order("email_confirmed", _customInfo={"emailVerification": "2 of 3"})),
    ("email_confirmed", 1, on_order("email_confirmed", _customInfo={"emailVerification": "verified"})),
    account("phone_confirmed", 1, _phoneConfirmedStatus="_success"),
    account("phone_confirmed", 0, _phoneConfirmedStatus="_failure"),
    account("has_social_sign_on", 1, _googleId="g-1"),
    account("has_social_sign_on", 0),
    account("is_referred", 1, _referralCode="R1"),
    account("is_referred", 0),
    account("age_years", 30, _age="30"),
    account("age_years", None, _age="200"),
    ("account_age_told", 3, on_order("account_age_told", _customInfo={"userCreatedAt": str(NOW_MS - 3 * DAY_MS)})),
    mailed("email_invalid", 1, "asha.rao at example"),
    mailed("email_invalid", 0, "asha@example.com"),
    mailed("email_length", 4, "asha@example.com"),
    mailed("email_digits", 2, "asha22@example.com"),
    mailed("email_digits", 3, "आशा१२.7@mail24.example.com"),
    mailed("email_digits", 2, "asha22+2026@gmail.com"),
    mailed("email_digits", 0, "asha²@example.com"),
    mailed("email_digits", None, "1985"),
    mailed("email_digit_share", 0.5, "ab12@example.com"),
    mailed("email_digit_share", 0.25, "éà१+@example.com"),
    mailed("email_trailing_digits", 3, "a1sha007+x@example.com"),
    mailed("email_separators", 3, "a.b-c_d@example.com"),
    mailed("email_at_random", 1, "a8x7k2q9@example.com"),
    mailed("email_at_random", 1, "xkcdqwrf@example.com"),
    mailed("email_at_random", 1, "xkcd.7qwrf+asha@example.com"),
    mailed("email_at_random", 0, "asha.venkat@example.com"),
    mailed("email_at_random", 0, "asha.venkat+xkcdqwrf@example.com"),
    mailed("email_at_random", None, "asha7@example.com"),
    mailed("email_at_random", None, "आशा.वेंकट@example.com"),
    mailed("email_names_person", 1, "asha.rao@example.com"),
    mailed("email_names_person", 0, "sunny@example.com"),
    mailed("email_is_disposable", 1, "asha@mailinator.com"),
    mailed("email_is_disposable", 1, "asha@x.mailinator.com"),
    mailed("email_is_disposable", 0, "asha@gmail.com"),
    mailed("email_is_free", 1, "asha@yahoo.co.in"),
    mailed("email_is_free", 0, "asha@example.com"),
    mailed("email_has_tag", 1, "asha+1@example.com"),
    mailed("email_has_tag", 0, "asha@example.com"),
    mailed("email_is_role", 1, "Info@example.com"),
    mailed("email_is_role", 0, "asha@example.com"),
    mailed("email_domain_invalid", 1, "asha@shop.invalid"),
    mailed("email_domain_invalid", 1, "asha@co.uk"),
    mailed("email_domain_invalid", 0, "asha@example.co.uk"),
    mailed("email_domain_at_random", 1, "asha@xkcdqwrtf.com"),
    mailed("email_domain_at_random", 0, "asha@gmail.com"),
    mailed("email_country_differs", 1, "asha@example.de"),
    mailed("email_country_differs", 0, "asha@example.co.in"),
    mailed("email_country_differs", None, "asha@example.com"),
]


def test_every_fact_of_the_person_has_its_examples() -> None:
    assert without_examples((*PERSON_FACTS, *EMAIL_FACTS), EXAMPLES) == set()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example[0]}={example[1]}")
def test_a_person_says(example: Example) -> None:
    assert not wrong([example])
