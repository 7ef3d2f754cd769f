"""What a person should look at: calls that nobody can explain, workers that hold one too long."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from executions.models import Attempt
from executions.states import AttemptStatus
from executions.switches import active

#: a worker that dials one attempt for so long is frozen
FROZEN_AFTER = timedelta(minutes=5)
# A key of 64 bits stands in two columns; objsubid says that it is one key and not two.
# https://www.postgresql.org/docs/current/view-pg-locks.html
_FROZEN = """
SELECT count(*) FROM executions_attempt a
WHERE a.status = 'dialing' AND a.lease_until < %(before)s AND EXISTS (
    SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND d.datname = current_database()
      AND (l.classid::bigint << 32) + l.objid::bigint = a.worker
)
"""


def attention(owner: User, now: datetime) -> dict[str, int]:
    """`unknown` counts the owner's executions; `frozen` and `stop_switches` are the system's."""
    unknown = Attempt.objects.filter(status=AttemptStatus.UNKNOWN, execution__owner=owner)
    return {
        "unknown": unknown.count(),
        "frozen": frozen_attempts(now),
        "stop_switches": len(active(now)),
    }


def frozen_attempts(now: datetime) -> int:
    """How many attempts are being dialed by workers that are alive and do not get on."""
    with connection.cursor() as cursor:
        cursor.execute(_FROZEN, {"before": frozen_before(now)})
        return int(cursor.fetchone()[0])


def frozen_before(now: datetime) -> datetime:
    """A lease that ended before this began more than five minutes before `now`."""
    return now - FROZEN_AFTER + timedelta(seconds=settings.SCHEDULER.lease_seconds)
