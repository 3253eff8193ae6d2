"""Keys of the things that an event involves: made in C, or in Python where there was no compiler; both do the same."""

from fourthwatch.features.keying import Apart, Keyer, Keys

try:
    from fourthwatch.features._keyer import apart, first_marks, firsts, heard, keyer, signed_keys

    COMPILED = True
except ImportError:
    from fourthwatch.features.keying import apart, first_marks, firsts, heard, keyer, signed_keys

    COMPILED = False

__all__ = ["COMPILED", "Apart", "Keyer", "Keys", "apart", "first_marks", "firsts", "heard", "keyer", "signed_keys"]
