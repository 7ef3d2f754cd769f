"""People look: lists, filters, histories and the admin's pages, when a million calls were made."""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import ours
from benchmarks.client import request, send
from benchmarks.options import Options
from benchmarks.report import OURS, Row
from benchmarks.rings import percentile
from benchmarks.stage import Stage
from devtools.console import step

DATABASE = "reads"
REQUESTS = 200
PER_SCHEDULE = 10
DONE = "SELECT 1 FROM executions_execution WHERE status = 'completed'"


def play(stage: Stage, options: Options) -> Iterator[Row]:
    """One database for all runs, one connection, one request after the other."""
    count = options.count or (10_000 if options.quick else 1_000_000)
    times = 20 if options.quick else REQUESTS
    ours.Ours().prepare(stage)
    with step(f"storing {count:,} executions"):
        found = stored(stage, count)
    env = stage.environment(DATABASE)
    try:
        port, token = ours.start_web(stage, env, 2), ours.token(stage, env)
        for number in range(options.runs):
            for name, (paths, cookie) in pages(found).items():
                headers = {"Authorization": f"Bearer {token}"}
                if cookie:
                    headers = {"Cookie": f"sessionid={found['session']}"}
                case = f"{name}, {count:,} executions"
                yield measured(port, case, paths, headers, times, number)
    finally:
        stage.end_processes()


def stored(stage: Stage, count: int) -> dict[str, Any]:
    """One call is made by the product and copied; ids to look for, and an operator's session."""
    stage.fresh(DATABASE, ours.TEMPLATE)
    env = stage.environment(DATABASE) | ours.settings(stage.service.url("reads", 0))
    due = int(time.time()) + 20
    ours.load(stage, DATABASE, {"kind": "spike", "count": 1, "due": due})
    ours.start_worker(stage, env, 1)
    ours.start_beat(stage, env)
    stage.until(lambda: stage.query(DATABASE, DONE), 90, "the one call is made")
    stage.end_processes()
    due = int(time.time()) + 7_200
    order = {"kind": "recurring", "count": max(10, count // PER_SCHEDULE), "due": due}
    ours.load(stage, DATABASE, order)
    command = [sys.executable, "-m", "benchmarks.load_history"]
    said = stage.run(command, stage.environment(DATABASE), given=json.dumps({"count": count}))
    stage.query(DATABASE, "VACUUM (ANALYZE)")
    stage.query(DATABASE, "CHECKPOINT")
    found: dict[str, Any] = json.loads(said)
    return found


def pages(found: dict[str, Any]) -> dict[str, tuple[list[str], bool]]:
    """Paths of each kind, and whether they are the admin's."""
    calls, executions = "/api/scheduled-calls", "/api/executions"
    admin = "/admin/scheduled_calls/scheduledcall/", "/admin/executions/execution/"
    return {
        "list": ([calls], False),
        "list by number": ([f"{calls}?phone_number=%2B1202{n:07}" for n in range(50)], False),
        "list by status": ([f"{calls}?status=paused"], False),
        "list by metadata": ([f"{calls}?metadata.n={n}" for n in range(50)], False),
        "list by search": ([f"{calls}?search=12020000{n:03}" for n in range(50)], False),
        "history": ([f"{calls}/{id_}/history" for id_ in found["calls"]], False),
        "executions": ([executions], False),
        "executions by status": ([f"{executions}?status=failed"], False),
        "one execution": ([f"{executions}/{id_}" for id_ in found["executions"]], False),
        "health": (["/api/scheduler/health"], False),
        "admin, calls": ([admin[0]], True),
        "admin, executions": ([admin[1]], True),
        "admin, failed executions": ([f"{admin[1]}?status__exact=failed"], True),
    }


def measured(
    port: int, case: str, paths: list[str], headers: dict[str, str], times: int, number: int
) -> Row:
    """One kind of page; a few first, to warm up."""
    requests = [request("GET", paths[place % len(paths)], headers) for place in range(times)]
    send(port, requests[: max(4, times // 20)], 1)
    answers = send(port, requests, 1)
    failures = []
    if set(answers.statuses) != {200}:
        said = answers.last[:200].decode(errors="replace")
        failures = [f"{case} was answered {dict(answers.statuses)}: {said}"]
    seconds = sorted(answers.seconds)
    values = {f"ms_p{p}": 1000 * percentile(seconds, p) for p in (50, 99)}
    values["kib"] = len(answers.last) / 1024
    return Row("reads", case, OURS, number, values, {}, failures)
