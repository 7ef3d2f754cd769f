"""Says which states an execution and an attempt can be in, who moves them on, and the only moves.

A move that is not in these tables is a defect: the verbs compare and set on the old state, and the
database itself refuses to move anything out of a final state.
"""

from django.db.models import TextChoices


class ExecutionStatus(TextChoices):
    """Where one occurrence of a scheduled call stands."""

    # Due and rung for. A worker's T1 moves it to dialing; dispatch to missed when it is too late.
    PENDING = "pending"
    # An attempt is being placed by a worker. Its outcome moves it on; rescue when the worker died.
    DIALING = "dialing"
    # The call service has the call. Its callback or our poll moves it on.
    IN_PROGRESS = "in_progress"
    # Waits for its next attempt. A worker's T1 moves it to dialing at its due time.
    RETRYING = "retrying"
    # Nobody can say whether the phone rang. Reconcile asks the call service; an operator decides.
    UNKNOWN = "unknown"
    # The call was answered and ended. Final.
    COMPLETED = "completed"
    # The last attempt failed and no retry is left. Final.
    FAILED = "failed"
    # Somebody ended it before it rang, or instead of its next retry. Final.
    CANCELLED = "cancelled"
    # It was found too late to ring. Final.
    MISSED = "missed"
    # It was not to ring, for a reason that the row names. Final.
    SKIPPED = "skipped"


class AttemptStatus(TextChoices):
    """Where one try to reach the person stands. All but `ended` are open, at most one at a time."""

    # A worker holds it: the request may be leaving at this moment.
    DIALING = "dialing"
    # Provably never sent: the same attempt, with the same id, is tried again soon.
    WAITING = "waiting"
    # The call service has accepted it.
    IN_PROGRESS = "in_progress"
    # It may have been sent, and no answer says so.
    UNKNOWN = "unknown"
    # It has an outcome.
    ENDED = "ended"


class Outcome(TextChoices):
    """What came of an attempt."""

    COMPLETED = "completed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    TIMEOUT = "timeout"
    FAILED = "failed"
    VOICEMAIL = "voicemail"
    REJECTED = "rejected"
    INVALID_NUMBER = "invalid_number"
    PROVIDER_ERROR = "provider_error"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Trigger(TextChoices):
    """Why an execution exists."""

    SCHEDULE = "schedule"
    MANUAL = "manual"


_E = ExecutionStatus
_A = AttemptStatus

WAITING = frozenset({_E.PENDING, _E.RETRYING})
FINAL = frozenset({_E.COMPLETED, _E.FAILED, _E.CANCELLED, _E.MISSED, _E.SKIPPED})
OPEN = frozenset(_E) - FINAL
CAME_TO_NOTHING = FINAL - {_E.COMPLETED}

EXECUTION_MOVES: dict[ExecutionStatus, frozenset[ExecutionStatus]] = {
    _E.PENDING: frozenset({_E.DIALING, _E.MISSED, _E.SKIPPED, _E.CANCELLED}),
    _E.DIALING: frozenset(
        {_E.IN_PROGRESS, _E.RETRYING, _E.UNKNOWN, _E.COMPLETED, _E.FAILED, _E.CANCELLED}
    ),
    _E.IN_PROGRESS: frozenset({_E.RETRYING, _E.UNKNOWN, _E.COMPLETED, _E.FAILED, _E.CANCELLED}),
    # A callback may prove that "not sent" was wrong: what is known to be ringing is in progress.
    _E.RETRYING: frozenset({_E.DIALING, _E.IN_PROGRESS, _E.COMPLETED, _E.FAILED, _E.CANCELLED}),
    _E.UNKNOWN: frozenset({_E.IN_PROGRESS, _E.RETRYING, _E.COMPLETED, _E.FAILED, _E.CANCELLED}),
    **{final: frozenset() for final in sorted(FINAL)},
}

ATTEMPT_MOVES: dict[AttemptStatus, frozenset[AttemptStatus]] = {
    _A.DIALING: frozenset({_A.WAITING, _A.IN_PROGRESS, _A.UNKNOWN, _A.ENDED}),
    _A.WAITING: frozenset({_A.DIALING, _A.IN_PROGRESS, _A.ENDED}),
    _A.IN_PROGRESS: frozenset({_A.UNKNOWN, _A.ENDED}),
    _A.UNKNOWN: frozenset({_A.WAITING, _A.IN_PROGRESS, _A.ENDED}),
    _A.ENDED: frozenset(),
}
