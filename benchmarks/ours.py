"""The product as a contestant: one beat, one worker, provider `http`, everything recorded."""

import json
import sys
from dataclasses import dataclass, field
from typing import Any

import requests

from benchmarks.contestants import Task
from benchmarks.stage import Stage
from tests.call_service import SECRET, TOKEN
from tests.system import free_port

TEMPLATE = "ours_template"
CELERY = [sys.executable, "-m", "celery", "-A", "scheduler_project", "--quiet"]
SESSIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s
"""
DONE = """
SELECT count(*) FROM executions_execution e JOIN executions_attempt a ON a.execution_id = e.id
WHERE e.status = 'completed' AND a.outcome = 'completed' AND e.call_id = a.call_id
"""
BEHIND = """
SELECT 1 FROM scheduled_calls_scheduledcall WHERE status = 'active' AND next_run_at IS NOT NULL
AND next_run_at <= to_timestamp(%s) LIMIT 1
"""


def settings(url: str) -> dict[str, str]:
    """What makes the product dial through an address."""
    return {
        "SCHEDULER_CALL_PROVIDER": "http",
        "SCHEDULER_HTTP_CALL_URL": url,
        "SCHEDULER_HTTP_CALL_TOKEN": TOKEN,
        "SCHEDULER_HTTP_CALL_SECRET": SECRET,
    }


@dataclass
class Ours:
    """The contestant."""

    name: str = "ours"
    settings: str = (
        "1 celery beat, 1 celery worker of 2 children (prefork), the product's defaults; "
        "executions, attempts and outcomes are rows"
    )
    most: tuple[int, int] = (10**9, 10**9)
    load_rate: float = 5_000
    scenarios: tuple[str, ...] = ("spike", "recurring")
    longest: float = 420
    is_prepared: bool = field(default=False, init=False)

    def prepare(self, stage: Stage) -> None:
        """Migrates a database once."""
        if not self.is_prepared:
            stage.fresh(TEMPLATE)
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            stage.run(migrate, stage.environment(TEMPLATE))
            self.is_prepared = True

    def load(self, stage: Stage, task: Task, database: str) -> None:
        """Copies of a call that the product itself has stored."""
        stage.fresh(database, TEMPLATE)
        order = {"kind": task.scenario, "count": task.count, "due": task.due}
        load(stage, database, order)

    def start(self, stage: Stage, task: Task, database: str) -> None:
        """Beat and worker; ready when the worker's children could dial."""
        env = stage.environment(database) | self.process_settings(task)
        start_worker(stage, env, task.workers)
        start_beat(stage, env)
        wait(stage, database, dialing=task.workers, leading=1)

    def process_settings(self, task: Task) -> dict[str, str]:
        """What its processes are told beside the servers' addresses."""
        return settings(task.url)

    def unfinished(self, stage: Stage, task: Task, database: str) -> int:
        """Calls without a completed execution and attempt."""
        return task.count - int(stage.query(database, DONE)[0][0])

    def next_are_open(self, stage: Stage, task: Task, database: str) -> bool:
        """Whether no call has its next run in the past any more."""
        return not stage.query(database, BEHIND, task.due)


def load(stage: Stage, database: str, order: dict[str, Any]) -> None:
    """Stores many calls; `order` as benchmarks/load.py reads it."""
    command = [sys.executable, "-m", "benchmarks.load"]
    stage.run(command, stage.environment(database), given=json.dumps(order))


def start_worker(stage: Stage, env: dict[str, str], children: int) -> None:
    """A worker for all queues, as `dev.py run` starts it."""
    queues = ["-Q", "calls,webhooks,upkeep", "--concurrency", str(children), "-n", "bench@%h"]
    stage.start("worker", [*CELERY, "worker", *queues], env)


def start_beat(stage: Stage, env: dict[str, str]) -> None:
    """A beat."""
    bell_clock = ["--pidfile=", "-s", str(stage.home / "beat-schedule")]
    stage.start("beat", [*CELERY, "beat", *bell_clock], env)


def start_web(stage: Stage, env: dict[str, str], workers: int) -> int:
    """Gunicorn as the image starts it; the port, once it is ready."""
    port = free_port()
    options = ["--workers", str(workers), "--threads", "4", "--no-control-socket"]
    bind = ["--bind", f"127.0.0.1:{port}"]
    gunicorn = [sys.executable, "-m", "gunicorn", *bind, *options, "scheduler_project.wsgi"]
    stage.start("web", gunicorn, env | {"SCHEDULER_PUBLIC_URL": f"http://127.0.0.1:{port}"})
    stage.until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 60, "web is ready")
    return port


def answers(url: str) -> bool:
    """Whether a GET is answered, by no server's fault; 404 will do."""
    try:
        return requests.get(url, timeout=5).status_code < 500
    except requests.RequestException:
        return False


def token(stage: Stage, env: dict[str, str]) -> str:
    """A token of the owner whose calls are measured."""
    return stage.run([sys.executable, "manage.py", "create_token", "bench"], env).split()[-1]


def wait(stage: Stage, database: str, *, dialing: int, leading: int) -> None:
    """Until so many of a worker's children could dial, and beat leads."""
    for name, count in (("dialing", dialing), ("beat-leader", leading)):
        stage.until(
            lambda name=name, count=count: sessions(stage, database, name) >= count,  # type: ignore[misc]
            60,
            f"{count} sessions {name}",
        )


def sessions(stage: Stage, database: str, application: str) -> int:
    """How many database sessions of that name there are."""
    return int(stage.query(database, SESSIONS, application)[0][0])
