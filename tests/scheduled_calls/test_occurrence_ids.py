"""An occurrence's id is a UUID version 5 of its call's id and its name, as RFC 9562 has it."""

from datetime import UTC, datetime
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from scheduled_calls.timing import execution_id, occurrence_name

FIRST = datetime(1900, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone
LAST = datetime(9998, 12, 31)  # noqa: DTZ001


@given(st.uuids(), st.text(max_size=60))
def test_it_is_the_one_that_python_makes(call_id: UUID, name: str) -> None:
    assert execution_id(call_id, name) == uuid5(call_id, name)


@given(st.datetimes(FIRST, LAST, timezones=st.just(UTC)))
def test_a_one_time_calls_occurrence_is_named_by_its_instant(at: datetime) -> None:
    assert occurrence_name(3, "", "Europe/Paris", at) == f"3:{at.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}"
