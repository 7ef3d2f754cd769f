"""Signs what leaves and checks what claims to be signed: Standard Webhooks `v1`; pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32
#: seconds that a signed message may lie in the past or the future
TOLERANCE = 300


class BadSignature(Exception):
    """No signature on this message was made with a secret that we know."""


def new_secret() -> str:
    """A fresh secret: `whsec_` and the base64 of 32 random bytes (the specification: 24 to 64)."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def key_of(secret: str) -> bytes:
    """The key inside a secret; raises ValueError when it is not base64 of 24 to 64 bytes."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not 24 <= len(key) <= 64:
        raise ValueError("A webhook secret is whsec_ and the base64 of 24 to 64 bytes.")
    return key


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One `v1,<base64>` signature over id, Unix second and body, as in `webhook-signature`."""
    signed = b".".join((message_id.encode(), str(timestamp).encode("ascii"), body))
    digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode("ascii")


def signed_headers(
    keys: Sequence[str], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """The three headers of a message signed with each of the secrets."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(key, message_id, timestamp, body) for key in keys),
    }


def verify(
    secret: str,
    *,
    message_id: str,
    timestamp: str,
    signatures: str,
    body: bytes,
    now: float,
    tolerance: int = TOLERANCE,
) -> None:
    """Checks the three headers of a message against its raw body.

    `timestamp` and `signatures` are the headers' text, `now` is Unix seconds. `signatures` may
    hold several, divided by spaces; one that fits is enough. Raises BadSignature when none fits
    or when the message is more than `tolerance` seconds old or early.
    """
    # Ten digits reach the year 2286; `int` alone would take signs, spaces and other alphabets.
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 10):
        raise BadSignature("webhook-timestamp is not a number of seconds since 1970.")
    if abs(now - int(timestamp)) > tolerance:
        raise BadSignature(f"webhook-timestamp is more than {tolerance} s away from now.")
    expected = sign(secret, message_id, int(timestamp), body).encode()
    given = [one.encode("utf-8", "replace") for one in signatures.split()]
    # Each one is compared, and in constant time, so that the answer's time tells nothing.
    if not sum(hmac.compare_digest(expected, one) for one in given):
        raise BadSignature
