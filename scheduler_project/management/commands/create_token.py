"""`manage.py create_token USERNAME`: lets a team in."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduler_project.models import ApiToken


class Command(BaseCommand):
    """Makes the user if need be, and an API token, shown once on the last line."""

    help = "Make an API token for a user (made if need be); the last line printed is the token."

    def add_arguments(self, parser: CommandParser) -> None:
        """USERNAME and --name."""
        parser.add_argument("username", help="the owner: one service user per team")
        parser.add_argument("--name", default="", help="what this token is for, to tell it later")

    def handle(self, *args: Any, username: str, name: str, **options: Any) -> None:
        """Raises CommandError for a name that Django's user model refuses."""
        if len(name) > 100:
            raise CommandError("The name may be at most 100 characters long.")
        user = User.objects.filter(username=username).first()
        if user is None:
            User.username_validator(username)
            user = User.objects.create_user(username)
            self.stdout.write(f"made the user {username}")
        token = ApiToken.issue(user, name)
        self.stdout.write("the token, shown only now:")
        self.stdout.write(token)
