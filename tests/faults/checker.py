"""Compares what should have rung, what the database says and what the call service logged.

Nothing of the scheduler's code is used here: occurrences are walked by cronsim, rows are read by
SQL, and what rang is what the call service's log says.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim

#: instants are compared to the millisecond
EARLY = 0.001
MOST_COMPLAINTS = 10
OPEN = ("pending", "dialing", "in_progress", "retrying")
ROWS = """
SELECT e.id::text, e.scheduled_call_id::text, extract(epoch FROM e.scheduled_for)::float8,
    e.status, e.reason, e.call_id,
    coalesce(json_agg(json_build_object('id', a.id, 'status', a.status, 'outcome', a.outcome,
        'call_id', a.call_id, 'resends', a.resends, 'doubted', a.unknown_since IS NOT NULL))
        FILTER (WHERE a.id IS NOT NULL), '[]')
FROM executions_execution e LEFT JOIN executions_attempt a ON a.execution_id = e.id
WHERE e.scheduled_call_id = ANY(%s::uuid[]) GROUP BY e.id
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One scheduled call as it was asked for; `at` and `since` are seconds since 1970."""

    schedule_id: str
    behaviour: str
    since: float
    at: float | None = None
    cron: str = ""
    zone: str = "UTC"
    times: int = 1

    def occurrences(self) -> list[float]:
        """When it must ring, by cronsim and not by the scheduler."""
        if self.at is not None:
            return [self.at]
        walk = CronSim(self.cron, datetime.fromtimestamp(self.since, ZoneInfo(self.zone)))
        return [next(walk).timestamp() for _ in range(self.times)]


def last(wanted: Sequence[Wanted]) -> float:
    """When the last of these one-time calls is due."""
    return max(one.at or 0 for one in wanted)


@dataclass(slots=True)
class Verdict:
    """Raw counts of one scenario. Times are seconds."""

    scenario: str
    seed: int
    kills: int = 0
    stops: int = 0
    terminations: int = 0
    other_faults: int = 0
    wanted: int = 0
    rings: int = 0
    doubled: int = 0
    lost: int = 0
    early: int = 0
    unexplained: int = 0
    #: ended with a reason and without a ring, by that reason
    unrung: dict[str, int] = field(default_factory=dict)
    #: nobody can say whether it rang: still so at the end, and at any time
    unknown: int = 0
    ever_unknown: int = 0
    still_open: int = 0
    #: attempts that were claimed, provably not placed, and sent again
    resent: int = 0
    #: rows that say something else than the log
    differs: int = 0
    late_p50: float = 0.0
    late_p99: float = 0.0
    late_max: float = 0.0
    #: from the end of a fault to the next ring, and until all that was due by then had rung
    recovery_max: float = 0.0
    cleared_max: float = 0.0
    seconds: float = 0.0
    #: what else went wrong, in sentences
    complaints: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether each occurrence rang once, none early, and the history tells it so."""
        wrong = self.doubled + self.lost + self.early + self.unexplained + self.differs
        return not (wrong + self.unknown + self.still_open or self.unrung or self.complaints)

    def line(self) -> str:
        """All of it as one line of JSON."""
        shown = {**asdict(self), "complaints": self.complaints[:MOST_COMPLAINTS]}
        return json.dumps({"ok": self.ok, **shown})


def read_log(path: Path, start: int = 0) -> list[dict[str, Any]]:
    """The log's events from a byte on; a line that is just being written is left out."""
    with path.open("rb") as file:
        file.seek(start)
        return [json.loads(line) for line in file if line.endswith(b"\n")]


def instant(text: str) -> float:
    """An ISO 8601 instant in UTC as seconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).timestamp()


def judge(
    verdict: Verdict,
    wanted: Sequence[Wanted],
    log: Sequence[dict[str, Any]],
    rows: Sequence[tuple[Any, ...]],
) -> Verdict:
    """Fills the counts. `log` is the call service's, `rows` are the database's (see `ROWS`)."""
    count_faults(verdict, log)
    rings = [event for event in log if event["event"] == "ring"]
    by_slot: dict[tuple[str, float], list[dict[str, Any]]] = defaultdict(list)
    for ring in rings:
        by_slot[ring["schedule_id"], instant(ring["scheduled_time"])].append(ring)
    slots = {(one.schedule_id, at) for one in wanted for at in one.occurrences()}
    stored = {(row[1], row[2]): row for row in rows}
    verdict.wanted, verdict.rings = len(slots), len(rings)
    for slot in sorted(slots):
        _judge_slot(verdict, slot, by_slot.get(slot, []), stored.get(slot))
    for slot in sorted((by_slot.keys() | stored.keys()) - slots):
        verdict.unexplained += 1
        verdict.complaints.append(f"nobody asked for {slot}")
    _count_attempts(verdict, rows)
    _count_lateness(verdict, [(slot[1], ring["at"]) for slot in slots for ring in by_slot[slot]])
    return verdict


def count_faults(verdict: Verdict, log: Sequence[dict[str, Any]]) -> None:
    """Adds the faults that the call service itself caused."""
    events = Counter(event["event"] for event in log)
    verdict.kills += events["kill"] + events["kill_whole"]
    verdict.stops += events["stop"]
    forged = [event for event in log if event.get("how") in ("forged", "old", "elsewhere")]
    for answer in {event["status"] for event in forged} - {401, 404}:
        verdict.complaints.append(f"a forged callback was answered {answer}")


def _judge_slot(
    verdict: Verdict,
    slot: tuple[str, float],
    rings: list[dict[str, Any]],
    row: tuple[Any, ...] | None,
) -> None:
    verdict.doubled += max(0, len(rings) - 1)
    verdict.early += sum(ring["at"] < slot[1] - EARLY for ring in rings)
    if len(rings) > 1:
        told = [(ring["attempt_id"], round(ring["at"] - slot[1], 3)) for ring in rings]
        verdict.complaints.append(f"{slot[0]} rang {len(rings)} times: {told}")
    if row is None:
        verdict.lost += not rings
        verdict.differs += bool(rings)
        verdict.complaints.append(f"{slot} has no execution")
        return
    _, _, _, status, reason, call_id, attempts = row
    verdict.unknown += status == "unknown"
    verdict.still_open += status in OPEN
    if rings:
        known = {attempt["id"]: attempt for attempt in attempts}
        ring = rings[-1]
        written = known.get(ring["attempt_id"], {})
        right = status == "completed" and call_id == written.get("call_id") == ring["call_id"]
        if not right and status not in (*OPEN, "unknown"):
            verdict.differs += 1
            verdict.complaints.append(f"{slot[0]} rang as {ring['call_id']}, written: {row[3:]}")
    elif status in ("completed", *OPEN):
        verdict.lost += 1
        verdict.complaints.append(f"{slot[0]} did not ring and is {status}: {attempts}")
    elif status != "unknown":
        word = f"{status}: {reason}"
        verdict.unrung[word] = verdict.unrung.get(word, 0) + 1


def _count_attempts(verdict: Verdict, rows: Sequence[tuple[Any, ...]]) -> None:
    attempts = [attempt for row in rows for attempt in row[6]]
    verdict.resent = sum(attempt["resends"] for attempt in attempts)
    verdict.ever_unknown = sum(attempt["doubted"] for attempt in attempts)


def _count_lateness(verdict: Verdict, rang: Sequence[tuple[float, float]]) -> None:
    late = sorted(at - due for due, at in rang)
    if late:
        verdict.late_p50 = round(late[len(late) // 2], 3)
        verdict.late_p99 = round(late[min(len(late) - 1, len(late) * 99 // 100)], 3)
        verdict.late_max = round(late[-1], 3)


def recovery(
    faults: Sequence[tuple[float, float]], rang: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """Over all faults (begin, end): the longest wait for the next ring after the end, and until
    all that was due by then had rung. `rang` is pairs of due and rung."""
    firsts, lasts = [0.0], [0.0]
    for _, end in faults:
        firsts.append(min((at - max(end, due) for due, at in rang if at >= end), default=0.0))
        lasts.append(max((at - end for due, at in rang if due <= end <= at), default=0.0))
    return round(max(firsts), 3), round(max(lasts), 3)
