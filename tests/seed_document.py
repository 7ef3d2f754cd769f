"""Reads `seed.md`, the user's own document: its curls, Python and JSON, as written there."""

import itertools
import json
import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

SEED = (Path(__file__).parent / "seed.md").read_text(encoding="utf-8")
#: The document's literal dates are past by now: everything moves to the year after next.
YEAR = datetime.now(UTC).year + 2
BLOCK = re.compile(r"(async def|for) .*:$")
#: lines of the document that end a block, whose indentation it has lost
BLOCK_ENDS = {"results = await asyncio.gather(*tasks)": 1}


def moved(text: str) -> str:
    """The text with its literal dates moved into the future."""
    return re.sub(r"\b2024(?=-|, )", str(YEAR), text)


def curl(wanted: str) -> str:
    """The document's curl command that has `wanted` in its first line."""
    commands = re.findall(r"^curl (?:.*\\\n)*.*(?:\n[^']*^\}')?", SEED, re.MULTILINE)
    found = [command for command in commands if wanted in command.split("\n")[0]]
    assert found, wanted
    return str(found[0])


def run_curl(command: str, url: str, token: str, **names: str) -> Any:
    """The JSON answer to a curl of the document, run with curl itself where there is one."""
    command = moved(command).replace("http://localhost:8010", url).replace("YOUR_TOKEN", token)
    command = command.replace("\\\n", " ")  # a continued line, as a shell reads it
    for name, value in names.items():
        command = command.replace("{" + name + "}", value)
    if shutil.which("curl"):
        ran = subprocess.run(
            [*shlex.split(command), "-s"], capture_output=True, text=True, check=True
        )
        return json.loads(ran.stdout)
    return _as_curl_would(shlex.split(command))


def _as_curl_would(words: list[str]) -> Any:
    options = list(itertools.pairwise(words))
    method = next(value for name, value in options if name == "-X")
    headers = dict(value.split(": ", 1) for name, value in options if name == "-H")
    data = next((value for name, value in options if name == "-d"), None)
    url = next(word for word in words if word.startswith("http"))
    return requests.request(method, url, headers=headers, data=data, timeout=30).json()


def python(first: str, last: str, after: str = "") -> str:
    """The document's Python from the line that begins with `first` to the one that is `last`.

    The document has lost its indentation: blocks get it back.
    """
    text = SEED[SEED.index(after) :]
    lines = text[text.index(first) :].split("\n")
    chosen = lines[: lines.index(last) + 1]
    indented, depth, brackets = [], 0, 0
    for line in chosen:
        depth = BLOCK_ENDS.get(line, depth)
        indented.append("    " * depth + line)
        brackets += sum(map(line.count, "([{")) - sum(map(line.count, ")]}"))
        if brackets == 0 and BLOCK.match(line):
            depth += 1
    return moved("\n".join(indented))


def json_after(line: str) -> Any:
    """The JSON document that follows the given line."""
    text = SEED[SEED.index(line) :]
    return json.JSONDecoder().raw_decode(text[text.index("\n{") + 1 :])[0]
