"""Attempts that must be looked after: dead workers, silent calls, lost answers."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from executions.findings import from_poll, from_reconcile
from executions.lookups import look_after
from executions.models import Attempt
from executions.providers.base import Absent, Accepted, NoLookup, Report, Unsure
from executions.ringing import claim_looks
from executions.session import DialSession
from tests.executions.conftest import LOOKUP, START, Story, attempts_of, only, rows_of
from tests.system import eventually


@pytest.fixture
def session(transactional_db: None) -> Iterator[DialSession]:
    """A worker's session, on a connection of its own."""
    made = DialSession()
    yield made
    made.close()


def dialing(story: Story, worker: int) -> Attempt:
    """An attempt that this worker is placing."""
    story.call()
    (claimed,) = story.dial(worker)
    return Attempt.objects.get(pk=claimed.request.attempt_id)


def test_a_dead_workers_attempt_becomes_unknown_when_its_lease_is_over(
    session: DialSession, story: Story
) -> None:
    attempt = dialing(story, session.key)
    session.close()
    story.wait(seconds=59)
    assert claim_looks(story.now) == []
    story.wait(seconds=2)
    (id_,) = claim_looks(story.now)
    look_after([id_], story.now)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.error) == ("unknown", "its worker died while it dialed")


def test_age_alone_is_no_proof_that_a_worker_is_dead(session: DialSession, story: Story) -> None:
    attempt = dialing(story, session.key)
    story.wait(hours=5)
    look_after([attempt.id], story.now)
    attempt.refresh_from_db()
    assert attempt.status == "dialing"


def test_a_session_knows_when_it_was_ended_from_outside(session: DialSession) -> None:
    assert session.alive()
    other = DialSession()
    with other.transaction() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
            "AND pid <> pg_backend_pid() AND (classid::bigint << 32 | objid::bigint) = %s",
            [session.key],
        )
        assert cursor.fetchone() == (True,)
    other.close()
    eventually(lambda: not session.alive(), 20, "the backend ends a moment after the signal")


def test_an_unknown_call_that_the_service_knows_is_taken_over(
    transactional_db: None, alice: User, story: Story
) -> None:
    call = story.call(phone_number="+15005550008")
    (claimed,) = story.dial()
    story.hear(claimed, Unsure("the answer was lost"))
    look_after([claimed.request.attempt_id], story.now)
    assert only(call).status in ("in_progress", "completed")
    assert only(call).call_id


def test_absence_is_believed_only_after_the_settle_time() -> None:
    attempt_id = Attempt().id
    early = from_reconcile(attempt_id, Absent(), LOOKUP, 3, START, START + timedelta(seconds=119))
    assert early.kind == "nothing"
    assert early.look_in is not None
    assert early.look_in <= 1.1
    late = from_reconcile(attempt_id, Absent(), LOOKUP, 3, START, START + timedelta(seconds=121))
    assert late.kind == "not_sent"


@pytest.mark.django_db
def test_a_call_that_was_never_dialed_is_dialed_as_the_same_attempt(story: Story) -> None:
    call = story.call()
    (claimed,) = story.dial()
    story.hear(claimed, Unsure("reset"))
    attempt_id = claimed.request.attempt_id
    since = story.now
    story.wait(seconds=130)
    story.record(from_reconcile(attempt_id, Absent(), LOOKUP, 0, since, story.now))
    (again,) = story.dial(worker=8)
    assert again.request.attempt_id == attempt_id
    assert attempts_of(call) == [(1, "dialing", None)]


@pytest.mark.django_db
def test_a_call_that_was_never_dialed_and_is_too_late_now_says_so(story: Story) -> None:
    call = story.call()
    (claimed,) = story.dial()
    story.hear(claimed, Unsure("reset"))
    since = story.now
    story.wait(seconds=1000)
    id_ = claimed.request.attempt_id
    story.record(from_reconcile(id_, Absent(), LOOKUP, 0, since, story.now))
    assert rows_of(call) == [("failed", "not_sent")]


def test_without_a_lookup_an_unknown_call_stays_unknown_and_is_not_asked_about() -> None:
    found = from_reconcile(Attempt().id, NoLookup(), LOOKUP, 0, START, START + timedelta(days=1))
    assert (found.kind, found.look_in) == ("nothing", None)


def test_a_silent_service_is_asked_less_and_less_often() -> None:
    waits = [from_poll(Attempt().id, Unsure("down"), LOOKUP, looks).look_in for looks in range(6)]
    assert waits == [60.0, 120.0, 240.0, 300.0, 300.0, 300.0]


def test_a_word_that_nobody_knows_changes_nothing() -> None:
    found = from_poll(Attempt().id, Report("call-1", None, "unknown"), LOOKUP, 0)
    assert found.kind == "nothing"


def test_a_call_that_never_reports_back_becomes_unknown_and_blocks_no_longer(
    transactional_db: None, alice: User, story: Story
) -> None:
    call = story.recurring("0 * * * *")
    story.wait(hours=1)
    (claimed,) = story.dial()
    story.hear(claimed, Accepted("no-such-call"))
    Attempt.objects.update(started_at=story.now - timedelta(hours=3))
    look_after([claimed.request.attempt_id], story.now)
    assert rows_of(call) == [("unknown", "")]
    story.wait(hours=1)
    assert len(story.dial()) == 1
