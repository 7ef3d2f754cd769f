"""A report that meets the opening of the next occurrence is not lost."""

import threading

import pytest
from django.db import connection, transaction

from executions.dispatch import open_due
from executions.findings import ENDED, Finding
from executions.models import Attempt, Execution
from executions.providers.base import Unsure
from tests.executions.conftest import Story

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_outcome_that_meets_the_next_occurrence_keeps_its_word(story: Story) -> None:
    call = story.recurring("* * * * *", retry_policy={"max_retries": 2, "retry_delay": 5})
    story.wait(seconds=61)
    [claim] = story.dial()
    story.hear(claim, Unsure("timeout"))
    story.wait(seconds=60)

    def report() -> None:
        story.record(Finding(claim.request.attempt_id, ENDED, outcome="busy"))
        connection.close()

    reporter = threading.Thread(target=report)
    with transaction.atomic():
        open_due(story.now)
        reporter.start()
        _wait_until_it_waits()
    reporter.join()
    first = Attempt.objects.get(pk=claim.request.attempt_id)
    assert (first.status, first.outcome) == ("ended", "busy")
    assert Execution.objects.filter(scheduled_call=call, status="pending").count() == 1


def _wait_until_it_waits() -> None:
    for _ in range(2_000):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_sleep(0.01), count(*) FROM pg_locks"
                " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[1]:
                return
    raise AssertionError("the report did not wait for the call's row")
