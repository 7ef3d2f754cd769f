"""`schedule_calls`: a list of calls from a script, with the API's results and rules."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from scheduled_calls.models import ScheduledCall
from scheduler.scheduler import Invalid, Record, ScheduledCallService
from tests.client import NEXT_YEAR, Api, one_time, recurring

pytestmark = pytest.mark.django_db
LOOP: dict[str, Any] = {}
LOOP["again"] = LOOP


def schedule(*calls: Any, **options: Any) -> Record:
    answer: Record = async_to_sync(ScheduledCallService().schedule_calls)(list(calls), **options)
    return answer


def test_it_answers_what_the_api_answers(api: Api) -> None:
    calls = [one_time(), one_time(phone_number="x"), recurring(), 7]
    here = schedule(*calls, batch_id="spring")
    there = api.post("scheduled-calls/bulk", {"calls": calls, "batch_id": "spring"}).json()
    assert here.keys() == there.keys()
    assert (here.batch_id, here.created, here.failed) == ("spring", 2, 2)
    assert here.results[1::2] == there["results"][1::2]
    assert ScheduledCall.objects.get(pk=here.results[0].id).owner.username == "default"


def test_values_of_a_script_are_taken_as_in_a_single_call() -> None:
    at = datetime(NEXT_YEAR, 2, 1, 19, 30, tzinfo=UTC)
    context = {"day": date(2027, 1, 2)}
    done = schedule(one_time(scheduled_time=at, customer_context=context, timezone=None))
    call = ScheduledCall.objects.get(pk=done.results[0].id)
    assert (call.instant, call.timezone) == (at, "UTC")
    assert call.customer_context == {"day": "2027-01-02"}


@pytest.mark.parametrize(
    "fields",
    [
        {"customer_context": {"x": {1}}}, {"customer_context": LOOP}, {"metadata": {1: 2}},
        {"agent_id": b"a"}, {"customer_context": {"x": float("inf")}}, {7: 8}, {"x\ud800": 1},
        {"customer_context": {"x": 10**5000}}, {"name": object()},
    ],
)  # fmt: skip
def test_a_value_that_no_json_carries_spoils_its_row_only(fields: dict[Any, Any]) -> None:
    done = schedule({**one_time(), **fields}, one_time())
    assert (done.created, done.failed) == (1, 1)
    assert done.results[0].errors[0].message


@pytest.mark.parametrize("calls", [None, "calls", 5, one_time(), [{}] * 10_001])
def test_what_is_no_list_of_calls_is_invalid(calls: Any) -> None:
    with pytest.raises(Invalid):
        async_to_sync(ScheduledCallService().schedule_calls)(calls)


def test_atomic_raises_with_the_wrong_ones_and_stores_nothing() -> None:
    with pytest.raises(Invalid, match="1 of 2 calls") as caught:
        schedule(one_time(), one_time(phone_number="x"), atomic=True)
    assert [error.field for error in caught.value.errors] == ["calls[1].phone_number"]
    assert [row["index"] for row in caught.value.extensions["results"]] == [1]
    assert not ScheduledCall.objects.exists()


def test_names_may_be_left_out() -> None:
    service = ScheduledCallService()
    done = async_to_sync(service.schedule_calls)(calls=[one_time()], batch_id=None, atomic=False)
    assert ScheduledCall.objects.get(batch_id=done.batch_id)
