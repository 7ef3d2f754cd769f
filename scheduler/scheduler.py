"""The Python front door: every verb of the API as an async method, with the same rules and errors.

    from scheduler.scheduler import ScheduledCallService

    service = ScheduledCallService()
    call = await service.schedule_call(
        agent_id="agent-123",
        phone_number="+12125550123",
        scheduled_time="2027-02-01 14:30:00",
        timezone="America/New_York",
    )
    print(call.id)

It works in a plain script, and inside a Django that runs. What the API answers with a problem
document is raised here: Invalid (400), NotFound (404), Conflict (409), all of them a Problem.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from scheduler.gathering import Gathering
from scheduler.start import NoServers, start_django

if TYPE_CHECKING:
    from scheduler.values import Record
    from scheduler_project.errors import Conflict, FieldError, Invalid, NotFound, Problem

__all__ = [
    "Conflict",
    "FieldError",
    "Invalid",
    "NoServers",
    "NotFound",
    "Problem",
    "Record",
    "ScheduledCallService",
]


class ScheduledCallService:
    """Schedules calls for the owner that SCHEDULER_OWNER names, and looks after them.

    Answers are the API's JSON, with attributes (`call.id`) as well as keys (`call["id"]`). A time
    is a text or a datetime; a naive one is wall clock in `timezone`. Values inside
    `customer_context` and `metadata` may also be datetime, date, Decimal and UUID: they are kept
    as text. All methods raise the API's problems; the constructor raises NoServers when it finds
    no database.
    """

    def __init__(self) -> None:
        start_django()
        self._owner: Any = None
        self._gathering: Gathering[tuple[str, dict[str, Any]], Record] = Gathering(self._schedule)

    async def schedule_call(self, **fields: Any) -> "Record":
        """Schedules one call; the fields are those of POST /api/scheduled-calls.

        Any number of these, and of recurring ones, may be gathered: they are stored together.
        """
        return await self._gathering.ask(("one_time", fields))

    async def schedule_recurring_call(self, **fields: Any) -> "Record":
        """Schedules calls by `cron_expression`; fields of POST /api/scheduled-calls/recurring."""
        return await self._gathering.ask(("recurring", fields))

    async def schedule_calls(
        self,
        calls: "Sequence[Mapping[str, Any]]",
        batch_id: str | None = None,
        atomic: bool = False,
    ) -> "Record":
        """Schedules up to 10,000 calls, one-time and recurring mixed, in one transaction.

        Answers `batch_id`, `created`, `failed` and `results`: `index` with `id` or `errors` for
        each. A wrong one stops no other, unless `atomic`: then it raises Invalid, with `results`.
        """
        return await self._do("schedule_calls", calls, batch_id, atomic)

    async def preview(self, **fields: Any) -> "Record":
        """What these fields would schedule: a `description` and the next `count` `occurrences`."""
        return await self._do("preview", fields)

    async def get(self, schedule_id: object) -> "Record":
        """One scheduled call."""
        return await self._do("get", str(schedule_id))

    async def list(self, *, limit: int = 50, cursor: str | None = None, **filters: Any) -> "Record":
        """Up to 200 scheduled calls in `results`, newest first; `next` is the cursor for more.

        The filters are those of GET /api/scheduled-calls; `metadata` takes a dict.
        """
        return await self._do("list_calls", filters, limit, cursor)

    async def update(self, schedule_id: object, **fields: Any) -> "Record":
        """Replaces the named fields and leaves the others as they are."""
        return await self._do("update", str(schedule_id), fields)

    async def pause(
        self, schedule_id: object, *, reason: str | None = None, until: Any = None
    ) -> "Record":
        """Stops a call from ringing until `resume`, or until the time `until`."""
        return await self._do("pause", str(schedule_id), {"reason": reason, "until": until})

    async def resume(self, schedule_id: object) -> "Record":
        """Lets a paused call ring again from now on."""
        return await self._do("resume", str(schedule_id))

    async def cancel(self, schedule_id: object) -> "Record":
        """Ends a scheduled call for good; its history stays."""
        return await self._do("cancel", str(schedule_id))

    async def execute_now(self, schedule_id: object) -> "Record":
        """Makes the call now, besides its schedule; answers the execution."""
        return await self._do("execute_now", str(schedule_id))

    async def cancel_execution(self, execution_id: object) -> "Record":
        """Skips one occurrence, or ends its retries; answers the execution."""
        return await self._do("cancel_execution", str(execution_id))

    async def history(
        self, schedule_id: object, *, limit: int = 100, before: str | None = None
    ) -> "Record":
        """The newest `executions`, oldest first, the coming one last as `pending`."""
        return await self._do("history", str(schedule_id), limit, before)

    async def health(self) -> "Record":
        """The owner's counts and the system's `status`."""
        return await self._do("health")

    async def _do(self, verb: str, *arguments: Any) -> "Record":
        """Runs a verb for the owner; every method comes through here.

        Thread-sensitive: all database work of a script is done by one thread over one connection,
        however many calls are gathered.
        """
        from scheduler.values import record

        run = sync_to_async(self._run, thread_sensitive=True)
        return record(await run(verb, arguments))

    async def _schedule(
        self, wanted: "Sequence[tuple[str, dict[str, Any]]]"
    ) -> "Sequence[Record | Exception]":
        """Stores calls that have gathered."""
        run = sync_to_async(self._run, thread_sensitive=True)
        answers: Sequence[Record | Exception] = await run("schedule_each", (wanted,))
        return answers

    def _run(self, verb: str, arguments: tuple[Any, ...]) -> Any:
        from scheduler import verbs

        with verbs.fresh_connection():
            self._owner = self._owner or verbs.find_owner()
            return getattr(verbs, verb)(self._owner, *arguments)


def __getattr__(name: str) -> Any:
    """The problems to catch and the type of answers, which need a Django that is set up."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    start_django()
    from scheduler import values
    from scheduler_project import errors

    return getattr(values if name == "Record" else errors, name)
