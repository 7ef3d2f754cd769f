"""What people do to calls at any moment: schedule, pause, resume, change, cancel, ring by hand."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar, cast
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from executions import interruption
from executions.manual import execute_now
from executions.skipping import cancel_execution
from scheduled_calls import services
from tests.executions.protocol.world import World

Step = TypeVar("Step", bound=Callable[..., None])
picks = st.integers(0, 5)
#: mostly not: whoever stands before a commit holds others up
holds = st.sampled_from([False, False, False, True])
policies = st.fixed_dictionaries(
    {
        "max_retries": st.integers(0, 2),
        "retry_delay": st.sampled_from([1, 30, 90]),
        "exponential_backoff": st.booleans(),
        "retry_on": st.just(["busy", "no_answer"]),
    }
)
MINUTES = {"* * * * *": 1, "*/5 * * * *": 5}
crons = st.sampled_from(sorted(MINUTES))
#: so many calls in one example
MOST = 6
limits = st.sampled_from([None, 1, 2, 3])
WHOM = {"agent_id": "agent-123", "phone_number": "+12025550123"}


def when(fact: Callable[[Any], object]) -> Callable[[Step], Step]:
    """A step that does nothing unless `fact` holds of the machine.

    Not a precondition: then what Hypothesis draws would depend on what the processes did, and of
    two that one commit lets go on the database may take either first.
    """

    def decorate(step: Step) -> Step:
        @wraps(step)
        def taken(machine: Any, **drawn: Any) -> None:
            if fact(machine):
                step(machine, **drawn)

        return cast(Step, taken)

    return decorate


class People(RuleBasedStateMachine):
    """The rules of the front doors; `world` is set by who runs it."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.world.begin_example()
        self.calls: list[UUID] = []

    @initialize(soon=st.sampled_from([0, 5]), policy=policies)
    def one_call_at_least(self, soon: int, policy: dict[str, Any]) -> None:
        self._schedule_once(soon, policy)

    @initialize(cron=crons, policy=policies, limit=limits)
    def and_one_again_and_again(self, cron: str, policy: dict[str, Any], limit: int | None) -> None:
        self._schedule_often(cron, policy, limit)

    @rule(soon=st.sampled_from([0, 5, 60]), policy=policies)
    @when(lambda self: len(self.calls) < MOST)
    def schedule_once(self, soon: int, policy: dict[str, Any]) -> None:
        self._schedule_once(soon, policy)

    def one_more_call(self) -> None:
        """One that is due now and may be tried twice, if there are not too many."""
        if len(self.calls) < MOST:
            policy = {"max_retries": 1, "retry_delay": 1, "exponential_backoff": False}
            self._schedule_once(0, {**policy, "retry_on": ["busy", "no_answer"]})

    def _schedule_once(self, soon: int, policy: dict[str, Any]) -> None:
        at = self.world.time.now + timedelta(seconds=soon)
        body = {"scheduled_time": at.isoformat(), "retry_policy": policy, **WHOM}
        call = services.schedule_call(self.world.owner, body)
        self.calls.append(call.id)
        self.world.judge.wanted[call.id].at.add(at.replace(microsecond=0))
        self.world.judge.look()

    @rule(cron=crons, policy=policies, limit=limits)
    @when(lambda self: len(self.calls) < MOST)
    def schedule_often(self, cron: str, policy: dict[str, Any], limit: int | None) -> None:
        self._schedule_often(cron, policy, limit)

    def _schedule_often(self, cron: str, policy: dict[str, Any], limit: int | None) -> None:
        body = {"cron_expression": cron, "max_occurrences": limit, "retry_policy": policy, **WHOM}
        call = services.schedule_recurring_call(self.world.owner, body)
        self.calls.append(call.id)
        wanted = self.world.judge.wanted[call.id]
        wanted.every.add(MINUTES[cron])
        wanted.since = self.world.time.now
        self.world.judge.look()

    def _person_is_free(self) -> bool:
        return bool(self.calls) and self.world.person.idle

    def _change(self, name: str, pick: int, hold: bool, *body: Any) -> None:
        id_ = self.calls[pick % len(self.calls)]
        verb = getattr(interruption, name)
        revision = self.world.judge.calls[id_]["timing_revision"]
        self.world.say(
            lambda: verb(self.world.owner, id_, *body),
            lambda changed: self.world.judge.answered(name, changed, revision),
            hold,
        )

    @rule(pick=picks, hold=holds, seconds=st.sampled_from([0, 0, 60, 400]))
    @when(_person_is_free)
    def pause(self, pick: int, hold: bool, seconds: int) -> None:
        until = self.world.time.now + timedelta(seconds=seconds)
        self._change("pause", pick, hold, *([{"until": until.isoformat()}] if seconds else []))

    @rule(pick=picks, hold=holds)
    @when(_person_is_free)
    def resume(self, pick: int, hold: bool) -> None:
        self._change("resume", pick, hold)

    @rule(pick=picks, hold=holds)
    @when(_person_is_free)
    def cancel(self, pick: int, hold: bool) -> None:
        self._change("cancel", pick, hold)

    @rule(pick=picks, hold=holds, soon=st.sampled_from([0, 30, 300]), cron=crons)
    @when(_person_is_free)
    def change_time(self, pick: int, hold: bool, soon: int, cron: str) -> None:
        self._change_time(pick, hold, soon, cron)

    def _change_time(self, pick: int, hold: bool, soon: int, cron: str) -> None:
        id_ = self.calls[pick % len(self.calls)]
        wanted, at = self.world.judge.wanted[id_], self.world.time.now + timedelta(seconds=soon)
        if wanted.every:
            wanted.every.add(MINUTES[cron])
            self._change("update", pick, hold, {"cron_expression": cron})
        else:
            wanted.at.add(at.replace(microsecond=0))
            self._change("update", pick, hold, {"scheduled_time": at.isoformat()})

    @rule(pick=picks, hold=holds)
    @when(_person_is_free)
    def ring_by_hand(self, pick: int, hold: bool) -> None:
        self._ring_by_hand(pick, hold)

    def _ring_by_hand(self, pick: int, hold: bool) -> None:
        id_, bells = self.calls[pick % len(self.calls)], self.world.bells
        self.world.say(
            lambda: execute_now(self.world.owner, id_), lambda made: bells.append(made.id), hold
        )

    def does(self, verb: str, pick: int, hold: bool) -> None:
        """One of the verbs above, for a scene."""
        if verb == "change_time":
            self._change_time(pick, hold, 30, "*/5 * * * *")
        elif verb == "ring_by_hand":
            self._ring_by_hand(pick, hold)
        else:
            self._change(verb, pick, hold)

    @rule(pick=picks, hold=holds)
    @when(_person_is_free)
    def cancel_one_occurrence(self, pick: int, hold: bool) -> None:
        judge = self.world.judge
        coming = {call["next_execution_id"]: id_ for id_, call in judge.calls.items()}
        coming.pop(None, None)
        known = {id_: row["scheduled_call_id"] for id_, row in judge.executions.items()} | coming
        if not known:
            return
        id_, call_id = list(known.items())[-1 - pick % len(known)]

        def then(_: object) -> None:
            judge.wanted[call_id].undisturbed = False
            judge.outdated.setdefault(id_, set())

        self.world.say(lambda: cancel_execution(self.world.owner, id_), then, hold)

    @rule(pick=picks)
    def throw_or_lift_the_stop_switch(self, pick: int) -> None:
        if pick < 2:
            self.world.stop()
