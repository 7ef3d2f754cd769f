"""A worker freezes where it hurts most, around its last check: for mutants, in slow motion.

The moment is a few microseconds long in truth; no SIGSTOP from outside would hit it.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.faults.nemesis import ALL, TERMINATE
from tests.faults.stage import LEASE
from tests.faults.victims import MARK
from tests.system import ROOT, connected

#: long enough for others to find the lease over, to ask the call service, and to dial again, also
#: when a look or two are handed to the frozen process itself (they are repeated after 10 s)
SECONDS = 9 * LEASE
CUT = "cut"


def freeze_once(*cut: str) -> None:
    """SIGSTOP to this process for some leases; one process of a run, and no more.

    With CUT all workers' sessions are ended meanwhile, its own among them.
    """
    turn = Path(tempfile.gettempdir()) / f"scheduler-frozen-{os.environ[MARK]}"
    try:
        turn.mkdir()
    except FileExistsError:
        return
    command = [sys.executable, "-m", "tests.faults.frozen", str(os.getpid()), str(turn), *cut]
    # without the run's mark: the nemesis must not strike it
    environment = {name: value for name, value in os.environ.items() if name != MARK}
    subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    # To this thread: another one might take it a little later, and the bytes would have left.
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def main(pid: str, turn: str, *cut: str) -> None:
    """Lets the process go on when its time is over."""
    end = time.time() + SECONDS
    if CUT in cut:
        url = os.environ["DATABASE_URL"]
        with connected(url, url.rpartition("/")[2]) as cursor:
            cursor.execute(TERMINATE, [ALL])
    time.sleep(max(0.0, end - time.time()))
    os.kill(int(pid), signal.SIGCONT)
    time.sleep(60)  # its run is over then: nobody else takes the turn
    Path(turn).rmdir()


if __name__ == "__main__":
    main(*sys.argv[1:])
