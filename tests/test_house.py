"""The house is in order: captions, pictures, settings and documents say what the code does."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from executions.states import EXECUTION_MOVES, ExecutionStatus
from tests.conftest import LONGEST

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("scheduler", "scheduler_project", "scheduled_calls", "executions", "webhooks")
ROOMS = (*PRODUCT, "devtools", "benchmarks")
#: a look at the host's clock, or at the time at which a transaction began
OTHER_CLOCKS = re.compile(
    r"datetime\.now|timezone\.now|utcnow|\btoday\(|\btime\.time|\btime_ns|localtime|gmtime|auto_now"
    r"|(?i:current_time|statement_timestamp|transaction_timestamp)|\bNow\(|(?:SELECT|[<>=]) now\("
)
#: those that decide nothing about a call
ALLOWED_CLOCKS = {
    "executions/providers/sandbox.py": "plays the other side, which has a clock of its own",
    "scheduled_calls/models.py": "when a row was made and changed, for people and lists",
    "scheduler_project/broker.py": "refuses strange messages that Redis could not keep so long",
    "scheduler_project/ids.py": "lets new ids sort by age",
    "scheduler_project/models.py": "when a token was made, for people",
    "webhooks/models.py": "when a secret was made, for people",
}
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")


def modules() -> list[Path]:
    """Every module of the project and of its tests."""
    return [
        path
        for room in (*ROOMS, "tests", "examples")
        for path in sorted((ROOT / room).rglob("*.py"))
        if "__pycache__" not in path.parts and "migrations" not in path.parts
    ]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_in_its_first_line_what_happens_there(path: Path) -> None:
    caption = ast.get_docstring(ast.parse(path.read_text()))
    assert caption, "a docstring, please"
    assert len(caption.split("\n")[0]) > 15


def test_only_the_seam_for_time_reads_a_clock() -> None:
    files = [path for path in modules() if path.relative_to(ROOT).parts[0] in PRODUCT]
    reading = {
        str(path.relative_to(ROOT)) for path in files if OTHER_CLOCKS.search(path.read_text())
    }
    assert reading == set(ALLOWED_CLOCKS)
    asking = [path.name for path in files if "clock_timestamp" in path.read_text()]
    assert asking == ["clock.py"]


def test_the_picture_of_the_states_is_the_table_of_moves() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    drawn = {
        (one, other) for one, other in re.findall(r"^    (\w+) --> (\w+)$", text, re.MULTILINE)
    }
    assert drawn == {
        (state.value, target.value)
        for state, targets in EXECUTION_MOVES.items()
        for target in targets
    }
    assert set(EXECUTION_MOVES) == set(ExecutionStatus)


def test_the_example_environment_names_every_setting_and_no_other() -> None:
    readers = "text|required|boolean|integer|number|listing|networks|origins"
    read = set()
    for name in ("env.py", "settings.py"):
        source = (ROOT / "scheduler_project" / name).read_text()
        read |= set(re.findall(rf'(?:{readers})\(\s*"([A-Z_]+)"', source))
    listed = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert listed - read == {"POSTGRES_PASSWORD"}  # docker-compose.yml's own
    assert read - listed == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_name_files_that_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    for name in re.findall(r"`((?:\w+/)+\w+\.\w+)`", text):
        assert (ROOT / name).exists() or name == "executions/providers/yours.py", name


def test_the_files_that_are_begun_first_are_there() -> None:
    assert [file for file in LONGEST if not (ROOT / file).is_file()] == []


def test_architecture_is_short_enough_to_be_read() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 150


def test_no_file_names_a_folder_of_one_machine() -> None:
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    # a clone right under /tmp stands beside what is rightly named there
    places = [f"{place}/" for place in (ROOT, ROOT.parent) if place != Path("/tmp")]  # noqa: S108
    naming = [
        name
        for name in files
        if (ROOT / name).is_file()
        and any(place in (ROOT / name).read_text(errors="replace") for place in places)
    ]
    assert naming == []
