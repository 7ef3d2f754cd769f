"""The steps of a call's life, taken one by one at a time that stands still until it is moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from executions.dialing import Claim, claim
from executions.dispatch import Bells, open_due, open_these
from executions.findings import Finding, from_dial
from executions.models import Attempt, Execution
from executions.opening import open_and_claim
from executions.outcomes import django_transaction, record_on
from executions.pauses import end_pauses
from executions.providers.base import Accepted, Answer, Capabilities, NotSent
from executions.ringing import ring_due
from scheduled_calls import services
from scheduled_calls.models import ScheduledCall
from scheduler_project import clock

START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
LOOKUP = Capabilities(lookup=True, absence_is_proof=True, settle_seconds=120, deadline=20)
WORKER = 7


@dataclass
class Story:
    """One owner, a clock of our own, and the verbs in short."""

    owner: User
    now: datetime = START

    def wait(self, **duration: float) -> datetime:
        """Moves the clock on."""
        self.now += timedelta(**duration)
        return self.now

    def call(self, in_seconds: float = 0, **fields: Any) -> ScheduledCall:
        """A one-time call due in so many seconds."""
        at = self.now + timedelta(seconds=in_seconds)
        body = {"agent_id": "agent-123", "phone_number": "+12025550123", **fields}
        return services.schedule_call(self.owner, {"scheduled_time": at.isoformat(), **body})

    def recurring(self, cron: str = "* * * * *", **fields: Any) -> ScheduledCall:
        """A recurring call."""
        body = {"agent_id": "agent-123", "phone_number": "+12025550123", **fields}
        return services.schedule_recurring_call(self.owner, {"cron_expression": cron, **body})

    def beat(self) -> Bells:
        """One round of beat."""
        bells = open_due(self.now)
        bells.add(end_pauses(self.now))
        bells.add(ring_due(self.now))
        return bells

    def claim(self, ids: Sequence[UUID], worker: int = WORKER) -> list[Claim]:
        """A worker's T1."""
        with transaction.atomic(), connection.cursor() as cursor:
            return claim(cursor, ids, worker=worker, provider="sandbox", now=self.now)

    def dial(self, worker: int = WORKER) -> list[Claim]:
        """Beat, then a worker's T1 for all that beat rang for."""
        return self.claim(self.beat().calls, worker)

    def open(self, *calls: ScheduledCall, worker: int = WORKER) -> tuple[list[Claim], list[UUID]]:
        """A worker opens and claims what is due of these; the claims, and what it leaves."""
        ids = [call.id for call in calls]
        with transaction.atomic(), connection.cursor() as cursor:
            return open_and_claim(cursor, ids, worker=worker, provider="sandbox", now=self.now)

    def place_due(self, *calls: ScheduledCall, worker: int = WORKER) -> list[Claim]:
        """The same, and what it leaves is opened by `open_these` and claimed if it may ring."""
        claims, left = self.open(*calls, worker=worker)
        return [*claims, *self.claim(open_these(self.now, left).calls, worker)]

    def hear(self, claim: Claim, answer: Answer | NotSent, worker: int | None = None) -> list[UUID]:
        """A worker's T3 with what the call service answered; returns the deliveries."""
        who = claim.worker if worker is None else worker
        return self.record(from_dial(claim.request.attempt_id, answer, LOOKUP, who))

    def ended(self, claim: Claim, outcome: str = "completed", **known: Any) -> list[UUID]:
        """The call service accepted the call, and it is over."""
        return self.hear(claim, Accepted(f"call-{claim.request.attempt_id}", outcome, **known))

    def record(self, *findings: Finding) -> list[UUID]:
        """Whatever became known."""
        return record_on(django_transaction, findings, self.now)


@pytest.fixture
def story(alice: User, monkeypatch: pytest.MonkeyPatch) -> Story:
    """Alice's story; `clock.now()` is the story's."""
    told = Story(alice)
    monkeypatch.setattr(clock, "now", lambda: told.now)
    monkeypatch.setattr(clock, "now_on", lambda cursor: told.now)
    return told


def only(call: ScheduledCall) -> Execution:
    """The one execution of a call."""
    return Execution.objects.get(scheduled_call=call)


def rows_of(call: ScheduledCall) -> list[tuple[str, str]]:
    """(status, reason) of a call's executions, oldest first."""
    found = Execution.objects.filter(scheduled_call=call).order_by("scheduled_for", "opened")
    return [(row.status, row.reason) for row in found]


def attempts_of(call: ScheduledCall) -> list[tuple[int, str, str | None]]:
    """(number, status, outcome) of a call's attempts, oldest first."""
    found = Attempt.objects.filter(execution__scheduled_call=call).order_by("started_at", "number")
    return [(row.number, row.status, row.outcome) for row in found]
