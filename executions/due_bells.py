"""Due calls are rung for: a worker opens and dials them; what no worker opens, beat opens itself.

What was rung for is remembered here and nowhere else. A beat that remembers nothing rings once
more than it must, and nobody is called for that.
"""

import time
from datetime import UTC, datetime

from django.db import connection

from executions.dispatch import BATCH, Bells, open_due, open_these
from executions.occurrence import RING_AGAIN
from executions.tasks import ring_due_calls

#: so many due calls may wait for a worker before more are rung for
MOST_WAITING = 10_000
#: while some wait, what is due is read again this often (seconds), and the more seldom the more it
#: is: workers that open 20,000 calls a second still find more, and reading costs a call little
LOOK_EVERY, LOOK_EVERY_CALL = 0.25, 1 / 20_000
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

# One text and not thousands of rows: it is read again and again while a spike lasts.
_DUE = """
SELECT string_agg(id::text, ' ' ORDER BY next_run_at), max(next_run_at) FROM (
    SELECT id, next_run_at FROM scheduled_calls_scheduledcall
    WHERE next_run_at IS NOT NULL AND next_run_at <= %s ORDER BY next_run_at LIMIT %s
) due
"""


class DueBells:
    """The due calls that this beat has rung for, and that are still due."""

    def __init__(self) -> None:
        #: when each was rung for, by the monotonic clock
        self._rung: dict[str, float] = {}
        self._looked_at = 0.0
        #: all due calls up to this time (UTC) are rung for, and need no further look at once
        self.rung_until = LONG_AGO

    def seconds_to_look(self) -> float | None:
        """Until what waits is to be looked at again; None when nothing waits."""
        if not self._rung:
            return None
        every = max(LOOK_EVERY, LOOK_EVERY_CALL * len(self._rung))
        return max(0.0, self._looked_at + every - time.monotonic())

    def ring(self, now: datetime) -> Bells:
        """Rings for what has come due at `now` (UTC); opens what no worker has opened in time.

        Without a broker all is opened: then it is seen, and end it will, even if nobody rings.
        """
        self._looked_at = time.monotonic()
        ids, until = self._due(now)
        self._rung = {id_: self._rung[id_] for id_ in ids if id_ in self._rung}
        bells, fresh = Bells(), [id_ for id_ in ids if id_ not in self._rung]
        if fresh and not ring_due_calls(fresh, retry=False):
            bells.add(open_due(now))
            fresh = []
        long_ago = self._looked_at - RING_AGAIN.total_seconds()
        unanswered = [id_ for id_, at in self._rung.items() if at < long_ago][:BATCH]
        # Those that are held stay due; then it is the others' turn, and theirs again in 10 s.
        self._rung |= dict.fromkeys([*fresh, *unanswered], self._looked_at)
        self.rung_until = until if self._rung else LONG_AGO
        if unanswered:
            bells.add(open_these(now, unanswered))
        return bells

    def _due(self, now: datetime) -> tuple[list[str], datetime]:
        with connection.cursor() as cursor:
            cursor.execute(_DUE, [now, MOST_WAITING])
            text, until = cursor.fetchone()
            ids = text.split() if text else []
            # No more may wait: what else is due is looked at when these are, and not all the time.
            until = now if len(ids) == MOST_WAITING else until
            return (ids, until) if ids else ([], LONG_AGO)
