"""Schedules many calls for one moment; all of them are gathered.

Start the servers with `python3 dev.py run`, then: python examples/bulk_scheduling.py [how many]
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import _project  # noqa: F401  finds the scheduler package

from scheduler.scheduler import ScheduledCallService


async def bulk_schedule_calls(
    service: ScheduledCallService, phone_numbers: list[str], agent_id: str, scheduled_time: str
) -> list[Any]:
    """One call a number, all at `scheduled_time`; the answers in the numbers' order."""
    tasks = []
    for phone in phone_numbers:
        task = service.schedule_call(
            agent_id=agent_id, phone_number=phone, scheduled_time=scheduled_time
        )
        tasks.append(task)
    return await asyncio.gather(*tasks)


async def main() -> None:
    """As many calls as the command line says, 100 when it says nothing, for tomorrow."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    numbers = [f"+1212555{number:04}" for number in range(count)]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    service, started = ScheduledCallService(), monotonic()
    calls = await bulk_schedule_calls(service, numbers, "campaign-agent", tomorrow)
    print(f"{len(calls)} calls for {calls[0].scheduled_time} in {monotonic() - started:.1f} s")
    print("Next: GET /api/scheduled-calls?agent_id=campaign-agent lists them.")


if __name__ == "__main__":
    asyncio.run(main())
