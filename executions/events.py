"""What a webhook says about an execution: the body of one event, as text. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

WALL_CLOCK = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told of one execution at one moment; the names are the webhook's own."""

    schedule_id: str
    execution_id: str
    call_id: str | None
    agent_id: str
    phone_number: str
    status: str
    zone: ZoneInfo
    scheduled_for: datetime
    actual_time: datetime | None
    duration: int | None
    error: str | None
    attempt: int
    will_retry: bool
    trigger: str
    reason: str
    details: Mapping[str, Any] | None
    customer_context: Any
    metadata: Any


def body_of(event: str, telling: Telling, now: datetime) -> str:
    """The JSON text of one event: `{"type": "call.completed", "event", "timestamp", "data"}`.

    Times in `data` are wall clock in the call's zone, as in the history; `timestamp` is UTC.
    """
    data = {
        "schedule_id": telling.schedule_id,
        "execution_id": telling.execution_id,
        "call_id": telling.call_id,
        "agent_id": telling.agent_id,
        "phone_number": telling.phone_number,
        "status": telling.status,
        "scheduled_time": _wall(telling.scheduled_for, telling.zone),
        "scheduled_time_utc": rfc3339(telling.scheduled_for),
        "actual_time": _wall(telling.actual_time, telling.zone),
        "timezone": telling.zone.key,
        "duration": telling.duration,
        "error": telling.error,
        "attempt": telling.attempt,
        "will_retry": telling.will_retry,
        "trigger": telling.trigger,
        "reason": telling.reason or None,
        "details": telling.details,
        "customer_context": telling.customer_context,
        "metadata": telling.metadata,
    }
    body = {"type": f"call.{event}", "event": event, "timestamp": rfc3339(now), "data": data}
    return json.dumps(body, separators=(",", ":"))


def rfc3339(instant: datetime) -> str:
    """An instant as `2027-02-01T14:30:00.123Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _wall(instant: datetime | None, zone: ZoneInfo) -> str | None:
    return instant.astimezone(zone).strftime(WALL_CLOCK) if instant else None
