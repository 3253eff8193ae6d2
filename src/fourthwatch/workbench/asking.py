"""Single questions to a server's management API, for commands; one connection each, and no second try."""

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple

from fourthwatch.errors import SendingStopped, UsageError
from fourthwatch.workbench.sender import KEY_HEADER, Target

_TIMEOUT_S = 30.0


class Told(NamedTuple):
    """What the server said; `body` is empty when it was no JSON object."""

    status: int
    body: dict[str, Any]
    etag: str | None = None

    @property
    def message(self) -> str:
        """The server's own words about what is wrong: all of it, each on a line of its own with its place."""
        told = self.body.get("detail") or self.body.get("message")
        errors = self.body.get("errors", [])
        if len(errors) > 1 and "rendered" not in self.body:
            told = "\n".join(f"{one['pointer'] or '/'}: {one['message']}" for one in errors)
        return str(told or f"the server answered {self.status}")


class Server:
    """A server and a key."""

    def __init__(self, url: str, key: str, *, insecure: bool = False) -> None:
        """`insecure` takes any certificate. Raises `UsageError` for what is no address or no key."""
        if not (key.isascii() and key.isprintable()):
            raise UsageError("the key should be printable ASCII, as the server issued it")
        self._target = Target.of(url)
        self._key = key
        self._tls = ssl.create_default_context()
        if insecure:
            self._tls.check_hostname = False
            self._tls.verify_mode = ssl.CERT_NONE

    def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Told:
        """One request; raises `SendingStopped` when the server cannot be asked."""
        target = self._target
        connection = (
            http.client.HTTPSConnection(target.host, target.port, timeout=_TIMEOUT_S, context=self._tls)
            if target.secure
            else http.client.HTTPConnection(target.host, target.port, timeout=_TIMEOUT_S)
        )
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, target.path + path, sent, {KEY_HEADER: self._key, **(headers or {})})
            reply = connection.getresponse()
            told = Told(reply.status, _object_of(reply.read()), reply.getheader("etag"))
        except (OSError, http.client.HTTPException) as error:
            raise SendingStopped(f"{target.url} cannot be asked: {str(error) or type(error).__name__}") from error
        finally:
            connection.close()
        return told


def _object_of(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
