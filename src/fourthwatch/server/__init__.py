"""Puts the parts together; nothing else constructs them.

Nothing is imported here: the processes beside the server are in this room, too, and need little of it.
"""
