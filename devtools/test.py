"""`dev.py test`: fresh servers, pytest, its exit code; nothing is left behind."""

import os
import sys

from devtools.console import say
from devtools.servers import throw_away_servers

#: Two processes by default, for the small machines that continuous integration has; a file stays
#: in one of them, since its tests may share running servers. They come in the order of their names,
#: the longest first (`tests/conftest.py`): xdist would begin those with few tests last, which are
#: the long ones, and one process would wait.
DEFAULT_ARGUMENTS = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]

#: All tests come from one address, and those at one time share a Redis: they would count together.
NOBODY_IS_THROTTLED = {
    "SCHEDULER_THROTTLE_REQUESTS_PER_MINUTE": "0",
    "SCHEDULER_THROTTLE_STRANGERS_PER_MINUTE": "0",
}


def main(arguments: list[str]) -> int:
    """Runs pytest with the arguments; TEST_DURABLE=1 keeps fsync on, for runs that kill servers."""
    durable = os.environ.get("TEST_DURABLE") == "1"
    with throw_away_servers(durable) as (supervisor, env):
        command = [sys.executable, "-m", "pytest", *(arguments or DEFAULT_ARGUMENTS)]
        say("  " + " ".join(["pytest", *command[3:]]))
        return supervisor.call(command, env | NOBODY_IS_THROTTLED)
