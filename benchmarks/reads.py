"""People look: lists, filters, histories, the admin's pages, when a million calls were made."""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import ours
from benchmarks.client import request, send
from benchmarks.options import Options
from benchmarks.peers.zones import ZONES
from benchmarks.report import OURS, Row
from benchmarks.rings import percentile
from benchmarks.stage import Stage
from devtools.console import step

DATABASE = "reads"
REQUESTS = 100
PER_CALL = 10
#: so many minutes of a day, in each zone, at which calls are due
MINUTES = 20
#: parts of names, agents, numbers and ids
SEARCHES = {
    "a name": "grace+hopper",
    "a common word": "agent",
    "one letter": "a",
    "two letters": "ra",
    "two letters that none has": "zq",
    "a word that none has": "zebra",
}
DONE = "SELECT 1 FROM executions_execution WHERE status = 'completed'"


def play(stage: Stage, options: Options) -> Iterator[Row]:
    """One database for all runs, one connection, one request after the other."""
    count = options.count or (10_000 if options.quick else 1_000_000)
    times = 20 if options.quick else REQUESTS
    ours.Ours().prepare(stage)
    with step(f"storing {count:,} scheduled calls and {count:,} executions"):
        found = stored(stage, count)
    env = stage.environment(DATABASE)
    try:
        port, token = ours.start_web(stage, env, 2), ours.token(stage, env)
        for number in range(options.long_runs):
            for name, (paths, cookie) in pages(found).items():
                headers = {"Authorization": f"Bearer {token}"}
                if cookie:
                    headers = {"Cookie": f"sessionid={found['session']}"}
                case = f"{name}, {count:,} rows"
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
    share = max(len(ZONES), count // MINUTES)
    for minute in range(MINUTES):
        due = int(time.time()) + 7_200 + 60 * minute
        numbers = {"first": minute * share, "count": share}
        ours.load(stage, DATABASE, {"kind": "recurring", "due": due, "named": True, **numbers})
    command = [sys.executable, "-m", "benchmarks.load_history"]
    dealt = {"count": count, "calls": max(1, count // PER_CALL)}
    said = stage.run(command, stage.environment(DATABASE), given=json.dumps(dealt))
    stage.query(DATABASE, "VACUUM (ANALYZE)")
    stage.query(DATABASE, "CHECKPOINT")
    found: dict[str, Any] = json.loads(said)
    return found


def pages(found: dict[str, Any]) -> dict[str, tuple[list[str], bool]]:
    """Paths of each kind, and whether they are the admin's."""
    calls, executions = "/api/scheduled-calls", "/api/executions"
    past, middle = found["past"], found["middle"]
    mine = {
        "list": [calls],
        "list by number": [f"{calls}?phone_number=%2B1202{n:07}" for n in range(50)],
        "list by status": [f"{calls}?status=paused"],
        "list by a status that none has": [f"{calls}?status=missed"],
        "list by kind": [f"{calls}?kind=recurring"],
        "list by metadata": [f"{calls}?metadata.n={n}" for n in range(50)],
        "list by next run": [f"{calls}?next_run_after={found['soon']}"],
        "list by time of creation": [f"{calls}?created_before={past}"],
        **{f"search: {kind}": [f"{calls}?search={word}"] for kind, word in SEARCHES.items()},
        "search: part of a number": [f"{calls}?search=20200{n:05}" for n in range(50)],
        "history": [f"{calls}/{id_}/history" for id_ in found["calls"]],
        "executions": [executions],
        "executions by status": [f"{executions}?status=failed"],
        "executions by a status that none has": [f"{executions}?status=missed"],
        "executions before a time": [f"{executions}?scheduled_before={middle}"],
        "executions before all": [f"{executions}?scheduled_before={past}"],
        "executions after a time": [f"{executions}?scheduled_after={middle}"],
        "one execution": [f"{executions}/{id_}" for id_ in found["executions"]],
        "health": ["/api/scheduler/health"],
    }
    return {
        **{name: (paths, False) for name, paths in mine.items()},
        **{f"admin, {name}": ([path], True) for name, path in operators(found).items()},
    }


def operators(found: dict[str, Any]) -> dict[str, str]:
    """What operators look at."""
    calls = "/admin/scheduled_calls/scheduledcall/"
    executions = "/admin/executions/execution/"
    middle = found["middle"].replace("T", "+").replace("Z", "%2B00:00")
    return {
        "calls": calls,
        "calls, page 100": f"{calls}?p=100",
        "calls by next run": f"{calls}?o=5",
        "paused calls": f"{calls}?status__exact=paused",
        "missed calls, of which there are none": f"{calls}?status__exact=missed",
        "recurring calls": f"{calls}?kind=recurring",
        **{f"search: {kind}": f"{calls}?q={word}" for kind, word in SEARCHES.items()},
        "executions": executions,
        "executions, page 100": f"{executions}?p=100",
        "failed executions": f"{executions}?status__exact=failed",
        "missed executions, of which there are none": f"{executions}?status__exact=missed",
        "executions since a time": f"{executions}?scheduled_for__gte={middle}",
        "executions of a name": f"{executions}?q=grace+hopper",
        "executions of a common word": f"{executions}?q=agent",
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
