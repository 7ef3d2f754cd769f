"""A plain script begins: finds the servers and sets Django up, when nobody has."""

import os
from pathlib import Path

import django
from django.apps import apps

PROJECT = Path(__file__).resolve().parent.parent
#: where `dev.py run` writes how to reach its servers, as KEY=VALUE lines
STATE = PROJECT / ".state" / "env"


class NoServers(RuntimeError):
    """No database is known. Start one with `python3 dev.py run`, or set DATABASE_URL, REDIS_URL,
    SECRET_KEY and FIELD_ENCRYPTION_KEYS as `.env.example` says."""


def start_django(state: Path = STATE) -> None:
    """Sets Django up once; does nothing inside a Django that runs. Raises NoServers."""
    if apps.ready:
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")
    if "DATABASE_URL" not in os.environ and "DATABASE_URL_FILE" not in os.environ:
        for name, value in _read(state).items():
            os.environ.setdefault(name, value)
    django.setup()


def _read(state: Path) -> dict[str, str]:
    try:
        lines = state.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise NoServers(" ".join((NoServers.__doc__ or "").split())) from None
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}
