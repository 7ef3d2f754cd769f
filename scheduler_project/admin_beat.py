"""django-celery-beat's own pages: the rows that hold calls' times are to look at, never to edit."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django_celery_beat.admin import PeriodicTaskAdmin, PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from scheduler_project.admin_base import DASH, ModelAdmin, Page, ReadOnlyPage, utc

for theirs in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(theirs)


@admin.register(CrontabSchedule)
class Crontabs(ReadOnlyPage):
    """Shared by all calls with this cron and zone: an edit would move every one of them."""

    list_display = ("pk", "expression", "zone")
    search_fields = ("minute", "hour", "timezone")
    search_help_text = "minute, hour or zone"
    fields = ("expression", "zone")
    ordering = ("-pk",)

    @admin.display(description="minute hour day month weekday")
    def expression(self, row: CrontabSchedule) -> str:
        """The five fields in the order of a crontab."""
        columns = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
        return " ".join(str(getattr(row, column)) for column in columns)

    @admin.display(description="time zone")
    def zone(self, row: CrontabSchedule) -> str:
        """Its name, as a call has it."""
        return str(row.timezone)


@admin.register(ClockedSchedule)
class ClockedTimes(ReadOnlyPage):
    """Each belongs to one call, and moves when that call is edited."""

    list_display = ("pk", "time")
    fields = ("time",)
    # newest first: django-celery-beat has no index on the time
    ordering = ("-pk",)

    @admin.display(description="time")
    def time(self, row: ClockedSchedule) -> str:
        """The instant in UTC."""
        return utc(row.clocked_time)


@admin.register(IntervalSchedule)
class Intervals(ModelAdmin):
    """For periodic tasks of your own."""


@admin.register(SolarSchedule)
class SolarEvents(ModelAdmin):
    """For periodic tasks of your own."""


class TaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):  # type: ignore[misc]  # untyped
    """The names of the tasks that Celery knows, in the theme's dress."""


class TaskForm(PeriodicTaskForm):  # type: ignore[misc]  # django-celery-beat has no types
    """django-celery-beat's form in the theme's dress."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTasks(PeriodicTaskAdmin, Page):  # type: ignore[misc]  # as above
    """Periodic tasks of your own. Calls are none: beat finds those by their next run."""

    form = TaskForm
    # A call may have a crontab or clocked row each: a drop-down of them could hold a million.
    raw_id_fields = ("crontab", "clocked")
    change_form_template = None

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form, without django-celery-beat's translation of every crontab row there is."""
        answer: HttpResponse = Page.changeform_view(
            self, request, object_id, form_url, extra_context
        )
        return answer

    @admin.display(description="in words")
    def crontab_translation(self, task: PeriodicTask) -> str:
        """The crontab in plain English."""
        return str(task.crontab.human_readable) if task.crontab else DASH
