"""Many beats and workers, some of them killed: each occurrence is dialed once, none is lost."""

import signal
from collections import Counter
from datetime import UTC, datetime, timedelta

from tests.call_service import CallService
from tests.faults.clock import FakedClock
from tests.system import System, eventually
from tests.system_fixtures import MakeSystem, http_settings

#: short enough for a test; the lease must be twice the deadline
QUICK = {
    "SCHEDULER_LEASE_SECONDS": "4",
    "SCHEDULER_DIAL_DEADLINE_SECONDS": "2",
    "SCHEDULER_HTTP_CALL_SETTLE_SECONDS": "3",
}


def in_seconds(seconds: float) -> str:
    """An instant ahead, with its offset."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def schedule(system: System, number: int, **fields: str) -> str:
    """The id of a one-time call to a number of its own."""
    body = {"agent_id": "a", "phone_number": f"+1202555{number:04}", **fields}
    return str(system.api("POST", "scheduled-calls", body, status=201)["id"])


def test_two_beats_and_two_workers_dial_each_occurrence_once(
    make_system: MakeSystem, call_service: CallService
) -> None:
    system = make_system(**http_settings(call_service))
    clock = FakedClock(system.environment["DATABASE_URL"])
    clock.install()
    system.start_all()
    system.start_worker("worker-2")
    system.start_beat("beat-2")
    # ten seconds before a minute, so that nobody waits for it for long
    clock.move_to(clock.now().replace(second=50))
    at = (clock.now() + timedelta(seconds=3)).isoformat()
    one_time = [schedule(system, number, scheduled_time=at) for number in range(60)]
    body = {"agent_id": "a", "phone_number": "+12025559999", "cron_expression": "* * * * *"}
    made = [system.api("POST", "scheduled-calls/recurring", body, status=201) for _ in range(30)]
    # a minute of its own each: it may pass while they are made
    recurring = {call["id"]: call["next_run_at"] for call in made}

    def rings() -> Counter[str]:
        return Counter(call["schedule_id"] for call in call_service.log)

    eventually(lambda: all(rings()[id_] for id_ in one_time), 30, "all one-time calls rang")
    eventually(
        lambda: all(_rang_at(call_service, id_, minute) for id_, minute in recurring.items()),
        90,
        "and recurring",
    )
    seen = Counter((call["schedule_id"], call["scheduled_time"]) for call in call_service.log)
    assert set(seen.values()) == {1}
    assert all(rings()[id_] == 1 for id_ in one_time)


def _rang_at(service: CallService, id_: str, minute: str) -> bool:
    wanted = datetime.fromisoformat(minute.replace("Z", "+00:00"))
    times = [call["scheduled_time"] for call in service.rings_of(id_)]
    return wanted in [datetime.fromisoformat(time.replace("Z", "+00:00")) for time in times]


def test_a_worker_and_a_beat_killed_in_the_middle_of_a_call_ring_it_once(
    make_system: MakeSystem, call_service: CallService
) -> None:
    call_service.answer_after = 1.5
    system = make_system(**http_settings(call_service), **QUICK)
    system.start_all()
    ids = [schedule(system, number, scheduled_time=in_seconds(1)) for number in range(5)]
    eventually(lambda: len(call_service.log) == len(ids), 20, "the phones ring")
    system.kill("worker", signal.SIGKILL)
    system.kill("beat", signal.SIGKILL)

    call_service.answer_after = 0
    system.start_worker("worker-2")
    system.start_beat("beat-2")

    for id_ in ids:
        system.wait_for_status(id_, "completed", 30)
        assert len(call_service.rings_of(id_)) == 1
        execution = system.api("GET", f"executions?schedule_id={id_}")["results"][0]
        assert len(system.api("GET", f"executions/{execution['execution_id']}")["attempts"]) == 1


def test_a_worker_killed_before_the_call_service_heard_of_it_loses_no_call(
    make_system: MakeSystem, call_service: CallService
) -> None:
    settings = {**http_settings(call_service), **QUICK}
    # An address that swallows the connection: the claim is written, nothing can be sent.
    settings["SCHEDULER_HTTP_CALL_URL"] = "http://127.0.0.1:9"
    system = make_system(**settings)
    system.start_all()
    ids = [schedule(system, number, scheduled_time=in_seconds(1)) for number in range(5)]
    eventually(
        lambda: all(system.history(id_)[-1]["status"] == "retrying" for id_ in ids),
        20,
        "claimed, and not sent",
    )
    system.kill("worker", signal.SIGKILL)

    system.environment["SCHEDULER_HTTP_CALL_URL"] = call_service.url
    system.start_worker("worker-2")

    for id_ in ids:
        system.wait_for_status(id_, "completed", 40)
        assert len(call_service.rings_of(id_)) == 1


def test_sigterm_lets_calls_be_placed_and_written_first(
    make_system: MakeSystem, call_service: CallService
) -> None:
    call_service.answer_after = 1.0
    call_service.outcome_of = lambda call: None
    system = make_system(**http_settings(call_service))
    system.start_all()
    ids = [schedule(system, number, scheduled_time=in_seconds(1)) for number in range(5)]
    eventually(lambda: len(call_service.log) == len(ids), 20, "the phones ring")

    system.processes["worker"].send_signal(signal.SIGTERM)
    system.processes["worker"].wait(30)

    assert [system.history(id_)[-1]["status"] for id_ in ids] == ["in_progress"] * len(ids)
