"""A person wants it to ring now: a stop switch or the gap may forbid it, and says so at once."""

from datetime import datetime

from executions import gap, switches
from scheduled_calls.models import ScheduledCall
from scheduler_project.errors import Conflict


def refuse_hindered(call: ScheduledCall, now: datetime) -> None:
    """Raises Conflict, with the reason, when this call may not ring at `now`.

    A worker's claim decides again; this only spares the person the wait.
    """
    found = switches.holding(switches.active(now), call.agent_id, call.phone_number)
    if found is not None:
        raise Conflict(f"A stop switch forbids this call: {found.reason}", code=switches.REASON)
    if gap.too_close(call.owner_id, call.phone_number, now):
        raise Conflict(
            "Another call to this number is under way, or was too short a time ago.",
            code=gap.REASON,
        )
