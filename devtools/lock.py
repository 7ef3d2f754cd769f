"""`dev.py lock`: compiles requirements/*.in to locks for every supported Python."""

import os
import shutil
import subprocess

from devtools.console import Stopped, step
from devtools.places import ROOT

#: A lock names no address: whoever installs may use a mirror, the hashes stay those of PyPI.
OPTIONS = [
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-header",
    "--no-annotate",
    "--no-config",
    "--quiet",
]
#: Each lock holds the one before it, with the same versions.
LOCKS = {"base": [], "run": ["-c", "base.txt"], "test": ["-c", "run.txt"]}


def main(arguments: list[str]) -> int:
    """Compiles all locks; `--upgrade` (or any option of `uv pip compile`) is passed on."""
    if shutil.which("uv") is None:
        raise Stopped("uv compiles the locks and is not here: https://docs.astral.sh/uv/")
    # A local folder of wheels would leak its own builds' hashes into the lock.
    own = ("UV_", "PIP_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    for name, constraint in LOCKS.items():
        command = ["uv", "pip", "compile", *OPTIONS, *constraint, *arguments]
        with step(f"requirements/{name}.txt"):
            done = subprocess.run(
                [*command, f"{name}.in", "-o", f"{name}.txt"],
                cwd=ROOT / "requirements",
                env=env,
                stdout=subprocess.DEVNULL,
            )
            if done.returncode != 0:
                raise Stopped(f"requirements/{name}.in has no solution: see the lines above.")
    return 0
