"""One peer is installed, given its calls and started, by the commands that its row names."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contestants import Task
from benchmarks.peers.zones import ZONES
from benchmarks.stage import ROOT, Stage
from devtools import places
from devtools.console import Stopped, output_of, step

ENVIRONMENTS = places.STATE / "bench"


@dataclass
class Peer:
    """`folder` below benchmarks/peers holds its programs and its pinned packages.

    A command's first word is `python`, `celery` or `node`; `{workers}` is the number of worker
    processes. `ready` is what a process writes when it is, one of these.
    """

    name: str
    settings: str
    folder: str
    load_command: list[str]
    #: process name → command; `*` in a name: one for each worker process
    processes: dict[str, list[str]]
    ready: tuple[str, ...]
    most: tuple[int, int]
    load_rate: float
    scenarios: tuple[str, ...] = ("spike",)
    longest: float = 120
    setup: list[str] = field(default_factory=list)
    #: other processes where the call service takes its time
    slow_processes: dict[str, list[str]] = field(default_factory=dict)
    is_prepared: bool = field(default=False, init=False)

    @property
    def source(self) -> Path:
        """Its files in this project."""
        return ROOT / "benchmarks" / "peers" / self.folder

    @property
    def home(self) -> Path:
        """Where its packages are installed."""
        return ENVIRONMENTS / self.folder

    @property
    def is_node(self) -> bool:
        """Whether it is an npm package; else it is a Python one."""
        return (self.source / "package.json").exists()

    @property
    def template(self) -> str:
        """The database that each run copies."""
        return f"{self.folder}_template"

    def command(self, words: list[str], workers: int) -> list[str]:
        """A row's command as it is executed."""
        first, *rest = [word.format(workers=workers) for word in words]
        python = str(self.home / "venv" / "bin" / "python")
        programs = {"python": [python], "celery": [python, "-m", "celery"], "node": ["node"]}
        return [*programs[first], *rest]

    @property
    def directory(self) -> Path:
        """Where its commands run."""
        return self.home if self.is_node else ROOT

    def prepare(self, stage: Stage) -> None:
        """Installs it unless it is, and makes its tables once."""
        if self.is_prepared:
            return
        install(self)
        stage.fresh(self.template)
        if self.setup:
            env = stage.addresses(self.template) | variables(Task("setup", "", 0, 0, "", 0))
            stage.run(self.command(self.setup, 1), env, self.directory)
        self.is_prepared = True

    def load(self, stage: Stage, task: Task, database: str) -> None:
        """Stores the calls by its own program."""
        stage.fresh(database, self.template)
        env = stage.addresses(database) | variables(task)
        stage.run(self.command(self.load_command, task.workers), env, self.directory)

    def start(self, stage: Stage, task: Task, database: str) -> None:
        """All its processes at once; ready when each says so."""
        env = stage.addresses(database) | variables(task)
        chosen = (task.delay_ms and self.slow_processes) or self.processes
        for name, words in chosen.items():
            numbers = range(task.workers if "*" in name else 1)
            for number in numbers:
                own = name.replace("*", str(number))
                command = [word.replace("{number}", str(number)) for word in words]
                stage.start(own, self.command(command, task.workers), env, self.directory)
        stage.until(lambda: self.all_are_ready(stage), 60, f"{self.name} is ready")

    def all_are_ready(self, stage: Stage) -> bool:
        """Whether each process has said so."""
        said = [stage.log(name).read_text() for name in stage.processes]
        return all(any(word in text for word in self.ready) for text in said)

    def unfinished(self, stage: Stage, task: Task, database: str) -> int | None:
        """Its records are its own business; the judge is the call service's log."""
        return None

    def next_are_open(self, stage: Stage, task: Task, database: str) -> bool | None:
        """The next time is made when a call rings; so that is what counts."""
        return None


def variables(task: Task) -> dict[str, str]:
    """What a peer's programs are told."""
    return {
        "BENCH_SCENARIO": task.scenario,
        "BENCH_COUNT": str(task.count),
        "BENCH_DUE": str(task.due),
        "BENCH_URL": task.url,
        "BENCH_ZONES": ",".join(ZONES),
        "NODE_ENV": "production",
        "PYTHONPATH": str(ROOT),
    }


def install(peer: Peer) -> None:
    """By pip or npm, from what is pinned; raises Stopped, naming the peer."""
    pinned = peer.source / ("package-lock.json" if peer.is_node else "requirements.txt")
    stamp, wanted = peer.home / "stamp", hashlib.sha256(pinned.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == wanted):
        shutil.rmtree(peer.home, ignore_errors=True)
        places.private_dir(ENVIRONMENTS)
        peer.home.mkdir()
        with step(f"installing {peer.name}"):
            (install_node if peer.is_node else install_python)(peer)
        stamp.write_text(wanted)
    if peer.is_node:
        for program in (*peer.source.glob("*.cjs"), peer.source.parent / "call.cjs"):
            shutil.copy(program, peer.home)


def install_python(peer: Peer) -> None:
    """A venv of its own."""
    venv = peer.home / "venv"
    executed(peer, [sys.executable, "-m", "venv", str(venv)])
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "-q"]
    executed(peer, [*pip, "-r", str(peer.source / "requirements.txt")])


def install_node(peer: Peer) -> None:
    """A node_modules of its own."""
    if output_of(["node", "--version"]) is None:
        raise Stopped(f"{peer.name} needs Node 20 or newer; or leave it out by --peers.")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(peer.source / name, peer.home)
    executed(peer, ["npm", "ci", "--no-audit", "--no-fund"])


def executed(peer: Peer, command: list[str]) -> None:
    """Runs a step of the installation."""
    try:
        done = subprocess.run(command, cwd=peer.home, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Stopped(f"{peer.name} could not be installed: {error}") from None
    if done.returncode != 0:
        raise Stopped(f"{peer.name} could not be installed:\n{done.stdout}{done.stderr}")
