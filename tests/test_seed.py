"""Every example of the user's document, run as written against real web, worker and beat."""

import ast
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.seed_document import SEED, YEAR, curl, json_after, python, run_curl
from tests.system import ON_TIME, ROOT, System, eventually

HISTORY = "/history"
SINGLE = "curl -X POST http://localhost:8010/api/scheduled-calls \\"
RECURRING = "/api/scheduled-calls/recurring"
SECOND = timedelta(seconds=1)


@pytest.fixture
def system(sandbox_system: System) -> System:
    """The running system."""
    return sandbox_system


@pytest.fixture(scope="module", autouse=True)
def minutely(sandbox_system: System) -> dict[str, Any]:
    """A call of every minute, made before all others: while they are made, its minute comes."""
    body = {"agent_id": "a", "phone_number": "+1234567890", "cron_expression": "* * * * *"}
    call: dict[str, Any] = sandbox_system.api("POST", "scheduled-calls/recurring", body, status=201)
    return call


def ask(system: System, wanted: str, **names: str) -> Any:
    """The answer to one of the document's curls."""
    return run_curl(curl(wanted), system.url, system.token, **names)


def soon(seconds: float = 2) -> str:
    """A time shortly ahead, as the document writes times, in UTC."""
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%d %H:%M:%S")


def schedule(system: System, **fields: Any) -> str:
    """The id of a call that rings shortly."""
    body = {"agent_id": "agent-123", "phone_number": "+1234567890", "timezone": "UTC"}
    body |= {"scheduled_time": soon(), **fields}
    return str(system.api("POST", "scheduled-calls", body, status=201)["id"])


# The curls, in the document's order


def test_single_call(system: System) -> None:
    call = ask(system, SINGLE[:-2])
    assert call["status"] == "active"
    assert call["name"] == "Follow-up call for John"
    assert call["scheduled_time"] == f"{YEAR}-02-01 14:30:00"
    assert call["next_run_at"] == f"{YEAR}-02-01T19:30:00Z"


def test_recurring_call(system: System) -> None:
    call = ask(system, RECURRING)
    assert (call["kind"], call["max_occurrences"]) == ("recurring", 12)
    assert call["cron_expression"] == "0 9 * * MON"
    assert "Monday" in call["cron_description"]


def test_list_get_update_cancel_pause_resume(system: System) -> None:
    id_ = ask(system, SINGLE[:-2])["id"]
    assert id_ in [
        call["id"]
        for call in ask(system, "-X GET http://localhost:8010/api/scheduled-calls ")["results"]
    ]
    one = "/api/scheduled-calls/{schedule_id} "
    assert ask(system, f"-X GET http://localhost:8010{one}", schedule_id=id_)["id"] == id_
    updated = ask(system, "curl -X PUT", schedule_id=id_)
    assert updated["scheduled_time"] == f"{YEAR}-02-02 10:00:00"
    assert updated["customer_context"] == {"notes": "Updated context"}
    assert updated["name"] == "Follow-up call for John"
    assert ask(system, "/pause", schedule_id=id_)["status"] == "paused"
    assert ask(system, "/resume", schedule_id=id_)["status"] == "active"
    assert ask(system, "curl -X DELETE", schedule_id=id_)["status"] == "cancelled"
    assert (
        ask(system, f"-X GET http://localhost:8010{one}", schedule_id=id_)["status"] == "cancelled"
    )


def test_history_has_the_documents_shape(system: System) -> None:
    shape = json_after("/history \\")
    done, coming = shape["executions"]
    id_ = schedule(system)
    system.wait_for_status(id_, "completed")
    history = ask(system, HISTORY, schedule_id=id_)
    assert history["schedule_id"] == id_
    (row,) = history["executions"]
    assert done.keys() <= row.keys()
    for name, value in done.items():
        assert type(row[name]) is type(value), name
    assert_wall_clock(row["scheduled_time"])
    assert_wall_clock(row["actual_time"])

    later = ask(system, RECURRING)["id"]
    (pending,) = ask(system, HISTORY, schedule_id=later)["executions"]
    assert coming.keys() <= pending.keys()
    assert "duration" not in pending
    assert {name: pending[name] for name in ("actual_time", "call_id", "status", "error")} == {
        name: coming[name] for name in ("actual_time", "call_id", "status", "error")
    }


def assert_wall_clock(text: str) -> None:
    """The document's `2024-02-01 14:30:00`."""
    assert datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def test_health_has_the_documents_shape(system: System) -> None:
    shape = json_after("/api/scheduler/health")
    id_ = schedule(system)
    system.wait_for_status(id_, "completed")
    health = ask(system, "/api/scheduler/health")
    assert shape.keys() <= health.keys()
    for name, value in shape.items():
        assert type(health[name]) is type(value), name
    assert health["status"] == "healthy"
    assert datetime.strptime(health["last_execution"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


# What the document promises to happen


def test_a_one_time_call_rings_at_its_second(system: System) -> None:
    late: list[timedelta] = []
    while len(late) < 3 and not any(one < SECOND for one in late):  # a machine may be busy once
        row = system.wait_for_status(schedule(system), "completed")
        late.append(instant(row["actual_time_utc"]) - instant(row["scheduled_time_utc"]))
    assert all(timedelta() <= one < ON_TIME for one in late), late
    assert min(late) < SECOND


def test_a_busy_line_is_retried(system: System) -> None:
    policy = {"max_retries": 3, "retry_delay": 1, "retry_on": ["timeout", "no_answer", "busy"]}
    id_ = schedule(system, phone_number="+15005550007", retry_policy=policy)
    row = system.wait_for_status(id_, "completed")
    execution = system.api("GET", f"executions/{row['execution_id']}")
    assert [attempt["outcome"] for attempt in execution["attempts"]] == ["busy", "completed"]


def test_a_paused_call_does_not_ring_and_a_resumed_one_does(system: System) -> None:
    paused, resumed = (schedule(system, scheduled_time=soon(5)) for _ in range(2))
    for id_ in (paused, resumed):
        assert ask(system, "/pause", schedule_id=id_)["status"] == "paused"
    ask(system, "/resume", schedule_id=resumed)
    system.wait_for_status(resumed, "completed")
    eventually(lambda: _status(system, paused) == "missed", 20, "the paused one is missed")
    assert [row["status"] for row in system.history(paused)] == ["missed"]


def _status(system: System, id_: str) -> str:
    return str(system.api("GET", f"scheduled-calls/{id_}")["status"])


def test_an_updated_call_rings_at_its_new_time_only(system: System) -> None:
    id_ = schedule(system, scheduled_time=soon(4))
    later = soon(6)
    system.api("PUT", f"scheduled-calls/{id_}", {"scheduled_time": later}, status=200)
    row = system.wait_for_status(id_, "completed")
    assert row["scheduled_time"] == later
    assert len(system.history(id_)) == 1


def test_a_cancelled_call_does_not_ring(system: System) -> None:
    cancelled, witness = (
        schedule(system, scheduled_time=soon(4)),
        schedule(system, scheduled_time=soon(4)),
    )
    ask(system, "curl -X DELETE", schedule_id=cancelled)
    system.wait_for_status(witness, "completed")
    assert [row for row in system.history(cancelled) if row["status"] != "cancelled"] == []


# The Python, in a plain script of its own

PREPARED = """
import asyncio, ast, json, sys
from datetime import datetime, timedelta
names = {name: globals()[name] for name in ("asyncio", "datetime", "timedelta")}
told = {}
async def get_customers():
    return [{"phone": "+12025550101", "birth_day": 29, "birth_month": 2, "timezone": "Europe/Paris",
             "name": "Ann"}]
async def get_lead(lead_id):
    return {"phone": "+12025550102", "timezone": "UTC"}
async def get_accounts():
    return [{"id": "acc-1", "name": "Acme", "phone": "+12025550103", "timezone": "Asia/Tokyo"}]
names |= {"get_customers": get_customers, "get_lead": get_lead, "get_accounts": get_accounts}
async def main():
    for title, source in json.load(sys.stdin).items():
        code = compile(source, title, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        names.pop("scheduled_call", None)
        if (running := eval(code, names)) is not None:
            await running
        call = names.get("scheduled_call")
        told[title] = call and dict(call)
        if call:
            names["schedule_id"] = call.id
    print("TOLD" + json.dumps(told, default=str))
asyncio.run(main())
"""
CALL = "scheduled_call = await service.schedule_call("
RECURRING_CALL = "await service.schedule_recurring_call("


def snippets() -> dict[str, str]:
    """The document's Python by the heading above it, in its order, and calls of its functions."""
    return {
        "Basic Scheduling": python(
            "from scheduler.scheduler", 'print(f"Call scheduled: {scheduled_call.id}")'
        ),
        "Advanced Configuration": python(CALL, ")", "Advanced Configuration"),
        "Daily Schedule": python(RECURRING_CALL, ")", "Daily Schedule"),
        "Weekly Schedule": python(RECURRING_CALL, ")", "Weekly Schedule"),
        "Monthly Schedule": python(RECURRING_CALL, ")", "Monthly Schedule"),
        "Business Hours Schedule": python(RECURRING_CALL, ")", "Business Hours Schedule"),
        "Timezone Conversion": python("from datetime import datetime", ")", "Timezone Conversion"),
        "Call Execution": python(
            "# Scheduler automatically", "await service.execute_now(schedule_id)"
        ),
        "Failed Execution Handling": python(CALL, ")", "Failed Execution Handling"),
        "Webhook Notifications": python("# Get notified", ")", "Webhook Notifications"),
        "Customer Reminder System": python("async def schedule_appointment", ")")
        + "\nawait schedule_appointment_reminder({"
        "'appointment_time': datetime.now() + timedelta(days=3), 'phone': '+12025550104',"
        "'timezone': 'America/Chicago', 'name': 'Bo', 'location': 'Room 1', 'notes': ''})",
        "Birthday/Anniversary Campaign": python(
            "# Schedule birthday call", ")", "Birthday/Anniversary"
        ),
        "Follow-up Campaign": python("async def schedule_follow_ups", ")", "Follow-up Campaign")
        + "\nawait schedule_follow_ups('lead-1')",
        "Weekly Status Calls": python("# Schedule weekly status", ")", "Weekly Status Calls"),
        "Bulk Scheduling": python("async def bulk_schedule_calls", "return results")
        + "\nassert len(await bulk_schedule_calls("
        "[f'+1202555{n:04}' for n in range(100)],"
        f"'bulk-agent', '{YEAR}-01-01 09:00:00')) == 100",
    }


@pytest.fixture(scope="module")
def told(sandbox_system: System) -> dict[str, dict[str, Any]]:
    """What each snippet scheduled, run one after the other in one plain script."""
    ran = subprocess.run(
        [sys.executable, "-c", PREPARED],
        input=json.dumps(snippets()),
        env=sandbox_system.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Call scheduled: " in ran.stdout
    answers: dict[str, dict[str, Any]] = json.loads(ran.stdout.rpartition("TOLD")[2])
    return answers


def test_every_python_snippet_of_the_document_is_python() -> None:
    for title, source in snippets().items():
        compile(source, title, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_advanced_configuration(told: dict[str, dict[str, Any]]) -> None:
    call = told["Advanced Configuration"]
    assert call["description"] == "Follow-up about order status"
    assert call["customer_context"]["order_id"] == "ORD-456"
    assert call["metadata"] == {"campaign_id": "camp-789", "priority": "high"}
    assert call["retry_policy"]["max_retries"] == 2
    assert call["retry_policy"]["retry_delay"] == 300


def test_timezone_conversion_keeps_the_instant(told: dict[str, dict[str, Any]]) -> None:
    call = told["Timezone Conversion"]
    assert call["next_run_at"] == f"{YEAR}-02-01T22:30:00Z"
    assert call["scheduled_time"] == f"{YEAR}-02-01 14:30:00"


def test_failed_execution_handling(told: dict[str, dict[str, Any]]) -> None:
    assert told["Failed Execution Handling"]["retry_policy"] == {
        "max_retries": 3,
        "retry_delay": 300,
        "exponential_backoff": True,
        "retry_on": ["timeout", "no_answer", "busy"],
    }


def test_webhook_notifications(told: dict[str, dict[str, Any]]) -> None:
    call = told["Webhook Notifications"]
    assert call["webhook_url"] == "https://yourapp.com/webhooks/call-executed"
    assert call["webhook_events"] == ["started", "completed", "failed"]


def test_call_execution_by_hand(told: dict[str, dict[str, Any]], system: System) -> None:
    id_ = told["Timezone Conversion"]["id"]  # the snippet before it left its schedule_id

    def manual() -> list[dict[str, Any]]:
        rows = system.history(id_)
        return [row for row in rows if row["trigger"] == "manual" and row["status"] == "completed"]

    eventually(manual, 20, "execute_now has rung")
    assert system.api("GET", f"scheduled-calls/{id_}")["status"] == "active"


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("special-occasion-agent", {"cron_expression": "0 10 29 2 *", "max_occurrences": None}),
        ("account-manager-agent", {"cron_expression": "0 9 * * 1", "timezone": "Asia/Tokyo"}),
        ("reminder-agent", {"kind": "one_time", "timezone": "America/Chicago"}),
    ],
)
def test_practical_examples(
    told: dict[str, dict[str, Any]], system: System, agent: str, expected: dict[str, Any]
) -> None:
    assert told
    (call,) = system.api("GET", f"scheduled-calls?agent_id={agent}")["results"]
    assert {name: call[name] for name in expected} == expected


def test_follow_ups(told: dict[str, dict[str, Any]], system: System) -> None:
    assert told
    calls = system.api("GET", "scheduled-calls?agent_id=followup-agent")["results"]
    assert [call["customer_context"]["attempt"] for call in calls] == [5, 4, 3, 2, 1]
    system.wait_for_status(calls[-1]["id"], "completed")  # "immediately"


def test_bulk_scheduling(told: dict[str, dict[str, Any]], system: System) -> None:
    assert told
    calls = system.api("GET", "scheduled-calls?agent_id=bulk-agent&limit=200")["results"]
    assert len(calls) == 100
    assert len({call["phone_number"] for call in calls}) == 100


@pytest.mark.parametrize(
    "zone", ast.literal_eval(SEED.split("timezones = ")[1].split("\n]")[0] + "]")
)
def test_supported_timezones(system: System, zone: str) -> None:
    body = {"agent_id": "a", "phone_number": "+1234567890", "timezone": zone}
    body["scheduled_time"] = f"{YEAR}-07-01 09:00:00"
    call = system.api("POST", "scheduled-calls", body, status=201)
    assert call["scheduled_time"] == f"{YEAR}-07-01 09:00:00"


@pytest.mark.parametrize(
    "line", SEED.split("|---|---|\n")[1].split("\nConfiguration")[0].split("\n")
)
def test_cron_expression_guide(system: System, line: str) -> None:
    expression, meaning = line.strip(" |").split(" | ")
    body = {"agent_id": "a", "phone_number": "+1234567890", "cron_expression": expression}
    preview = system.api("POST", "scheduled-calls/preview", {**body, "timezone": "Europe/Paris"})
    assert len(preview["occurrences"]) == 10
    assert preview["description"], meaning


def test_the_token_is_asked_for(system: System) -> None:
    answer = requests.get(f"{system.url}/api/scheduled-calls", timeout=10)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_recurring_call_rings_at_its_minute_and_comes_again(
    system: System, minutely: dict[str, Any]
) -> None:
    def rung() -> list[dict[str, Any]]:
        return [row for row in system.history(minutely["id"]) if row["status"] == "completed"]

    row = eventually(rung, 75, "the minute has come")[0]
    assert row["scheduled_time_utc"] == minutely["next_run_at"]
    late = instant(row["actual_time_utc"]) - instant(minutely["next_run_at"])
    assert timedelta() <= late < ON_TIME
    assert system.history(minutely["id"])[-1]["status"] == "pending"
    system.api("DELETE", f"scheduled-calls/{minutely['id']}")


def instant(text: str) -> datetime:
    """RFC 3339 to an aware datetime."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
