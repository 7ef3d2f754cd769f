"""django-celery-beat's pages: what holds the calls' times is looked at and never edited."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
)

from scheduled_calls.models import ScheduledCall
from tests.admin.site import Site, text_of

BEAT = "django_celery_beat/"


@pytest.fixture
def beat(db: None) -> Site:
    """The admin as an administrator uses it, whom no permission stops."""
    return Site(User.objects.create_superuser("root"))


def test_the_rows_of_calls_are_read_only(
    beat: Site, call: ScheduledCall, weekly: ScheduledCall
) -> None:
    for page, id_ in (
        ("clockedschedule/", call.clocked_id),
        ("crontabschedule/", weekly.crontab_id),
    ):
        assert beat.get(f"{BEAT}{page}").status_code == 200
        assert beat.get(f"{BEAT}{page}{id_}/change/").status_code == 200
        assert beat.get(f"{BEAT}{page}add/").status_code == 403
        assert beat.post(f"{BEAT}{page}{id_}/change/", {"minute": "5"}).status_code == 403
        assert beat.post(f"{BEAT}{page}{id_}/delete/", {"post": "yes"}).status_code == 403
        assert beat.act(f"{BEAT}{page}", "delete_selected", [id_], post="yes").status_code == 403
    assert ClockedSchedule.objects.get().pk == call.clocked_id
    assert CrontabSchedule.objects.get().minute == "0"


def test_they_are_shown_in_words(beat: Site, call: ScheduledCall, weekly: ScheduledCall) -> None:
    assert "19:30:00 UTC" in text_of(beat.get(f"{BEAT}clockedschedule/"))
    shown = text_of(beat.get(f"{BEAT}crontabschedule/"))
    assert "0 9 * * 1" in shown
    assert "America/New_York" in shown


def test_a_periodic_task_of_ones_own_is_added_and_changed(beat: Site) -> None:
    every = IntervalSchedule.objects.create(every=10, period="minutes")
    typed = {
        "name": "tidy",
        "task": "own.tidy",
        "interval": every.pk,
        "args": "[]",
        "kwargs": "{}",
        "headers": "{}",
        "enabled": "on",
        "start_time_0": "",
        "start_time_1": "",
    }
    beat.post(f"{BEAT}periodictask/add/", typed)
    task = PeriodicTask.objects.get()
    assert (task.task, task.interval) == ("own.tidy", every)
    page = f"{BEAT}periodictask/{task.pk}/change/"
    assert beat.get(page).status_code == 200
    beat.post(page, {**typed, "name": "tidy up"})
    task.refresh_from_db()
    assert task.name == "tidy up"


@pytest.mark.parametrize(
    "typed", [{}, {"name": "a", "task": "b", "args": "{"}, {"crontab": "x"}, {"crontab": "9" * 30}]
)
def test_a_wrong_periodic_task_is_no_crash(beat: Site, typed: dict[str, Any]) -> None:
    assert beat.post(f"{BEAT}periodictask/add/", typed).status_code == 200
    assert not PeriodicTask.objects.exists()


def test_the_form_of_a_periodic_task_does_not_read_all_crontabs(
    beat: Site, weekly: ScheduledCall, django_assert_max_num_queries: Any
) -> None:
    task = PeriodicTask.objects.create(name="mine", task="own.tidy", crontab=weekly.crontab)
    at = datetime(2027, 1, 1, tzinfo=UTC)
    ClockedSchedule.objects.bulk_create([ClockedSchedule(clocked_time=at) for _ in range(200)])
    zones = ["Asia/Tokyo", "Asia/Seoul"] * 100
    CrontabSchedule.objects.bulk_create([CrontabSchedule(timezone=zone) for zone in zones])
    for path in ("add/", f"{task.pk}/change/"):
        with django_assert_max_num_queries(15):
            page = beat.get(f"{BEAT}periodictask/{path}").content.decode()
        assert "Asia/Tokyo" not in page
        assert len(page) < 200_000
