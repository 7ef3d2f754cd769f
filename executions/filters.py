"""Which executions does a list show? The filters of GET /api/executions."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from executions.states import CAME_TO_NOTHING, ExecutionStatus
from scheduler_project.ids import first_uuid7_at
from scheduler_project.query import Filter, any_of, identifier, moment, read_instant

#: few executions are opened so long after their time
RARELY_LATER = 3_600.0  # seconds
AT = "with Z or an offset, else UTC"
FILTERS: dict[str, Filter] = {
    "status": Filter(
        any_of("status", ExecutionStatus.values),
        "only these",
        words=tuple(ExecutionStatus.values),
    ),
    "schedule_id": Filter(identifier("scheduled_call_id"), "of this scheduled call"),
    "scheduled_after": Filter(moment("scheduled_for__gte"), f"due at or after; {AT}"),
    "scheduled_before": Filter(moment("scheduled_for__lt"), f"due before; {AT}"),
}


def scattered(query: Mapping[str, Any]) -> bool:
    """Whether no index has what is asked for in the order of the list, the newest first."""
    asked = FILTERS.keys() & query.keys()
    return bool(asked) and not (asked == {"status"} and query["status"] in CAME_TO_NOTHING)


def opened_before(query: Mapping[str, Any]) -> UUID | None:
    """Most of what was due before a time was also opened before this."""
    if "scheduled_before" not in query:
        return None
    return first_uuid7_at(read_instant(query["scheduled_before"]).timestamp() + RARELY_LATER)
