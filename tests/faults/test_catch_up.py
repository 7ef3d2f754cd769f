"""What an outage leaves behind: a late ring within the catch-up limit, else one `missed` row.

All processes run, and the database's clock is moved on while some or all of them are down. What
keeps a late call from ringing is `expires_at`, its due time and the catch-up limit of 15 minutes.
"""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.call_service import Sink
from tests.faults.faked_stage import FakedStage, faked_stage
from tests.system import ON_TIME

ZONE = "America/New_York"  # five hours behind UTC on these days
DAILY = {"cron_expression": "0 9 * * *", "timezone": ZONE}
EVENTS = ["completed", "failed", "missed"]
NUMBER = "+12025550100"


def local(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant by the clock of New York, in January 2026."""
    return datetime(2026, 1, day, hour + 5, minute, tzinfo=UTC)


@pytest.fixture(scope="module")
def stage(
    template_database: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FakedStage]:
    """All processes, on the faked morning of January 12."""
    with faked_stage(template_database, worker_id, tmp_path_factory) as made:
        made.clock.move_to(local(12, 8))
        made.system.start_all()
        yield made


def told(sink: Sink, schedule_id: str) -> list[str]:
    """The events that the webhook receiver got of a scheduled call, sorted."""
    return sorted(event["event"] for event in sink.events_of(schedule_id))


def summary(row: dict[str, Any]) -> tuple[Any, ...]:
    """What matters of a history row here."""
    return row["status"], row["scheduled_time"], row["reason"], row["count"]


def test_beat_that_was_away_at_nine_rings_ten_minutes_late_and_not_twenty(
    stage: FakedStage, sink: Sink
) -> None:
    stage.clock.move_to(local(12, 8, 55))
    hooks = {"webhook_url": sink.url, "webhook_events": EVENTS}
    daily = stage.schedule(NUMBER, **DAILY, **hooks)

    _beat_is_away_until(stage, local(12, 9, 10))
    stage.eventually(lambda: len(stage.rings_of(daily)) == 1, "it rings late")
    stage.settle()
    (late,) = stage.rings_of(daily)
    assert late.scheduled_for == local(12, 9)
    assert timedelta(minutes=10) <= late.late < timedelta(minutes=11)
    (row,) = stage.past(daily)
    assert (row["status"], row["scheduled_time"]) == ("completed", "2026-01-12 09:00:00")
    assert row["actual_time"].startswith("2026-01-12 09:10:")
    assert row["call_id"] == late.call_id

    stage.clock.move_to(local(13, 8, 55))
    _beat_is_away_until(stage, local(13, 9, 20))
    stage.eventually(lambda: "missed" in told(sink, daily), "missed is told")
    stage.settle()
    assert told(sink, daily) == ["completed", "missed"]
    assert summary(stage.past(daily)[-1]) == ("missed", "2026-01-13 09:00:00", "too_late", 1)
    assert stage.rings_of(daily) == [late]
    assert stage.call(daily)["next_run_at"] == "2026-01-14T14:00:00Z"
    missed = sink.events_of(daily)[-1]
    assert (missed["type"], missed["data"]["reason"]) == ("call.missed", "too_late")
    assert missed["data"]["scheduled_time"] == "2026-01-13 09:00:00"

    stage.pass_by(local(14, 9), {(daily, local(14, 9))})
    assert stage.rings_of(daily)[-1].late < ON_TIME
    stage.system.api("DELETE", f"scheduled-calls/{daily}", status=200)


def _beat_is_away_until(stage: FakedStage, instant: datetime) -> None:
    stage.system.kill("beat", signal.SIGTERM)
    stage.clock.move_to(instant)
    stage.system.start_beat()


def test_three_hours_without_anything_leave_one_missed_row_each_and_one_late_ring_at_most(
    stage: FakedStage, sink: Sink
) -> None:
    stage.clock.move_to(local(20, 8, 5))
    hooks = {"webhook_url": sink.url, "webhook_events": EVENTS}
    daily = stage.schedule(NUMBER, **DAILY, **hooks)
    half_hourly = stage.schedule(NUMBER, cron_expression="*/30 * * * *", timezone=ZONE, **hooks)
    once = stage.schedule(NUMBER, scheduled_time="2026-01-20 09:15:00", timezone=ZONE, **hooks)
    policy = {"max_retries": 3, "retry_delay": 3600}
    fields = {"scheduled_time": "2026-01-20 08:10:00", "timezone": ZONE, "retry_policy": policy}
    retried = stage.schedule(NUMBER, agent_id="no_answer", **fields, **hooks)
    stage.clock.move_to(local(20, 8, 10))
    stage.eventually(lambda: _status(stage, retried) == "retrying", "a retry waits")
    assert stage.past(retried)[-1]["next_retry_at"].startswith("2026-01-20T14:10:")

    _all_are_away_until(stage, local(20, 11, 35))
    late = (half_hourly, local(20, 11, 30))
    stage.eventually(lambda: [told(sink, id_) for id_ in (daily, half_hourly, once, retried)] == [
        ["missed"], ["completed", "missed"], ["missed"], ["failed"],
    ], "all is told")  # fmt: skip
    stage.settle()
    assert [summary(row) for row in stage.past(daily)] == [
        ("missed", "2026-01-20 09:00:00", "too_late", 1)
    ]
    assert [summary(row)[:3] for row in stage.past(half_hourly)] == [
        ("missed", "2026-01-20 08:30:00", "too_late"),  # and five more, up to 11:00
        ("completed", "2026-01-20 11:30:00", None),
    ]
    assert stage.past(half_hourly)[0]["count"] == 6
    assert [(ring.schedule_id, ring.scheduled_for) for ring in stage.rings()[-2:]] == [
        (retried, local(20, 8, 10)),  # the last before the outage
        late,
    ]
    assert stage.call(once)["status"] == "missed"
    assert summary(stage.past(once)[-1])[2:] == ("too_late", 1)
    assert summary(stage.past(retried)[-1])[:3] == ("failed", "2026-01-20 08:10:00", "too_late")
    assert stage.call(retried)["status"] == "completed"

    stage.pass_by(local(20, 12), {(half_hourly, local(20, 12))})
    stage.system.api("DELETE", f"scheduled-calls/{half_hourly}", status=200)
    stage.pass_by(local(21, 9), {(daily, local(21, 9))})
    assert len(stage.rings_of(half_hourly)) == 2
    assert len(stage.rings_of(daily)) == len(stage.rings_of(retried)) == 1
    assert stage.rings_of(once) == []


def _status(stage: FakedStage, schedule_id: str) -> str:
    past = stage.past(schedule_id)
    return str(past[-1]["status"]) if past else ""


def _all_are_away_until(stage: FakedStage, instant: datetime) -> None:
    for name in ("beat", "worker", "web"):
        stage.system.kill(name, signal.SIGTERM)
    stage.clock.move_to(instant)
    stage.system.start_all()
