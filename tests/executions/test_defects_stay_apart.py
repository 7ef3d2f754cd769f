"""What an unreadable row or a defective adapter may not do to all the others."""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType

import pytest
from django.conf import settings

from executions.dialing import claim
from executions.findings import NOTHING, Finding, from_report
from executions.interruption import pause
from executions.models import Attempt, Execution
from executions.providers.base import Answer, HttpResponse, Report, Unsure
from executions.providers.registry import provider_named
from executions.providers.sandbox import SandboxProvider
from executions.ringing import ring_due
from executions.session import DialSession, current_session
from executions.switchboard import Switchboard, boot_seconds
from scheduled_calls.drafts import read_new
from scheduled_calls.models import ScheduledCall
from scheduler_project.errors import Invalid
from tests.client import Api
from tests.executions.conftest import Story, rows_of

NOWHERE = "Mars/Olympus"


def make_unreadable(call: ScheduledCall) -> None:
    ScheduledCall.objects.filter(pk=call.pk).update(timezone=NOWHERE)


def test_one_unreadable_row_does_not_hide_the_list(story: Story, api: Api) -> None:
    make_unreadable(story.call(in_seconds=60))
    story.call(in_seconds=60)
    assert api.get("scheduled-calls").status_code == 200


def test_one_unreadable_row_does_not_keep_other_pauses_from_ending(story: Story) -> None:
    bad, good = story.recurring(), story.recurring()
    until = (story.now + timedelta(seconds=90)).isoformat()
    for call in (bad, good):
        pause(story.owner, call.id, {"until": until})
    make_unreadable(bad)
    story.wait(seconds=91)
    with contextlib.suppress(ValueError):  # beat logs it and goes on: what became of the other?
        story.beat()
    good.refresh_from_db()
    assert good.status == "active"


def test_one_unreadable_row_does_not_keep_others_from_being_rung_again(story: Story) -> None:
    bad = story.recurring("0 * * * *", max_occurrences=1)
    story.wait(seconds=3600)
    story.beat()
    make_unreadable(bad)
    story.wait(seconds=895)
    good = story.call()
    story.beat()
    story.wait(seconds=11)  # the bad one is too late now, the good one must be rung again
    assert len(ring_due(story.now).calls) == 1, rows_of(good)


def test_a_look_that_came_too_late_does_not_end_the_polling(story: Story) -> None:
    story.call()
    [one] = story.dial()
    story.hear(one, Unsure("timeout"))
    attempt = one.request.attempt_id
    story.record(from_report(attempt, Report("c1", attempt, "ringing"), 30.0))
    story.record(Finding(attempt, NOTHING))  # "no lookup offered", asked while it was unknown
    assert Attempt.objects.get().look_at is not None


class Speechless(SandboxProvider):
    """An adapter with a defect: it reads nothing."""

    name = "speechless"

    def read(self, response: HttpResponse) -> Answer:
        return None  # type: ignore[return-value]


@pytest.fixture
def session(transactional_db: None) -> Iterator[DialSession]:
    made = current_session()
    yield made
    made.close()


def test_an_adapter_that_says_nothing_leaves_no_call_dialing(
    session: DialSession, story: Story
) -> None:
    story.call()
    [id_] = story.beat().calls
    with session.transaction() as cursor:
        claims = claim(cursor, [id_], worker=session.key, provider="sandbox", now=story.now)
    board = Switchboard(Speechless(1.0), lambda ids: None)
    board.place(claims, session, boot_seconds())
    assert board.drain(20)
    assert Execution.objects.get().status == "unknown"


def test_an_adapter_of_ones_own_is_found_again_by_what_stands_on_the_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("ones_own")
    module.Adapter = Speechless  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ones_own", module)
    rules = dataclasses.replace(settings.SCHEDULER, call_provider="ones_own.Adapter")
    monkeypatch.setattr(settings, "SCHEDULER", rules)
    current = provider_named("ones_own.Adapter")
    assert provider_named(current.name) is current


def test_a_number_of_no_country_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = dataclasses.replace(settings.SCHEDULER, full_number_validity=True)
    monkeypatch.setattr(settings, "SCHEDULER", rules)
    with pytest.raises(Invalid):
        read_new({"agent_id": "a", "phone_number": "+9991234567", "scheduled_time": ""}, "one_time")
