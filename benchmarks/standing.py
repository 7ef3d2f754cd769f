"""Many schedules wait for later: what they cost at rest, and whether one call is on time."""

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import requests

from benchmarks import ours
from benchmarks.cpu import Watch
from benchmarks.options import Options
from benchmarks.report import OURS, Row
from benchmarks.rings import by_number, judge, percentile
from benchmarks.stage import Stage
from devtools.console import say, step

DAY, YEAR = 86_400, 365 * 86_400
SETTLING = 8.0
CREATIONS = 20  # a second, one more each second is a call that is soon due
BODY = {"agent_id": "agent-123", "phone_number": "+12025550100"}
DATABASE = "bench"


def play(stage: Stage, options: Options) -> Iterator[Row]:
    """Ours alone (100,000 by --count): half a minute of rest, twenty seconds of creations."""
    counts = [1_000] if options.quick else [10_000, 1_000_000]
    ours.Ours().prepare(stage)
    for count in [options.count] if options.count else counts:
        with step(f"storing {count:,} schedules of the coming year"):
            stage.fresh("standing", ours.TEMPLATE)
            due = int(time.time()) + DAY
            order = {"kind": "standing", "count": count, "due": due, "spread": YEAR}
            ours.load(stage, "standing", order)
            stage.query("standing", "VACUUM (ANALYZE)")
        for number in range(options.long_runs):
            stage.fresh(DATABASE, "standing")
            stage.query(DATABASE, "CHECKPOINT")
            try:
                yield measured(stage, options, f"{count:,} schedules waiting", number)
            finally:
                stage.end_processes()


def measured(stage: Stage, options: Options, case: str, number: int) -> Row:
    """Rest, creations, a new start of beat."""
    run = f"standing-{time.time_ns()}"
    env = stage.environment(DATABASE) | ours.settings(stage.service.url(run, 0))
    ours.start_worker(stage, env, options.workers)
    ours.start_beat(stage, env)
    ours.wait(stage, DATABASE, dialing=options.workers, leading=1)
    values, more = at_rest(stage, 10 if options.quick else 30)
    client = Client(ours.start_web(stage, env, 2), ours.token(stage, env))
    time.sleep(SETTLING)
    found, details = while_creating(stage, client, run, 20)
    values |= found
    values["beat_to_first_call_s"] = new_beat(stage, env, client)
    return Row("standing", case, OURS, number, values, more | details)


def at_rest(stage: Stage, seconds: float) -> tuple[dict[str, float], dict[str, Any]]:
    """CPU and memory of beat, worker, PostgreSQL and Valkey with nothing to do."""
    time.sleep(SETTLING)
    with Watch(stage.groups()) as watch:
        time.sleep(seconds)
    minute = {name: used * 60 / seconds for name, used in watch.used.items()}
    values = {
        "rest_cpu_s_per_min": sum(minute.values()),
        "memory_mib": sum(watch.peak.values()) / 2**20,
    }
    memory = {name: peak / 2**20 for name, peak in watch.peak.items()}
    return values, {"rest_cpu_s_per_min": minute, "memory_mib": memory}


class Client:
    """Creates calls through the API, one connection."""

    def __init__(self, port: int, token: str) -> None:
        self.url = f"http://127.0.0.1:{port}/api/scheduled-calls"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.seconds: list[float] = []

    def create(self, number: int, due: float) -> None:
        """One call with `metadata.n`; raises requests.HTTPError."""
        at = datetime.fromtimestamp(due, UTC).isoformat()
        body = {**BODY, "scheduled_time": at, "metadata": {"n": number}}
        begin = time.monotonic()
        self.session.post(self.url, json=body, timeout=30).raise_for_status()
        self.seconds.append(time.monotonic() - begin)


def while_creating(
    stage: Stage, client: Client, run: str, seconds: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Lateness of one call a second, each made two to three seconds ahead, beside the creations."""
    probes: dict[int, float] = {}
    begin = time.monotonic()
    with Watch(stage.groups()) as watch:
        for number in range(seconds * CREATIONS):
            time.sleep(max(0.0, begin + number / CREATIONS - time.monotonic()))
            client.create(-1, time.time() + DAY + number)
            if number % CREATIONS == 0:
                probes[number] = math.ceil(time.time()) + 2.0
                client.create(number, probes[number])
        took = time.monotonic() - begin
    stage.until(lambda: time.time() > max(probes.values()) + 3, 30, "the last call is due")
    verdict = judge(by_number(stage.service.log(run)), probes)
    if verdict.lost or verdict.duplicates:
        say(f"  {verdict.lost} of {len(probes)} calls not heard, {verdict.duplicates} twice")
    minute = {name: used * 60 / took for name, used in watch.used.items()}
    values = {
        "late_p50": percentile(verdict.lateness, 50),
        "late_p99": percentile(verdict.lateness, 99),
        "creating_cpu_s_per_min": sum(minute.values()),
        "creating_postgres_cpu_s_per_min": minute["postgres"],
        "create_ms_p99": 1000 * percentile(sorted(client.seconds), 99),
        "creations_per_s": len(client.seconds) / took,
        "lost": verdict.lost,
        "duplicates": verdict.duplicates,
    }
    return values, {"creating_cpu_s_per_min": minute}


def new_beat(stage: Stage, env: dict[str, str], client: Client) -> float:
    """Seconds from the start of a beat to the first ring of a call that is due already."""
    stage.end("beat")
    client.create(-2, time.time() - 1)
    before = stage.service.count()[0]
    begin = time.monotonic()
    ours.start_beat(stage, env)
    stage.until(lambda: stage.service.count()[0] > before, 60, "the first call rings")
    return time.monotonic() - begin
