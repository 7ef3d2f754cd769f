"""Where the call service reports on an attempt: an address that nobody can guess."""

import hashlib
import hmac
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.utils.crypto import constant_time_compare


def callback_url(provider: str, attempt_id: UUID) -> str:
    """The address for the call service's reports on this attempt."""
    base, id_ = settings.SCHEDULER.public_url, str(attempt_id)
    return f"{base}/api/providers/{provider}/callback/{id_}/{_token(id_)}"


def callback_token_is_right(attempt_id: UUID, token: str) -> bool:
    """Whether the token in a callback's address is the one made for this attempt."""
    return constant_time_compare(token, _token(str(attempt_id)))


def _token(attempt_id: str) -> str:
    key = _token_key(settings.SECRET_KEY)
    return hmac.digest(key, attempt_id.encode(), "sha256").hex()[:32]


@lru_cache(maxsize=1)
def _token_key(secret: str) -> bytes:
    # As Django's salted_hmac derives it, which would do so again for every call.
    return hashlib.sha256(b"executions.callback" + secret.encode()).digest()
