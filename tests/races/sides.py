"""A session of its own to PostgreSQL, in a thread of its own, that takes one step when told to."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self, TypeVar

from django.db import connection, transaction

from tests.system import eventually

T = TypeVar("T")
#: no step takes this long unless it waits for a lock that nobody gives back
LONG = 20.0


class Side:
    """One of those who meet: what it does between `begin` and `commit` is one transaction."""

    def __enter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1)
        self._open: Any = None
        self.pid = self.do(_backend_pid)
        return self

    def __exit__(self, *error: object) -> None:
        if self._open is not None:
            self.roll_back()
        self.do(lambda: connection.close())  # the thread's own, and not the caller's
        self._thread.shutdown()

    def start(self, step: Callable[[], T]) -> Future[T]:
        """Begins a step without waiting for its end."""
        return self._thread.submit(step)

    def do(self, step: Callable[[], T]) -> T:
        """Takes a step to its end."""
        return self.start(step).result(LONG)

    def begin(self) -> None:
        """Opens a transaction and keeps it open."""
        self._open = transaction.atomic()
        self.do(self._open.__enter__)

    def commit(self) -> None:
        """Ends the transaction: what it wrote counts, and its locks are free."""
        done, self._open = self._open, None
        self.do(lambda: done.__exit__(None, None, None))

    def roll_back(self) -> None:
        """Ends the transaction as if it had never been."""
        done, self._open = self._open, None
        self.do(lambda: transaction.set_rollback(True))
        self.do(lambda: done.__exit__(None, None, None))

    def waits_for(self, other: "Side") -> bool:
        """Waits until PostgreSQL says that this session waits for a lock of the other."""

        def blocked() -> bool:
            with connection.cursor() as cursor:
                cursor.execute("SELECT %s = ANY(pg_blocking_pids(%s))", [other.pid, self.pid])
                return bool(cursor.fetchone()[0])

        return eventually(blocked, 10, "the one waits for the other's lock")


def _backend_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
