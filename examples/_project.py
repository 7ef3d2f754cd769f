"""Lets an example find the `scheduler` package: the project's directory joins the search path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
