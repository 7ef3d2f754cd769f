"""The supervisor's children: started again when they end, stopped in order, never left behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devtools import leftovers
from devtools.console import Stopped
from devtools.program import Child, Program
from devtools.supervisor import Supervisor
from tests.system import eventually

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
#: hears SIGINT also when this test is run in the background of a shell, which has it ignored
LISTENER = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
print("ready", flush=True)
time.sleep(60)
"""
#: starts a child and a grandchild that would both outlive it
PARENT = """
import os, subprocess, sys, time
from devtools.program import Child, Program
child = Child(Program("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"]))
print(child.process.pid, flush=True)
time.sleep(60)
"""


def ended(pid: int) -> Callable[[], bool]:
    return lambda: leftovers.start_of(pid) is None


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux ties a child's life to its parent's"
)
def test_kill_9_of_the_parent_ends_the_children() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert leftovers.start_of(pid)
        parent.kill()
        eventually(ended(pid), 10, "the child ends")


def test_a_child_that_ends_is_started_again_after_a_pause(
    capfd: pytest.CaptureFixture[str],
) -> None:
    child = Child(Program("sleeper", SLEEPER))
    try:
        first = child.process.pid
        child.process.kill()
        child.process.wait()
        child.look_after()
        assert child.start_again_at is not None
        child.start_again_at = 0
        child.look_after()
        assert child.process.pid != first
        assert "sleeper was ended by SIGKILL; starting it again in 1 s" in capfd.readouterr().out
    finally:
        child.stop()


def test_each_failure_doubles_the_pause_up_to_half_a_minute() -> None:
    child = Child(Program("broken", [sys.executable, "-c", "raise SystemExit(3)"]))
    pauses = []
    for _ in range(7):
        child.process.wait()
        child.look_after()
        pauses.append(child.pause)
        child.start_again_at = 0
        child.look_after()
    child.stop()
    assert pauses == [2, 4, 8, 16, 30, 30, 30]


#: says that it is deaf, then is
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


def test_a_child_that_ignores_the_request_is_ended_after_its_time(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child(Program("deaf", [sys.executable, "-c", DEAF], log=log, stop_seconds=0.2))
    eventually(lambda: "deaf" in log.read_text(), 10, "the child is deaf")
    child.stop()
    assert child.process.returncode == -signal.SIGKILL


def test_children_stop_in_the_reverse_order_of_their_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = []
    stop = Child.stop

    def note(child: Child) -> None:
        stopped.append(child.program.name)
        stop(child)

    monkeypatch.setattr(Child, "stop", note)
    with Supervisor(tmp_path) as supervisor:
        for name in ("postgres", "valkey", "web"):
            supervisor.start(Program(name, SLEEPER))
    assert stopped == ["web", "valkey", "postgres"]


def test_a_server_that_does_not_start_is_explained_by_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    code = "print('no space left'); raise SystemExit(1)"
    program = Program("server", [sys.executable, "-c", code], log=log, is_up=lambda: False)
    told = pytest.raises(Stopped, match=r"(?s)server ended with code 1.*no space left")
    with told, Supervisor(tmp_path) as supervisor:
        supervisor.start(program)


def test_the_next_start_ends_what_the_last_one_left(tmp_path: Path) -> None:
    record = tmp_path / leftovers.RECORD
    command = [sys.executable, "-c", LISTENER]
    with subprocess.Popen(command, process_group=0, stdout=subprocess.PIPE) as orphan:
        assert orphan.stdout is not None
        assert orphan.stdout.readline() == b"ready\n"
        record.write_text(json.dumps(leftovers.describe([orphan.pid])))
        leftovers.end(record)
        assert orphan.wait(20) == -signal.SIGINT
    assert not record.exists()


def test_a_process_that_only_has_the_same_id_is_left_alone(tmp_path: Path) -> None:
    record = tmp_path / leftovers.RECORD
    record.write_text(json.dumps({str(os.getpid()): "long ago"}))
    leftovers.end(record)
    assert not record.exists()
