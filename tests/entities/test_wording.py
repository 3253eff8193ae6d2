"""How addresses, names, mailboxes and user agents are written: ugly texts, other scripts, and the known marks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourthwatch.entities.address_look import address_look
from fourthwatch.entities.browser import read_browser
from fourthwatch.entities.card import avs_agrees, cvv_agrees, issuer_digits
from fourthwatch.entities.domain import country_of_domain, is_disposable, is_free_mail, registered_domain
from fourthwatch.entities.lookups import lookups
from fourthwatch.entities.mailbox import mailbox_facts
from fourthwatch.entities.person_name import name_look, share_a_word

ANY = st.text(st.characters()) | st.text("abcдй१ 0123,.-@/+'🍕", max_size=60)


@given(ANY, st.none() | ANY)
def test_no_text_breaks_the_look_of_an_address(first: str, second: str | None) -> None:
    look = address_look(first, second)
    if look is not None:
        assert 0 <= look.invalid_characters <= look.symbols
        assert look.words >= 1
        assert look.repeated_words < look.words


@given(ANY)
def test_no_text_breaks_the_other_looks(text: str) -> None:
    name = name_look(text)
    assert (name is None) == (text[:128].strip() == "")
    mailbox = mailbox_facts(text)
    assert mailbox is None or 0 <= mailbox.digits <= mailbox.length
    assert (read_browser(text) is None) == (text[:512].strip() == "")
    assert share_a_word(text, text) in (None, True)
    assert issuer_digits(text) is None or len(issuer_digits(text) or "") == 6
    assert avs_agrees(text) in (None, True, False)
    assert cvv_agrees(text) in (None, True, False)


@given(st.text("abcdefg0123456789 ,.-/#<*", max_size=80))
def test_the_short_way_of_ascii_counts_as_the_long_one(text: str) -> None:
    plain, long = address_look(text, None), address_look(text, "ॐ")
    if plain is not None and long is not None:
        assert (plain.letters + 1, plain.symbols, plain.invalid_characters) == (
            long.letters,
            long.symbols,
            long.invalid_characters,
        )


@pytest.mark.parametrize(
    ("a", "b", "shared"),
    [
        ("Asha Rao", "Rao, Asha", True),
        ("Mr. Asha Rao", "Mr. Ravi Iyer", False),
        ("José García", "JOSE GARCIA", True),
        ("Anna Maria", "Annamaria", True),
        ("O'Neill", "oneill", True),
        ("Asha", "आशा", None),
        ("Asha", "123", None),
    ],
)
def test_names_share_a_word_or_not(a: str, b: str, shared: bool | None) -> None:
    assert share_a_word(a, b) is shared
    assert share_a_word(b, a) is shared


@pytest.mark.parametrize("agent", ["curl/8.5.0", "Scrapy/2.11", "-", "Mozilla/5.0 HeadlessChrome/1", "Googlebot/2.1"])
def test_a_program_gives_itself_away(agent: str) -> None:
    browser = read_browser(agent)
    assert browser is not None
    assert browser.is_automated


@pytest.mark.parametrize(
    ("agent", "family", "system"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 Safari/537.36 Edg/130.0", "edge", "windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile Safari/604.1", "safari", "ios"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) CriOS/130.0 Mobile Safari/604.1", "chrome", "ios"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5; rv:131.0) Gecko/20100101 Firefox/131.0", "firefox", "mac"),
        ("Mozilla/5.0 (Linux; Android 14; SM-A546E) SamsungBrowser/26.0 Chrome/122.0", "samsung", "android"),
        ("okhttp/4.12.0", "app", "android"),
    ],
)
def test_a_browser_is_told_from_those_it_calls_itself(agent: str, family: str, system: str) -> None:
    browser = read_browser(agent)
    assert browser is not None
    assert (browser.family, browser.system, browser.is_automated) == (family, system, False)


def test_domains_are_judged_by_the_lists_of_others() -> None:
    assert registered_domain("a.b.example.co.in") == "example.co.in"
    assert registered_domain("localhost") is None
    assert registered_domain("shop.github.io") == "github.io"
    assert is_disposable("deep.down.mailinator.com")
    assert not is_disposable("com")
    assert is_free_mail("outlook.com.br")
    assert not is_free_mail("liver.example.com")
    assert country_of_domain("shop.tv") is None


def test_lookups_show_whole_versions() -> None:
    assert lookups()["public suffixes"][:2] == "20"
    assert lookups()["time zones"].startswith("20")
