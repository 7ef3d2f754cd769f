"""An unknown execution is decided by a person, once; and a frozen worker is seen."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from executions import lookups
from executions.attention import attention
from executions.callbacks import take_in
from executions.deciding import decide
from executions.dialing import Claim, claim
from executions.interruption import cancel, pause
from executions.manual import execute_now
from executions.models import Attempt, Execution, ProviderEvent
from executions.providers.base import Report, Unsure
from executions.providers.sandbox import SandboxProvider
from executions.session import DialSession
from executions.switches import stop
from scheduled_calls.models import ScheduledCall
from scheduler_project.errors import Conflict, Invalid, NotFound
from tests.executions.conftest import Story, attempts_of, only, rows_of
from tests.system import eventually
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
HOOK = {"webhook_url": "https://example.com/h"}


def unknown(story: Story, **fields: Any) -> tuple[ScheduledCall, Claim]:
    """A call of which nobody knows whether it rang."""
    call = story.call(**fields)
    (claimed,) = story.dial()
    story.hear(claimed, Unsure("no answer came"))
    story.wait(minutes=5)
    return call, claimed


def told() -> list[str]:
    """The events that deliveries were written for, oldest first."""
    return list(Delivery.objects.order_by("id").values_list("event", flat=True))


@pytest.mark.parametrize(
    ("outcome", "events"), [("completed", ["started", "completed"]), ("failed", ["failed"])]
)
def test_a_decision_ends_it_and_is_told(story: Story, outcome: str, events: list[str]) -> None:
    call, _ = unknown(story, **HOOK, retry_policy={"max_retries": 3, "retry_on": ["failed"]})
    execution, bells = decide(only(call).id, outcome, "olga", "she called back")
    assert rows_of(call) == [(outcome, "operator")]
    assert attempts_of(call) == [(1, "ended", outcome)]
    assert execution.details is not None
    decision = execution.details["decision"]
    assert (decision["author"], decision["note"]) == ("olga", "she called back")
    assert sorted(told()) == sorted(events)
    assert len(bells) == len(events)
    assert ScheduledCall.objects.get().status == "completed"


def test_a_retry_is_a_new_attempt_with_a_new_id(story: Story) -> None:
    call, first = unknown(story)
    decide(only(call).id, "retry", "olga", "the line was dead")
    assert rows_of(call) == [("retrying", "operator")]
    (again,) = story.dial()
    assert again.request.attempt_id != first.request.attempt_id
    assert again.request.number == 2
    story.ended(again)
    assert rows_of(call) == [("completed", "")]
    assert attempts_of(call) == [(1, "ended", "unknown"), (2, "ended", "completed")]
    kept = Attempt.objects.get(number=1).details
    assert kept is not None
    assert kept["decision"]["note"] == "the line was dead"


@pytest.mark.parametrize("outcome", ["completed", "failed", "retry"])
def test_a_later_report_is_kept_and_changes_nothing(story: Story, outcome: str) -> None:
    call, claimed = unknown(story)
    decide(only(call).id, outcome, "olga", "sure")
    before = rows_of(call), attempts_of(call)
    attempt = Attempt.objects.get(pk=claimed.request.attempt_id)
    report = Report("c-9", None, "completed", event_id="e-1", raw={"x": 1})
    assert take_in(attempt, report, SandboxProvider(1.0), story.now) == []
    assert (rows_of(call), attempts_of(call)) == before
    assert ProviderEvent.objects.get().status == "completed"


def test_only_an_unknown_one_is_decided_and_only_once(story: Story) -> None:
    call = story.call()
    story.dial()
    with pytest.raises(Conflict, match="dialing"):
        decide(only(call).id, "failed", "olga", "sure")
    other, _ = unknown(story, phone_number="+4930555000")
    decide(only(other).id, "failed", "olga", "sure")
    with pytest.raises(Conflict, match="failed") as refused:
        decide(only(other).id, "retry", "olga", "sure")
    assert refused.value.code == "not_unknown"


def test_a_cancelled_call_is_not_rung_again_but_may_be_ended(story: Story) -> None:
    call, _ = unknown(story)
    cancel(story.owner, call.id)
    with pytest.raises(Conflict, match="cancelled"):
        decide(only(call).id, "retry", "olga", "sure")
    decide(only(call).id, "failed", "olga", "sure")
    assert ScheduledCall.objects.get().status == "cancelled"


def test_a_retry_of_a_paused_call_waits(story: Story) -> None:
    call, _ = unknown(story)
    pause(story.owner, call.id)
    decide(only(call).id, "retry", "olga", "sure")
    assert story.dial() == []
    assert rows_of(call) == [("retrying", "operator")]


def test_no_retry_while_another_execution_is_open_or_a_switch_forbids_it(story: Story) -> None:
    call, _ = unknown(story)
    switch = stop("global", "", "drill", "olga", story.now + timedelta(hours=1))
    execution_id = only(call).id
    with pytest.raises(Conflict, match="drill"):
        decide(execution_id, "retry", "olga", "sure")
    switch.delete()
    story.wait(hours=3)
    execute_now(story.owner, call.id)
    with pytest.raises(Conflict, match="open"):
        decide(execution_id, "retry", "olga", "sure")


def test_a_decision_needs_a_known_outcome_a_note_and_an_execution_of_ones_own(
    story: Story, bob: User
) -> None:
    call, _ = unknown(story)
    for outcome, note in (("busy", "sure"), ("failed", " ")):
        with pytest.raises(Invalid):
            decide(only(call).id, outcome, "olga", note)
    with pytest.raises(NotFound):
        decide(only(call).id, "failed", "bob", "sure", owner=bob)
    with pytest.raises(NotFound):
        decide("no id", "failed", "olga", "sure")
    assert rows_of(call) == [("unknown", "")]


# --- what a person should look at


@pytest.fixture
def session() -> Iterator[DialSession]:
    made = DialSession()
    yield made
    made.close()


def dialing_since(story: Story, session: DialSession, seconds: int) -> Attempt:
    """An attempt that a living worker took so long ago."""
    call = story.call()
    ids = story.beat().calls
    story.claim(ids, worker=session.key)
    story.wait(seconds=seconds)
    return Attempt.objects.get(execution=only(call))


def test_a_frozen_worker_is_logged_and_counted_and_its_attempt_left_alone(
    story: Story, session: DialSession, caplog: pytest.LogCaptureFixture
) -> None:
    attempt = dialing_since(story, session, 301)
    with caplog.at_level(logging.ERROR, "executions.lookups"):
        assert lookups.abandoned([attempt], story.now) == []
    assert caplog.messages == ["worker_frozen workers=1 attempts=1"]
    assert attention(story.owner, story.now)["frozen"] == 1


def test_a_worker_that_is_slow_is_not_frozen_yet_and_a_dead_one_never(
    story: Story, session: DialSession, caplog: pytest.LogCaptureFixture
) -> None:
    attempt = dialing_since(story, session, 299)
    with caplog.at_level(logging.ERROR, "executions.lookups"):
        assert lookups.abandoned([attempt], story.now) == []
    assert caplog.messages == []
    assert attention(story.owner, story.now)["frozen"] == 0
    story.wait(seconds=60)
    session.close()
    # the server ends the session a moment after its client
    eventually(lambda: attention(story.owner, story.now)["frozen"] == 0, what="nobody is frozen")
    assert len(lookups.abandoned([attempt], story.now)) == 1


def test_unknown_ones_are_counted_for_their_owner(story: Story, bob: User) -> None:
    unknown(story)
    assert attention(story.owner, story.now)["unknown"] == 1
    assert attention(bob, story.now)["unknown"] == 0
    assert Execution.objects.count() == 1


def test_a_decision_is_no_claim(story: Story, session: DialSession) -> None:
    call, _ = unknown(story)
    decide(only(call).id, "retry", "olga", "sure")
    story.wait(minutes=16)
    with session.transaction() as cursor:
        assert claim(cursor, [], worker=session.key, provider="sandbox", now=story.now) == []
    story.beat()
    assert rows_of(call) == [("failed", "too_late")]
