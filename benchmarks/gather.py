"""A script schedules calls by the Python front door: one by one, and all at once by gather.

`python -m benchmarks.gather COUNT`; prints rates and the peak of its memory as JSON.
"""

import asyncio
import json
import resource
import sys
import time
from typing import Any


async def main(count: int) -> None:
    """A tenth of them one by one, then all at once."""
    from scheduler.scheduler import ScheduledCallService

    service = ScheduledCallService()

    async def schedule(number: int) -> Any:
        return await service.schedule_call(
            agent_id="agent-123",
            phone_number=f"+1202{number:07}",
            scheduled_time="2099-02-01 14:30:00",
            timezone="America/New_York",
            metadata={"n": number},
        )

    await schedule(0)  # the first one also connects
    few = max(1, count // 10)
    begin = time.monotonic()
    for number in range(few):
        await schedule(number)
    singly = few / (time.monotonic() - begin)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.monotonic()
    made = await asyncio.gather(*(schedule(number) for number in range(count)))
    together = count / (time.monotonic() - begin)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if len({call.id for call in made}) != count:
        raise SystemExit("gather did not make as many calls as it was given")
    print(json.dumps({"singly": singly, "together": together, "grown_mib": grown}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
