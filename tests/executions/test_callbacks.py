"""The call service reports by callback: believed when signed, taken in once, never backwards."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client

from executions.dialing import Claim, claim
from executions.models import ProviderEvent
from executions.providers.base import Accepted
from scheduled_calls.models import ScheduledCall
from tests.call_service import SECRET, SECRET_BYTES
from tests.executions.conftest import Story, attempts_of, only

pytestmark = pytest.mark.django_db


@pytest.fixture
def dialed(story: Story, settings: Any) -> tuple[ScheduledCall, Claim]:
    """A call that the http call service has accepted."""
    settings.SCHEDULER = replace(
        settings.SCHEDULER,
        call_provider="http",
        http_call_url="http://127.0.0.1:9",
        http_call_token="t",
        http_call_secret=SECRET,
    )
    story.now = datetime.now(UTC)
    call = story.call(retry_policy={"max_retries": 1, "retry_delay": 60})
    ids = story.beat().calls
    with transaction.atomic(), connection.cursor() as cursor:
        (claimed,) = claim(cursor, ids, worker=7, provider="http", now=story.now)
    story.hear(claimed, Accepted("call-1"))
    return call, claimed


def report(
    claimed: Claim,
    body: dict[str, Any],
    *,
    key: bytes = SECRET_BYTES,
    age: float = 0,
    path: str = "",
) -> int:
    """Posts one callback; returns the status."""
    raw = json.dumps({"attempt_id": str(claimed.request.attempt_id), **body}).encode()
    message, stamp = f"msg-{uuid4()}", str(int(time.time() - age))
    signed = b".".join([message.encode(), stamp.encode(), raw])
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    headers = {
        "webhook-id": message,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{signature}",
    }
    where = path or claimed.request.callback_url.partition("//")[2].partition("/")[2]
    answer = Client().post(f"/{where}", raw, content_type="application/json", headers=headers)
    return answer.status_code


def test_a_final_report_ends_the_call(dialed: tuple[ScheduledCall, Claim]) -> None:
    call, claimed = dialed
    body = {"event_id": "1", "call_id": "call-1", "status": "completed", "duration": 180}
    assert report(claimed, body) == 204
    assert (only(call).status, only(call).duration) == ("completed", 180)


def test_the_same_event_five_times_changes_nothing_more(
    dialed: tuple[ScheduledCall, Claim],
) -> None:
    call, claimed = dialed
    body = {"event_id": "1", "call_id": "call-1", "status": "busy"}
    assert [report(claimed, body) for _ in range(5)] == [204] * 5
    assert ProviderEvent.objects.count() == 1
    assert only(call).status == "retrying"
    assert attempts_of(call) == [(1, "ended", "busy")]


def test_events_in_the_wrong_order_never_go_back(dialed: tuple[ScheduledCall, Claim]) -> None:
    call, claimed = dialed
    for number, status in enumerate(["completed", "in_progress", "ringing", "busy"]):
        body = {"event_id": str(number), "call_id": "call-1", "status": status}
        assert report(claimed, body) == 204
    assert only(call).status == "completed"
    assert attempts_of(call) == [(1, "ended", "completed")]


def test_a_forged_or_old_report_is_refused_and_changes_nothing(
    dialed: tuple[ScheduledCall, Claim],
) -> None:
    call, claimed = dialed
    body = {"event_id": "1", "call_id": "call-1", "status": "completed"}
    assert report(claimed, body, key=b"x" * 32) == 401
    assert report(claimed, body, age=400) == 401
    assert report(claimed, body, age=-400) == 401
    assert only(call).status == "in_progress"
    assert not ProviderEvent.objects.exists()


def test_an_address_that_was_not_made_is_unknown(dialed: tuple[ScheduledCall, Claim]) -> None:
    _, claimed = dialed
    right = claimed.request.callback_url.partition("//")[2].partition("/")[2]
    body = {"event_id": "1", "status": "completed"}
    wrong = right[:-1] + ("1" if right.endswith("0") else "0")
    assert report(claimed, body, path=wrong) == 404
    assert report(claimed, body, path=right.replace("/http/", "/sandbox/")) == 404


def test_a_report_about_another_attempt_is_refused(dialed: tuple[ScheduledCall, Claim]) -> None:
    call, claimed = dialed
    body = {"event_id": "1", "status": "completed", "attempt_id": str(uuid4())}
    assert report(claimed, body) == 400
    assert only(call).status == "in_progress"


@pytest.mark.parametrize("body", [{"status": 7}, {"status": None}, {}])
def test_a_signed_report_that_makes_no_sense_is_refused_with_a_sentence(
    dialed: tuple[ScheduledCall, Claim], body: dict[str, Any]
) -> None:
    call, claimed = dialed
    assert report(claimed, {"event_id": "1", **body}) in (204, 400)
    assert only(call).status == "in_progress"
