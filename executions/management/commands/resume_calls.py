"""`manage.py resume_calls ID`, or `--all`: stop switches are lifted, and calls ring again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from executions.management.commands.stop_calls import who
from executions.switches import Stop, active, lift
from scheduler_project import clock
from scheduler_project.errors import NotFound


class Command(BaseCommand):
    """Lifts one stop switch or all; says which are in force when it is told neither."""

    help = "Lift a stop switch by its ID, or --all; with neither, list those in force."

    def add_arguments(self, parser: CommandParser) -> None:
        """ID or --all."""
        parser.add_argument("id", nargs="?", help="the switch's id, as stop_calls printed it")
        parser.add_argument("--all", action="store_true", help="lift every switch in force")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for an id that names nothing."""
        if options["id"] is not None and options["all"]:
            raise CommandError("Name one switch, or --all of them.")
        found = active(clock.now())
        if options["id"] is None and not options["all"]:
            self._list(found)
            return
        for switch_id in [one.id for one in found] if options["all"] else [options["id"]]:
            try:
                lifted = lift(switch_id, who())
            except NotFound as error:
                raise CommandError(error.detail) from None
            self.stdout.write(f"stop switch {lifted.pk} is over: {lifted}")

    def _list(self, found: list[Stop]) -> None:
        for one in found:
            self.stdout.write(f"{one.id}  {one.scope} {one.value}  {one.reason}")
        self.stdout.write(f"{len(found)} in force")
