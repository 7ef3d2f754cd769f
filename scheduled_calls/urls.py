"""Which address of a scheduled call leads where."""

from scheduled_calls import views
from scheduler_project.front_door import both

ROOT = "scheduled-calls"
ONE = f"{ROOT}/<str:schedule_id>"

urlpatterns = [
    *both(ROOT, views.ScheduledCalls, "scheduled-calls"),
    *both(f"{ROOT}/recurring", views.RecurringCalls, "recurring-calls"),
    *both(f"{ROOT}/bulk", views.BulkCalls, "bulk-calls"),
    *both(f"{ROOT}/preview", views.Preview, "preview"),
    *both(ONE, views.OneScheduledCall, "scheduled-call"),
    *both(f"{ONE}/pause", views.Pause, "pause"),
    *both(f"{ONE}/resume", views.Resume, "resume"),
]
