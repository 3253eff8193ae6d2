"""Fourthwatch: a self-hosted, real-time fraud-decision service for online merchants."""

__version__ = "0.1.0"
