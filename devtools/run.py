"""`dev.py run`: servers, tables, web, worker and beat in one foreground process."""

import argparse
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from devtools import environment, places, welcome
from devtools.console import Stopped, say, step
from devtools.environment import HOST
from devtools.program import Program
from devtools.servers import start_servers
from devtools.single import only_one
from devtools.supervisor import Supervisor

PYTHON_MODULE = [sys.executable, "-m"]
CELERY = [*PYTHON_MODULE, "celery", "-A", "scheduler_project", "--quiet"]
WORKER = [*CELERY, "worker", "-Q", "calls,webhooks,upkeep", "--concurrency", "2", "-n", "dev@%h"]
BEAT = [*CELERY, "beat", "--pidfile="]
WEB_OPTIONS = ["--threads", "8", "--graceful-timeout", "5", "--no-control-socket"]
WEB = [*PYTHON_MODULE, "gunicorn", "scheduler_project.wsgi:application", *WEB_OPTIONS]


def main(arguments: list[str]) -> int:
    """Runs until Ctrl-C; Stopped when it runs already or the port is taken."""
    parser = argparse.ArgumentParser(prog="dev.py run", description=__doc__)
    parser.add_argument("--port", type=int, default=8010, help="where the web server listens")
    port: int = parser.parse_args(arguments).port
    started = time.monotonic()
    state = places.private_dir(places.STATE)
    with only_one(state, f"http://{HOST}:{port}"), Supervisor(state) as supervisor:
        refuse_taken_port(port)
        try:
            start_all(supervisor, state, port)
            say(welcome.text(state, port, time.monotonic() - started))
            supervisor.watch()
            say("stopping: web, beat, worker, servers (Ctrl-C again: at once)")
        finally:
            (state / environment.ENV).unlink(missing_ok=True)
    say("stopped")
    return 0


def start_all(supervisor: Supervisor, state: Path, port: int) -> None:
    """Servers first, web last: once it answers, everything does."""
    addresses = start_servers(supervisor, state)
    values = environment.for_run(*addresses, port, state)
    environment.write_lines(state / environment.ENV, values)
    env = environment.for_processes(values)
    with step("tables"):
        prepare(
            supervisor, env | {"ADMIN_PASSWORD": environment.kept_secrets(state)["ADMIN_PASSWORD"]}
        )
    with step("web, worker, beat"):
        bell_clock = ["-s", str(state / "beat-schedule")]
        supervisor.start(Program("worker", WORKER, env=env, stop_seconds=20))
        supervisor.start(Program("beat", [*BEAT, *bell_clock], env=env))
        web = [*WEB, "--bind", f"{HOST}:{port}"]
        supervisor.start(Program("web", web, env=env, is_up=lambda: is_ready(port)))


def prepare(supervisor: Supervisor, env: dict[str, str]) -> None:
    """Tables, admin, token; Stopped when Django refuses."""
    if supervisor.call([*PYTHON_MODULE, "devtools.prepare"], env) != 0:
        raise Stopped("the database could not be prepared: see the lines above.")


def is_ready(port: int) -> bool:
    """Whether web, database and broker answer."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def refuse_taken_port(port: int) -> None:
    """Stopped when another program listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise Stopped(
                f"port {port} cannot be used ({error}): "
                f"choose another, as in `python3 dev.py run --port {port % 60000 + 1}`."
            ) from None
