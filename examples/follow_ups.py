"""Follows up a lead: now, after an hour, a day, three days and a week.

Start the servers with `python3 dev.py run`, then: python examples/follow_ups.py
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import _project  # noqa: F401  finds the scheduler package

from scheduler.scheduler import ScheduledCallService

LEADS: dict[str, dict[str, Any]] = {
    "lead-1": {"phone": "+14155550150", "timezone": "America/Los_Angeles"},
}


async def schedule_follow_ups(service: ScheduledCallService, lead_id: str) -> None:
    """Five calls, the first of them at once."""
    lead = LEADS[lead_id]
    # The lead's clock, and not `datetime.now()`: that one is naive and shows the server's clock,
    # and a naive time is read as wall clock in the call's `timezone`. From a server in UTC every
    # call to Los Angeles would come seven or eight hours late.
    now = datetime.now(ZoneInfo(lead["timezone"]))
    follow_up_times = [
        now,
        now + timedelta(hours=1),
        now + timedelta(days=1),
        now + timedelta(days=3),
        now + timedelta(days=7),
    ]
    for idx, time in enumerate(follow_up_times):
        call = await service.schedule_call(
            agent_id="followup-agent",
            phone_number=lead["phone"],
            scheduled_time=time.isoformat(),
            timezone=lead["timezone"],
            name=f"Follow-up #{idx + 1}",
            customer_context={"lead_id": lead_id, "attempt": idx + 1},
        )
        print(f"{call.name}: {call.scheduled_time} {call.timezone}  ({call.id})")


async def main() -> None:
    """The follow-ups of every lead."""
    service = ScheduledCallService()
    for lead_id in LEADS:
        await schedule_follow_ups(service, lead_id)
    print("Next: the first one rings now; GET /api/scheduled-calls/{id}/history shows how it went.")


if __name__ == "__main__":
    asyncio.run(main())
