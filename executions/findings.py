"""What became known about an attempt: the answers of call services, in our words. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from executions.providers.base import (
    Absent,
    Accepted,
    Answer,
    Capabilities,
    Lookup,
    NoLookup,
    NotSent,
    Refused,
    Report,
    TryLater,
)
from executions.states import Outcome

#: kinds of findings
PROGRESS = "progress"  # the call service has the call
ENDED = "ended"  # the call is over, with an outcome
NOT_SENT = "not_sent"  # provably nothing rang: the same attempt may be sent again
UNKNOWN = "unknown"  # it may have rung
NOTHING = "nothing"  # nothing new: look again later

FINAL_WORDS = frozenset(Outcome.values) - {Outcome.UNKNOWN}
FIRST_RECONCILE = 1.0
#: an unknown call is asked about this often at the least, and this many times in all
RECONCILE_LIMIT = 300.0
RECONCILE_LOOKS = 400


@dataclass(slots=True)
class Finding:
    """One piece of knowledge about one attempt. Times are seconds."""

    attempt_id: UUID
    kind: str
    call_id: str | None = None
    outcome: str | None = None
    duration: int | None = None
    error: str | None = None
    details: dict[str, Any] | None = None
    #: the call service asks not to be tried again before this
    retry_after: float | None = None
    #: when to look again; None is never
    look_in: float | None = None
    #: an absence counts only for the doubt that it was asked about: that began then
    doubt: datetime | None = None
    #: the session that found it while dialing: it counts only if it still holds the attempt
    worker: int | None = None
    #: of the scheduled call, where it is known
    schedule_id: UUID | None = None


def from_dial(
    attempt_id: UUID,
    answer: Answer | NotSent,
    capabilities: Capabilities,
    worker: int,
    schedule_id: UUID | None = None,
) -> Finding:
    """What the answer to "place this call" says, found by the worker that placed it."""
    found = _from_answer(attempt_id, answer, capabilities)
    found.worker, found.schedule_id = worker, schedule_id
    return found


def _from_answer(attempt_id: UUID, answer: Answer | NotSent, capabilities: Capabilities) -> Finding:
    if isinstance(answer, Accepted):
        word = answer.status or "queued"
        return _from_word(
            attempt_id,
            word,
            None if word in FINAL_WORDS else capabilities.poll_after(0),
            call_id=answer.call_id,
            duration=answer.duration,
            error=answer.error,
            details=answer.details,
        )
    if isinstance(answer, Refused):
        return Finding(attempt_id, ENDED, outcome=answer.outcome, error=answer.error)
    if isinstance(answer, TryLater):
        return Finding(attempt_id, NOT_SENT, error=answer.reason, retry_after=answer.retry_after)
    if isinstance(answer, NotSent):
        return Finding(attempt_id, NOT_SENT, error=answer.reason)
    look_in = FIRST_RECONCILE if capabilities.lookup else None
    return Finding(attempt_id, UNKNOWN, error=answer.reason, look_in=look_in)


def from_poll(attempt_id: UUID, lookup: Lookup, capabilities: Capabilities, looks: int) -> Finding:
    """What a look at a call in progress says; anything but a report changes nothing."""
    later = capabilities.poll_after(looks + 1)
    if isinstance(lookup, Report):
        return from_report(attempt_id, lookup, later)
    # Also where nothing can be asked: some time a call that never reports back is given up.
    return Finding(attempt_id, NOTHING, look_in=later)


def from_reconcile(
    attempt_id: UUID,
    lookup: Lookup,
    capabilities: Capabilities,
    looks: int,
    since: datetime,
    now: datetime,
) -> Finding:
    """What asking at `now` about a call says that is unknown since `since`.

    "No such call" is believed only once the settle time is over: then it was never dialed.
    """
    later = min(FIRST_RECONCILE * 2.0 ** min(looks, 20), RECONCILE_LIMIT)
    if isinstance(lookup, Report):
        return from_report(attempt_id, lookup, later)
    if isinstance(lookup, NoLookup) or looks >= RECONCILE_LOOKS:
        return Finding(attempt_id, NOTHING)
    if isinstance(lookup, Absent) and capabilities.absence_is_proof:
        settled_in = capabilities.settle_seconds - (now - since).total_seconds()
        if settled_in <= 0:
            error = "the call service never got it"
            return Finding(attempt_id, NOT_SENT, error=error, doubt=since)
        later = min(later, settled_in + 0.05)
    return Finding(attempt_id, NOTHING, look_in=later)


def from_report(attempt_id: UUID, report: Report, look_in: float | None) -> Finding:
    """What a callback or a lookup tells; a word that nobody knows changes nothing."""
    return _from_word(
        attempt_id,
        report.status,
        look_in,
        call_id=report.call_id,
        duration=report.duration,
        error=report.error,
        details=report.details,
    )


def _from_word(attempt_id: UUID, word: str, look_in: float | None, **known: Any) -> Finding:
    if word in FINAL_WORDS:
        return Finding(attempt_id, ENDED, outcome=word, **known)
    if word == Outcome.UNKNOWN:
        return Finding(attempt_id, NOTHING, look_in=look_in)
    return Finding(attempt_id, PROGRESS, look_in=look_in, **known)
