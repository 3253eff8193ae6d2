"""Digits and letters of a text: the short way of ASCII gives what asking each character gives."""

from hypothesis import given
from hypothesis import strategies as st

from examples import the_same_each_time
from fourthwatch.entities.characters import decimals, letters_of

ANY_TEXT = st.text(st.characters(max_codepoint=127)) | st.text(st.characters()) | st.text("aZé9१²ⅷ.+ \ud800")


@the_same_each_time
@given(ANY_TEXT)
def test_every_character_is_judged_as_by_itself(text: str) -> None:
    assert decimals(text) == sum(character.isdecimal() for character in text)
    assert letters_of(text) == "".join(character for character in text if character.isalpha())


def test_every_ascii_character_is_judged_as_by_itself() -> None:
    for character in map(chr, range(128)):
        assert decimals(character) == character.isdecimal()
        assert letters_of(f"a{character}b") == "a" + character * character.isalpha() + "b"
