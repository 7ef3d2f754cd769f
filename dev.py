#!/usr/bin/env python3
"""Makes the environment (.venv), then hands over to devtools/: `python3 dev.py run`, `test`, `check`."""

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
NEED_TEST_TOOLS = {"test", "check", "fix"}


def stop(sentence: str) -> None:
    """Ends the start with one sentence that says what to do."""
    sys.stdout.flush()
    sys.exit("dev.py: " + sentence)


def lock_for(command: str) -> Path:
    """The lock that a command needs; stops where the packages cannot work."""
    if sys.version_info < (3, 11):
        stop("Python 3.11 or newer is needed, this is %s." % platform.python_version())
    musl = sys.platform == "linux" and not platform.libc_ver()[0]
    outside = os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")
    if os.name == "nt" or (musl and not outside):
        stop("no embedded servers for this system: set DATABASE_URL and REDIS_URL (Windows: in WSL).")
    if command in NEED_TEST_TOOLS:
        return ROOT / "requirements" / "test.txt"
    return ROOT / "requirements" / ("base.txt" if musl else "run.txt")


def stamp_of(lock: Path) -> str:
    """What an environment made from this lock by this Python is called."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    return "%s %s %s" % (platform.python_version(), lock.stem, digest)


def is_ready(lock: Path) -> bool:
    """Whether .venv was made from this lock, or from the test lock, which holds all others."""
    stamp = STAMP.read_text(encoding="utf-8").strip() if PYTHON.exists() and STAMP.exists() else ""
    return stamp in (stamp_of(lock), stamp_of(lock.with_name("test.txt")))


def works(*command: str) -> bool:
    """Runs one command, its output shown; False when it failed."""
    return subprocess.run(command, cwd=str(ROOT), check=False).returncode == 0


def install(lock: Path) -> None:
    """Makes .venv and installs the lock: with uv where it works, else with venv and pip."""
    print("making .venv from requirements/%s (the first time takes a minute)" % lock.name, flush=True)
    hashed = ("--require-hashes", "-r", str(lock))
    if shutil.which("uv") and works("uv", "venv", "-q", "--clear", "--python", sys.executable, str(VENV)):
        if works("uv", "pip", "install", "-q", "--python", str(PYTHON), *hashed):
            return
        print("uv could not install them; trying pip", flush=True)
    if importlib.util.find_spec("ensurepip") is None:
        stop("this Python has no ensurepip: `sudo apt install python3-venv`, or install uv.")
    if not works(sys.executable, "-m", "venv", "--clear", str(VENV)):
        stop(".venv could not be made: see the lines above (disk full? no write access?).")
    if not works(str(PYTHON), "-m", "pip", "install", "-q", "--retries", "1", *hashed):
        stop(
            "the packages could not be installed: see the lines above. The first start needs the "
            "network (or a mirror: UV_INDEX_URL, PIP_INDEX_URL); later starts do not."
        )


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
    command, python = (sys.argv + ["help"])[1], sys.executable
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
