"""Keys of the things that an event involves: made in C, or in Python where there was no compiler; both do the same."""

from fourthwatch.features.keying import Keyer, Keys

try:
    from fourthwatch.features._keyer import firsts, heard, keyer, signed_keys

    COMPILED = True
except ImportError:
    from fourthwatch.features.keying import firsts, heard, keyer, signed_keys

    COMPILED = False

__all__ = ["COMPILED", "Keyer", "Keys", "firsts", "heard", "keyer", "signed_keys"]
