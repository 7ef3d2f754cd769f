"""Calls are scheduled: one by one over HTTP, many in one request, many at once from Python."""

import json
import math
import sys
import time
from collections.abc import Iterator, Sequence

from benchmarks import ours
from benchmarks.client import Answers, request, send
from benchmarks.contestants import Task
from benchmarks.cpu import Watch
from benchmarks.options import Options
from benchmarks.peers.peer import variables
from benchmarks.peers.registry import PLAIN_BEAT
from benchmarks.report import OURS, Row
from benchmarks.rings import percentile
from benchmarks.stage import Stage
from devtools.console import Stopped, say
from tests.system import free_port

DATABASE = "bench"
DAY = 86_400
CONNECTIONS = 4
MINIMAL = "drf-create"
JSON = {"Content-Type": "application/json"}


def play(stage: Stage, options: Options) -> Iterator[Row]:
    """Three cases. The minimal DRF create runs on the project's own packages."""
    contestant = ours.Ours()
    contestant.prepare(stage)
    count = options.count or (200 if options.quick else 5_000)
    many = options.count or (200 if options.quick else 10_000)
    for number in range(options.runs):
        for case in (singly_ours, singly_minimal):
            yield case(stage, count, number)
            stage.end_processes()
    for number in range(options.runs):
        yield from bulk(stage, many, number)
        stage.end_processes()
        if PLAIN_BEAT.name in options.peers:
            yield bulk_create(stage, many, number)
    for number in range(options.runs):
        yield gathered(stage, many, number)


def singly_ours(stage: Stage, count: int, number: int) -> Row:
    """POST /api/scheduled-calls."""
    port, headers = web(stage)
    return singly(stage, OURS, port, "/api/scheduled-calls", headers, count, number)


def singly_minimal(stage: Stage, count: int, number: int) -> Row:
    """POST to a serializer and a table of the same fields."""
    stage.fresh(DATABASE)
    env = stage.addresses(DATABASE)
    env["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.drf_create.settings"
    stage.run([sys.executable, "-m", "django", "migrate", "--run-syncdb", "-v", "0"], env)
    port = free_port()
    options = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4"]
    gunicorn = [sys.executable, "-m", "gunicorn", *options, "--no-control-socket"]
    stage.start("web", [*gunicorn, "benchmarks.peers.drf_create.wsgi"], env)
    stage.until(lambda: ours.answers(f"http://127.0.0.1:{port}/ready"), 60, "web is ready")
    return singly(stage, MINIMAL, port, "/calls", JSON, count, number)


def web(stage: Stage) -> tuple[int, dict[str, str]]:
    """The product's web processes on a fresh database: port and headers."""
    stage.fresh(DATABASE, ours.TEMPLATE)
    env = stage.environment(DATABASE)
    port = ours.start_web(stage, env, 2)
    return port, JSON | {"Authorization": f"Bearer {ours.token(stage, env)}"}


def bodies(count: int, *, mixed: bool = False) -> Iterator[dict[str, object]]:
    """Calls of the coming months; when mixed, each fifth is a recurring one."""
    begin = time.time() + DAY
    for number in range(count):
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin + 60 * number))
        when = {"cron_expression": "0 9 * * 1-5"} if mixed and number % 5 == 0 else {}
        yield {
            "agent_id": "agent-123",
            "phone_number": f"+1202{number:07}",
            "timezone": "America/New_York",
            "name": "Reminder",
            "customer_context": {"name": "Ada"},
            "metadata": {"n": number},
            **(when or {"scheduled_time": at}),
        }


def singly(
    stage: Stage, name: str, port: int, path: str, headers: dict[str, str], count: int, number: int
) -> Row:
    """All of them, one a request, after some to warm up."""
    requests = [request("POST", path, headers, json.dumps(one).encode()) for one in bodies(count)]
    send(port, requests[: count // 10], CONNECTIONS)
    with Watch(stage.groups()) as watch:
        answers = send(port, requests, CONNECTIONS)
    if set(answers.statuses) != {201}:
        raise Stopped(f"{name} answered {dict(answers.statuses)}: {answers.last[:300]!r}")
    values = speed(answers, count) | {
        "cpu_ms_per_call": 1000 * sum(watch.used.values()) / count,
        "memory_mib": sum(watch.peak.values()) / 2**20,
    }
    case = f"{count:,} POSTs, 2 gunicorn workers, {CONNECTIONS} connections"
    return Row("create", case, name, number, values, {"cpu_s": watch.used})


def speed(answers: Answers, count: int) -> dict[str, float]:
    """How fast, and how long one took."""
    times: Sequence[float] = sorted(answers.seconds)
    return {
        "calls_per_s": count / answers.took,
        "ms_p50": 1000 * percentile(times, 50),
        "ms_p99": 1000 * percentile(times, 99),
    }


def bulk(stage: Stage, count: int, number: int) -> Iterator[Row]:
    """POST …/bulk; nothing where the address is not there yet."""
    port, headers = web(stage)
    raw = json.dumps({"calls": list(bodies(count, mixed=True))}).encode()
    path = "/api/scheduled-calls/bulk"
    few = json.dumps({"calls": list(bodies(10))}).encode()
    send(port, [request("POST", path, headers, few)] * 16, CONNECTIONS)  # to warm up
    with Watch(stage.groups()) as watch:
        answers = send(port, [request("POST", path, headers, raw)], 1)
    if set(answers.statuses) & {404, 405}:
        say("  there is no POST /api/scheduled-calls/bulk here: left out")
        return
    said = json.loads(answers.last)
    if set(answers.statuses) != {200} or said["created"] != count:
        raise Stopped(f"bulk answered {dict(answers.statuses)}: {answers.last[:300]!r}")
    values = {
        "rows_per_s": count / answers.took,
        "cpu_ms_per_row": 1000 * sum(watch.used.values()) / count,
        "memory_mib": sum(watch.peak.values()) / 2**20,
    }
    yield Row("create", bulk_case(count), OURS, number, values, {"cpu_s": watch.used})


def bulk_create(stage: Stage, count: int, number: int) -> Row:
    """Plain beat's rows, from a script, unchecked."""
    PLAIN_BEAT.prepare(stage)
    stage.fresh(DATABASE, PLAIN_BEAT.template)
    task = Task("bulk", "", count, int(time.time()) + DAY, "", 0)
    command = PLAIN_BEAT.command(["python", "-m", "benchmarks.peers.plain_beat.bulk"], 1)
    seconds = float(stage.run(command, stage.addresses(DATABASE) | variables(task)))
    values = {"rows_per_s": count / seconds, "cpu_ms_per_row": math.nan, "memory_mib": math.nan}
    return Row("create", bulk_case(count), PLAIN_BEAT.name, number, values)


def bulk_case(count: int) -> str:
    """As the table names it."""
    return f"{count:,} rows at once"


def gathered(stage: Stage, count: int, number: int) -> Row:
    """asyncio.gather over schedule_call, against awaiting one by one."""
    stage.fresh(DATABASE, ours.TEMPLATE)
    env = stage.environment(DATABASE) | {"SCHEDULER_OWNER": "bench"}
    ours.token(stage, env)  # makes the owner
    found = json.loads(stage.run([sys.executable, "-m", "benchmarks.gather", str(count)], env))
    values = {
        "one_by_one_per_s": found["singly"],
        "gathered_per_s": found["together"],
        "gathered_by_one_by_one": found["together"] / found["singly"],
        "memory_grown_mib": found["grown_mib"],
    }
    return Row("create", f"gather of {count:,}", OURS, number, values)
