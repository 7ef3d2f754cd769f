"""What a worker cannot write must not silence it, nor leave an attempt dialing for ever."""

from collections.abc import Iterator

import psycopg2
import pytest

from executions import lookups, switchboard
from executions.dialing import claim
from executions.findings import ENDED, Finding
from executions.models import Attempt
from executions.outcomes import django_transaction, record_on
from executions.providers.sandbox import SandboxProvider
from executions.session import DialSession, current_session
from executions.switchboard import Switchboard, boot_seconds, write_until_done
from scheduled_calls.models import ScheduledCall
from tests.executions.conftest import Story, only
from tests.system import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session() -> Iterator[DialSession]:
    made = current_session()
    yield made
    made.close()


def test_one_outcome_that_cannot_be_written_does_not_silence_the_worker(
    story: Story, session: DialSession
) -> None:
    bad, good = story.call(webhook_url="https://example.com/h"), story.call()
    board = Switchboard(SandboxProvider(1.0), lambda ids: None)
    story.beat()
    claimed = {}
    for call in (bad, good):
        with session.transaction() as cursor:
            claimed[call.pk] = claim(
                cursor, [only(call).id], worker=session.key, provider="sandbox", now=story.now
            )
    ScheduledCall.objects.filter(pk=bad.pk).update(timezone="Mars/Olympus")
    board.place(claimed[bad.pk], session, boot_seconds())
    assert board.drain(20)
    board.place(claimed[good.pk], session, boot_seconds())
    eventually(lambda: only(good).status == "in_progress", what="the good one is under way")
    assert board.drain(20)


def test_what_was_given_up_is_rescued_although_the_worker_lives(
    story: Story, session: DialSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.call()
    [id_] = story.beat().calls
    with session.transaction() as cursor:
        [one] = claim(cursor, [id_], worker=session.key, provider="sandbox", now=story.now)

    def refused(*_: object) -> None:
        raise psycopg2.errors.ReadOnlySqlTransaction("read-only")

    monkeypatch.setattr(switchboard, "record_on", refused)
    ticks = iter([0.0, 1000.0])
    monkeypatch.setattr("executions.switchboard.time.monotonic", lambda: next(ticks))
    write_until_done([Finding(one.request.attempt_id, ENDED, outcome="busy")], lambda ids: None)
    monkeypatch.undo()
    monkeypatch.setattr("scheduler_project.clock.now", lambda: story.now)
    story.wait(seconds=61)
    attempts = list(Attempt.objects.all())
    found = eventually(lambda: lookups.abandoned(attempts, story.now), 20, "the lock is free")
    assert [finding.kind for finding in found] == ["unknown"]


def test_one_refused_value_in_a_batch_costs_the_others_nothing(story: Story) -> None:
    story.call(), story.call()
    one, two = story.dial()
    odd = Finding(
        one.request.attempt_id, ENDED, outcome="busy", details={"summary": "a\x00b"}, worker=7
    )
    fine = Finding(two.request.attempt_id, ENDED, outcome="busy", worker=7)
    record_on(django_transaction, [odd, fine], story.now)
    assert Attempt.objects.get(pk=two.request.attempt_id).outcome == "busy"
