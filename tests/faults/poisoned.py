"""Scenario: the broker's queues are poisoned while calls are made, and no worker minds."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tests.faults.checker import Wanted, last
from tests.faults.nemesis import Nemesis
from tests.faults.poison import QUEUES, forged, misshapen, swollen
from tests.faults.stage import Stage
from tests.system import eventually

#: takes connections from nobody, so that deliveries stay
NOWHERE = {"webhook_url": "http://127.0.0.1:1/hook"}
PEOPLE = 4
#: copies of one message in each queue, its delivery tag too
COPIES = 200
ALL_IDS = """
SELECT id::text FROM executions_execution
UNION ALL SELECT id::text FROM executions_attempt
UNION ALL SELECT id::text FROM webhooks_delivery
UNION ALL SELECT id::text FROM scheduled_calls_scheduledcall
UNION ALL SELECT next_execution_id::text FROM scheduled_calls_scheduledcall
    WHERE next_execution_id IS NOT NULL
"""
OPENED = "SELECT count(*) FROM executions_execution WHERE scheduled_call_id = ANY(%s::uuid[])"
STATES = """
SELECT e.status FROM executions_execution e WHERE scheduled_call_id = ANY(%s::uuid[])
ORDER BY array_position(%s::uuid[], scheduled_call_id)
"""


def poisoned_messages(stage: Stage, count: int, nemesis: Nemesis) -> list[Wanted]:
    """So many rounds of everything that is wrong, and forged bells for all ids that there are.

    Calls that must not ring are not among what is returned: one that rings, nobody asked for.
    """
    stage.make_ready(workers=2, web=True)
    with stage.servers.client() as client:  # what workers had that were killed before
        orphans = int(client.hlen("unacked"))
    done = stage.schedule(["plain"] * PEOPLE, 1.0, more=NOWHERE)
    stage.until(last(done) + 2)
    held = _held_back(stage)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
    stage.load([("one_time", {**_body(n), "scheduled_time": tomorrow}) for n in range(PEOPLE)])
    processes = _workers(stage)
    wanted = stage.schedule(["slow"] * (20 * count), 4.0 * count)
    for number in range(count):
        stage.until((wanted[0].at or 0) - 1 + 4 * number)
        _poison(stage, nemesis)
    stage.until(last(wanted))
    _look(stage, nemesis, processes, held, orphans)
    return [*done, *wanted]


def _body(number: int) -> dict[str, str]:
    return {"agent_id": "plain", "phone_number": f"+120255501{number:02}"}


def _held_back(stage: Stage) -> list[str]:
    """Calls whose execution waits, half of them paused by now and the others cancelled."""
    with _frozen_workers(stage):
        held = [one.schedule_id for one in stage.schedule(["plain"] * (2 * PEOPLE), 1.0)]
        eventually(lambda: stage.query(OPENED, held)[0][0] == len(held), 30, "all are opened")
        for id_ in held[:PEOPLE]:
            stage.system.api("POST", f"scheduled-calls/{id_}/pause", {}, 200)
        for id_ in held[PEOPLE:]:
            stage.system.api("DELETE", f"scheduled-calls/{id_}", status=200)
    return held


@contextmanager
def _frozen_workers(stage: Stage) -> Iterator[None]:
    names = [name for name in stage.cast if name.startswith("worker")]
    for name in names:
        os.killpg(stage.system.processes[name].pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for name in names:
            os.killpg(stage.system.processes[name].pid, signal.SIGCONT)


def _poison(stage: Stage, nemesis: Nemesis) -> None:
    ids = [row[0] for row in stage.query(ALL_IDS)] + [str(uuid4()) for _ in range(PEOPLE)]
    stage.random.shuffle(ids)
    with stage.fault(), stage.servers.client() as client:
        for queue in QUEUES:
            messages = [*misshapen(queue, ids).values(), *forged(queue, ids)]
            messages += [forged(queue, stage.random.choices(ids, k=3))[0]] * COPIES
            stage.random.shuffle(messages)
            messages += swollen(queue, ids) if queue == QUEUES[0] else []
            client.lpush(queue, *messages)
            nemesis.done["other_faults"] += len(messages)
        number = client.get_connection_kwargs().get("db", 0)
        for message in misshapen("celery", ids).values():
            client.publish(f"/{number}.celery.pidbox", message)
            nemesis.done["other_faults"] += 1


def _workers(stage: Stage) -> Sequence[int]:
    return [*stage.workers(), *sorted(Nemesis(stage).worker_children())]


def _look(
    stage: Stage, nemesis: Nemesis, processes: Sequence[int], held: list[str], orphans: int
) -> None:
    """Complains unless the same processes went on, all messages are gone, and what was held is."""
    with stage.servers.client() as client:

        def left() -> int:
            waiting = sum(int(client.llen(queue)) for queue in QUEUES)
            return waiting + int(client.hlen("unacked")) - orphans

        end = time.time() + 30 + left() / 50  # more than 50 a second, and then some
        while left() and time.time() < end:
            stage.until(time.time() + 0.2)
        if left():
            nemesis.complaints.append(f"{left()} messages are still there")
    if (now := _workers(stage)) != processes:
        nemesis.complaints.append(f"workers were {processes} and are {now}")
    states = [row[0] for row in stage.query(STATES, held, held)]
    if states != ["pending"] * PEOPLE + ["cancelled"] * PEOPLE:
        nemesis.complaints.append(f"what was paused and cancelled is {states}")
