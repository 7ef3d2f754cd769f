"""`manage.py stop_calls --reason R`: nothing rings any more, or nothing of one agent or prefix."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from executions.switches import stop
from scheduler_project.errors import Invalid


def who() -> str:
    """The author of what is done by command: who is logged in on this host."""
    try:
        return f"{getpass.getuser()} (command)"
    except (KeyError, OSError):  # a container's user without a name
        return "command"


class Command(BaseCommand):
    """Throws one stop switch."""

    help = "Stop all calls, or those of one agent or to numbers that begin so, until resume_calls."

    def add_arguments(self, parser: CommandParser) -> None:
        """--agent or --prefix, --reason, --until."""
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--agent", help="only this agent's calls")
        which.add_argument("--prefix", help="only numbers that begin so, such as +44")
        parser.add_argument("--reason", required=True, help="why; owners read it")
        parser.add_argument("--until", help="an instant at which it ends by itself; naive is UTC")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for a prefix, agent, reason or instant that is none."""
        agent, prefix = options["agent"], options["prefix"]
        scope = "global"
        if agent is not None or prefix is not None:
            scope = "agent" if agent is not None else "number_prefix"
        try:
            made = stop(scope, agent or prefix or "", options["reason"], who(), options["until"])
        except Invalid as wrong:
            raise CommandError(wrong.detail) from None
        self.stdout.write(f"stop switch {made.pk} is in force: {made}")
        self.stdout.write(f"lift it with: manage.py resume_calls {made.pk}")
