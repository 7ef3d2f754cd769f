"""Inside Django, before the web server starts: tables, the admin's login, the first token."""

import io
import os
from pathlib import Path

import django
from django.core.management import call_command

from devtools import environment, places

TOKEN = "token"  # noqa: S105 - a file's name
ADMIN = "admin"


def main() -> None:
    """Migrates, then makes what is missing; safe to run at every start."""
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    ensure_admin(os.environ["ADMIN_PASSWORD"])
    ensure_token(places.STATE / TOKEN, os.environ["SCHEDULER_OWNER"])


def ensure_admin(password: str) -> None:
    """A superuser `admin`; one that is there already keeps its password."""
    from django.contrib.auth.models import User

    if not User.objects.filter(username=ADMIN).exists():
        User.objects.create_superuser(ADMIN, password=password)


def ensure_token(path: Path, owner: str) -> None:
    """An API token of the owner in the file; a new one when the database does not know it."""
    from scheduler_project.models import ApiToken, token_digest

    kept = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    known = ApiToken.objects.filter(digest=token_digest(kept), user__username=owner)
    if kept and known.exists():
        return
    output = io.StringIO()
    call_command("create_token", owner, name="dev", stdout=output)
    environment.write_private(path, output.getvalue().strip().splitlines()[-1] + "\n")


if __name__ == "__main__":
    main()
