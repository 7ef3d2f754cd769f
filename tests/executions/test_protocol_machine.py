"""The protocol as a state machine: any step after any other, and the promises hold after each.

40 examples of 40 steps in a normal run, always the same; `PROTOCOL_EXAMPLES=1000` makes it the long
one, with a seed by chance. It prints its seed; `PROTOCOL_SEED` repeats a run. Hypothesis shows a
failure as a short program of steps.

The verbs are the product's own, on real PostgreSQL, over as many connections as there would be
processes; a worker's lock is a real one. Only the clock and the call service are the test's.
"""

import json
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from executions import dispatch, stop_watch, switchboard
from scheduler_project import clock
from tests.executions.protocol import ending
from tests.executions.protocol.first_day import Time
from tests.executions.protocol.scenes import Scenes
from tests.executions.protocol.world import World

EXAMPLES = int(os.environ.get("PROTOCOL_EXAMPLES", 40))
STEPS = 40
SEED = int(
    os.environ.get("PROTOCOL_SEED")
    or (random.randrange(10**6) if "PROTOCOL_EXAMPLES" in os.environ else 1)
)
#: `PROTOCOL_SHRINK=0` shows the first failure as it was found, and at once
PHASES = [Phase.generate, Phase.shrink][: 1 + (os.environ.get("PROTOCOL_SHRINK") != "0")]


class Protocol(Scenes):
    """Any rule after any other, and in the end time goes on until everything has an end."""

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                ending.finish(self.world)
        finally:
            self.world.end_example()


@pytest.fixture
def world(transactional_db: None, alice: User, monkeypatch: Any, settings: Any) -> Iterator[World]:
    """The processes, with a clock and a call service of ours."""
    settings.SCHEDULER = replace(
        settings.SCHEDULER,
        call_provider="tests.executions.protocol.service.LoggedProvider",
        http_call_url="http://127.0.0.1:9",
        http_call_token="t",
    )
    time = Time()
    monkeypatch.setattr(clock, "now", lambda: time.now)
    monkeypatch.setattr(clock, "now_on", lambda cursor: time.now)
    asked = clock.now_beside
    monkeypatch.setattr(clock, "now_beside", lambda *of: (time.now, asked(*of)[1]))
    for room in (clock, switchboard, stop_watch):
        monkeypatch.setattr(room, "boot_seconds", lambda: time.boot)
    # a worker waits for whoever stands before a commit for as long as that one stands
    monkeypatch.setattr(dispatch, "LONGEST_WAIT", "1min")
    made = World(alice, time)
    yield made
    made.end()


def test_whatever_happens_in_whatever_order_the_promises_hold(world: World) -> None:
    print(f"PROTOCOL_SEED={SEED}")  # noqa: T201  pytest shows it with a failure
    Protocol.world = world
    try:
        run_state_machine_as_test(
            seed(SEED)(Protocol),
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                report_multiple_bugs=False,
                phases=PHASES,
                # one example is many transactions
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )
    finally:
        print(json.dumps(world.totals))  # noqa: T201
