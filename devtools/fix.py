"""`dev.py fix`: formats the code and mends what ruff can mend."""

import subprocess
import sys


def main(arguments: list[str]) -> int:
    """0 when nothing is left to mend by hand."""
    ruff = [sys.executable, "-m", "ruff"]
    mended = subprocess.run([*ruff, "check", "--fix", *arguments]).returncode
    return max(mended, subprocess.run([*ruff, "format", *arguments]).returncode)
