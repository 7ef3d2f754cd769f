"""Rings every customer on their birthday at ten, where they live, year after year.

Start the servers with `python3 dev.py run`, then: python examples/birthday_campaign.py
"""

import asyncio
from typing import Any

import _project  # noqa: F401  finds the scheduler package

from scheduler.scheduler import ScheduledCallService

CUSTOMERS: list[dict[str, Any]] = [
    {"name": "Ada Park", "phone": "+12125550101", "birth_day": 9, "birth_month": 5,
     "timezone": "America/New_York"},
    {"name": "Ken Mori", "phone": "+81355501030", "birth_day": 23, "birth_month": 11,
     "timezone": "Asia/Tokyo"},
    # Born on February 29: the expression comes in leap years only.
    {"name": "Lea Sol", "phone": "+33155501040", "birth_day": 29, "birth_month": 2,
     "timezone": "Europe/Paris"},
]  # fmt: skip


async def main() -> None:
    """One recurring call a customer."""
    service = ScheduledCallService()
    for customer in CUSTOMERS:
        call = await service.schedule_recurring_call(
            agent_id="special-occasion-agent",
            phone_number=customer["phone"],
            cron_expression=f"0 10 {customer['birth_day']} {customer['birth_month']} *",
            timezone=customer["timezone"],
            name=f"Birthday of {customer['name']}",
            customer_context={"customer_name": customer["name"], "occasion": "birthday"},
            max_occurrences=None,  # every year
        )
        print(f"{customer['name']}: next on {call.next_run_at}  ({call.id})")
    print("Next: GET /api/scheduled-calls?kind=recurring lists them; DELETE one ends it.")


if __name__ == "__main__":
    asyncio.run(main())
