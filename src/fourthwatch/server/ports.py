"""Whether a port can be listened on, asked before a server is started on it.

The answer is as of now: only listening itself settles it.
"""

import socket


def why_not_free(host: str, port: int) -> str | None:
    """What the system says against listening there; `None` when nothing does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror
    return None
