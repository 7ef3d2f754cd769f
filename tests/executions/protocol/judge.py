"""Holds the rows against the call service's log after each step: each promise is a sentence."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from executions import rows
from executions.interruption import Changed
from executions.rows import Row
from executions.states import ATTEMPT_MOVES, EXECUTION_MOVES, FINAL
from tests.executions.protocol.service import ENDS, RETRYABLE, CallService, Ring
from tests.executions.protocol.worker import Flight

CATCH_UP = timedelta(seconds=900)
#: a claim in time may leave for half a lease after it
HALF_LEASE = timedelta(seconds=30)
JITTER = 1.1
CALLS = """
SELECT id, status, occurrence_count, max_occurrences, next_run_at,
    next_execution_id, wake_at, timing_revision,
    retry_policy::text AS retry_policy,
    crontab_id IS NOT NULL AS recurring FROM scheduled_calls_scheduledcall ORDER BY id
"""
EXECUTIONS = """
SELECT id, scheduled_call_id, trigger, status, reason, error, attempt_count, call_id, duration,
    scheduled_for, ended_at, count, split_part(occurrence_key, ':', 1) AS revision
FROM executions_execution ORDER BY scheduled_call_id, opened
"""
ATTEMPTS = """
SELECT id, execution_id, number, status, outcome, call_id, duration, error, ended_at, look_at,
    looks, worker, resends FROM executions_attempt ORDER BY execution_id, number
"""
#: outcomes with which, by what the service says, nothing rang
UNRUNG = ("rejected", "invalid_number", "provider_error", "cancelled")


@dataclass(slots=True)
class Wanted:
    """What somebody asked for: the times, and what forbids to ring now."""

    #: minutes between two occurrences of all crons it ever had; whole seconds of a one-time call
    every: set[int] = field(default_factory=set)
    at: set[datetime] = field(default_factory=set)
    since: datetime | None = None
    #: nobody has paused, changed or cancelled it, so each occurrence must have a row
    undisturbed: bool = True
    cancelled: bool = False
    paused: bool = False
    paused_until: datetime | None = None
    #: attempts that were just being placed when that was answered
    being_placed: set[UUID] = field(default_factory=set)

    def names(self, at: datetime) -> bool:
        """Whether somebody ever wanted a call at this instant."""
        fits = any(at.minute % every == 0 for every in self.every)
        return at in self.at or (fits and at.second == at.microsecond == 0)

    def forbids(self, attempt_id: UUID, manual: bool, now: datetime) -> bool:
        """Whether an answered cancellation or pause forbids this ring."""
        if attempt_id in self.being_placed:
            return False
        paused = self.paused and (self.paused_until is None or now < self.paused_until)
        return self.cancelled or (paused and not manual)


class Judge:
    """What was last seen of the rows, what was answered to whom, and the log."""

    def __init__(self, service: CallService) -> None:
        self.service = service
        self.wanted: dict[UUID, Wanted] = defaultdict(Wanted)
        #: executions that somebody ended, and the attempts of them being placed then
        self.outdated: dict[UUID, set[UUID]] = {}
        self.calls: dict[UUID, Row] = {}
        self.executions: dict[UUID, Row] = {}
        self.attempts: dict[UUID, Row] = {}
        #: events of the service that were taken in
        self.taken_in: set[str] = set()
        #: how often a row came into which state, or an attempt to which end
        self.entered: Counter[str] = Counter()

    def look(self) -> None:
        """Reads the rows and holds them against the rows before, and against the log."""
        with connection.cursor() as cursor:
            calls, executions, attempts = (
                {row["id"]: row for row in rows.fetch(cursor, sql, {})}
                for sql in (CALLS, EXECUTIONS, ATTEMPTS)
            )
        for id_, row in executions.items():
            _check_execution(self.executions.get(id_), row)
            self._count("execution", self.executions.get(id_), row)
        for id_, row in attempts.items():
            _check_move(self.attempts.get(id_), row, ATTEMPT_MOVES, "ended")
            self._count("attempt", self.attempts.get(id_), row)
        assert self.executions.keys() <= executions.keys(), "an execution is gone"
        assert self.attempts.keys() <= attempts.keys(), "an attempt is gone"
        self.calls, self.executions, self.attempts = calls, executions, attempts
        self._check_counts()
        self._check_attempts()

    def _count(self, what: str, before: Row | None, now: Row) -> None:
        if before is None or before["status"] != now["status"]:
            self.entered[f"{what} {now.get('outcome') or now['status']}"] += 1

    def attempts_of(self, execution_id: UUID) -> list[Row]:
        """An execution's attempts, by number."""
        return [row for row in self.attempts.values() if row["execution_id"] == execution_id]

    def rang(self, attempt_id: UUID) -> Ring | None:
        """The log's line on an attempt."""
        return next((ring for ring in self.service.log if ring.attempt_id == attempt_id), None)

    def answered(self, verb: str, changed: Changed, revision: int) -> None:
        """A pause, resume, update or cancellation was answered."""
        self.look()
        id_, wanted = changed.call.id, self.wanted[changed.call.id]
        wanted.undisturbed = False
        # What is unknown may have left before; nobody waits for it, and nobody can call it back.
        leaving = ("unknown", "dialing") if changed.dialing else ("unknown",)
        placing = {
            row["id"]
            for row in self.attempts.values()
            if row["status"] in leaving
            and self.executions[row["execution_id"]]["scheduled_call_id"] == id_
        }
        if verb == "pause":
            wanted.paused, wanted.paused_until = True, changed.call.paused_until
            wanted.being_placed |= placing
        elif changed.call.status == "active":
            # resumed, or missed in its pause and now given another time
            wanted.paused, wanted.being_placed = False, set()
        elif verb == "cancel":
            wanted.cancelled = True
            wanted.being_placed |= placing
        if changed.call.timing_revision > revision:
            for row in self.executions.values():
                scheduled = row["scheduled_call_id"] == id_ and row["trigger"] == "schedule"
                if scheduled and row["status"] not in FINAL:
                    self.outdated.setdefault(row["id"], placing)

    def ring_begins(self, flight: Flight, ring: Ring) -> None:
        """A phone rings at this moment: may it?"""
        assert flight.cleared_at is not None
        request, at = flight.claim.request, flight.cleared_at
        same = [one for one in self.service.log if one.execution_id == ring.execution_id]
        assert sum(one.attempt_id == ring.attempt_id for one in same) == 1, "rang twice (G1)"
        attempt = self.attempts.get(ring.attempt_id)
        assert attempt is not None, "rang without a written intent (G1)"
        may = attempt["status"] in ("dialing", "unknown")
        assert may, f"rang while {attempt['status']} {attempt['outcome']} (G1)"
        before = [row for row in self.attempts_of(ring.execution_id) if row["id"] != attempt["id"]]
        for row in before:
            outcome = (row["status"], row["outcome"])
            assert row["outcome"] in RETRYABLE, f"rang again after {outcome} (G1)"
        execution, wanted = self.executions[ring.execution_id], self.wanted[ring.schedule_id]
        most = json.loads(self.calls[ring.schedule_id]["retry_policy"])["max_retries"]
        assert len(before) <= most, f"retry {len(before)} of {most} (G1)"
        manual = execution["trigger"] == "manual"
        assert not wanted.forbids(ring.attempt_id, manual, at), "rang although forbidden (G7)"
        placed_then = self.outdated.get(ring.execution_id, {ring.attempt_id})
        assert ring.attempt_id in placed_then, "rang at a time that was changed (G7)"
        named = manual or wanted.names(request.scheduled_time)
        assert named, f"rang at a time nobody named: {request.scheduled_time}, {wanted} (G3)"
        first, last = self._in_time(execution, before)
        assert first <= at, f"rang before its time {first} (G3)"
        assert at <= last, f"rang after its time {last} (G3)"

    def _in_time(self, execution: Row, before: list[Row]) -> tuple[datetime, datetime]:
        """When the next attempt of an execution may leave; by what was wanted, not by its rows."""
        due = execution["scheduled_for"]
        if not before:
            return due, due + CATCH_UP + HALF_LEASE
        policy = json.loads(self.calls[execution["scheduled_call_id"]]["retry_policy"])
        delay = timedelta(seconds=policy["retry_delay"])
        if policy["exponential_backoff"]:
            delay *= 2 ** (len(before) - 1)
        first = before[-1]["ended_at"] + delay
        return first, before[-1]["ended_at"] + delay * JITTER + CATCH_UP + HALF_LEASE

    def _check_counts(self) -> None:
        begun: dict[UUID, int] = defaultdict(int)
        named: Counter[tuple[object, ...]] = Counter()
        tried: dict[UUID, int] = defaultdict(int)
        for row in self.attempts.values():
            tried[row["execution_id"]] += 1
        for row in self.executions.values():
            tries = tried[row["id"]]
            assert row["attempt_count"] == tries, f"not {tries} attempts: {row} (G10)"
            if row["trigger"] == "schedule":
                named[row["scheduled_call_id"], row["revision"], row["scheduled_for"]] += 1
                begun[row["scheduled_call_id"]] += row["status"] == "pending" or tries > 0
        assert max(named.values(), default=0) <= 1, f"one occurrence, two executions: {named} (G1)"
        for id_, call in self.calls.items():
            limit = call["max_occurrences"]
            assert call["occurrence_count"] == begun[id_], f"{begun[id_]} begun, but {call}"
            assert limit is None or begun[id_] <= limit, f"more than {limit} occurrences"

    def _check_attempts(self) -> None:
        open_: dict[UUID, int] = defaultdict(int)
        for row in self.attempts.values():
            ring, said = self.rang(row["id"]), f"{row['status']} {row['outcome']} {row['error']}"
            open_[row["execution_id"]] += row["status"] != "ended"
            if row["status"] == "waiting" or row["outcome"] in UNRUNG:
                assert ring is None, f"it rang, and the row says {said} (G10)"
            if row["outcome"] in ENDS:
                assert ring is not None, f"nothing rang, and the row says {said} (G10)"
                told = (row["outcome"], row["call_id"], row["duration"])
                assert told == (ring.status, ring.call_id, ring.duration), f"{ring}: {told} (G10)"
            if row["call_id"] is not None:
                assert ring is not None, f"a call id that was never given: {row} (G10)"
                assert row["call_id"] == ring.call_id, f"another's call id: {row} (G10)"
        assert max(open_.values(), default=0) <= 1, "two open attempts of one execution"


def _check_execution(before: Row | None, now: Row) -> None:
    if before is None:
        begins = ("pending", "dialing", "missed", "skipped", "cancelled")
        assert now["status"] in begins, f"an execution begins as {now}"
    _check_move(before, now, EXECUTION_MOVES, *FINAL)
    if now["status"] in FINAL and now["attempt_count"] == 0:
        assert now["reason"], f"it did not ring, and nobody says why: {now} (G2)"


def _check_move(before: Row | None, now: Row, moves: Mapping[Any, Any], *final: str) -> None:
    if before is None or before == now:
        return
    old, new = before["status"], now["status"]
    assert old not in final, f"final, and changed: {before} → {now}"
    assert old == new or new in moves[old], f"moved from {old} to {new}"
