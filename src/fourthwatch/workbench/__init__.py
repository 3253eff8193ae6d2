"""Work beside the server: a demo shop, recordings and their replay.

Everything here speaks only HTTP to the server, as any other client does.
"""
