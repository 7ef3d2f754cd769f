"""A worker child learns of stop switches that are thrown between its claims and its requests.

T1 has asked them for each claim. From then on a thread reads the switches in force every half
second, for as long as something is in flight, so that nothing is asked on the way to the socket.
"""

import logging
import threading
import time

import psycopg2

from executions.providers.base import CallRequest, NotSentError
from executions.session import DialSession
from executions.switches import Stop, active_on, holding
from scheduler_project import clock
from scheduler_project.clock import boot_seconds

log = logging.getLogger(__name__)
LOOK_EVERY_SECONDS = 0.5
#: whoever has not been able to look for so long does not dial
STALE_SECONDS = 5.0


class StopWatch:
    """The switches that one child knows of, since when. Its thread rests while nothing dials."""

    def __init__(self) -> None:
        self._known: tuple[float, list[Stop]] = (0.0, [])
        self._session: DialSession | None = None
        self._dialing = threading.Event()
        threading.Thread(target=self._look_forever, name="stop-watch", daemon=True).start()

    def begin(self, session: DialSession) -> None:
        """Claims of this session are about to be dialed."""
        self._session = session
        self._dialing.set()

    def rest(self) -> None:
        """Nothing is in flight."""
        self._dialing.clear()

    def check(self, request: CallRequest, claimed_at: float) -> None:
        """Raises NotSentError when a switch forbids the request, or nobody can say.

        `claimed_at`: `boot_seconds()` from before T1, which has asked the switches itself.
        """
        looked_at, stops = self._known
        newer = stops if looked_at > claimed_at else []  # else T1 knows better
        if found := holding(newer, request.agent_id, request.phone_number):
            raise NotSentError(f"stop switch: {found.reason}")
        if boot_seconds() - max(looked_at, claimed_at) > STALE_SECONDS:
            raise NotSentError("the stop switches could not be read")

    def look(self, session: DialSession) -> None:
        """Reads the switches in force; what was known stays known when they cannot be read."""
        looked_at = boot_seconds()
        try:
            with session.transaction() as cursor:
                self._known = looked_at, active_on(cursor, clock.now_on(cursor))
        except psycopg2.Error as error:
            log.warning("stop_switches_not_read: %s", type(error).__name__)

    def _look_forever(self) -> None:
        while True:
            self._dialing.wait()
            if self._session is not None and not self._session.lost:
                self.look(self._session)
            time.sleep(LOOK_EVERY_SECONDS)
