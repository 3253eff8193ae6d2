"""Puts the parts together; nothing else constructs them."""

from fourthwatch.server.serve import Listen, serve

__all__ = ["Listen", "serve"]
