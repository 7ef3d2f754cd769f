"""dev.py: which lock a command needs, when .venv is the right one, how it refuses."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """dev.py as a module, looking at a .venv in a temporary directory."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(module, "STAMP", tmp_path / "stamp")
    return module


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    """A small lock for `run` and a larger one for `test`."""
    (tmp_path / "run.txt").write_text("a==1\n")
    (tmp_path / "test.txt").write_text("a==1\nb==1\n")
    return tmp_path


def test_a_venv_without_a_stamp_is_made_anew(dev: ModuleType, locks: Path) -> None:
    assert not dev.is_ready(locks / "run.txt")


def test_a_stamped_venv_is_used_as_it_is(dev: ModuleType, locks: Path) -> None:
    dev.STAMP.write_text(dev.stamp_of(locks / "run.txt") + "\n")
    assert dev.is_ready(locks / "run.txt")


def test_the_test_environment_serves_run_too_but_not_the_other_way(
    dev: ModuleType, locks: Path
) -> None:
    dev.STAMP.write_text(dev.stamp_of(locks / "test.txt"))
    assert dev.is_ready(locks / "run.txt")
    dev.STAMP.write_text(dev.stamp_of(locks / "run.txt"))
    assert not dev.is_ready(locks / "test.txt")


def test_a_changed_lock_makes_it_anew(dev: ModuleType, locks: Path) -> None:
    dev.STAMP.write_text(dev.stamp_of(locks / "run.txt"))
    (locks / "run.txt").write_text("a==2\n")
    assert not dev.is_ready(locks / "run.txt")


def test_another_python_makes_it_anew(
    dev: ModuleType, locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.STAMP.write_text(dev.stamp_of(locks / "run.txt"))
    monkeypatch.setattr(dev.platform, "python_version", lambda: "3.99.0")
    assert not dev.is_ready(locks / "run.txt")


def test_an_old_python_is_told_so(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev.sys, "version_info", (3, 10, 13))
    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer is needed"):
        dev.lock_for("run")


def test_without_glibc_the_two_addresses_are_asked_for(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev.sys, "platform", "linux")
    monkeypatch.setattr(dev.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(SystemExit, match="set DATABASE_URL and REDIS_URL"):
        dev.lock_for("run")
    monkeypatch.setenv("DATABASE_URL", "postgres://db/calls")
    monkeypatch.setenv("REDIS_URL", "redis://broker")
    assert dev.lock_for("run").name == "base.txt"


def test_help_lists_the_commands_and_an_unknown_one_fails() -> None:
    command = [sys.executable, "-m", "devtools"]
    shown = subprocess.run([*command, "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "  run " in shown.stdout
    wrong = subprocess.run([*command, "fly"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "there is no command 'fly'" in wrong.stdout


def test_dev_py_stays_short() -> None:
    assert len((ROOT / "dev.py").read_text(encoding="utf-8").splitlines()) <= 100
