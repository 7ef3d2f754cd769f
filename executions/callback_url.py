"""Where the call service reports on an attempt: an address that nobody can guess."""

import hashlib
import hmac
from collections.abc import Callable
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.utils.crypto import constant_time_compare


def callback_url(provider: str, attempt_id: UUID) -> str:
    """The address for the call service's reports on this attempt."""
    return callback_urls(provider)(attempt_id)


def callback_urls(provider: str) -> Callable[[UUID], str]:
    """Makes such addresses, for many attempts at once: the settings are looked up only here."""
    base = f"{settings.SCHEDULER.public_url}/api/providers/{provider}/callback"
    key = _token_key(settings.SECRET_KEY)

    def address(attempt_id: UUID) -> str:
        id_ = str(attempt_id)
        return f"{base}/{id_}/{_token(key, id_)}"

    return address


def callback_token_is_right(attempt_id: UUID, token: str) -> bool:
    """Whether the token in a callback's address is the one made for this attempt."""
    key = _token_key(settings.SECRET_KEY)
    return constant_time_compare(token, _token(key, str(attempt_id)))


def _token(key: bytes, attempt_id: str) -> str:
    return hmac.digest(key, attempt_id.encode(), "sha256").hex()[:32]


@lru_cache(maxsize=1)
def _token_key(secret: str) -> bytes:
    # As Django's salted_hmac derives it, which would do so again for every call.
    return hashlib.sha256(b"executions.callback" + secret.encode()).digest()
