"""`dev.py manage ARGUMENTS`: Django's command line on the servers that `run` started."""

import os
import sys

from devtools import environment, places
from devtools.console import Stopped
from devtools.single import is_running


def main(arguments: list[str]) -> int:
    """Becomes manage.py with the running servers' environment, or the developer's own."""
    values: dict[str, str] = {}
    if is_running(places.STATE):
        values = environment.read_lines(places.STATE / environment.ENV)
    elif not (environment.given("DATABASE_URL") and environment.given("REDIS_URL")):
        raise Stopped(
            "no servers are running: start them with `python3 dev.py run` in another terminal, "
            "or set DATABASE_URL and REDIS_URL."
        )
    os.execve(
        sys.executable,
        [sys.executable, "manage.py", *arguments],
        environment.for_processes(values),
    )
