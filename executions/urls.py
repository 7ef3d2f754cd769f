"""Which address of an execution leads where."""

from executions import switch_views, views
from scheduler_project.front_door import both

SCHEDULED_CALL = "scheduled-calls/<str:schedule_id>"
ONE = "executions/<str:execution_id>"

urlpatterns = [
    *both(f"{SCHEDULED_CALL}/execute", views.Execute, "execute"),
    *both(f"{SCHEDULED_CALL}/history", views.History, "history"),
    *both("executions", views.Executions, "executions"),
    *both(ONE, views.OneExecution, "execution"),
    *both(f"{ONE}/cancel", views.CancelExecution, "execution-cancel"),
    *both(f"{ONE}/decide", views.DecideExecution, "execution-decide"),
    *both("stop-switches", switch_views.StopSwitches, "stop-switches"),
    *both("stop-switches/<str:switch_id>/lift", switch_views.LiftStopSwitch, "stop-switch-lift"),
    *both("scheduler/health", views.Health, "scheduler-health"),
]
