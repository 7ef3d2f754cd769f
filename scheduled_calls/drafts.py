"""A new call takes shape: its cleaned fields become the columns of a row; nothing is stored yet.

One call and ten thousand come this way, so that they are read and timed alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django_celery_beat.models import ClockedSchedule

from scheduled_calls.changes import settle_webhook
from scheduled_calls.crontabs import Rhythm
from scheduled_calls.fields import names_for, read_body
from scheduled_calls.models import ScheduledCall, Status
from scheduled_calls.recurrence import parse_cron
from scheduled_calls.timing import (
    as_column,
    execution_id,
    first_run,
    occurrence_name,
    read_moment,
)
from scheduler_project.ids import uuid7

REQUIRED = {
    "one_time": ("agent_id", "phone_number", "scheduled_time"),
    "recurring": ("agent_id", "phone_number", "cron_expression"),
}
#: the row's columns in the model's order, by the names that an instance has for them
COLUMNS = tuple(field.attname for field in ScheduledCall._meta.concrete_fields)
#: what a column holds when nothing is said of it
UNSET = {field.attname: field.get_default() for field in ScheduledCall._meta.concrete_fields}
UNSET["status"] = str(Status.ACTIVE)


@dataclass(slots=True)
class Draft:
    """A call that can be stored.

    `name`: its id as text. `columns` by COLUMNS, without the id of its clocked or crontab row.
    `at`: a one-time call's instant (UTC); `rhythm`: a recurring call's cron and zone; the other
    one is None.
    """

    name: str
    columns: dict[str, Any]
    at: datetime | None
    rhythm: Rhythm | None

    def as_call(self, owner: User) -> ScheduledCall:
        """The row that was stored, without asking the database for it."""
        call = ScheduledCall.from_db("default", COLUMNS, [self.columns[name] for name in COLUMNS])
        call.owner = owner
        if self.at is not None:
            call.clocked = ClockedSchedule(pk=call.clocked_id, clocked_time=self.at)
        return call


def read_new(body: Any, kind: str) -> dict[str, Any]:
    """The cleaned fields of a new call with all defaults filled in; raises Invalid."""
    cleaned = read_body(body, names_for(kind), required=REQUIRED[kind])
    cleaned.setdefault("timezone", settings.SCHEDULER.default_timezone)
    settle_webhook(cleaned, cleaned.get("webhook_url", ""), "webhook_events" in cleaned)
    return cleaned


def draft(owner: User, cleaned: Mapping[str, Any], now: datetime) -> Draft:
    """The row that the cleaned fields of `read_new` ask for; raises Invalid for a past time."""
    zone_name, expression = cleaned["timezone"], cleaned.get("cron_expression", "")
    columns = {**UNSET, "customer_context": {}, "metadata": {}, "webhook_events": [], **cleaned}
    at, rhythm, call_id = None, None, uuid7()
    if expression:
        rhythm = (parse_cron(expression), zone_name)
        first = first_run(expression, zone_name, now)
    else:
        moment = read_moment(columns.pop("scheduled_time"), zone_name, now)
        at = first = moment.at
        columns["wall_clock"] = as_column(moment.wall_clock)
    if first is not None:
        name = occurrence_name(columns["timing_revision"], expression, zone_name, first)
        columns["next_run_at"], columns["next_execution_id"] = first, execution_id(call_id, name)
    columns |= {"id": call_id, "owner_id": owner.pk, "created_at": now, "updated_at": now}
    return Draft(str(call_id), columns, at, rhythm)
