"""The processes of the system as threads that take turns: each can stand just before its commit.

Only one of them runs at a time, so that a run can be repeated. Whoever waits for a row that
another's open transaction holds is left waiting until that one commits, as in real life.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection

#: seconds after which a step that neither ends nor waits for a lock is a defect
STUCK = 20.0
_WAITS = "SELECT cardinality(pg_blocking_pids(%s)) > 0"


class Killed(BaseException):
    """This process was ended from outside while it stood before its commit."""


class Actor:
    """One process: a thread with a database connection of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        #: the backend that it talks to, which may be waiting for a lock
        self.backend: int | None = None
        self._changed = threading.Condition()
        self._work: Callable[[], Any] | None = None
        self._then: Callable[[Any], object] | None = None
        self._result: tuple[Any, BaseException | None] | None = None
        self._standing = self._killed = False
        self._ended = False
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do."""
        return self._then is None

    @property
    def standing(self) -> bool:
        """Whether it stands before its commit, or before an answer is told."""
        return self._standing

    def begin(self, work: Callable[[], Any], then: Callable[[Any], object] = bool) -> None:
        """Starts `work`; `then` is called with what it returned, in the thread of the test."""
        assert self.idle, f"{self.name} is busy"
        with self._changed:
            self._work, self._then = work, then
            self._changed.notify_all()

    def stand(self) -> None:
        """Called in its work: goes on when it is told to. Raises Killed."""
        with self._changed:
            self._standing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._standing)
            if self._killed:
                self._killed = False
                raise Killed

    def connect(self) -> None:
        """Opens its connection and notes its backend; called in its work."""
        connection.ensure_connection()
        self.backend = connection.connection.get_backend_pid()

    def go_on(self, *, kill: bool = False) -> None:
        """Lets it commit, or ends it before that."""
        with self._changed:
            self._standing, self._killed = False, kill
            self._changed.notify_all()

    def collect(self) -> None:
        """Takes what it has done, if it is done; raises what it raised."""
        if self._result is None or self._then is None:
            return
        (value, error), then = self._result, self._then
        self._result = self._then = None
        if error is None:
            then(value)
        elif not isinstance(error, Killed):
            raise error

    def rests(self, seconds: float) -> bool:
        """Waits so long for it to be done or to stand; whether it is."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._standing or self._work is None, timeout=seconds
            )

    def end(self) -> None:
        """Ends the thread and its connection."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._ended, timeout=STUCK)

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._work is not None or self._ended)
                work = self._work
            if work is None:
                break
            result: tuple[Any, BaseException | None]
            try:
                result = work(), None
            except BaseException as error:
                result = None, error
            with self._changed:
                self._result, self._work = result, None
                self._changed.notify_all()
        connection.close()
        with self._changed:
            self._ended = False
            self._changed.notify_all()


def take_turns(actors: Iterable[Actor]) -> None:
    """Waits until each has finished, stands, or waits for a row that one who stands holds.

    Only then is what they did taken: nothing may move while the rows are looked at.
    """
    busy, give_up = [actor for actor in actors if not actor.idle], time.monotonic() + STUCK
    while running := [actor for actor in busy if not actor.rests(0)]:
        if any(actor.rests(0.003) for actor in running):
            continue
        if all(_waits(actor) for actor in running):
            break
        assert time.monotonic() < give_up, f"stuck: {[actor.name for actor in running]}"
    for actor in busy:
        actor.collect()


def _waits(actor: Actor) -> bool:
    """Whether its backend waits for a lock that somebody else holds at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITS, [actor.backend])
        return bool(cursor.fetchone()[0])
