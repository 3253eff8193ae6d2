"""E-mail normal forms: one mailbox, one key, by the providers' own rules and by no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import the_same_each_time
from fourthwatch.entities.email import email_domain, email_key, email_parts, mentions_name
from fourthwatch.limits import BODY_BYTES_MAX

ANY_TEXT = st.text(st.characters())
"""Lone surrogates included."""
SOME_DOMAINS = (
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.co.uk",
    "fastmail.com",
    "a.fastmail.fm",
    "icloud.com",
    "pm.me",
    "ya.ru",
    "yahoo.co.in",
    "example.com",
    "bücher.example",
    "ＧＭＡＩＬ．com",
    "пример.example",
)
ADDRESSES = st.builds("{}@{}".format, ANY_TEXT, st.sampled_from(SOME_DOMAINS) | ANY_TEXT)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("john.doe@gmail.com", "johndoe@gmail.com"),
        ("J.o.h.n.Doe+shop.2@GMAIL.com", "johndoe@gmail.com"),
        ("johndoe@googlemail.com", "johndoe@gmail.com"),
        ("john.doe+shop@outlook.com", "john.doe@outlook.com"),
        ("john.doe+shop@hotmail.co.uk", "john.doe@hotmail.co.uk"),
        ("john.doe@live.com", "john.doe@live.com"),
        ("john.doe+shop@fastmail.com", "john.doe@fastmail.com"),
        ("shop@john.fastmail.com", "john@fastmail.com"),
        ("john.doe+shop@icloud.com", "john.doe@icloud.com"),
        ("john@me.com", "john@me.com"),
        ("john@mac.com", "john@mac.com"),
        ("John.Doe-1_2+shop@protonmail.com", "johndoe12@proton.me"),
        ("johndoe12@pm.me", "johndoe12@proton.me"),
        ("johndoe12@protonmail.ch", "johndoe12@proton.me"),
        ("ivan-petrov+shop@yandex.com", "ivan.petrov@yandex.ru"),
        ("ivan.petrov@ya.ru", "ivan.petrov@yandex.ru"),
        ("john_d-shop@yahoo.com", "john_d@yahoo.com"),
        ("john+shop@yahoo.co.in", "john+shop@yahoo.co.in"),
        ("john.doe+shop@example.com", "john.doe+shop@example.com"),
        ("john.doe-x@gmail.example", "john.doe-x@gmail.example"),
        (" \tJohn@Example.COM.\n", "john@example.com"),
        ("john@example.com\u200b", "john@example.com"),
        ("john@bücher.example", "john@xn--bcher-kva.example"),
        ("john@XN--BCHER-KVA.example", "john@xn--bcher-kva.example"),
        ("john@straße.example", "john@xn--strae-oqa.example"),
        ("john@ｇｍａｉｌ．com", "john@gmail.com"),
        ("john@例え。example", "john@xn--r8jz45g.example"),
        ("JOSÉ@example.com", "josé@example.com"),
        ("jose\u0301@example.com", "josé@example.com"),
    ],
)
def test_an_address_has_the_key_of_its_mailbox(written: str, key: str) -> None:
    assert email_key(written) == key


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "@",
        "john",
        "john@",
        "@example.com",
        "john@example",
        "john@203.0.113.9",
        "john@[203.0.113.9]",
        "john doe@example.com",
        '"john"@example.com',
        "<john@example.com>",
        "a@b@example.com",
        "john@exa mple.com",
        "john@-example.com",
        "john@example-.com",
        "john@example..com",
        "john@.example.com",
        "john＠example.com",
        "+shop@gmail.com",
        "...@gmail.com",
        "-shop@yahoo.com",
        "john@℀.example",
        "john@exa\u200dmple.com",
        "john\u0000@example.com",
        "john\ud800@example.com",
        "john@\ud800.example",
        "n/a",
        "null",
        "john@" + "a" * 64 + ".com",
        "john@exa!mple.com",
        "john@exa\nmple.com",
        "john@" + "ü" * 70 + ".com",
        "a" * 320 + "@example.com",
    ],
)
def test_what_mail_could_not_reach_is_unknown(written: str) -> None:
    assert email_key(written) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("john@example.com", "jоhn@example.com"),  # the second has a Cyrillic o
        ("john@example.com", "ｊohn@example.com"),
        ("paypal@example.com", "paypal@exаmple.com"),
        ("strasse@example.com", "straße@example.com"),
        ("john@straße.example", "john@strasse.example"),
        ("john.doe@outlook.com", "johndoe@outlook.com"),
        ("john@me.com", "john@icloud.com"),
        ("john@outlook.com", "john@hotmail.com"),
        ("john+a@example.com", "john+b@example.com"),
        ("john@example.com", "john@example.org"),
    ],
)
def test_addresses_of_two_mailboxes_stay_apart(one: str, other: str) -> None:
    keys = {email_key(one), email_key(other)}
    assert None not in keys
    assert len(keys) == 2


@the_same_each_time
@given(ADDRESSES)
def test_a_key_is_its_own_key(address: str) -> None:
    key = email_key(address)
    if key is not None:
        assert email_key(key) == key
        assert email_key(f" {key.upper() if key.isascii() else key} ") == key
        local, _, domain = key.rpartition("@")
        assert local
        assert email_domain(key) == domain
        assert domain.isascii()


@the_same_each_time
@given(ANY_TEXT | ADDRESSES, ANY_TEXT, ANY_TEXT)
def test_no_text_is_refused_with_an_error(text: str, name: str, other_name: str) -> None:
    key = email_key(text)
    assert (email_domain(text) is None) <= (key is None)
    assert (email_parts(text) is None) == (email_domain(text) is None)
    assert mentions_name(text, name, None, other_name) in (True, False, None)


@pytest.mark.parametrize("part", ["a", "@", ".", " ", "ü", "\u0301", "a.", "@a."])
def test_a_text_as_long_as_a_body_is_unknown(part: str) -> None:
    text = part * (BODY_BYTES_MAX // len(part))
    assert email_key(text) is None
    assert email_key(text + "@example.com") is None
    assert email_domain("john@" + text) is None
    assert email_parts(text) is None
    assert mentions_name("john@example.com", text) in (None, False)


def test_the_domain_is_the_one_that_was_written() -> None:
    assert email_domain("a@GoogleMail.com") == "googlemail.com"
    assert email_domain("a@pm.me") == "pm.me"
    assert email_domain("a@me.fastmail.com") == "me.fastmail.com"
    assert email_domain("a@b") is None


@pytest.mark.parametrize(
    ("email", "names", "mentions"),
    [
        ("john.smith@example.com", ("John", "Smith"), True),
        ("jsmith77@example.com", ("John", "Smith"), True),
        ("smi.th@example.com", ("Smith",), True),
        ("xk77@example.com", ("John", "Smith"), False),
        ("garcia@example.com", ("José", "García Márquez"), True),
        ("obrien@example.com", ("O’Brien",), True),
        ("bjorn@example.com", ("Bjørn",), True),
        ("lukasz@example.com", ("Łukasz",), True),
        ("j_9ø.rgen+७@example.com", ("Jørgen",), True),
        ("иван@example.com", ("Иван",), True),
        ("и.в-а7н@example.com", ("Иван",), True),
        ("ivan@example.com", ("Иван",), None),
        ("alan@example.com", ("Al", "Li"), None),
        ("alan@example.com", ("", " ", None), None),
        ("alan@example.com", (), None),
        ("john@example.com", ("example",), False),
        ("no address", ("John",), None),
    ],
)
def test_a_name_is_looked_for_in_the_local_part(
    email: str, names: tuple[str | None, ...], mentions: bool | None
) -> None:
    assert mentions_name(email, *names) is mentions
