"""Calls, references and answers for the tests of the adapters."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from executions.providers.base import CallRequest, Capabilities, HttpResponse, Reference
from executions.providers.http import HttpProvider
from webhooks.signing import signed_headers

ATTEMPT = UUID("018f3c5e-0000-7000-8000-000000000001")
ANOTHER = UUID("018f3c5e-0000-7000-8000-0000000000ff")
NOON = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)
SECRET = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

CALL = CallRequest(
    attempt_id=ATTEMPT,
    execution_id=UUID("018f3c5e-0000-7000-8000-000000000002"),
    schedule_id=UUID("018f3c5e-0000-7000-8000-000000000003"),
    agent_id="agent_42",
    phone_number="+15551234567",
    customer_context={"name": "Zoë"},
    metadata={"campaign": "spring"},
    scheduled_time=NOON,
    number=1,
    callback_url="https://scheduler.example/api/providers/http/callback/1/t",
)
REF = Reference(ATTEMPT, "call_1", "+15551234567", 1, NOON)


def a_call(**changes: Any) -> CallRequest:
    """A call to an ordinary number, with some fields changed."""
    return replace(CALL, **changes)


def a_ref(**changes: Any) -> Reference:
    """The attempt of that call, with some fields changed."""
    return replace(REF, **changes)


def a_service(
    url: str = "https://calls.example/v1", *, secret: str = SECRET, deadline: float = 5.0
) -> HttpProvider:
    """The `http` adapter for a service at `url`."""
    capabilities = Capabilities(
        lookup=True, absence_is_proof=True, settle_seconds=120.0, deadline=deadline
    )
    return HttpProvider(url, token="t0ken", secret=secret, capabilities=capabilities)


def answer(
    status: int, body: object = None, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """An answer with a JSON body, with raw bytes, or with none."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return HttpResponse(status, headers or {}, raw)


def signed(
    body: object, *, secret: str = SECRET, at: datetime = NOON
) -> tuple[dict[str, str], bytes]:
    """A callback's headers and raw body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return signed_headers([secret], "msg_1", int(at.timestamp()), raw), raw
