"""The Python front door: the seed's snippets, the API's rules and errors, records as answers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import pytest
import pytz
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection

from scheduled_calls.models import ScheduledCall
from scheduler.scheduler import Conflict, Invalid, NotFound, Problem, Record, ScheduledCallService
from tests.client import NEXT_YEAR, NO_ID, Api, one_time, recurring
from tests.rows import make_execution

pytestmark = pytest.mark.django_db
T = TypeVar("T")
TIME = f"{NEXT_YEAR}-02-01 14:30:00"


@pytest.fixture
def service() -> ScheduledCallService:
    return ScheduledCallService()


def run(verb: Callable[..., Awaitable[T]], *arguments: Any, **fields: Any) -> T:
    """Awaits in this thread, so that the test's own transaction sees what was stored."""
    answer: T = async_to_sync(verb)(*arguments, **fields)
    return answer


def test_the_seeds_first_snippet(service: ScheduledCallService) -> None:
    scheduled_call = run(
        service.schedule_call,
        agent_id="agent-123",
        phone_number="+1234567890",
        scheduled_time=TIME,
        timezone="America/New_York",
    )
    assert ScheduledCall.objects.get(pk=scheduled_call.id).agent_id == "agent-123"
    assert scheduled_call["id"] == scheduled_call.schedule_id


def test_the_seeds_pytz_snippet(service: ScheduledCallService) -> None:
    user_timezone = "America/Los_Angeles"
    local_time = datetime(NEXT_YEAR, 2, 1, 14, 30)  # noqa: DTZ001  as the snippet has it
    tz = pytz.timezone(user_timezone)
    local_dt = tz.localize(local_time)
    utc_dt = local_dt.astimezone(pytz.UTC)
    scheduled_call = run(
        service.schedule_call,
        agent_id="agent-123",
        phone_number="+1234567890",
        scheduled_time=utc_dt.isoformat(),
        timezone=user_timezone,
    )
    assert scheduled_call.scheduled_time == TIME
    assert scheduled_call.scheduled_time_utc == f"{NEXT_YEAR}-02-01T22:30:00Z"


@pytest.mark.parametrize(
    "time",
    [
        datetime(NEXT_YEAR, 2, 1, 14, 30),  # noqa: DTZ001  naive: wall clock in the call's zone
        datetime(NEXT_YEAR, 2, 1, 19, 30, tzinfo=UTC),
        datetime(NEXT_YEAR, 2, 1, 20, 30, tzinfo=timezone(timedelta(hours=1))),
        pytz.timezone("America/New_York").localize(datetime(NEXT_YEAR, 2, 1, 14, 30)),  # noqa: DTZ001
    ],
)
def test_a_time_may_be_a_datetime(service: ScheduledCallService, time: datetime) -> None:
    call = run(service.schedule_call, **one_time(scheduled_time=time))
    assert call.scheduled_time == TIME


def test_the_context_takes_datetimes_dates_decimals_and_uuids(
    service: ScheduledCallService,
) -> None:
    call = run(
        service.schedule_call,
        **one_time(
            customer_context={
                "appointment_time": datetime(2027, 1, 2, 9, 30, tzinfo=UTC),
                "nested": [{"day": date(2027, 1, 2)}, (Decimal("1.50"), UUID(NO_ID))],
            }
        ),
    )
    assert call.customer_context == {
        "appointment_time": "2027-01-02T09:30:00+00:00",
        "nested": [{"day": "2027-01-02"}, ["1.50", NO_ID]],
    }


def test_zone_and_limit_may_be_left_out_or_none(service: ScheduledCallService) -> None:
    body = {"agent_id": "a", "phone_number": "+1234567890"}
    call = run(service.schedule_call, **body, scheduled_time=TIME)
    assert call.timezone == "UTC"
    call = run(
        service.schedule_recurring_call,
        **body,
        cron_expression="0 10 9 5 *",
        timezone=None,
        max_occurrences=None,
    )
    assert (call.timezone, call.max_occurrences) == ("UTC", None)


def test_it_answers_what_the_api_answers(service: ScheduledCallService, api: Api) -> None:
    call = run(service.schedule_call, **one_time())
    assert call.keys() == api.schedule().keys()
    assert run(service.get, call.id) == call
    assert run(service.history, call.id)["executions"][0].status == "pending"
    assert run(service.health).scheduled_calls_pending == 1
    assert len(run(service.preview, **recurring(count=3)).occurrences) == 3


def test_pause_resume_update_and_cancel(service: ScheduledCallService) -> None:
    call = run(service.schedule_call, **one_time())
    paused = run(service.pause, call.id, reason="holiday")
    assert (paused.status, paused.paused_reason) == ("paused", "holiday")
    assert run(service.resume, call.id).status == "active"
    changed = run(service.update, call.id, customer_context={"day": date(2027, 1, 2)})
    assert changed.customer_context == {"day": "2027-01-02"}
    assert run(service.cancel, UUID(call.id)).status == "cancelled"


def test_execute_now_answers_the_execution(service: ScheduledCallService) -> None:
    call = run(service.schedule_recurring_call, **recurring())
    execution = run(service.execute_now, call.id)
    assert (execution.trigger, execution.schedule_id) == ("manual", call.id)
    with pytest.raises(Conflict):
        run(service.execute_now, call.id)


def test_an_occurrence_can_be_skipped(service: ScheduledCallService) -> None:
    call = run(service.schedule_recurring_call, **recurring())
    coming = run(service.history, call.id).executions[-1]
    assert run(service.cancel_execution, coming.execution_id).status == "skipped"


def test_history_goes_back_in_steps(service: ScheduledCallService) -> None:
    call = run(service.schedule_recurring_call, **recurring())
    ids = [str(make_execution(call.id).pk) for _ in range(3)]
    newest = run(service.history, call.id, limit=2)
    assert [row.execution_id for row in newest.executions][:2] == ids[1:]
    older = run(service.history, call.id, before=newest.earlier)
    assert [row.execution_id for row in older.executions] == ids[:1]


def test_the_list_is_filtered_and_paged(service: ScheduledCallService) -> None:
    for number in range(3):
        run(service.schedule_call, **one_time(name=str(number), metadata={"campaign": 7}))
    run(service.schedule_recurring_call, **recurring())
    page = run(service.list, limit=2, kind="one_time", metadata={"campaign": 7})
    assert [call.name for call in page.results] == ["2", "1"]
    rest = run(service.list, limit=2, cursor=page.next, kind="one_time")
    assert [call.name for call in rest.results] == ["0"]
    assert rest.next is None
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    assert run(service.list, created_before=long_ago).results == []


@pytest.mark.parametrize(
    "fields",
    [
        {"colour": "red"}, {"limit": 0}, {"limit": "2"}, {"limit": True}, {"cursor": "x"},
        {"search": "\x00"}, {"search": "\ud800"}, {"status": "sleeping"},
    ],
)  # fmt: skip
def test_a_wrong_filter_is_invalid(service: ScheduledCallService, fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        run(service.list, **fields)


LOOP: dict[str, Any] = {}
LOOP["again"] = LOOP


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scheduled_time", None), ("scheduled_time", date(2027, 1, 1)), ("scheduled_time", 5),
        ("scheduled_time", datetime(2020, 1, 1, tzinfo=UTC)), ("phone_number", 5),
        ("phone_number", b"+1234567890"), ("agent_id", "\x00"), ("agent_id", "\ud800"),
        ("timezone", "Mars/Olympus"), ("colour", "red"), ("customer_context", {"x": "\x00"}),
        ("customer_context", {"x": {1, 2}}), ("customer_context", {1: "x"}),
        ("customer_context", {"x": float("nan")}), ("customer_context", {"x": float("inf")}),
        ("customer_context", {"x": 10**5000}), ("customer_context", LOOP),
        ("customer_context", {"x": object()}), ("metadata", "x"), ("metadata", {"\ud800": 1}),
        ("retry_policy", {"max_retries": 99}), ("webhook_events", ["failed"]),
    ],
)  # fmt: skip
def test_wrong_values_are_invalid_and_nothing_is_stored(
    service: ScheduledCallService, field: str, value: Any
) -> None:
    with pytest.raises(Invalid) as caught:
        run(service.schedule_call, **one_time(**{field: value}))
    assert [error.field for error in caught.value.errors] == [field]
    assert not ScheduledCall.objects.exists()


def test_missing_fields_are_named_as_the_api_names_them(service: ScheduledCallService) -> None:
    with pytest.raises(Invalid) as caught:
        run(service.schedule_call)
    assert {error.field for error in caught.value.errors} == {
        "agent_id",
        "phone_number",
        "scheduled_time",
    }


def test_what_is_not_there_is_not_found(service: ScheduledCallService, api: Api) -> None:
    theirs = api.schedule()
    for schedule_id in (NO_ID, "schedule-123", theirs["id"], "\x00", None):
        for verb in (service.get, service.pause, service.cancel, service.history, service.update):
            with pytest.raises(NotFound):
                run(verb, schedule_id)
    assert issubclass(NotFound, Problem)


def test_it_acts_for_the_owner_of_the_settings(service: ScheduledCallService) -> None:
    call = run(service.schedule_call, **one_time())
    owner = ScheduledCall.objects.get(pk=call.id).owner
    assert owner.username == "default"
    assert not owner.has_usable_password()
    assert run(ScheduledCallService().get, call.id).id == call.id
    assert User.objects.filter(username="default").count() == 1


def test_fifty_gathered_calls_are_fifty_rows(service: ScheduledCallService) -> None:
    async def bulk_schedule_calls(phone_numbers: list[str]) -> list[Record]:
        tasks = []
        for phone in phone_numbers:
            task = service.schedule_call(agent_id="a", phone_number=phone, scheduled_time=TIME)
            tasks.append(task)
        return await asyncio.gather(*tasks)

    numbers = [f"+1212555{number:04}" for number in range(50)]
    results = run(bulk_schedule_calls, numbers)
    assert [call.phone_number for call in results] == numbers
    assert ScheduledCall.objects.count() == 50


def test_one_bad_call_among_gathered_ones_spoils_no_other(service: ScheduledCallService) -> None:
    async def gather() -> list[Record | BaseException]:
        bodies = [one_time(), one_time(phone_number="john"), one_time()]
        tasks = [service.schedule_call(**body) for body in bodies]
        return await asyncio.gather(*tasks, return_exceptions=True)

    kinds = [type(result) for result in run(gather)]
    assert kinds == [Record, Invalid, Record]
    assert ScheduledCall.objects.count() == 2


def test_a_record_names_what_it_has_when_asked_for_something_else() -> None:
    with pytest.raises(AttributeError, match="there is no 'colour'; there are id"):
        _ = Record({"id": "x"}).colour


def test_it_works_inside_a_transaction_of_the_caller(service: ScheduledCallService) -> None:
    assert connection.in_atomic_block
    run(service.schedule_call, **one_time())
    assert connection.in_atomic_block
