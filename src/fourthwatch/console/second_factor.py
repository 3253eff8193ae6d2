"""The second factor: six digits that change every half minute (RFC 6238), each taken once."""

import hmac
from io import BytesIO

import pyotp
import segno

from fourthwatch.clock import SECOND_MS

_STEP_S = 30
_DIGITS = 6


def new_secret() -> str:
    """A shared secret, 160 bits in base 32."""
    return pyotp.random_base32(32)


def step_of_code(secret: str, code: str, now_ms: int) -> int | None:
    """The time step that a code belongs to, this one or a neighbour; `None` when it is wrong."""
    plain = "".join(code.split())
    if len(plain) != _DIGITS or not plain.isascii() or not plain.isdigit():
        return None
    totp = pyotp.TOTP(secret)
    now_step = now_ms // SECOND_MS // _STEP_S
    right = [
        step for step in (now_step - 1, now_step, now_step + 1) if hmac.compare_digest(totp.at(step * _STEP_S), plain)
    ]
    return max(right) if right else None


def provisioning(secret: str, name: str) -> str:
    """What an authenticator app reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="Fourthwatch")


def picture_of(text: str) -> str:
    """The path of a QR code's dark parts, for an SVG of `side_of` units."""
    out = BytesIO()
    segno.make(text, error="m").save(out, kind="svg", xmldecl=False, svgns=False, border=0, omitsize=True)
    svg = out.getvalue().decode()
    return svg.partition(' d="')[2].partition('"')[0]


def side_of(text: str) -> int:
    """How many modules the QR code has on a side."""
    return int(segno.make(text, error="m").symbol_size(border=0)[0])
