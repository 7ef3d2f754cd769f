"""What processes cost: CPU of a whole tree, also of children that have ended."""

import subprocess
import sys

import pytest

from benchmarks import cpu
from tests.system import eventually

BURN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
PARENT = (
    "import subprocess, sys\n"
    f"subprocess.run([sys.executable, '-c', {BURN!r}])\n"
    "print('done', flush=True)\nsys.stdin.read()"
)


def test_the_cpu_of_a_child_that_has_ended_is_counted() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=pipe, stdout=pipe) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"done\n"
        assert cpu.seconds({"tree": [parent.pid]})["tree"] >= 0.3
        parent.kill()


def test_a_tree_is_a_process_with_all_that_descend_from_it() -> None:
    stats = {1: (0, 0.0), 2: (1, 0.0), 3: (2, 0.0), 4: (1, 0.0), 5: (4, 0.0)}
    assert cpu.tree([2, 5], stats) == {2, 3, 5}
    assert cpu.tree([99], stats) == set()


def test_a_name_with_spaces_and_brackets_does_not_shift_the_numbers() -> None:
    fields = " ".join(str(number) for number in range(4, 25))
    parent, seconds = cpu.parsed(f"7 (a ) name) S {fields}")
    assert parent == 4
    assert seconds == pytest.approx((14 + 15 + 16 + 17) / cpu.TICK)


def test_memory_that_processes_share_is_counted_once() -> None:
    sizes = cpu.sizes_of(
        "Name:\tx\nVmRSS:\t30 kB\nRssAnon:\t10 kB\nRssFile:\t5 kB\nRssShmem:\t15 kB"
    )
    assert sizes == {"RssAnon": 10_240, "RssFile": 5_120, "RssShmem": 15_360}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        # a fork that has not become Python yet is small
        assert eventually(lambda: cpu.memory([process.pid]) > 2**20)
        process.kill()
