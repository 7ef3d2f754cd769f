"""A worker child's own line to PostgreSQL: it proves that the child lives, and writes what it does.

One raw connection, straight to PostgreSQL and past any pooler, holds a session advisory lock and
also runs the statement that claims a call. So a committed claim means that the lock was held; and
when the lock is free, that session is gone and nothing of it can be sent any more.
"""

import os
import secrets
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import dj_database_url
import psycopg2
import psycopg2.errors
import psycopg2.extensions
from django.conf import settings

from executions.prepared import PreparingConnection, PreparingCursor
from scheduler_project.ids import uuid_of

# A dead host must free the lock within seconds; nothing but the child's end may close the session.
OPTIONS = " ".join(
    f"-c {setting}"
    for setting in (
        "idle_session_timeout=0",
        "idle_in_transaction_session_timeout=0",
        "tcp_keepalives_idle=5",
        "tcp_keepalives_interval=2",
        "tcp_keepalives_count=3",
        "tcp_user_timeout=10000",
        "statement_timeout=10000",
        "timezone=UTC",
        # single rows by index, on disks that seek fast; no compiling of small statements
        "random_page_cost=1.1",
        "jit=off",
        # A table that was empty when it was last analyzed seems to cost nothing to read as a whole,
        # for each call of a batch again; and at nine o'clock it is empty no more.
        "enable_seqscan=off",
        "plan_cache_mode=force_generic_plan",
    )
)
HANGUPS = select.POLLIN | select.POLLERR | select.POLLHUP | getattr(select, "POLLRDHUP", 0)


class DialSession:
    """One session, its advisory lock and its lock key (62 random bits, new for each session)."""

    def __init__(self) -> None:
        self.key = secrets.randbits(62)
        self.pid = os.getpid()
        self.lost = False
        self._guard = threading.RLock()
        self._connection = connect("dialing")
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [self.key])
        self._poller = select.poll()
        self._poller.register(self._connection.fileno(), HANGUPS)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A cursor in a transaction of this session; threads take turns.

        Raises psycopg2's errors; after a broken connection the session is lost for good.
        """
        with self._guard:
            try:
                with self._connection, self._connection.cursor() as cursor:
                    yield cursor
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                self.lost = self.lost or bool(self._connection.closed)
                raise
            except (
                psycopg2.errors.ReadOnlySqlTransaction,
                psycopg2.errors.FeatureNotSupported,
            ):
                # A standby, or a server being moved: a session may stay so when others may write.
                # Or a migration has changed what a prepared statement returns.
                self.lost = True
                raise

    def alive(self) -> bool:
        """Whether the session still holds its lock, as far as this host can know, in one poll(2).

        An idle session has nothing to read: whatever is readable is an end or an error message.
        Then, and only then, one round trip decides.
        """
        if self.lost or self.pid != os.getpid():
            return False
        if not self._guard.acquire(blocking=False):
            return True  # another thread is talking on it: its own error will tell
        try:
            return not self._poller.poll(0) or self._answers()
        finally:
            self._guard.release()

    def _answers(self) -> bool:
        try:
            with self.transaction() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error:
            self.lost = True
        return not self.lost

    def close(self) -> None:
        """Ends the session and with it the lock."""
        self.lost = True
        self._connection.close()


def connect(application: str) -> Any:
    """A raw autocommitting connection, past any pooler, that ends soon after its host does."""
    direct = dj_database_url.parse(settings.DATABASE_DIRECT_URL)
    own = settings.DATABASES["default"]
    # The database that Django itself uses, which is another one under test.
    same = settings.DATABASE_DIRECT_URL == settings.DATABASE_URL
    connection = psycopg2.connect(
        dbname=own["NAME"] if same else direct["NAME"],
        user=direct["USER"] or None,
        password=direct["PASSWORD"] or None,
        host=direct["HOST"] or None,
        port=direct["PORT"] or None,
        connect_timeout=5,
        application_name=application,
        connection_factory=PreparingConnection,
        cursor_factory=PreparingCursor,
        **{**direct.get("OPTIONS", {}), "options": OPTIONS},
    )
    connection.autocommit = True
    for quicker in (_UUID, _INSTANT):
        psycopg2.extensions.register_type(quicker, connection)
    return connection


def _read_uuid(text: str | None, cursor: Any) -> UUID | None:
    return None if text is None else uuid_of(int(text.replace("-", ""), 16))


def _read_instant(text: str | None, cursor: Any) -> Any:
    try:
        return None if text is None else _instant(text)
    except ValueError:  # infinity, and years that Python does not know
        return psycopg2.extensions.PYDATETIMETZ(text, cursor)


@lru_cache(maxsize=1024)  # nine o'clock is the same for all
def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


# As psycopg2's own for uuid (2950) and timestamptz (1184), and quicker.
_UUID = psycopg2.extensions.new_type((2950,), "UUID", _read_uuid)
_INSTANT = psycopg2.extensions.new_type((1184,), "INSTANT", _read_instant)


_current: DialSession | None = None
_making = threading.Lock()


def current_session() -> DialSession:
    """This process's session, made when first needed, or anew after a fork or a lost connection."""
    global _current
    with _making:
        if _current is None or not _current.alive():
            if _current is not None and _current.pid == os.getpid():
                _current.close()
            _current = DialSession()
        return _current


def end_session() -> None:
    """Ends this process's session, if it has one; the next call makes another."""
    with _making:
        if _current is not None and _current.pid == os.getpid():
            _current.close()
