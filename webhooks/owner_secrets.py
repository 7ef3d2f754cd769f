"""The owner's signing secret: made on first use, shown to its owner, rotated."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography.fernet import InvalidToken
from django.db import transaction

from webhooks.crypto import encrypt
from webhooks.models import OwnerSecret
from webhooks.signing import new_secret

log = logging.getLogger(__name__)
#: how long the secret before the newest goes on signing after a rotation
PREVIOUS_SIGNS_FOR = timedelta(hours=24)


def secret_of(owner_id: int) -> OwnerSecret:
    """The owner's secret, made now if there is none; two callers at once get the same one."""
    found, _ = OwnerSecret.objects.get_or_create(
        owner_id=owner_id, defaults={"sealed": encrypt(new_secret())}
    )
    return found


def rotate(owner_id: int, now: datetime) -> OwnerSecret:
    """A new secret; the one before it signs beside it for 24 h. One older still ends at once."""
    secret_of(owner_id)
    with transaction.atomic():
        row = OwnerSecret.objects.select_for_update().get(owner_id=owner_id)
        row.rotate(new_secret(), now, now + PREVIOUS_SIGNS_FOR)
        row.save()
    return row


def keys_of(owner_ids: Iterable[int], now: datetime) -> dict[int, list[str]]:
    """For each owner the secrets that sign at `now`, the newest first.

    An owner whose secret no key of FIELD_ENCRYPTION_KEYS opens gets an empty list.
    """
    wanted = set(owner_ids)
    found = {row.owner_id: row for row in OwnerSecret.objects.filter(owner_id__in=wanted)}
    return {owner: _keys(found.get(owner) or secret_of(owner), now) for owner in wanted}


def _keys(row: OwnerSecret, now: datetime) -> list[str]:
    try:
        return row.signing_at(now)
    except InvalidToken:
        log.error("secret_unreadable owner=%s: no key of FIELD_ENCRYPTION_KEYS fits", row.owner_id)
        return []
