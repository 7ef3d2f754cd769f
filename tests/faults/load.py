"""Schedules many calls in a process of its own: bodies as a JSON list in, ids and times out."""

import json
import sys

import django
from django.db import transaction

AT_ONCE = 200


def main() -> None:
    """Reads `[[kind, body], …]`, writes `[[id, created_at], …]` in the same order."""
    django.setup()
    from django.contrib.auth.models import User

    from scheduled_calls.services import schedule_call, schedule_recurring_call
    from tests.faults.stage import OWNER

    verbs = {"one_time": schedule_call, "recurring": schedule_recurring_call}
    owner, _ = User.objects.get_or_create(username=OWNER)
    wanted, made = json.load(sys.stdin), []
    for start in range(0, len(wanted), AT_ONCE):
        with transaction.atomic():
            calls = [verbs[kind](owner, body) for kind, body in wanted[start : start + AT_ONCE]]
        made += [[str(call.id), call.created_at.isoformat()] for call in calls]
    json.dump(made, sys.stdout)


if __name__ == "__main__":
    main()
