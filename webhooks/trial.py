"""An owner tries a URL: one signed `webhook.test` message through the ordinary outbox."""

import json
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from scheduler_project.errors import FieldError, Invalid
from scheduler_project.webhook_url import check_webhook_url
from webhooks.models import Delivery
from webhooks.outbox import Notice, enqueue

TEST_TYPE = "webhook.test"


def send_test(owner_id: int, url: str, now: datetime) -> Delivery:
    """Writes the test message, due at `now`; raises Invalid for a URL no webhook may go to."""
    body = {
        "type": TEST_TYPE,
        "event": "test",
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {"message": "This address receives webhooks and can check their signature."},
    }
    notice = Notice(owner_id, _checked(url), "test", json.dumps(body), type=TEST_TYPE)
    with transaction.atomic(), connection.cursor() as cursor:
        ids: list[UUID] = enqueue(cursor, [notice], now)
    return Delivery.objects.get(id=ids[0])


def _checked(url: str) -> str:
    rules = settings.SCHEDULER
    try:
        return check_webhook_url(
            url, allow_http=rules.webhook_allow_http, allowed_nets=rules.webhook_allowed_nets
        )
    except ValueError as error:
        raise Invalid(errors=[FieldError("url", "invalid", str(error))]) from None
