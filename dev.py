#!/usr/bin/env python3
"""`python3 dev.py run`, `test`, `check`: makes .venv, then hands over to devtools/."""

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "requirements.stamp"
NEED_NO_PACKAGES = {"help", "-h", "--help", "lock"}
NEED_TEST_TOOLS = {"test", "check", "fix", "faults", "bench"}


def stop(sentence: str) -> None:
    """Ends the start with one sentence that says what to do."""
    sys.exit("dev.py: " + sentence)


def lock_for(command: str) -> Path:
    """The lock that a command needs; stops where the packages cannot work."""
    if sys.version_info < (3, 11):
        stop("Python 3.11 or newer is needed, this is %s." % platform.python_version())
    musl = sys.platform == "linux" and not platform.libc_ver()[0]
    outside = os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")
    if os.name == "nt" or (musl and not outside):
        stop("no servers to embed here: set DATABASE_URL and REDIS_URL (on Windows: in WSL).")
    if command in NEED_TEST_TOOLS:
        return ROOT / "requirements" / "test.txt"
    return ROOT / "requirements" / ("base.txt" if musl else "run.txt")


def stamp_of(lock: Path) -> str:
    """What an environment made from this lock by this Python is called."""
    return platform.python_version() + " " + hashlib.sha256(lock.read_bytes()).hexdigest()


def is_ready(lock: Path) -> bool:
    """Whether .venv was made from this lock, or from the test lock, which holds all others."""
    stamp = STAMP.read_text(encoding="utf-8").strip() if PYTHON.exists() and STAMP.exists() else ""
    return stamp in (stamp_of(lock), stamp_of(lock.with_name("test.txt")))


def works(*command: str) -> bool:
    """Runs one command, its output shown; False when it failed."""
    return subprocess.run(command, cwd=str(ROOT), check=False).returncode == 0


def install(lock: Path) -> None:
    """Makes .venv and installs the lock: with uv where it works, else with venv and pip."""
    print("making .venv from %s (the first time takes a minute)" % lock.name, flush=True)
    hashed = ("--require-hashes", "-r", str(lock))
    venv = ("uv", "venv", "-q", "--clear", "--python", sys.executable, str(VENV))
    with_uv = ("uv", "pip", "install", "-q", "--python", str(PYTHON), *hashed)
    if shutil.which("uv") and works(*venv) and works(*with_uv):
        return
    if importlib.util.find_spec("ensurepip") is None:
        stop("this Python has no ensurepip: `sudo apt install python3-venv`, or install uv.")
    if not works(sys.executable, "-m", "venv", "--clear", str(VENV)):
        stop(".venv could not be made: see the lines above (disk full? no write access?).")
    if not works(str(PYTHON), "-m", "pip", "install", "-q", "--retries", "1", *hashed):
        stop("installing failed, see above; the first start needs the network (or PIP_INDEX_URL).")


def prepare(lock: Path) -> None:
    """Makes .venv unless it is the right one; of two starts at once the second waits."""
    import fcntl  # not on Windows, which lock_for refuses

    with (ROOT / ".venv.lock").open("w", encoding="utf-8") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not is_ready(lock):
            STAMP.unlink(missing_ok=True)
            install(lock)
            STAMP.write_text(stamp_of(lock) + "\n", encoding="utf-8")


def main() -> None:
    """Makes .venv when it is needed and not the right one, then becomes devtools."""
    command, python = [*sys.argv, "help"][1], sys.executable
    lock = lock_for(command)
    os.chdir(str(ROOT))
    try:
        if command not in NEED_NO_PACKAGES:
            prepare(lock)
            python = str(PYTHON)
        os.execv(python, [python, "-m", "devtools", *sys.argv[1:]])
    except OSError as error:
        stop("%s. Can this user write to %s?" % (error, ROOT))
    except KeyboardInterrupt:
        stop("stopped; the next start goes on from here.")


if __name__ == "__main__":
    main()
