"""A plain script: Django is set up, the servers are found, the examples run as they stand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection

from scheduled_calls.models import ScheduledCall
from scheduler.start import NoServers, start_django

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("[!_]*.py"))
SERVERS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS")
SCRIPT = """
import asyncio
from scheduler.scheduler import ScheduledCallService
service = ScheduledCallService()
call = asyncio.run(service.schedule_call(
    agent_id="a", phone_number="+1234567890", scheduled_time="2035-01-01 10:00"))
print(call.id, asyncio.run(service.get(call.id)).status)
"""


def database_url() -> str:
    """The address of the test's own database, which the tests of this file write into."""
    url, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    return f"{url}/{connection.settings_dict['NAME']}"


def python(
    *words: str, directory: Path = ROOT, **settings: str
) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    for name in [name for name, value in settings.items() if not value]:
        del environment[name]
    return subprocess.run(
        [sys.executable, *words],
        env=environment, cwd=directory, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_plain_script_needs_nothing_but_the_address_of_the_database(tmp_path: Path) -> None:
    done = python("-c", SCRIPT, directory=tmp_path, DATABASE_URL=database_url())
    assert done.returncode == 0, done.stderr
    schedule_id, status = done.stdout.split()
    assert status == "active"
    assert ScheduledCall.objects.get(pk=schedule_id).owner == User.objects.get(username="default")


@pytest.mark.django_db(transaction=True)
def test_a_plain_script_finds_the_running_servers_in_the_state_file(tmp_path: Path) -> None:
    state = tmp_path / "env"
    values = {**{name: os.environ[name] for name in SERVERS}, "DATABASE_URL": database_url()}
    lines = [f"{name}={value}\n" for name, value in values.items()]
    state.write_text("# written at the start\n" + "".join(lines))
    script = f"""
from pathlib import Path
from scheduler import start
start.start_django(Path({str(state)!r}))
{SCRIPT}"""
    done = python("-c", script, directory=tmp_path, **dict.fromkeys(SERVERS, ""))
    assert done.returncode == 0, done.stderr
    assert ScheduledCall.objects.count() == 1


def test_without_servers_the_script_is_told_what_to_do(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from scheduler import start
start.start_django(Path({str(tmp_path / "none")!r}))"""
    done = python("-c", script, directory=tmp_path, **dict.fromkeys(SERVERS, ""))
    assert done.returncode == 1
    assert "NoServers: No database is known. Start one with `python3 dev.py run`" in done.stderr


def test_inside_a_running_django_nothing_is_set_up_again(tmp_path: Path) -> None:
    start_django(tmp_path / "none")
    assert issubclass(NoServers, RuntimeError)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_runs_and_says_what_to_do_next(name: str, tmp_path: Path) -> None:
    done = python(str(ROOT / "examples" / name), directory=tmp_path, DATABASE_URL=database_url())
    assert done.returncode == 0, done.stderr
    assert "\nNext: " in done.stdout
    assert ScheduledCall.objects.exists()


def test_there_is_an_example_for_each_practical_use() -> None:
    assert EXAMPLES == [
        "appointment_reminder.py",
        "birthday_campaign.py",
        "bulk_scheduling.py",
        "follow_ups.py",
        "weekly_status.py",
    ]
