"""What `dev.py run` prints once everything answers: addresses, logins, and a call to try."""

import json
import shlex
import sys
from pathlib import Path

from devtools import environment, places
from devtools.environment import HOST
from devtools.prepare import ADMIN, TOKEN

GNU_DATE = "date -u -d '+10 seconds' '+%Y-%m-%d %H:%M:%S'"
BSD_DATE = "date -u -v+10S '+%Y-%m-%d %H:%M:%S'"
#: The sandbox provider completes a call to any ordinary number; this range is kept for fiction.
NUMBER = "+12025550123"
#: where the first command keeps its answer for the second
LAST_CALL = "last-call.json"


def text(state: Path, port: int, seconds: float) -> str:
    """The message, every command in it ready to be pasted."""
    url = f"http://{HOST}:{port}"
    token = (state / TOKEN).read_text(encoding="utf-8").strip()
    password = environment.kept_secrets(state)["ADMIN_PASSWORD"]
    return f"""
Ready after {seconds:.1f} s. Ctrl-C stops everything.

  service  {url}
  API      {url}/api/docs
  admin    {url}/admin/    login {ADMIN}, password {password}
  token    {token}

Schedule a call ten seconds from now:

{schedule_curl(url, token)}

See what became of it (about fifteen seconds later):

{history_curl(url, token)}
"""


def schedule_curl(url: str, token: str) -> str:
    """A shell command that schedules a call, shows the answer and keeps it."""
    saved = shlex.quote(str(places.STATE / LAST_CALL))
    date = BSD_DATE if sys.platform == "darwin" else GNU_DATE
    body = {
        "agent_id": "demo-agent",
        "phone_number": NUMBER,
        "scheduled_time": "@",
        "timezone": "UTC",
    }
    before, after = json.dumps(body).split("@")
    return f"""curl -s -X POST {url}/api/scheduled-calls \\
  -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\
  -d '{before}'"$({date})"'{after}' | tee {saved}"""


def history_curl(url: str, token: str) -> str:
    """A shell command that shows the history of the call just scheduled."""
    saved = shlex.quote(str(places.STATE / LAST_CALL))
    find_id = f"""sed -n 's/.*"id": *"\\([^"]*\\)".*/\\1/p' {saved} | head -1"""
    return f"""curl -s {url}/api/scheduled-calls/$({find_id})/history \\
  -H 'Authorization: Bearer {token}'"""
