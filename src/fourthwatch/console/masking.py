"""Personal data as those see it who need not: enough to recognise it by, not enough to take it away.

Whose role does not show it may reveal it for a page by giving a reason, which the audit trail keeps.
"""

import re
from typing import Any

DOTS = "•••"
_PERSONAL = ("mail", "phone", "name", "address", "ip", "zip", "facebook", "google", "twitter", "card", "account")
_PLAIN = frozenset(
    {"_eventName", "_accountStatus", "_isOfficeAddress", "_isHomeAddress", "_cardExpiryMonth", "_cardExpiryYear"}
)
_PERSONAL_KINDS = frozenset({"email", "phone", "ip", "network", "card", "address", "billing_address"})
_HASHED = re.compile(r"a[0-9]+:[0-9a-f]{32}")
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,]{0,30}")


class Personal:
    """Shows or masks, for one page."""

    def __init__(self, *, shown: bool) -> None:
        self.shown = shown

    def text(self, value: Any) -> str:
        """A name, an address, a free text."""
        return str(value) if self.shown else hidden(str(value))

    def key(self, kind: str, value: str) -> str:
        """An entity key of a kind, as people read it; shops' own ids stay as they are."""
        return readable_key(kind, value) if self.links(kind, value) else hidden_key(kind, value)

    def links(self, kind: str, value: str) -> bool:
        """Whether an address may name it: who sees it masked must not read it from a link."""
        return self.shown or not (kind in _PERSONAL_KINDS or "@" in value)

    def reason(self, value: str) -> str:
        """What a reason shows: a number or a yes stays, a text may be anybody's."""
        said = {"true": "yes", "false": "no"}.get(value, value)
        return said if self.shown or said in ("yes", "no") or _NUMBER.fullmatch(said) else DOTS

    def reply(self, reply: Any) -> Any:
        """What was answered to an event."""
        if self.shown or not isinstance(reply, dict) or not isinstance(reply.get("reasons"), list):
            return reply
        reasons = [{**one, "value": self.reason(str(one.get("value", "")))} for one in reply["reasons"]]
        return {**reply, "reasons": reasons}

    def field(self, name: str, value: Any) -> Any:
        """A field of an event, with whatever is inside it."""
        if self.shown:
            return value
        if isinstance(value, dict):
            return {inner: self.field(inner, given) for inner, given in value.items()}
        if isinstance(value, list):
            return [self.field(name, one) for one in value]
        return hidden(value) if isinstance(value, str) and (is_personal(name) or "@" in value) else value

    def body(self, body: Any) -> Any:
        """A whole event; what a shop put there on its own is hidden altogether."""
        if self.shown or not isinstance(body, dict):
            return body
        shown = {}
        for name, value in body.items():
            own = name == "_customInfo" or not name.startswith("_")
            shown[name] = DOTS if own else self.field(name, value)
        return shown


def is_personal(name: str) -> bool:
    """Whether a field of this name holds personal data, as far as a name can tell."""
    plain = name.lower()
    return name not in _PLAIN and (
        any(word in plain for word in _PERSONAL) or plain in ("_content", "_subject", "_reviewcontent", "_reviewtitle")
    )


def readable_key(kind: str, value: str) -> str:
    """A key that is no word of its own, put so that people can tell two of them apart.

    >>> readable_key("card", "411111-1111-203107"), readable_key("card", "411111-1111-"), readable_key("ip", "::1")
    ('411111••1111 07/31', '411111••1111', '::1')
    >>> readable_key("address", "a1:4538c76f4548451b8a1b2a9ad5e5d3a8")
    '#4538c76f'
    """
    if kind == "card" and value.count("-") == 2:
        issuer, last, expiry = value.split("-")
        return f"{issuer}••{last}" + (f" {expiry[4:]}/{expiry[2:4]}" if len(expiry) == 6 else "")
    if kind in ("address", "billing_address") and _HASHED.fullmatch(value):
        return "#" + value.partition(":")[2][:8]
    return value


def hidden(text: str) -> str:
    """What is left of a text.

    >>> hidden("Asha Rao"), hidden("asha@example.com"), hidden("x")
    ('A•••', 'a•••@example.com', '•••')
    """
    if "@" in text:
        return hidden_key("email", text)
    return text[0] + DOTS if len(text) > 3 else DOTS


def hidden_key(kind: str, value: str) -> str:
    """What is left of an entity key.

    >>> hidden_key("phone", "+919876543210"), hidden_key("ip", "203.0.113.9"), hidden_key("card", "411111-1111-0730")
    ('•••3210', '203.0.•••', '411111-•••')
    """
    if kind == "email" or (kind not in _PERSONAL_KINDS and "@" in value):
        local, _, domain = value.rpartition("@")
        return f"{local[:1]}{DOTS}@{domain}"
    if kind == "phone":
        return DOTS + value[-4:]
    if kind in ("ip", "network"):
        mark = ":" if ":" in value else "."
        return mark.join([*value.split(mark)[:2], DOTS])
    if kind == "card":
        return value.partition("-")[0] + "-" + DOTS
    return value[:3] + DOTS
