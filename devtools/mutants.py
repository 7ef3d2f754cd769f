"""`dev.py faults --mutants`: breaks the protocol in a copy of the tree and sees who goes red."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devtools import environment
from devtools.console import Stopped, say
from devtools.places import ROOT
from devtools.servers import throw_away_servers
from tests.faults.mutants import MUTANTS, Change, Mutant, Played, Tested

SEED = 20_260_731
#: what hangs for so many seconds is ended, and has noticed nothing
LONGEST = 400
#: pytest's exit code for "tests failed"; others mean that it never came to testing
TESTS_FAILED = 1
COUNTS = ("wanted", "rings", "doubled", "lost", "differs", "unexplained", "still_open", "unknown")


@dataclass(frozen=True, slots=True)
class Result:
    """Whether all was well, whether it can be trusted, and the raw counts or names."""

    green: bool
    sound: bool
    told: str
    seconds: float


def main(arguments: list[str]) -> int:
    """1 when a mutant survives, or the unbroken copy is not green. Names choose some of them."""
    names = [mutant.name for mutant in MUTANTS]
    if unknown := set(arguments) - set(names):
        raise Stopped(f"there is no mutant {', '.join(sorted(unknown))}: {', '.join(names)}")
    chosen = [mutant for mutant in MUTANTS if mutant.name in arguments or not arguments]
    with copied() as tree, throw_away_servers() as (_, servers):
        bench = Bench(tree, environment.for_processes(servers))
        say("unbroken:")
        healthy = [told(result) for result in unbroken(bench, [mutant.by for mutant in chosen])]
        say("broken:")
        caught = [is_caught(bench, mutant) for mutant in chosen]
    say(f"{sum(caught)} of {len(caught)} mutants caught")
    return 0 if all(caught) and all(result.green for result in healthy) else 1


def unbroken(bench: "Bench", watchers: Sequence[Played | Tested]) -> Iterator[Result]:
    """What the watchers say of the tree as it is: all tests at once, then each scenario."""
    nodes = [by.node for by in dict.fromkeys(watchers) if isinstance(by, Tested)]
    if nodes:
        yield bench.test(*nodes)
    for by in dict.fromkeys(watchers):
        if isinstance(by, Played):
            with changed(bench.tree, slow_motion_of(by)):
                yield bench.play(by)


def is_caught(bench: "Bench", mutant: Mutant) -> bool:
    """Whether the mutant's watcher goes red, and for the reason that was foreseen."""
    by = mutant.by
    with changed(bench.tree, [*mutant.changes, *slow_motion_of(by)]):
        result = bench.test(by.node) if isinstance(by, Tested) else bench.play(by)
    caught = result.sound and not result.green
    word = "caught" if caught else "SURVIVED" if result.sound else "UNCLEAR"
    say(f"{word:<8} {mutant.name}: {mutant.sentence}")
    told(result)
    return caught


def told(result: Result) -> Result:
    """Prints a result as a line."""
    word = "green" if result.green else "red"
    say(f"         {word} after {result.seconds:.0f} s: {result.told}")
    return result


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the working tree, as it stands, without its .venv; gone afterwards."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="scheduler-mutants-") as home:
        tree = Path(home)
        for name in filter(None, names.split("\0")):
            if (ROOT / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name)
        yield tree


@contextmanager
def changed(tree: Path, changes: Sequence[Change]) -> Iterator[None]:
    """The tree with these changes; afterwards it is as it was. Stopped when a text is not there."""
    kept = {change.file: (tree / change.file).read_text() for change in changes}
    try:
        for change in changes:
            path = tree / change.file
            path.write_text(replaced(path.read_text(), change))
        yield
    finally:
        for name, text in kept.items():
            (tree / name).write_text(text)


def replaced(text: str, change: Change) -> str:
    """The text with the change; Stopped unless the old text stands there exactly once."""
    if (times := text.count(change.old)) != 1:
        raise Stopped(
            f"{change.file} has {change.old!r} {times} times, not once: the code has moved on; "
            "mend tests/faults/mutants.py."
        )
    return text.replace(change.old, change.new)


def slow_motion_of(by: Played | Tested) -> tuple[Change, ...]:
    """The changes that let the moment last, if there are any."""
    return by.slow_motion if isinstance(by, Played) else ()


@dataclass(frozen=True, slots=True)
class Bench:
    """Where watchers work: the copy, and an environment with servers for the tests."""

    tree: Path
    environment: dict[str, str]

    def test(self, *nodes: str) -> Result:
        """Runs tests by pytest's names for them, all in one process."""
        begin = time.monotonic()
        words = ("-m", "pytest", *nodes, "-q", "-p", "no:cacheprovider", "--tb=no")
        code, output = self._run(*words, environment=self.environment)
        summary = re.findall(r"^(?:\d+ \w+,? ?)+ in .*$", output, re.MULTILINE)
        last = summary[-1] if summary else output[-2000:]
        sound = code == 0 or (code == TESTS_FAILED and "error" not in last)
        who = nodes[0].rpartition("/")[2] if len(nodes) == 1 else f"{len(nodes)} tests"
        return Result(code == 0, sound, f"{who}: {last}", time.monotonic() - begin)

    def play(self, by: Played) -> Result:
        """Plays a fault scenario, which starts servers of its own."""
        begin, verdicts = time.monotonic(), self.tree / "verdicts.json"
        verdicts.unlink(missing_ok=True)
        words = ["--seed", str(SEED), "--count", str(by.count), "--json", str(verdicts)]
        code, output = self._run("-m", "devtools", "faults", *words, by.scenario)
        seconds = time.monotonic() - begin
        if not verdicts.exists():
            return Result(False, False, output[-2000:], seconds)
        verdict = json.loads(verdicts.read_text().splitlines()[-1])
        who = f"{by.scenario} x {by.count}" + ", in slow motion" * bool(by.slow_motion)
        shown = ", ".join(f"{name} {verdict[name]}" for name in COUNTS)
        # red for the reason that was foreseen, or it says nothing about this rule
        sound = code == 0 or bool(verdict[by.shows])
        return Result(code == 0, sound, f"{who}: {shown}", seconds)

    def _run(self, *words: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
        # This process's Python, and not the copy's dev.py: that would make a .venv of its own.
        try:
            done = subprocess.run(
                [sys.executable, *words],
                cwd=self.tree,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return -1, f"nothing after {LONGEST} s"
        return done.returncode, done.stdout
