"""The version of the normal forms: it is stored beside every key that was made with them.

Whoever changes what a normal form gives for any input raises the number and adds a line below.
"""

import hashlib
from importlib.metadata import version

NORMALISER_VERSION = 2
"""
2: phones also with a country written out, and of Mexico with the old 1; the last four of a card behind the
   issuer's digits; no address of zeros alone.
1: e-mail with provider rules, phone as E.164, IP with /24 or /48, card as BIN, last four and expiry,
   address as a set of tokens.
"""


def _enrichment_version() -> str:
    names = ("disposable-email-domains", "phonenumbers", "publicsuffixlist", "tzdata")
    told = " ".join(f"{name}=={version(name)}" for name in names)
    return hashlib.blake2b(told.encode(), digest_size=4).hexdigest()


ENRICHMENT_VERSION = _enrichment_version()
"""Stands for the versions of the libraries whose tables facts are looked up in; stored with every decision."""
