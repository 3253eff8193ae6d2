"""The version of the normal forms: it is stored beside every key that was made with them.

Whoever changes what a normal form gives for any input raises the number and adds a line below.
"""

NORMALISER_VERSION = 1
"""
1: e-mail with provider rules, phone as E.164, IP with /24 or /48, card as BIN, last four and expiry,
   address as a set of tokens.
"""
