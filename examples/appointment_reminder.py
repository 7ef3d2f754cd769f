"""Reminds people by phone, a day before their appointment, on the clock where they live.

Start the servers with `python3 dev.py run`, then: python examples/appointment_reminder.py
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import _project  # noqa: F401  finds the scheduler package

from scheduler.scheduler import ScheduledCallService


def in_days(days: int, hour: int, zone: str) -> datetime:
    """That hour of the wall clock in `zone`, so many days from today, aware."""
    today = datetime.now(ZoneInfo(zone)).replace(hour=hour, minute=0, second=0, microsecond=0)
    return today + timedelta(days=days)


CUSTOMERS: list[dict[str, Any]] = [
    {
        "name": "Ada Park",
        "phone": "+12125550101",
        "timezone": "America/New_York",
        "appointment_time": in_days(3, 15, "America/New_York"),
        "location": "12 Main Street",
        "notes": "Bring the X-rays.",
    },
    {
        "name": "Jo Weber",
        "phone": "+493055501020",
        "timezone": "Europe/Berlin",
        "appointment_time": in_days(5, 9, "Europe/Berlin"),
        "location": "Room 4",
        "notes": "",
    },
]


async def schedule_appointment_reminder(
    service: ScheduledCallService, customer: dict[str, Any]
) -> None:
    """One call, 24 hours before the appointment."""
    reminder_time = customer["appointment_time"] - timedelta(days=1)
    call = await service.schedule_call(
        agent_id="reminder-agent",
        phone_number=customer["phone"],
        scheduled_time=reminder_time.isoformat(),
        timezone=customer["timezone"],
        name=f"Reminder for {customer['name']}",
        customer_context={
            "customer_name": customer["name"],
            "appointment_time": customer["appointment_time"],  # a datetime: it is kept as text
            "location": customer["location"],
            "notes": customer["notes"],
        },
    )
    print(f"{customer['name']}: {call.scheduled_time} {call.timezone}  ({call.id})")


async def main() -> None:
    """Schedules the reminders of all customers."""
    service = ScheduledCallService()
    for customer in CUSTOMERS:
        await schedule_appointment_reminder(service, customer)
    print("Next: look at one with GET /api/scheduled-calls/{id}, or move it with PUT.")


if __name__ == "__main__":
    asyncio.run(main())
