"""A creating request may be repeated: its first 2xx answer is kept for a day under its key.

What is created and the key's row are one transaction, so a crash keeps both or neither. While the
request runs, its transaction holds an advisory lock on owner and key; PostgreSQL lets go of it
when the transaction ends, whatever ended it, and so no crash leaves a key behind that is "in
progress". After https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.db import connection, transaction
from django.http import HttpResponse
from django.utils.encoding import force_str
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from scheduler_project import clock
from scheduler_project.errors import Conflict, FieldError, Invalid
from scheduler_project.front_door import owner_of
from scheduler_project.models import IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT = timedelta(hours=24)
#: expired rows that one new key removes; more than one, so that they never pile up
FORGOTTEN_AT_ONCE = 100
_KEY = re.compile(r"[\x20-\x7e]{1,255}")

# A process that is frozen, or whose host is gone without a word, gives its key back after a minute.
_HOLD = """
SET LOCAL idle_in_transaction_session_timeout = '60s';
SELECT pg_try_advisory_xact_lock(%s)
"""
# Rows that another request is removing are its own business: nobody waits here.
_FORGET = """
DELETE FROM scheduler_project_idempotencykey WHERE id = ANY(ARRAY(
  SELECT id FROM scheduler_project_idempotencykey WHERE created_at <= %s
  ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED))
"""

PARAMETERS = [
    OpenApiParameter(
        HEADER,
        {"type": "string", "minLength": 1, "maxLength": 255},
        OpenApiParameter.HEADER,
        description="Any text of your own for this request, such as a UUID. Sent again with the"
        " same text within 24 hours, the same request gets its first answer again.",
    ),
    OpenApiParameter(
        REPLAYED,
        {"type": "string", "const": "true"},
        OpenApiParameter.HEADER,
        response=[200, 201, 202],
        description="There when this is the first answer again; nothing was done anew.",
    ),
]

P = ParamSpec("P")
View = TypeVar("View", bound=APIView)


def idempotent(
    post: Callable[Concatenate[View, Request, P], Response],
) -> Callable[Concatenate[View, Request, P], HttpResponse]:
    """Makes a view's `post` honour `Idempotency-Key`, and says so in the OpenAPI document.

    With a key the view runs inside a transaction: it makes no network call, and rings by
    `transaction.on_commit` only. Raises Invalid for a key that is none; Conflict
    (`idempotency_conflict`, `idempotency_in_progress`). Anything but a 2xx is not kept.
    """

    @wraps(post)
    def once(view: View, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if (asked := asked_with(request)) is None:
            return post(view, request, *args, **kwargs)
        with transaction.atomic():
            asked.created_at = hold(asked)
            if (known := recall(asked)) is not None:
                return replay(known, asked)
            response = post(view, request, *args, **kwargs)
            if 200 <= response.status_code < 300:
                asked.status_code, asked.body = response.status_code, _text(view, response)
                keep(asked)
        return response

    return extend_schema(parameters=PARAMETERS)(once)


def asked_with(request: Request) -> IdempotencyKey | None:
    """The request under its key, not answered yet; None without a key.

    Reads the body, however slowly it comes, so this belongs before the transaction. Raises
    Invalid unless the key is printable ASCII.
    """
    key: str | None = request.headers.get(HEADER)
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        message = "Write 1 to 255 printable ASCII characters, such as a UUID."
        raise Invalid(errors=[FieldError(HEADER, "invalid", message)])
    return IdempotencyKey(owner=owner_of(request), key=key, fingerprint=fingerprint(request))


def fingerprint(request: Request) -> str:
    """The SHA-256 in hex of method, path and body; a last slash makes no difference."""
    body = hashlib.sha256(request.body).hexdigest()
    path = request.path.rstrip("/")
    return hashlib.sha256(f"{request.method} {path} {body}".encode()).hexdigest()


def hold(asked: IdempotencyKey) -> datetime:
    """Holds owner and key until the transaction ends, and says what time it is.

    Raises Conflict (`idempotency_in_progress`) at once when another request holds them.
    """
    digest = hashlib.sha256(f"{asked.owner_id} {asked.key}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [int.from_bytes(digest[:8], "big", signed=True)])
        if not cursor.fetchone()[0]:
            raise Conflict(
                f"A request with this {HEADER} is still running; send it again in a moment.",
                code="idempotency_in_progress",
            )
        return clock.now_on(cursor)


def recall(asked: IdempotencyKey) -> IdempotencyKey | None:
    """What was answered under this key in the last 24 hours; None when nothing was.

    A statement of its own after `hold`: only so does it see what the holder before committed.
    """
    return IdempotencyKey.objects.filter(
        owner_id=asked.owner_id, key=asked.key, created_at__gt=asked.created_at - KEPT
    ).first()


def replay(known: IdempotencyKey, asked: IdempotencyKey) -> HttpResponse:
    """The first answer again; raises Conflict (`idempotency_conflict`) for another request."""
    if known.fingerprint != asked.fingerprint:
        raise Conflict(
            f"This {HEADER} was used for another request; take a new key for a new request.",
            code="idempotency_conflict",
        )
    return HttpResponse(
        known.body,
        status=known.status_code,
        content_type="application/json",
        headers={REPLAYED: "true"},
    )


def keep(answered: IdempotencyKey) -> None:
    """Stores an answer, in the place of an expired one if need be, and forgets expired others."""
    IdempotencyKey.objects.bulk_create(
        [answered],
        update_conflicts=True,
        unique_fields=["owner", "key"],
        update_fields=["fingerprint", "status_code", "body", "created_at"],
    )
    forget_expired(answered.created_at)


def forget_expired(now: datetime, limit: int = FORGOTTEN_AT_ONCE) -> int:
    """Removes up to so many rows that are older than 24 hours; returns how many it were."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [now - KEPT, limit])
        return int(cursor.rowcount)


def _text(view: APIView, response: Response) -> str:
    """The answer's body, just as it will be sent."""
    renderer, media_type = view.request.accepted_renderer, view.request.accepted_media_type
    return force_str(renderer.render(response.data, media_type, view.get_renderer_context()))
