"""Stores calls of different times: bulk_create of ClockedSchedule and PeriodicTask; the seconds."""

import json
import os
import time
from datetime import timedelta

import django

from benchmarks.peers.body import COUNT, DUE, body


def main() -> None:
    """Prints the seconds that BENCH_COUNT calls took."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.plain_beat.settings"
    django.setup()
    from django.db import transaction
    from django_celery_beat.models import ClockedSchedule, PeriodicTask, PeriodicTasks

    begin = time.monotonic()
    with transaction.atomic():
        times = ClockedSchedule.objects.bulk_create(
            [ClockedSchedule(clocked_time=DUE + timedelta(seconds=n)) for n in range(COUNT)]
        )
        PeriodicTask.objects.bulk_create(
            [
                PeriodicTask(
                    name=f"call {number}",
                    task="call",
                    kwargs=json.dumps(body(number)),
                    clocked=at,
                    one_off=True,
                )
                for number, at in enumerate(times)
            ]
        )
    PeriodicTasks.update_changed()
    print(time.monotonic() - begin)


if __name__ == "__main__":
    main()
