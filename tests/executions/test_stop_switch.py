"""Staff stop calls: what is stopped does not ring, and rings once the switch is over."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from executions.dialing import claim
from executions.health import overdue_seconds
from executions.manual import execute_now
from executions.models import StopSwitch
from executions.providers.base import NotSent, NotSentError
from executions.providers.sandbox import SandboxProvider
from executions.session import DialSession, current_session
from executions.stop_watch import LOOK_EVERY_SECONDS, StopWatch
from executions.switchboard import Switchboard, boot_seconds
from executions.switches import active, lift, stop
from scheduled_calls import services
from scheduler_project.errors import Conflict, Invalid, NotFound
from tests.executions.conftest import START, Story, attempts_of, only, rows_of
from tests.system import eventually

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
OTHER: dict[str, Any] = {"agent_id": "agent-x", "phone_number": "+4930555000"}


@pytest.mark.parametrize(
    ("scope", "value", "rings"),
    [("global", "", []), ("agent", "agent-123", ["agent-x"]),
     ("agent", "agent", ["agent-123", "agent-x"]), ("number_prefix", "+1202", ["agent-x"]),
     ("number_prefix", "+49", ["agent-123"])],
)  # fmt: skip
def test_what_a_switch_names_does_not_ring_and_the_rest_does(
    story: Story, scope: str, value: str, rings: list[str]
) -> None:
    story.call(), story.call(**OTHER)
    ids = story.beat().calls
    stop(scope, value, "too many complaints", "olga")
    assert sorted(one.request.agent_id for one in story.claim(ids)) == rings


def test_what_was_stopped_waits_and_rings_when_the_switch_is_lifted(story: Story) -> None:
    call = story.call()
    switch = stop("global", "", "drill", "olga")
    assert story.dial() == []
    assert rows_of(call) == [("pending", "")]
    lift(switch.pk, "viktor")
    story.wait(seconds=70)
    assert len(story.dial()) == 1


def test_a_stopped_call_is_looked_at_once_a_minute(story: Story) -> None:
    call = story.call()
    stop("global", "", "drill", "olga")
    story.beat()
    story.wait(seconds=10)
    assert story.beat().calls == []
    assert only(call).ring_at == story.now + MINUTE


def test_a_switch_ends_by_itself(story: Story) -> None:
    story.call()
    stop("global", "", "drill", "olga", story.now + MINUTE)
    assert story.dial() == []
    story.wait(seconds=71)
    assert active(story.now) == []
    assert len(story.dial()) == 1


def test_what_is_stopped_for_too_long_is_missed_and_says_why(story: Story) -> None:
    call = story.call()
    stop("global", "", "drill", "olga")
    story.beat()
    story.wait(seconds=901)
    story.beat()
    assert rows_of(call) == [("missed", "stop_switch")]
    assert services.get(story.owner, call.id).status == "missed"


def test_a_retry_that_is_stopped_for_too_long_has_failed(story: Story) -> None:
    call = story.call(retry_policy={"max_retries": 1, "retry_delay": 60})
    story.ended(story.dial()[0], "busy")
    stop("agent", "agent-123", "drill", "olga")
    story.wait(seconds=60 + 901)
    story.beat()
    assert rows_of(call) == [("failed", "stop_switch")]


def test_an_attempt_that_waits_is_stopped_by_the_number_it_was_made_for(story: Story) -> None:
    call = story.call()
    (first,) = story.dial()
    story.hear(first, NotSent("refused"))
    services.update(story.owner, call.id, {"phone_number": "+4930555000"})
    story.wait(seconds=2)
    stop("number_prefix", "+1202", "drill", "olga")
    assert story.claim([only(call).id]) == []


def test_a_manual_run_is_refused_with_the_reason(story: Story) -> None:
    call = story.call(in_seconds=3600)
    stop("agent", "agent-123", "the agent says nonsense", "olga")
    with pytest.raises(Conflict, match="the agent says nonsense") as refused:
        execute_now(story.owner, call.id)
    assert refused.value.code == "stop_switch"


def test_what_waits_on_purpose_is_not_overdue(story: Story) -> None:
    story.call(), story.call(**OTHER)
    story.beat()
    story.wait(seconds=100)
    assert overdue_seconds(story.now) == 100
    stop("agent", "agent-123", "drill", "olga")
    stop("number_prefix", "+49", "drill", "olga")
    assert overdue_seconds(story.now) == 0


@pytest.mark.parametrize(
    ("switch", "field"),
    [
        ({"scope": "planet"}, "scope"), ({"value": "agent-123"}, "value"),
        ({"scope": "agent"}, "value"), ({"scope": "number_prefix"}, "value"),
        ({"scope": "number_prefix", "value": "1202"}, "value"),
        ({"scope": "number_prefix", "value": "+1x"}, "value"), ({"reason": " "}, "reason"),
        ({"ends_at": START}, "ends_at"), ({"ends_at": "soon"}, "ends_at"),
        ({"reason": "x" * 256}, "reason"), ({"reason": None}, "reason"),
    ],
)  # fmt: skip
def test_a_switch_that_makes_no_sense_is_refused(
    story: Story, switch: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as wrong:
        stop(**{"scope": "global", "value": "", "reason": "drill", "author": "olga", **switch})
    assert [error.field for error in wrong.value.errors] == [field]
    assert not StopSwitch.objects.exists()


def test_a_prefix_may_be_written_as_people_write_it(story: Story) -> None:
    assert stop("number_prefix", "+1 (202)", "drill", "olga").value == "+1202"


def test_the_database_refuses_a_switch_that_names_nothing() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        StopSwitch.objects.create(scope="agent", value="", reason="x", created_at=START)


def test_lifting_says_who_and_lifting_again_changes_nothing(story: Story) -> None:
    switch = stop("global", "", "drill", "olga")
    assert lift(switch.pk, "viktor").ended_at == story.now
    story.wait(seconds=5)
    again = lift(str(switch.pk), "olga")
    assert (again.lifted_by, again.ended_at) == ("viktor", START)
    for id_ in (switch.pk + 1, "x", "9" * 30, "-1", "¹"):
        with pytest.raises(NotFound):
            lift(id_, "olga")


def test_commands_throw_list_and_lift() -> None:
    out = StringIO()
    call_command("stop_calls", "--agent", "a", "--reason", "drill", stdout=out)
    call_command(
        "stop_calls", "--prefix", "+1", "--reason", "r", "--until", "2099-01-01 00:00", stdout=out
    )
    call_command("stop_calls", "--reason", "all of it", stdout=out)
    agent, prefix, everything = StopSwitch.objects.order_by("pk")
    assert (prefix.scope, prefix.value, prefix.ends_at.year) == ("number_prefix", "+1", 2099)  # type: ignore[union-attr]
    assert everything.scope == "global"
    assert agent.author
    call_command("resume_calls", str(agent.pk), stdout=out)
    call_command("resume_calls", stdout=out)
    assert "2 in force" in out.getvalue()
    call_command("resume_calls", "--all", stdout=out)
    assert not StopSwitch.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize(
    "words",
    [["stop_calls", "--prefix", "one", "--reason", "r"],
     ["stop_calls", "--agent", "", "--reason", "r"],
     ["stop_calls", "--reason", "r", "--until", "2001-01-01 00:00"], ["resume_calls", "7000"],
     ["resume_calls", "7", "--all"]],
)  # fmt: skip
def test_a_command_that_makes_no_sense_says_so(words: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command(*words)


# --- between T1 and the request


@pytest.fixture
def session() -> Iterator[DialSession]:
    made = current_session()
    yield made
    made.close()


@pytest.mark.django_db(transaction=True)
def test_a_switch_thrown_after_the_claim_keeps_the_request_from_leaving(
    story: Story, session: DialSession
) -> None:
    call = story.call()
    story.beat()
    claimed_at = boot_seconds()
    with session.transaction() as cursor:
        claims = claim(
            cursor, [only(call).id], worker=session.key, provider="sandbox", now=story.now
        )
    switch = stop("agent", "agent-123", "drill", "olga")
    board = Switchboard(SandboxProvider(100.0), lambda ids: None)
    board._stop_watch.look(session)
    board.place(claims, session, claimed_at)
    eventually(lambda: attempts_of(call) == [(1, "waiting", None)], what="it waits again")
    assert only(call).error == "not sent: stop switch: drill"
    assert board.drain(20)
    lift(switch.pk, "olga")
    story.wait(seconds=2)
    (again,) = story.dial()
    assert again.request.attempt_id == claims[0].request.attempt_id


@pytest.mark.django_db(transaction=True)
def test_a_child_that_dials_hears_of_a_switch_within_a_second(
    story: Story, session: DialSession
) -> None:
    story.call()
    (claimed,) = story.dial()
    watch = StopWatch()
    watch.begin(session)
    claimed_at = boot_seconds()
    watch.check(claimed.request, claimed_at)
    stop("global", "", "drill", "olga")

    def refused() -> bool:
        try:
            watch.check(claimed.request, claimed_at)
        except NotSentError as error:
            return error.reason == "stop switch: drill"
        return False

    eventually(refused, what="it is refused")
    assert LOOK_EVERY_SECONDS < 1  # a busy machine may need longer
    watch.rest()


def test_whoever_could_not_look_for_long_does_not_dial(story: Story) -> None:
    story.call()
    (claimed,) = story.dial()
    watch = StopWatch()
    watch.check(claimed.request, boot_seconds() - 4)
    with pytest.raises(NotSentError, match="could not be read"):
        watch.check(claimed.request, boot_seconds() - 6)
