"""`dev.py bench`: measures this service and others side by side, and prints medians and ratios."""

import sys

from devtools.console import Stopped


def main(arguments: list[str]) -> int:
    """1 when a peer could not run, or when a call of ours was lost, doubled or not recorded."""
    if sys.platform != "linux":
        raise Stopped("the benchmarks read /proc and use epoll, which only Linux has.")
    from benchmarks.session import run

    return run(arguments)
