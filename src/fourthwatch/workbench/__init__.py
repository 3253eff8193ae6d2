"""Work beside the server: a demo shop, recordings and their replay, data sets and what is told by them.

What sends, speaks only HTTP, as any other client does; what reads the ledger only reads, and only what is durable.
"""
