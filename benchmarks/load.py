"""Many scheduled calls are stored fast: copies of one that the product itself has stored.

An order on standard input, as JSON: `kind` (`spike`, `recurring` or `standing`), `count`, `due`
(seconds since 1970), `spread` (seconds after `due` over which one-time calls are strewn), `first`
(the number of the first one), `named` (each has a person's name). Every other column but those of
`FRESH` is the original's; one copy is checked by the product's own functions.
"""

import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import django
from django.db import connection, transaction

from benchmarks.peers.zones import ZONES

if TYPE_CHECKING:
    from scheduled_calls.models import ScheduledCall

BODY = {
    "agent_id": "agent-123",
    "phone_number": "+12025550100",
    "customer_context": {"name": "Ada"},
}
FRESH = """
CREATE TEMPORARY TABLE fresh (
    n integer, id uuid, at timestamptz, next_execution_id uuid, phone_number text, metadata jsonb
) ON COMMIT DROP
"""
CLOCKED = """
INSERT INTO django_celery_beat_clockedschedule (id, clocked_time)
SELECT %(base)s + n, at FROM fresh
"""
COUNTER = """
SELECT setval(pg_get_serial_sequence('django_celery_beat_clockedschedule', 'id'),
              (SELECT max(id) FROM django_celery_beat_clockedschedule))
"""
CHANGED = {
    "id": "fresh.id",
    "next_run_at": "fresh.at",
    "next_execution_id": "fresh.next_execution_id",
    "phone_number": "fresh.phone_number",
    "metadata": "fresh.metadata",
}
FIRST = "Ada", "Grace", "Alan", "Barbara", "Edsger", "Margaret", "Donald", "Radia", "John", "Karen"
LAST = "Lovelace", "Hopper", "Turing", "Liskov", "Dijkstra", "Hamilton", "Knuth", "Perlman", "Jones"
NAMED = {
    "name": f"(ARRAY{[*FIRST]}::text[])[1 + fresh.n %% {len(FIRST)}] || ' ' ||"
    f" (ARRAY{[*LAST]}::text[])[1 + fresh.n / 7 %% {len(LAST)}]"
}


def main() -> None:
    """Obeys one order."""
    django.setup()
    from django.contrib.auth.models import User

    order = json.load(sys.stdin)
    owner, _ = User.objects.get_or_create(username="bench")
    due, count = datetime.fromtimestamp(order["due"], UTC), order["count"]
    first = order.get("first", 0)
    if order["kind"] == "recurring":
        for place, zone in enumerate(ZONES):
            numbers = range(first + place, first + count, len(ZONES))
            copy(original(owner, due, zone), numbers, None, NAMED if order.get("named") else {})
    else:
        copy(original(owner, due, None), range(count), order.get("spread", 0))


def original(owner: Any, due: datetime, zone: str | None) -> "ScheduledCall":
    """One call stored by the product: at `due`, or each day at this minute in a zone."""
    from zoneinfo import ZoneInfo

    from scheduled_calls.services import schedule_call, schedule_recurring_call

    if zone is None:
        return schedule_call(owner, {**BODY, "scheduled_time": due.isoformat()})
    local = due.astimezone(ZoneInfo(zone))
    cron = f"{local.minute} {local.hour} * * *"
    return schedule_recurring_call(owner, {**BODY, "cron_expression": cron, "timezone": zone})


def copy(
    call: "ScheduledCall", numbers: range, spread: int | None, more: dict[str, str] | None = None
) -> None:
    """Copies with these numbers in `metadata.n`; the original goes away."""
    from scheduled_calls.models import ScheduledCall

    columns = [str(field.column) for field in ScheduledCall._meta.concrete_fields]
    changed = (
        CHANGED | (more or {}) | ({} if spread is None else {"clocked_id": "%(base)s + fresh.n"})
    )
    values = [changed.get(column, f"o.{column}") for column in columns]
    insert = (
        f"INSERT INTO scheduled_calls_scheduledcall ({', '.join(columns)})"  # noqa: S608
        f" SELECT {', '.join(values)} FROM fresh, scheduled_calls_scheduledcall o"
        " WHERE o.id = %(original)s ORDER BY fresh.n"
    )
    given: dict[str, Any] = {"base": (call.clocked_id or 0) + 1, "original": call.id}
    lines = io.StringIO("".join(rows(call, numbers, spread or 0)))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FRESH)
        cursor.cursor.copy_expert("COPY fresh FROM STDIN", lines)
        if spread is not None:
            cursor.execute(CLOCKED, given)
            cursor.execute(COUNTER)
        cursor.execute(insert, given)
    clocked = call.clocked
    call.delete()
    if clocked:
        clocked.delete()
    check(numbers[-1])


def rows(call: "ScheduledCall", numbers: range, spread: int) -> Iterator[str]:
    """The columns that differ, as COPY reads them."""
    from scheduled_calls.timing import execution_id, key_of
    from scheduler_project.ids import uuid7

    chance = Random(call.agent_id)  # noqa: S311  guards nothing
    begin = call.next_run_at
    assert begin  # noqa: S101  it is active
    at, key = begin, key_of(call, begin)
    for number in numbers:
        if spread:
            at = begin + timedelta(seconds=chance.randrange(spread))
            key = key_of(call, at)
        id_ = uuid7()
        phone, metadata = f"+1202{number:07}", json.dumps({"n": number})
        words = (number, id_, at.isoformat(), execution_id(id_, key), phone, metadata)
        yield "\t".join(map(str, words)) + "\n"


def check(number: int) -> None:
    """Raises when a copy is not what the product would have written."""
    from scheduled_calls.models import ScheduledCall
    from scheduled_calls.timing import next_run, set_next
    from scheduler_project import clock

    call = ScheduledCall.objects.select_related("clocked").get(metadata={"n": number})
    stored = call.next_run_at, call.next_execution_id
    set_next(call, next_run(call, clock.now()))
    if stored != (call.next_run_at, call.next_execution_id):
        raise SystemExit(f"a copied call is not what the product writes: {stored}")


if __name__ == "__main__":
    main()
