"""What can be counted and recognised in the lines of an address, in one pass: the marks of parcels that come back.

Everything is a hint, never proof. Words are known in English and in the languages of the larger markets; of other
scripts what depends on words is unknown.
"""

import re
import unicodedata
from functools import lru_cache

import msgspec

from fourthwatch.entities.address import address_facts
from fourthwatch.entities.words import word_set
from fourthwatch.limits import ADDRESS_LINE_CHARS_MAX, ADDRESSES_CACHED_MAX


class AddressLook(msgspec.Struct, frozen=True, gc=False):
    """Of both lines together, each cut to 512 characters."""

    digits: int
    letters: int
    words: int
    """Words and numbers; an abbreviation is its word, "flat 3" is one."""
    longest_word: int
    """Characters."""
    commas: int
    symbols: int
    """Characters that are neither letter, digit, blank nor comma."""
    invalid_characters: int
    """Symbols that no postal address is written with: controls, brackets, emoji…"""
    repeated_words: int
    """Words that had been there before."""
    has_house_number: bool
    has_building_word: bool | None
    """Flat, tower, house…; `None`: not in Latin script."""
    has_locality_word: bool | None
    """Street, nagar, sector…; `None`: not in Latin script."""
    has_landmark: bool | None
    """Near, opposite, behind…; `None`: not in Latin script."""
    is_collection_point: bool
    """A PO box, a parcel locker, a forwarder, in care of somebody."""
    holds_contact: bool
    """A phone number, an e-mail or a web address in a line."""
    is_dummy: bool
    """Nothing but what people type to get past a mandatory field."""
    repeats_line: bool
    """The second line says again what the first one says."""


def address_look(address1: str | None, address2: str | None) -> AddressLook | None:
    """None: neither line has a letter or a digit.

    >>> look = address_look("Flat 3, Lotus Towers", "near City Mall")
    >>> look.has_building_word, look.has_landmark, look.words, look.is_dummy
    (True, True, 6, False)
    """
    return _look((address1 or "")[:ADDRESS_LINE_CHARS_MAX], (address2 or "")[:ADDRESS_LINE_CHARS_MAX])


@lru_cache(maxsize=ADDRESSES_CACHED_MAX)
def _look(first: str, second: str) -> AddressLook | None:
    facts = address_facts(first, second)
    if facts is None:
        return None
    text = f"{first} {second}".lower()
    words = _WORD.findall(text)
    distinct = set(words)
    letters, symbols, invalid = _characters(text)
    is_latin = (
        text.isascii() or 2 * sum(len(word) for word in words if _LATIN.fullmatch(word)) >= letters + facts.digits
    )
    return AddressLook(
        digits=facts.digits,
        letters=letters,
        words=facts.tokens,
        longest_word=max(map(len, words), default=0),
        commas=text.count(","),
        symbols=symbols,
        invalid_characters=invalid,
        repeated_words=facts.repeated_tokens,
        has_house_number=facts.has_house_number,
        has_building_word=_is_one(distinct, _BUILDINGS, _BUILDING_ENDS) if is_latin else None,
        has_locality_word=_is_one(distinct, _LOCALITIES, _LOCALITY_ENDS) if is_latin else None,
        has_landmark=not distinct.isdisjoint(_LANDMARKS) if is_latin else None,
        is_collection_point=not distinct.isdisjoint(_COLLECTING) and _COLLECTION.search(text) is not None,
        holds_contact=(facts.digits >= _PHONE_DIGITS_MIN and _PHONE.search(text) is not None)
        or (("@" in text or "www." in text or "http" in text) and _ONLINE.search(text) is not None),
        is_dummy=_is_dummy(distinct, letters),
        repeats_line=second != "" and first.strip().lower() == second.strip().lower(),
    )


_WORD = re.compile(r"[^\W_]+")
_LATIN = re.compile(r"[a-z\u00c0-\u024f\u1e00-\u1eff0-9]+")
_POSTAL_PUNCTUATION = frozenset(".-/#'&():;\"_+°ºª·’‘–—\n\r\t@")
_ASCII_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_ASCII_PLAIN = _ASCII_LETTERS + b"0123456789 ,\n\r\t"
_ASCII_POSTAL = b".-/#'&():;\"_+@"


def _characters(text: str) -> tuple[int, int, int]:
    """Of a text in lower case: letters; symbols; symbols of no postal address."""
    if text.isascii():
        plain = text.encode()
        odd = plain.translate(None, _ASCII_PLAIN)
        return (
            len(plain) - len(plain.translate(None, _ASCII_LETTERS)),
            len(odd),
            len(odd.translate(None, _ASCII_POSTAL)),
        )
    letters = symbols = invalid = 0
    for character in text:
        if character.isalpha():
            letters += 1
        elif not (character.isalnum() or character in " ,"):
            if character in _POSTAL_PUNCTUATION:
                symbols += not character.isspace()
            elif unicodedata.category(character) not in _MARKS_AND_BLANKS:
                symbols += 1
                invalid += 1
    return letters, symbols, invalid


_MARKS_AND_BLANKS = frozenset({"Mn", "Mc", "Zs", "Cf"})
"""Marks are vowels of Indic scripts; joiners come along with them."""


def _is_one(words: set[str], known: frozenset[str], ends: tuple[str, ...]) -> bool:
    if not words.isdisjoint(known):
        return True
    return any(word.endswith(ends) for word in words if len(word) >= _END_CHARS_MIN)


_END_CHARS_MIN = 6
"""Below it "pur" or "weg" is no ending but the word."""


def _is_dummy(words: set[str], letters: int) -> bool:
    if letters == 0:
        return len(words) <= 1
    for word in words:
        if word not in _DUMMIES_AND_FILLERS and not word.isdecimal():
            break
    else:
        # "12 Test Street" is none, and "my home"; "12 House Street" may be one.
        return not words.isdisjoint(_DUMMIES) or not any(map(str.isdecimal, words))
    return all(len(word) >= _REPEATED_MIN and len(set(word)) == 1 for word in words if not word.isdecimal())


_REPEATED_MIN = 3
_PHONE_DIGITS_MIN = 9


_BUILDINGS = word_set(
    """
    flat flats apartment apartments apt apts appt tower towers building bldg bldng blg block blk house hse villa villas
    residency residence residences residencia heights plaza complex court mansion manor bhavan bhawan niwas nivas sadan
    kunj chambers suite ste unit floor flr fl room rm hostel pg hotel office shop wing society soc chs arcade mall
    quarters qtr qtrs bungalow duplex penthouse condo condominium cottage farm hall lodge school college hospital
    gedung rusun apartemen kost ruko lantai edificio edif immeuble résidence bâtiment batiment etage étage haus wohnung
    stock piso planta depto apto departamento palazzo scala interno appartement etaj sprat bloc kv korpus stan
    """
)
_BUILDING_ENDS = ("haus", "hof", "bhavan", "bhawan", "mahal")
_LOCALITIES = word_set(
    """
    road rd street st strt lane ln nagar ngr colony col sector sec phase layout enclave vihar puram pura gali galli marg
    chowk bazar bazaar market circle cross main stage area extension extn village vill taluk taluka tehsil mandal post
    po dist district ward mohalla basti garden gardens park avenue ave av drive dr boulevard blvd way close crescent
    place square terrace hill hills estate green grove mews row walk wharf quay parade highway hwy expressway bypass
    township town city camp cantt chawl wadi peth gaon bagh ganj jalan jl gang rt rw kelurahan desa kecamatan dusun
    perumahan komplek rue chemin allée allee impasse quai cours calle avenida avda barrio colonia carretera paseo
    camino via viale piazza corso vicolo largo strasse straße str weg platz gasse allee rua travessa praça praca
    estrada alameda straat laan plein gata gatan väg vägen ulica ul aleja osiedle utca
    """
)
_LOCALITY_ENDS = (
    "nagar", "puram", "pura", "pur", "palli", "pally", "wadi", "abad", "ganj", "garh", "halli", "peth", "strasse",
    "straße", "weg", "platz", "gasse", "damm", "allee", "straat", "laan", "gatan", "vägen", "vej", "gade", "veien",
)  # fmt: skip
_LANDMARKS = word_set(
    """
    near nr nearby opp opposite behind beside besides next adjacent landmark above below front backside samne pass
    paas dekat depan belakang samping cerca frente junto detrás face gegenüber neben vicino
    """
)
_COLLECTION = re.compile(
    r"\bp\.?\s?o\.?\s?box\b|\bpobox\b|\bpost box\b|\bpostfach\b|\bpackstation\b|\bparcel ?locker\b|\blocker\b|\bpmb\b"
    r"|\bpick ?-?up (?:point|station|store)\b|\bpaczkomat\b|\bc/o\b|\bcare of\b|\bfreight\b|\bforwarder|\bforwarding\b"
    r"|\bposte restante\b|\bmail ?box\b|\bcasilla\b|\bapartado postal\b|\bpoint relais\b|\bparcelshop\b"
)
_PHONE = re.compile(r"[0-9]{9}|\b[6-9][0-9]{4}[ -][0-9]{5}\b")
_ONLINE = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.\w|https?:|\bwww\.")

# One of these must be there before the next expression is tried: it costs as much as all the rest.
_COLLECTING = word_set(
    """
    box pobox postfach packstation locker parcellocker pmb pickup pick paczkomat c care freight forwarder forwarders
    forwarding restante mailbox casilla apartado relais parcelshop
    """
)
_DUMMIES = word_set(
    """
    test testing tester dummy address addr adress asdf asdfg asdfgh qwerty qwe asd zxc abc abcd xyz xxx na none nil null
    unknown same sample fake nothing undefined todo default temp demo lorem ipsum foo bar applicable available
    """
)
_DUMMIES_AND_FILLERS = _DUMMIES | word_set("n a as above here no not my home house street line road your the")
