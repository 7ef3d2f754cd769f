"""Seals the secrets that rest in the database: Fernet, several keys, so that keys can change."""

from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def encrypt(plain: str) -> str:
    """`plain` sealed with the first of FIELD_ENCRYPTION_KEYS."""
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(plain.encode()).decode("ascii")


def decrypt(sealed: str) -> str:
    """What `encrypt` sealed, with whichever key fits.

    Raises cryptography.fernet.InvalidToken when no key fits or the text was changed.
    """
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(sealed.encode("ascii")).decode()


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
