"""Many calls have been made: copies of an execution and attempt that the product has written.

`{"count": …, "calls": …}` on standard input: so many executions, dealt out among so many of the
scheduled calls. Some calls are paused, and all are filed for searches, as a worker would do. Prints
what a reader needs as JSON: some `calls` and `executions` (ids), times, an operator's `session`.
"""

import json
import sys
from datetime import timedelta
from typing import Any

import django
from django.db import connection, transaction

SOME = 200
#: texts that are filed in one transaction
FILED = 5_000
#: from one execution to the next
BETWEEN = timedelta(seconds=7)
#: a UUIDv7 of the row's own time: newest first is in the order of the table, as in life
OPENED = """
(lpad(to_hex((extract(epoch FROM fresh.at) * 1000)::bigint), 12, '0') || '7'
 || substr(md5(fresh.n::text), 1, 3) || '8' || substr(md5(fresh.n::text), 4, 15))::uuid
"""
FRESH = """
CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS
SELECT n, gen_random_uuid() AS execution_id, gen_random_uuid() AS attempt_id,
       c.id AS call_id, now() - (%(count)s - n) * %(between)s AS at,
       now() - (%(count)s - n) * %(between)s - e.scheduled_for AS later
FROM generate_series(1, %(count)s) n
JOIN (SELECT id, row_number() OVER (ORDER BY (metadata ->> 'n')::int DESC) AS place
      FROM scheduled_calls_scheduledcall) c ON c.place = n %% %(calls)s + 1
CROSS JOIN (SELECT scheduled_for FROM executions_execution) e
"""
PAUSED = """
UPDATE scheduled_calls_scheduledcall
SET status = 'paused', next_run_at = NULL, next_execution_id = NULL
WHERE (metadata ->> 'n')::int %% 1000 = 500
"""
EXECUTION = {
    "id": "fresh.execution_id",
    "opened": OPENED,
    "scheduled_call_id": "fresh.call_id",
    "occurrence_key": "'1:' || fresh.n",
    "call_id": "'call-' || fresh.n",
    # a few did not go well, so that a filter has something to look for
    "status": "CASE WHEN fresh.n %% 1000 = 0 THEN 'failed' ELSE o.status END",
}
ATTEMPT = {
    "id": "fresh.attempt_id",
    "execution_id": "fresh.execution_id",
    "call_id": "'call-' || fresh.n",
}


def main() -> None:
    """Obeys."""
    django.setup()
    from executions.models import Attempt, Execution
    from scheduled_calls import searching
    from scheduler_project import clock

    order = json.load(sys.stdin)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FRESH, order | {"between": BETWEEN})
        copy(cursor, Execution, EXECUTION)
        copy(cursor, Attempt, ATTEMPT)
        cursor.execute(PAUSED, {})
    while searching.file(FILED):
        pass
    found = Execution.objects.order_by("-opened")[:SOME]
    now = clock.now()
    times = {
        "past": now - timedelta(days=3_650),
        "middle": now - order["count"] / 2 * BETWEEN,
        "soon": now + timedelta(days=1),
    }
    said = {
        **{name: time.strftime("%Y-%m-%dT%H:%M:%SZ") for name, time in times.items()},
        "calls": [str(execution.scheduled_call_id) for execution in found],
        "executions": [str(execution.id) for execution in found],
    }
    print(json.dumps(said | {"session": session()}))


def copy(cursor: Any, model: Any, changed: dict[str, str]) -> None:
    """A copy of the only row for each of `fresh`, its times moved along."""
    columns = [field.column for field in model._meta.concrete_fields]
    moved = {
        field.column: f"o.{field.column} + fresh.later"
        for field in model._meta.concrete_fields
        if field.get_internal_type() == "DateTimeField"
    }
    values = {**{column: f"o.{column}" for column in columns}, **moved, **changed}
    table = model._meta.db_table
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608  own names
        f" SELECT {', '.join(values[column] for column in columns)} FROM fresh, {table} o"
        " ORDER BY fresh.n",
        {},
    )


def session() -> str:
    """An operator who is logged in: the cookie's value."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User

    operator = User.objects.create_superuser("operator")
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(operator.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = operator.get_session_auth_hash()
    store.create()
    return str(store.session_key)


if __name__ == "__main__":
    main()
