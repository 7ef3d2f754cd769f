"""Which executions does a list show? The filters of GET /api/executions."""

from executions.states import ExecutionStatus
from scheduler_project.query import Filter, any_of, identifier, moment

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
