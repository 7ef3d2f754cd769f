"""The call service reports: a signed callback goes into the inbox once and moves its attempt on."""

import hashlib
import json
import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from executions import rows
from executions.callback_url import callback_token_is_right
from executions.findings import from_report
from executions.models import Attempt, ProviderEvent
from executions.outcomes import django_transaction, record_on
from executions.providers.base import CallProvider, ForgedCallback, Report
from executions.providers.registry import provider_named
from executions.tasks import ring_webhooks
from scheduler_project import clock
from scheduler_project.errors import CONTENT_TYPE, document

log = logging.getLogger(__name__)
INBOX = {
    "provider": "varchar",
    "event_id": "varchar",
    "attempt_id": "uuid",
    "status": "varchar",
    "raw": "jsonb",
    "received_at": "timestamptz",
}


@csrf_exempt
@require_POST
def callback(request: HttpRequest, provider: str, attempt_id: UUID, token: str) -> HttpResponse:
    """204 for what was taken in, also for a repeated event; 401 for a forged or old one.

    The address itself is a secret made for one attempt; the signature is checked besides.
    """
    attempt = Attempt.objects.filter(pk=attempt_id, provider=provider).first()
    if attempt is None or not callback_token_is_right(attempt_id, token):
        return _problem(404, "There is no such callback address.")
    now = clock.now()
    try:
        adapter = provider_named(provider)
        reports = adapter.read_callback(
            request.headers, request.body, request.build_absolute_uri(), now
        )
    except ForgedCallback:
        log.warning("callback_forged attempt=%s", attempt_id)
        return _problem(401, "The signature is wrong, or older than five minutes.")
    except ImproperlyConfigured:
        return _problem(404, "There is no such callback address.")
    except ValueError as error:
        return _problem(400, str(error))
    for report in reports:
        if report.attempt_id not in (None, attempt_id):
            return _problem(400, "attempt_id is not the one that this address was made for.")
        ring_webhooks(take_in(attempt, report, adapter, now))
    return HttpResponse(status=204)


def take_in(attempt: Attempt, report: Report, adapter: CallProvider, now: datetime) -> list[UUID]:
    """Puts one event into the inbox and records what it says, in one transaction.

    An event that was there already changes nothing. Returns webhook deliveries to ring for.
    """
    with django_transaction() as cursor:
        if not _is_new(cursor, attempt, report, now):
            return []
        finding = from_report(attempt.id, report, adapter.capabilities.poll_after(attempt.looks))
        return record_on(django_transaction, [finding], now)


def _is_new(cursor: Any, attempt: Attempt, report: Report, now: datetime) -> bool:
    """Whether the event went into the inbox; the same one at once from elsewhere is waited for."""
    if report.event_id is None:
        return True
    row = {
        "provider": attempt.provider,
        # some services count their events from 1 for each call
        "event_id": f"{attempt.id}:{hashlib.sha256(report.event_id.encode()).hexdigest()}",
        "attempt_id": attempt.id,
        "status": report.status,
        "raw": json.dumps(report.raw),
        "received_at": now,
    }
    return bool(rows.insert(cursor, ProviderEvent._meta.db_table, INBOX, [row]))


def _problem(status: int, sentence: str) -> JsonResponse:
    return JsonResponse(document(status, sentence), status=status, content_type=CONTENT_TYPE)


urlpatterns = [
    path("providers/<str:provider>/callback/<uuid:attempt_id>/<str:token>", callback),
    path("providers/<str:provider>/callback/<uuid:attempt_id>/<str:token>/", callback),
]
