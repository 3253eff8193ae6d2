"""Measures the program as its users meet it: over HTTP, durable, client and server on the same machine.

No figure here is a test: figures are printed beside what is wanted, ratios first, and nothing fails on a slow machine.
"""
