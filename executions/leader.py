"""One beat of many leads: it holds an advisory lock, which its end sets free."""

import logging
import os
import time
from typing import Any

import psycopg2

from executions.session import connect

log = logging.getLogger(__name__)
#: the lock's number, an arbitrary one of ours
LEADER_LOCK = 7_001_002
ASK_EVERY_SECONDS = 1.0


class Leader:
    """This process's bid for the lead."""

    def __init__(self) -> None:
        self.is_new = False
        self._connection: Any = None
        self._leads = False
        self._asked_at = 0.0

    def leads(self) -> bool:
        """Whether this beat leads now; takes the lead when it is free. Never raises."""
        try:
            return self._still_leads() if self._leads else self._takes_over()
        except psycopg2.Error as error:
            log.warning("beat_lead_lost pid=%d: %s", os.getpid(), type(error).__name__)
            self._connection, self._leads = None, False
            return False

    def _still_leads(self) -> bool:
        """Asks the session that holds the lock, at most once a second: a dead one raises."""
        if time.monotonic() - self._asked_at > ASK_EVERY_SECONDS:
            self._ask("SELECT true")
        return True

    def _takes_over(self) -> bool:
        if time.monotonic() - self._asked_at <= ASK_EVERY_SECONDS and self._connection is not None:
            return False
        if self._connection is None:
            self._connection = connect("beat-leader")
        self._leads = self.is_new = self._ask("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK])
        if self._leads:
            log.info("beat_leads pid=%d", os.getpid())
        return self._leads

    def _ask(self, sql: str, parameters: list[int] | None = None) -> bool:
        self._asked_at = time.monotonic()
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return bool(cursor.fetchone()[0])
