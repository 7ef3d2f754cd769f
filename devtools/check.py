"""`dev.py check`: every check that must pass before a commit, all of them, also after a failure."""

import subprocess
import sys
import time
from pathlib import Path

from devtools import environment
from devtools.console import say
from devtools.servers import throw_away_servers

SCRIPTS = Path(sys.executable).parent
RUFF = [sys.executable, "-m", "ruff"]
MANAGE = [sys.executable, "manage.py"]
STEPS = {
    "format": [*RUFF, "format", "--check", "."],
    "lint": [*RUFF, "check", "."],
    "types": [sys.executable, "-m", "mypy", "."],
    "import rule": [str(SCRIPTS / "lint-imports")],
    "migrations": [*MANAGE, "makemigrations", "--check", "--dry-run"],
    "deploy": [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"],
    "schema": [*MANAGE, "spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null"],
}


def in_production(env: dict[str, str]) -> dict[str, str]:
    """The same environment as a deployment behind TLS has it, for Django's deploy checks."""
    return env | {
        "SCHEDULER_EMBEDDED": "0",
        "SCHEDULER_PUBLIC_URL": "https://calls.example.com",
        "ALLOWED_HOSTS": "calls.example.com",
        "CSRF_TRUSTED_ORIGINS": "https://calls.example.com",
    }


def passes(name: str, command: list[str], env: dict[str, str]) -> bool:
    """Runs one check; its output is shown only when it fails."""
    started = time.monotonic()
    done = subprocess.run(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    ok = done.returncode == 0
    seconds = time.monotonic() - started
    say(f"  {name:<12} {'ok' if ok else 'FAILED':<7} {seconds:5.1f} s")
    if not ok:
        say(done.stdout.rstrip())
    return ok


def main(arguments: list[str]) -> int:
    """1 when any check failed; names as arguments choose some of them."""
    unknown = set(arguments) - STEPS.keys()
    if unknown:
        say(f"there is no check {', '.join(sorted(unknown))}; there are: {', '.join(STEPS)}")
        return 2
    chosen = {name: STEPS[name] for name in STEPS if name in arguments or not arguments}
    with throw_away_servers() as (_, servers):
        env = environment.for_processes(servers)
        results = [
            passes(name, command, in_production(env) if name == "deploy" else env)
            for name, command in chosen.items()
        ]
    return 0 if all(results) else 1
