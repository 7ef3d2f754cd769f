"""What a finding changes: the attempt, its execution, and what is told. Pure.

Rows are dicts as `outcomes.py` reads them: the attempt's columns begin with `a_`.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from executions.findings import ENDED, NOT_SENT, PROGRESS, UNKNOWN, Finding
from executions.retry import next_attempt_at, resend_delay
from executions.rows import Row

#: the columns of an attempt that no worker holds
LET_GO: Row = {"worker": None, "lease_until": None}


@dataclass(slots=True)
class Change:
    """The changed columns of an attempt and of its execution (None: as it was); events to tell.

    With each its `id` and its `status`.
    """

    attempt: Row
    execution: Row | None = None
    events: list[str] = field(default_factory=list)


def lands(row: Row, finding: Finding) -> bool:
    """Whether a finding may still change its attempt.

    A worker's word counts only while it holds the attempt: whoever was declared lost cannot
    finish. But a call id is knowledge, and counts as long as the attempt is open.
    """
    status = row["a_status"]
    if finding.worker is not None and row["a_worker"] != finding.worker and not finding.call_id:
        return False
    if finding.kind in (PROGRESS, ENDED):
        held = status == "dialing" or finding.worker is None or finding.call_id is not None
        return bool(status != "ended" and held)
    if finding.kind == NOT_SENT:
        if finding.worker is not None:
            return bool(status == "dialing")
        return bool(status == "unknown" and row["a_unknown_since"] == finding.doubt)
    if finding.kind == UNKNOWN:
        return bool(status == ("in_progress" if finding.worker is None else "dialing"))
    # "Never again" is said of an unknown call only; one in progress goes on being polled.
    return status == "unknown" or (status == "in_progress" and finding.look_in is not None)


def may_ring_again(finding: Finding) -> bool:
    """Whether the execution may ring again after it, if the rest of what is known allows it."""
    return finding.kind in (ENDED, NOT_SENT) and finding.outcome != "completed"


def change(row: Row, finding: Finding, now: datetime, catch_up: float, chance: float) -> Change:
    """What a finding that lands changes. `catch_up` is seconds; `chance` in [0, 1) is jitter."""
    if finding.kind == ENDED:
        return _ended(row, finding, now, catch_up, chance)
    if finding.kind == PROGRESS:
        return _progress(row, finding, now)
    if finding.kind == NOT_SENT:
        return _not_sent(row, finding, now)
    if finding.kind == UNKNOWN:
        return _unknown(row, finding, now)
    return Change(attempt_with(row, look_at=_later(now, finding), looks=_looks(row)))


def _progress(row: Row, finding: Finding, now: datetime) -> Change:
    known = row["a_status"] == "in_progress"
    call_id = finding.call_id or row["a_call_id"]
    attempt = attempt_with(
        row,
        status="in_progress",
        call_id=call_id,
        look_at=_later(now, finding),
        looks=_looks(row) if known else 0,
        **LET_GO,
    )
    if known and call_id == row["a_call_id"]:
        return Change(attempt)
    events = [] if row["started"] else ["started"]
    execution = execution_with(
        row,
        status="in_progress",
        started=True,
        call_id=call_id,
        ring_at=None,
        error=None,
        reason="",
    )
    return Change(attempt, execution, events)


def _ended(row: Row, finding: Finding, now: datetime, catch_up: float, chance: float) -> Change:
    call_id = finding.call_id or row["a_call_id"]
    error = _error_of(finding)
    details = json.dumps(finding.details) if finding.details else row["a_details"]
    known: Row = {
        "call_id": call_id,
        "error": error,
        "duration": finding.duration,
        "details": details,
    }
    attempt: Row = {
        "id": row["a_id"],
        "status": "ended",
        "outcome": finding.outcome,
        "ended_at": now,
        "look_at": None,
        **known,
        **LET_GO,
    }
    started = row["started"] or call_id is not None
    events = ["started"] if started and not row["started"] else []
    what = _after(row, str(finding.outcome), now, catch_up, chance)
    execution = {"id": row["execution_id"], **known, "started": started, "ring_at": None, **what}
    return Change(attempt, execution, [*events, what["status"]])


def _after(row: Row, outcome: str, now: datetime, catch_up: float, chance: float) -> Row:
    """What becomes of the execution after an outcome: completed, retrying or failed."""
    if outcome == "completed":
        return {"status": "completed", "ended_at": now, "reason": ""}
    policy = json.loads(row["retry_policy"]) if row["retry_policy"] else None
    at = next_attempt_at(policy, outcome, row["attempt_count"], now, chance)
    if at is not None:
        at = max(at, row["scheduled_for"])  # the clock may have gone back since
    reason = "no_retry_left" if at is None else _obstacle(row, at)
    if at is None or reason:
        return {"status": "failed", "ended_at": now, "reason": reason}
    expires = at + timedelta(seconds=catch_up)
    return {"status": "retrying", "due_at": at, "ring_at": at, "expires_at": expires, "reason": ""}


def _obstacle(row: Row, at: datetime) -> str:
    """Why no further attempt may be made at `at`, as a machine word; empty when it may."""
    if row["call_status"] == "cancelled":
        return "cancelled"
    if row["outdated"]:
        return "rescheduled"
    if row["another"] or (row["next_run_at"] is not None and at >= row["next_run_at"]):
        return "superseded"
    return ""


def _not_sent(row: Row, finding: Finding, now: datetime) -> Change:
    """The same attempt, with the same id, goes on as soon as it may, if it may at all."""
    due = now
    if finding.worker is not None:
        due += timedelta(seconds=resend_delay(row["a_resends"], finding.retry_after))
    due = max(due, row["scheduled_for"])  # the clock may have gone back since
    reason = "not_sent" if due > row["expires_at"] else _obstacle(row, due)
    error = f"not sent: {finding.error}"
    if reason:
        attempt = attempt_with(
            row,
            status="ended",
            outcome="cancelled" if reason == "cancelled" else "provider_error",
            error=error,
            ended_at=now,
            look_at=None,
            **LET_GO,
        )
        status = "cancelled" if reason == "cancelled" else "failed"
        execution = execution_with(row, status=status, reason=reason, error=error, ended_at=now)
        return Change(attempt, execution, [status])
    attempt = attempt_with(
        row,
        status="waiting",
        error=error,
        look_at=None,
        resends=row["a_resends"] + 1,
        unknown_since=None,
        **LET_GO,
    )
    execution = execution_with(
        row, status="retrying", due_at=due, ring_at=due, reason="not_sent", error=error
    )
    return Change(attempt, execution)


def _unknown(row: Row, finding: Finding, now: datetime) -> Change:
    attempt = attempt_with(
        row,
        status="unknown",
        error=finding.error,
        unknown_since=now,
        look_at=_later(now, finding),
        looks=0,
        **LET_GO,
    )
    error = f"unknown: {finding.error}"
    return Change(attempt, execution_with(row, status="unknown", error=error), ["unknown"])


def _error_of(finding: Finding) -> str | None:
    """The outcome's word first, then what the call service said; None when all went well."""
    if finding.outcome == "completed":
        return None
    return f"{finding.outcome}: {finding.error}" if finding.error else str(finding.outcome)


def _later(now: datetime, finding: Finding) -> datetime | None:
    return None if finding.look_in is None else now + timedelta(seconds=finding.look_in)


def _looks(row: Row) -> int:
    return min(int(row["a_looks"]) + 1, 30_000)


def attempt_with(row: Row, **columns: object) -> Row:
    """The columns of the attempt that change."""
    return {"id": row["a_id"], "status": row["a_status"], **columns}


def execution_with(row: Row, **columns: object) -> Row:
    """The columns of the execution that change."""
    return {"id": row["execution_id"], "status": row["execution_status"], **columns}
