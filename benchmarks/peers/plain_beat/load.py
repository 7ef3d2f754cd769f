"""Stores the calls: bulk_create of PeriodicTask rows, as its users do who have many."""

import json
import os
from zoneinfo import ZoneInfo

import django

from benchmarks.peers.body import COUNT, DUE
from benchmarks.peers.zones import ZONES


def main() -> None:
    """All that BENCH_COUNT asks for."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.plain_beat.settings"
    django.setup()
    from django_celery_beat.models import (
        ClockedSchedule,
        CrontabSchedule,
        PeriodicTask,
        PeriodicTasks,
    )

    if os.environ["BENCH_SCENARIO"] == "recurring":
        schedules = []
        for zone in ZONES:
            local = DUE.astimezone(ZoneInfo(zone))
            times = {"minute": str(local.minute), "hour": str(local.hour), "timezone": zone}
            schedules.append({"crontab": CrontabSchedule.objects.create(**times)})
    else:
        clocked = ClockedSchedule.objects.create(clocked_time=DUE)
        schedules = [{"clocked": clocked, "one_off": True}]
    PeriodicTask.objects.bulk_create(
        [
            PeriodicTask(
                name=f"call {number}",
                task="call",
                args=json.dumps([number]),
                **schedules[number % len(schedules)],
            )
            for number in range(COUNT)
        ],
        batch_size=5_000,
    )
    PeriodicTasks.update_changed()


if __name__ == "__main__":
    main()
