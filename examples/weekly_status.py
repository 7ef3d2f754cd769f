"""Rings every account on Monday at nine, on the account's own clock.

Start the servers with `python3 dev.py run`, then: python examples/weekly_status.py
"""

import asyncio
from typing import Any

import _project  # noqa: F401  finds the scheduler package

from scheduler.scheduler import ScheduledCallService

ACCOUNTS: list[dict[str, Any]] = [
    {"id": "acc-1", "name": "Park & Sons", "phone": "+12125550101", "timezone": "America/New_York"},
    {"id": "acc-2", "name": "Mori KK", "phone": "+81355501030", "timezone": "Asia/Tokyo"},
    {"id": "acc-3", "name": "Sol SARL", "phone": "+33155501040", "timezone": "Europe/Paris"},
]


async def main() -> None:
    """One recurring call an account, and a look at the coming Mondays."""
    service = ScheduledCallService()
    for account in ACCOUNTS:
        call = await service.schedule_recurring_call(
            agent_id="account-manager-agent",
            phone_number=account["phone"],
            cron_expression="0 9 * * 1",  # Monday
            timezone=account["timezone"],
            name=f"Weekly status of {account['name']}",
            customer_context={"account_id": account["id"], "account_name": account["name"]},
        )
        coming = await service.preview(
            agent_id="account-manager-agent",
            phone_number=account["phone"],
            cron_expression="0 9 * * 1",
            timezone=account["timezone"],
            count=3,
        )
        print(f"{account['name']}: {coming.description}  ({call.id})")
        for occurrence in coming.occurrences:
            print(f"    {occurrence.scheduled_time} = {occurrence.scheduled_time_utc}")
    print("Next: POST /api/scheduled-calls/{id}/pause stops one for a holiday, /resume goes on.")


if __name__ == "__main__":
    asyncio.run(main())
