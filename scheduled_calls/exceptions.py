"""What a caller of the verbs can get wrong.

Problem (scheduler_project.errors)
├── Invalid      the body is wrong; names the fields
├── NotFound     no such scheduled call, or not yours
└── Conflict
    ├── Cancelled        it was cancelled, for good
    └── TimeHasPassed    a one-time call needs a new time first
"""

from scheduler_project.errors import Conflict


class Cancelled(Conflict):
    """This scheduled call was cancelled; make a new one."""

    code = "cancelled"


class TimeHasPassed(Conflict):
    """The time of this one-time call has passed; give it a new scheduled_time first."""

    code = "time_has_passed"
