"""Real web, beat, and worker: everybody's nine o'clock, and at that second owners want otherwise.

The call service's log is the judge of what the API answered.
"""

import itertools
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.call_service import CallService
from tests.system import System, eventually
from tests.system_fixtures import MakeSystem, http_settings

#: calls at the same second, and how many clients ask at once
CALLS = int(os.environ.get("RACE_CALLS", "36"))
CLIENTS = 4
OLD, NEW = "+12025550123", "+12025550199"
#: a request's way from the worker's socket to the log's line: both clocks are this machine's
ON_ITS_WAY = 0.05


@dataclass
class Wish:
    """What an owner wanted of one call, and what the API answered."""

    call: dict[str, Any]
    verb: str
    sent: float = 0.0
    answered: float = 0.0
    status: int = 0
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def dialing(self) -> bool:
        """Whether the answer said that one is just being placed."""
        return bool(self.said.get("dialing"))


def _at(day: int) -> str:
    return (datetime.now(UTC) + timedelta(days=day)).isoformat()


#: method, path and body of each verb
REQUESTS: dict[str, Callable[[dict[str, Any]], tuple[str, str, Any]]] = {
    "pause": lambda call: ("POST", f"scheduled-calls/{call['id']}/pause", None),
    "cancel": lambda call: ("DELETE", f"scheduled-calls/{call['id']}", None),
    "new time": lambda call: ("PATCH", f"scheduled-calls/{call['id']}", {"scheduled_time": _at(2)}),
    "new number": lambda call: ("PUT", f"scheduled-calls/{call['id']}", {"phone_number": NEW}),
    "execute": lambda call: ("POST", f"scheduled-calls/{call['id']}/execute", None),
    "skip": lambda call: ("POST", f"executions/{call['coming']}/cancel", None),
}
STOPPING = ("pause", "cancel", "new time", "skip")


@pytest.fixture
def system(make_system: MakeSystem, call_service: CallService) -> System:
    """Web, two workers and a beat."""
    made = make_system(**http_settings(call_service))
    made.start_all()
    made.start_worker("worker-2")
    return made


def test_what_the_api_answers_at_the_very_second_is_what_rings(
    system: System, call_service: CallService
) -> None:
    due = float(int(time.time() + 6 + CALLS * 0.03))
    wishes = _wishes(system, datetime.fromtimestamp(due, UTC).isoformat())
    assert time.time() < due - 2.0, "the calls are due before all of them are scheduled"
    # some surely in time, most at that very second, some surely too late
    early, most, late = wishes[:6], wishes[6:-6], wishes[-6:]
    _ask_all(system, early, due - 2.0)
    _ask_all(system, most, due - 0.1)
    eventually(lambda: all(call_service.rings_of(wish.call["id"]) for wish in late), 30, "it rings")
    _ask_all(system, late, due)
    eventually(lambda: _nothing_open(system, wishes), 60, "all has come to its end")
    for wish in wishes:
        _judge(wish, call_service.rings_of(wish.call["id"]))
    # both orders happened, else it proves nothing
    rang = [bool(call_service.rings_of(w.call["id"])) for w in wishes if w.verb in STOPPING]
    assert {True, False} == set(rang), "all stopping wishes came too late, or all in time"


def _wishes(system: System, at: str) -> list[Wish]:
    body = {"agent_id": "a", "phone_number": OLD, "scheduled_time": at}
    made = system.api("POST", "scheduled-calls/bulk", {"calls": [body] * CALLS}, status=200)
    verbs = itertools.cycle(REQUESTS)
    wishes = [Wish(row, verb) for row, verb in zip(made["results"], verbs, strict=False)]
    for wish in wishes:
        if wish.verb == "skip":
            wish.call["coming"] = system.history(wish.call["id"])[-1]["execution_id"]
    return wishes


def _ask_all(system: System, wishes: list[Wish], start: float) -> None:
    """Clients side by side, one wish after the other, from the given second on."""
    threading.Event().wait(max(0.0, start - time.time()))

    def ask(wish: Wish) -> None:
        method, path, body = REQUESTS[wish.verb](wish.call)
        headers = {"Authorization": f"Bearer {system.token}"}
        wish.sent = time.time()
        url = f"{system.url}/api/{path}"
        answer = requests.request(method, url, json=body, headers=headers, timeout=30)
        wish.answered, wish.status, wish.said = time.time(), answer.status_code, answer.json()

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(ask, wishes))


def _nothing_open(system: System, wishes: list[Wish]) -> bool:
    open_ones = [
        row
        for status in ("pending", "dialing", "in_progress", "retrying", "unknown")
        for row in system.api("GET", f"executions?status={status}&limit=200")["results"]
    ]
    waits = {wish.call["id"] for wish in wishes if wish.verb == "pause"}
    return all(row["schedule_id"] in waits and row["status"] == "pending" for row in open_ones)


def _judge(wish: Wish, rings: list[dict[str, Any]]) -> None:
    told = f"{wish.verb} {wish.status} {wish.said.get('code')} dialing={wish.dialing} "
    told += f"{wish.sent}..{wish.answered}, rang at {[ring['at'] for ring in rings]}"
    ok = 200 <= wish.status < 300
    assert ok or wish.status == 409, told
    after = [ring for ring in rings if ring["at"] > wish.answered + ON_ITS_WAY]
    by_attempt = {ring["attempt_id"] for ring in rings}
    assert len(by_attempt) == len(rings), told
    if wish.verb == "execute":
        # by hand and on time: once each, or once in all when the one came into the other
        assert 1 <= len(rings) <= 1 + ok, told
    elif wish.verb == "new number":
        assert ok, told
        assert len(rings) == 1, told
        wrong = [ring for ring in after if ring["phone_number"] == OLD]
        assert len(wrong) <= wish.dialing, told
    elif ok:
        assert len(rings) <= 1, told
        assert len(after) <= wish.dialing, told
    else:
        assert len(rings) == 1, told
