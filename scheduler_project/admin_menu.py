"""The admin's side bar and first page: what an operator looks for, grouped and in that order."""

from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse

#: group → what it says for itself, and its pages: title, icon of the theme's own font, model
GROUPS: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "Calls": (
        "Whom to call and when, and what came of it.",
        [
            ("Scheduled calls", "call", "scheduled_calls.ScheduledCall"),
            ("Executions", "history", "executions.Execution"),
            ("Stop switches", "front_hand", "executions.StopSwitch"),
        ],
    ),
    "Webhooks": (
        "What was told to whose systems.",
        [("Deliveries", "send", "webhooks.Delivery")],
    ),
    "Access": (
        "Who may come in, by the API and to this site.",
        [
            ("API tokens", "key", "scheduler_project.ApiToken"),
            ("Users", "person", "auth.User"),
            ("Groups", "group", "auth.Group"),
            ("Failed logins", "lock", "axes.AccessAttempt"),
            ("Logins", "login", "axes.AccessLog"),
        ],
    ),
    "Celery beat": (
        "Periodic tasks of your own beside the calls; the rows that hold the calls' times.",
        [
            ("Periodic tasks", "update", "django_celery_beat.PeriodicTask"),
            ("Intervals", "timer", "django_celery_beat.IntervalSchedule"),
            ("Solar events", "wb_sunny", "django_celery_beat.SolarSchedule"),
            ("Crontabs (read-only)", "calendar_month", "django_celery_beat.CrontabSchedule"),
            ("Clocked times (read-only)", "alarm", "django_celery_beat.ClockedSchedule"),
        ],
    ),
}


def menu(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups with those of their pages that the operator may see; unfold's `navigation`."""
    groups = [
        {"title": title, "about": about, "items": _items(request, pages)}
        for title, (about, pages) in GROUPS.items()
    ]
    return [group for group in groups if group["items"]]


def _items(request: HttpRequest, pages: list[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [
        {"title": title, "icon": icon, "link": _address(model)}
        for title, icon, model in pages
        if _sees(request, model)
    ]


def _address(label: str) -> str:
    return reverse(f"admin:{label.replace('.', '_').lower()}_changelist")


def _sees(request: HttpRequest, label: str) -> bool:
    model = apps.get_model(label)
    app, name = model._meta.app_label, model._meta.model_name
    return any(request.user.has_perm(f"{app}.{verb}_{name}") for verb in ("view", "change"))
